"""Banning an account: signed out at once, and no way back in until it is over."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms import background
from rooms.chores import lift_bans
from rooms.live.connections import SIGNED_OUT
from rooms.models import AuditEntry, Ban, Invitation, Message, Place, Role, Room, User, people
from rooms.models.people import LastOwner
from tests import files
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, make_user, say, say_with_files
from tests.markup import text
from tests.sockets import announce_from_elsewhere, in_db, new_process, watching
from tests.together import together

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
RESET = "/accounts/password/reset/"
BANS = "/place/bans/"
WEEK = timedelta(days=7)


@pytest.fixture
def bob_with_mail(bob: User) -> User:
    bob.email = "bob@example.org"
    bob.save()
    return bob


def ban(person: User, by: User, for_: timedelta | None = None, **more: Any) -> None:
    people.ban(person, by=by, until=None if for_ is None else timezone.now() + for_, **more)


def end(person: User) -> None:
    """As if its time had passed."""
    over = timezone.now() - timedelta(seconds=1)
    assert Ban.objects.filter(user=person).update(until=over)


def sign_in(username: str) -> Answer:
    data = {"login": username, "password": PASSWORD}
    return Client().post(LOGIN, data, follow=True)


def is_in(answer: Answer) -> bool:
    return "Sign out" in answer.content.decode()


def test_who_is_banned_is_signed_out_and_told_why_they_stay_out(
    amir: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    assert is_in(sign_in("bob"))
    ban(bob, amir, WEEK, reason="threats")
    assert bob_client.get("/rooms/").status_code == 302
    assert not bob.sessions.exists()
    answer = sign_in("bob")
    assert answer.status_code == 403
    assert "This account is banned here until" in text(answer)
    assert "Reason: threats" in text(answer)
    assert not is_in(answer)


def test_a_wrong_password_tells_nothing_of_a_ban(amir: User, bob: User) -> None:
    ban(bob, amir)
    answer = Client().post(LOGIN, {"login": "bob", "password": "not this one"})
    assert "banned" not in text(answer)


def test_nobody_sets_a_password_of_a_banned_account(
    amir: User, bob_with_mail: User, mailoutbox: list[Any]
) -> None:
    Client().post(RESET, {"email": "bob@example.org"})
    assert len(mailoutbox) == 1
    link = next(word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word)
    ban(bob_with_mail, amir, reason="threats")
    answer = Client().post(RESET, {"email": "Bob@Example.org"})
    assert "This account is banned here." in text(answer)
    assert len(mailoutbox) == 1
    # and the link that was sent before does not help either
    client = Client()
    form = client.get(link, follow=True)
    address = form.request["PATH_INFO"]
    new = {"password1": "another long password", "password2": "another long password"}
    assert "This account is banned here." in text(client.post(address, new))
    bob_with_mail.refresh_from_db()
    assert bob_with_mail.check_password(PASSWORD)


def test_nobody_comes_again_by_an_invitation_with_the_same_address(
    alice: User, amir: User, bob_with_mail: User
) -> None:
    ban(bob_with_mail, amir, reason="threats")
    client = Client()
    client.get(reverse("invited", args=[Invitation.make(by=alice).token]))
    data = {"username": "bob2", "email": "BOB@example.org", "password1": PASSWORD}
    answer = client.post(SIGNUP, data)
    assert "This account is banned here. Reason: threats" in text(answer)
    assert not User.objects.filter(username="bob2").exists()
    assert client.post(SIGNUP, {**data, "email": "b@example.org"}).status_code == 302


@pytest.mark.parametrize("way", ["by itself", "by a worker", "by somebody", "by reactivating"])
def test_once_it_is_over_they_come_in_again(
    amir: User, bob: User, open_room: Room, way: str
) -> None:
    ban(bob, amir, WEEK)
    if way == "by somebody":
        people.lift_ban(bob, by=amir)
    elif way == "by reactivating":
        people.reactivate(bob, by=amir)
    else:
        end(bob)
        if way == "by a worker":
            lift_bans()
            assert User.objects.get(pk=bob.pk).is_active
    assert is_in(sign_in("bob"))
    entry = AuditEntry.objects.latest("pk")
    assert (entry.kind, entry.whom) == ("unbanned", bob)
    assert entry.by == (amir if way in {"by somebody", "by reactivating"} else None)


def test_a_ban_ends_before_its_time_for_nobody(amir: User, bob: User) -> None:
    ban(bob, amir, WEEK)
    lift_bans()
    assert not is_in(sign_in("bob"))


def test_an_account_that_was_closed_before_stays_closed_after_the_ban(
    amir: User, bob: User
) -> None:
    people.deactivate(bob, by=amir)
    ban(bob, amir, WEEK)
    ban(bob, amir, 2 * WEEK, reason="and more")
    people.lift_ban(bob, by=amir)
    assert not User.objects.get(pk=bob.pk).is_active
    assert "This account is closed" in text(sign_in("bob"))


def test_one_bans_only_those_whom_one_may_deactivate(
    alice: User, amir: User, bob: User, charlie: User
) -> None:
    ada = make_user("ada", role=Role.ADMIN)
    for person, by in ((alice, amir), (ada, amir), (bob, charlie), (amir, amir), (alice, alice)):
        with pytest.raises(PermissionDenied):
            ban(person, by)
        assert User.objects.get(pk=person.pk).is_active
    ban(ada, alice)
    other = make_user("otto", role=Role.OWNER)
    ban(other, alice)
    with pytest.raises(PermissionDenied):
        ban(alice, other)  # who is closed out himself


@pytest.mark.django_db(transaction=True)
def test_of_owners_who_ban_each_other_one_is_left(place: Place) -> None:
    owners = [make_user(f"owner-{number}", role=Role.OWNER) for number in range(8)]

    def work(number: int) -> None:
        with suppress(PermissionDenied, LastOwner):
            ban(owners[(number + 1) % 8], owners[number])

    together(work)
    assert User.objects.filter(role=Role.OWNER, is_active=True).count() >= 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_they_have_open_closes_at_once(
    *,
    amir: User,
    bob: User,
    alice: User,
    open_room: Room,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    if elsewhere:
        announce_from_elsewhere(monkeypatch)
    async with new_process(), watching(bob, open_room) as his, watching(alice, open_room) as hers:
        await in_db(ban)(bob, amir)
        assert await his.until_closed() == SIGNED_OUT
        assert "You have been signed out." in his.words
        await in_db(say)(open_room, alice, "calm again")
        await hers.until("calm again")
        assert "calm again" not in his.words


@pytest.mark.django_db(transaction=True)
def test_what_they_wrote_in_the_last_day_goes_if_that_is_wanted(
    *,
    alice: User,
    amir: User,
    bob: User,
    charlie: User,
    open_room: Room,
    private_room: Room,
) -> None:
    talk = Room.direct_with([charlie], by=bob)
    (old,) = say(open_room, bob, "long ago")
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    say_with_files(open_room, bob, "", {"cup.png": files.picture()})
    say(open_room, alice, "by another")
    for room in (private_room, talk):
        say(room, bob, "spam")
    put_away = make_room("Put away", alice, bob)
    say(put_away, bob, "spam")
    put_away.archive()
    ban(bob, amir, messages=True)
    background.do_what_is_due()
    left = Message.objects.exclude(deleted_at__isnull=False).order_by("pk")
    assert [message.body for message in left] == ["long ago", "by another"]
    gone = Message.objects.filter(deleted_at__isnull=False)
    assert {message.removal for message in gone} == {""}
    assert AuditEntry.objects.filter(kind="message").count() == 0
    assert AuditEntry.objects.get(kind="banned").data["messages"] is True


@pytest.mark.django_db(transaction=True)
def test_nothing_goes_unless_it_is_wanted(amir: User, bob: User, open_room: Room) -> None:
    say(open_room, bob, "stays")
    ban(bob, amir)
    background.do_what_is_due()
    assert Message.objects.get().body == "stays"


# The pages


def test_an_admin_bans_and_lifts_it_on_pages(
    amir_client: Client, bob: User, open_room: Room
) -> None:
    address = reverse("person-ban", args=[bob.pk])
    assert "Ban the account of Bob Baker?" in text(amir_client.get(address))
    person = reverse("person", args=[bob.pk])
    assert address in amir_client.get(person).content.decode()
    answer = amir_client.post(address, {"length": "week", "reason": "threats"}, follow=True)
    assert "Bob Baker is banned." in text(answer)
    assert "threats" in text(answer)
    shown = text(amir_client.get(person))
    assert "banned" in shown
    assert "Change or lift the ban" in shown
    answer = amir_client.post(address, {"to": "lift"}, follow=True)
    assert "The ban of Bob Baker is lifted." in text(answer)
    assert "No account is banned." in text(answer)


@pytest.mark.parametrize("length", ["day", "week", "month", "good"])
def test_for_how_long(amir_client: Client, bob: User, length: str) -> None:
    amir_client.post(reverse("person-ban", args=[bob.pk]), {"length": length})
    until = Ban.objects.get().until
    days = {"day": 1, "week": 7, "month": 30}.get(length)
    if days is None:
        assert until is None
    else:
        assert until
        assert timedelta(days=days, minutes=-1) < until - timezone.now() < timedelta(days=days)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 409),
        ({"length": "x"}, 409),
        ({"length": "week", "reason": "x" * 500}, 409),
        ({"to": "x"}, 400),
        ({"length": "week", "to": "\0"}, 400),
    ],
)
def test_a_form_without_sense_bans_nobody(
    amir_client: Client, bob: User, data: dict[str, str], status: int
) -> None:
    answer = amir_client.post(reverse("person-ban", args=[bob.pk]), data)
    assert answer.status_code == status
    assert not Ban.objects.exists()
    assert amir_client.post(reverse("person-ban", args=[10**6]), data).status_code == 404


def test_the_list_takes_as_many_queries_however_long_it_is(
    alice: User, alice_client: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice_client.get(BANS).status_code == 200
        return len(captured)

    ban(make_user("one"), alice)
    few = queries()
    for number in range(10):
        ban(make_user(f"more-{number}"), alice)
    assert queries() == few
    assert text(alice_client.get(BANS)).count("For good") == 11


def test_a_banned_page_is_signed_out_when_it_polls(amir: User, bob: User, open_room: Room) -> None:
    client = signed_in(bob)
    ban(bob, amir)
    answer = client.get(f"/rooms/{open_room.slug}/changes/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "You have been signed out." in answer.content.decode()
