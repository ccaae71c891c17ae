"""Mail to people who were called while they were away."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
import redis
from allauth.account.models import EmailAddress
from django.core import mail as outbox
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import mail
from rooms.live import presence
from rooms.models import Level, MailSettings, Mention, Message, Profile, Room, User, mailing, people
from tests.factories import add_all, make_crowd, make_room, make_user, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.mail import EmailMultiAlternatives
    from pytest_django import Settings

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def mail_is_sent(settings: Settings) -> Iterator[None]:
    settings.MAIL_IS_SENT = True
    presence.store().clear()
    yield
    presence.store().clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Clock:
    """The worker's: what was said is as old as it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta()
        monkeypatch.setattr("rooms.mail.timezone.now", self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed

    def go(self, minutes: float) -> None:
        self.passed += minutes * MINUTE


def confirm(user: User, address: str = "") -> str:
    address = address or f"{user.username}@example.org"
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    return address


@pytest.fixture
def bob(bob: User) -> User:
    confirm(bob)
    return bob


def age(minutes: float) -> None:
    """All that was said so far is that much older."""
    moment = timezone.now() - minutes * MINUTE
    Mention.objects.update(created_at=moment)
    Message.objects.update(created_at=moment)


def sent() -> list[EmailMultiAlternatives]:
    """What goes out now."""
    before = len(outbox.outbox)
    mail.send_what_waits()
    return outbox.outbox[before:]  # type: ignore[return-value]


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    return str(alternative[0])


def here(user: User, room: Room, seconds: float = 60) -> None:
    presence.renew("here", [(room.pk, user.pk)], "test", seconds)


# When


def test_a_mention_is_mailed_once_when_it_has_waited(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "@bob, the *kettle*!")
    assert sent() == []
    age(9)
    assert sent() == []
    age(11)
    (message,) = sent()
    assert message.to == ["bob@example.org"]
    assert message.subject == ("Millbrook Repair Café: Alice Archer mentioned you in Workbench")
    assert "@bob, the kettle!" in message.body
    assert f"/rooms/{open_room.slug}/1/" in message.body
    assert "@bob, the kettle!" in html_of(message)
    assert sent() == []


def test_what_is_said_directly_is_mailed(bob: User, charlie: User) -> None:
    talk = Room.direct_with([bob], by=charlie)
    say(talk, charlie, "hello")
    say(talk, bob, "oh")
    age(11)
    assert sent() == [], "bob has answered"
    say(talk, charlie, "are you there?")
    age(11)
    (message,) = sent()
    assert message.subject == "Millbrook Repair Café: Charlie Cooper wrote to you"
    assert sent() == []


def test_all_of_it_is_gathered(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "@bob one", "not for bob", "@room two")
    say(private_room, alice, "@Bob Baker three")
    say(Room.direct_with([bob], by=charlie), charlie, "four")
    age(11)
    (message,) = sent()
    assert message.subject == "Millbrook Repair Café: 4 messages for you"
    for body in (message.body, html_of(message)):
        said = [word for word in ("one", "two", "three", "four") if word in body]
        assert said == ["one", "two", "three", "four"]
        assert "not for bob" not in body
        assert "Workbench" in body
        assert "Committee" in body
    say(open_room, alice, "@bob again")
    assert sent() == [], "what is new waits as long as anything"


def test_a_mail_is_as_long_as_it_should_be(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, *[f"@bob number {number}" for number in range(30)])
    age(11)
    (message,) = sent()
    assert message.subject.endswith("30 messages for you")
    assert message.body.count("@bob number") == mailing.SHOWN
    assert "And 10 more messages." in message.body


def test_who_is_here_is_not_mailed(
    alice: User, bob: User, open_room: Room, private_room: Room, clock: Clock
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    here(bob, private_room)
    assert sent() == []
    presence.store().clear()
    clock.go(9)
    assert sent() == [], "they have seen that something waits"
    clock.go(2)
    assert len(sent()) == 1


def test_where_it_is_not_known_who_is_here_nobody_is_mailed(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(open_room, alice, "@bob")
    age(11)

    class Lost:
        def held(self, *_asked: object) -> None:
            raise redis.ConnectionError

    with monkeypatch.context() as lost:
        lost.setattr(presence, "store", Lost)
        assert sent() == []
    assert len(sent()) == 1


@pytest.mark.parametrize("what", ["read", "deleted", "edited", "left", "archived", "quiet"])
def test_what_calls_nobody_any_more_is_not_mailed(
    what: str, alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    (message,) = say(private_room, alice, "@bob")
    age(11)
    if what == "read":
        private_room.mark_read([bob.pk])
    if what == "deleted":
        message.delete_for_everybody(by=alice)
    if what == "edited":
        message.edit("nobody", by=alice)
    if what == "left":
        private_room.remove(bob)
    if what == "archived":
        private_room.archive()
    if what == "quiet":
        private_room.memberships.get(user=bob).change_level(Level.NOTHING)
    assert sent() == []
    say(open_room, alice, "@bob")
    age(11)
    assert len(sent()) == 1


def test_a_deleted_direct_message_is_not_mailed(bob: User, charlie: User) -> None:
    talk = Room.direct_with([bob], by=charlie)
    (message,) = say(talk, charlie, "hello")
    message.delete_for_everybody(by=charlie)
    age(11)
    assert sent() == []


def test_whose_account_is_closed_is_not_mailed(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "@bob")
    age(11)
    people.deactivate(bob, by=alice)
    assert sent() == []


@pytest.mark.parametrize(
    ("level", "named", "plain"),
    [
        (Level.EVERYTHING, 1, 1),
        (Level.MENTIONS, 1, 0),
        (Level.NOTHING, 0, 0),
        (Level.HIDDEN, 1, 1),
    ],
)
def test_levels_are_heeded(  # noqa: PLR0917
    level: Level, named: int, plain: int, bob: User, charlie: User, open_room: Room, alice: User
) -> None:
    talk = Room.direct_with([bob], by=charlie)
    for room in (talk, open_room):
        room.memberships.get(user=bob).change_level(level)
    say(talk, charlie, "hello")
    say(open_room, alice, "hello")
    age(11)
    assert len(sent()) == plain
    say(open_room, alice, "@bob")
    age(11)
    assert len(sent()) == named


def test_who_is_named_in_an_open_room_and_does_not_belong_is_mailed_once(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    confirm(charlie)
    say(open_room, alice, "@charlie")
    say(open_room, alice, "@room")
    age(11)
    assert [each.to for each in sent()] == [["bob@example.org"], ["charlie@example.org"]]
    assert sent() == []


def test_what_waits_for_long_is_let_go(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "@bob")
    age(4 * 24 * 60)
    assert sent() == []


# To whom


def test_only_a_confirmed_address_is_used(
    alice: User, charlie: User, bob: User, open_room: Room
) -> None:
    add_all(open_room, [charlie])
    User.objects.filter(pk=charlie.pk).update(email="charlie@example.org")
    address = EmailAddress.objects.create(
        user=charlie, email="charlie@example.org", verified=False, primary=True
    )
    say(open_room, alice, "@charlie")
    age(11)
    assert sent() == []
    address.verified = True
    address.save()
    EmailAddress.objects.create(user=charlie, email="other@example.org", verified=True)
    assert [each.to for each in sent()] == [["charlie@example.org"]]


def test_where_no_mail_is_sent_nothing_is_asked(
    alice: User, bob: User, open_room: Room, settings: Settings
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    settings.MAIL_IS_SENT = False
    with CaptureQueriesContext(connection) as captured:
        assert sent() == []
    assert len(captured) == 0


# Choices


def choose(
    user: User, after: int = 10, quiet_from: str | None = None, quiet_until: str | None = None
) -> None:
    MailSettings.of(user).choose(
        after=after,
        quiet_from=time.fromisoformat(quiet_from) if quiet_from else None,
        quiet_until=time.fromisoformat(quiet_until) if quiet_until else None,
    )


def test_how_long_something_waits_is_chosen(alice: User, bob: User, open_room: Room) -> None:
    choose(bob, after=60)
    say(open_room, alice, "@bob")
    age(59)
    assert sent() == []
    age(61)
    assert len(sent()) == 1
    choose(bob, after=0)
    say(open_room, alice, "@bob")
    age(30)
    assert sent() == []
    choose(bob, after=5)
    assert len(sent()) == 1


@pytest.mark.parametrize(
    ("start", "end", "clock", "quiet"),
    [
        ("22:00", "07:00", "23:30", True),
        ("22:00", "07:00", "06:59", True),
        ("22:00", "07:00", "07:00", False),
        ("22:00", "07:00", "12:00", False),
        ("09:00", "17:00", "12:00", True),
        ("09:00", "17:00", "17:00", False),
        ("09:00", "09:00", "09:00", False),
        (None, None, "03:00", False),
    ],
)
def test_quiet_hours_are_those_of_the_reader_s_clock(
    start: str | None, end: str | None, clock: str, quiet: bool
) -> None:
    theirs = MailSettings(
        quiet_from=start and time.fromisoformat(start), quiet_until=end and time.fromisoformat(end)
    )
    local = datetime.fromisoformat(f"2026-07-01T{clock}+09:00")
    assert theirs.is_quiet(local.astimezone(UTC), "Asia/Tokyo") is quiet


def test_in_quiet_hours_it_waits_for_their_end(
    alice: User, bob: User, open_room: Room, clock: Clock
) -> None:
    now = clock.now()
    choose(
        bob,
        quiet_from=f"{now - timedelta(hours=1):%H:%M}",
        quiet_until=f"{now + timedelta(hours=2):%H:%M}",
    )
    say(open_room, alice, "@bob")
    age(11)
    assert sent() == []
    clock.go(121)
    (message,) = sent()
    assert "@bob" in message.body


def test_who_does_not_want_to_be_disturbed_is_mailed_later(
    alice: User, bob: User, open_room: Room, clock: Clock
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    Profile.of(bob).rest(clock.now() + 30 * MINUTE)
    assert sent() == []
    clock.go(31)
    assert len(sent()) == 1


# The mail itself


def test_names_bring_nothing_into_the_head_of_a_mail(
    alice: User, bob: User, open_room: Room
) -> None:
    evil = "Eve\r\nBcc: all@example.org\r\n\r\nbody"
    User.objects.filter(pk=alice.pk).update(display_name=evil)
    Room.objects.filter(pk=open_room.pk).update(name=evil)
    say(open_room, alice, "@bob")
    age(11)
    (message,) = sent()
    head = message.message().as_string().partition("\n\n")[0]
    assert not re.search("^Bcc:", head, re.MULTILINE)
    assert "\n" not in message.subject
    assert message.recipients() == ["bob@example.org"]


def test_its_html_is_escaped(alice: User, bob: User, open_room: Room) -> None:
    User.objects.filter(pk=alice.pk).update(display_name="<b>Al</b>")
    say(open_room, alice, "@bob <script>alert(1)</script> & more")
    age(11)
    (message,) = sent()
    assert "<script>" not in html_of(message)
    assert "<b>Al</b>" not in html_of(message)
    assert "<script>alert(1)</script> & more" in message.body


def test_programs_know_what_kind_of_mail_it_is(
    alice: User, bob: User, open_room: Room, settings: Settings
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    (first,) = sent()
    say(open_room, alice, "@bob")
    age(11)
    (second,) = sent()
    host = re.escape(settings.SITE_URL.partition("//")[2].partition(":")[0])
    ids = [each.message()["Message-ID"] for each in (first, second)]
    assert all(re.fullmatch(rf"<\S+@{host}>", each) for each in ids)
    assert ids[0] != ids[1]
    assert first.message()["References"] == second.message()["References"]
    assert first.message()["Auto-Submitted"] == "auto-generated"
    assert first.message()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first.message()["List-Unsubscribe"].startswith(f"<{settings.SITE_URL}/unsubscribe/")


def test_it_is_in_the_reader_s_language_and_time(alice: User, bob: User, open_room: Room) -> None:
    User.objects.filter(pk=bob.pk).update(time_zone="Asia/Tokyo")
    say(open_room, alice, "@bob")
    age(11)
    (message,) = sent()
    said_at = timezone.now().astimezone(UTC) - 11 * MINUTE + timedelta(hours=9)
    assert f"{said_at:%H:%M}" in message.body


# Unsubscribing


def link(message: EmailMultiAlternatives) -> str:
    return re.search("<https?://[^/]+(/.*)>", message.message()["List-Unsubscribe"])[1]  # type: ignore[index]


def test_the_link_ends_it_for_whoever_is_signed_in_or_not(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    (message,) = sent()
    stranger = Client(enforce_csrf_checks=True)
    asked = stranger.get(link(message))
    assert asked.status_code == 200
    assert MailSettings.of(bob).after == 10, "asking changes nothing"
    done = stranger.post(link(message), {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "be sent no more mail" in done.content.decode()
    assert MailSettings.of(bob).after == 0
    assert stranger.post(link(message)).status_code == 200, "twice is as well"
    say(open_room, alice, "@bob")
    age(11)
    assert sent() == []


def test_nobody_can_make_such_a_link(alice: User, bob: User) -> None:
    good = mail.unsubscribe_token(bob.pk)
    for token in (
        str(bob.pk),
        good.replace(str(bob.pk), str(alice.pk), 1),
        good[:-1],
        "x" * 5_000,
        f"{bob.pk}:",
        mail.unsubscribe_token(10**30),
        mail.unsubscribe_token(0),
    ):
        assert Client().post(f"/unsubscribe/{token}/").status_code == 404
    assert MailSettings.of(alice).after == 10
    assert MailSettings.of(bob).after == 10


# Choosing


SETTINGS = "/accounts/notifications/"


def test_mail_is_chosen_on_a_page(bob: User, bob_client: Client) -> None:
    form = {"sound": "", "after": "30", "quiet_from": "22:00", "quiet_until": "07:30"}
    assert bob_client.post(SETTINGS, form).status_code == 302
    mine = MailSettings.of(bob)
    assert (mine.after, mine.quiet_from, mine.quiet_until) == (30, time(22), time(7, 30))
    page = bob_client.get(SETTINGS).content.decode()
    assert 'value="22:00"' in page
    assert "bob@example.org" in page
    bob_client.post(SETTINGS, {"after": "0"})
    mine = MailSettings.of(bob)
    assert (mine.after, mine.quiet_from, mine.quiet_until) == (0, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": "7"},
        {"after": "x" * 10_000},
        {"after": "10", "quiet_from": "22:00"},
        {"after": "10", "quiet_from": "25:00", "quiet_until": "07:00"},
        {"after": "10", "quiet_from": "\0", "quiet_until": "07:00"},
    ],
)
def test_what_makes_no_sense_is_said(wrong: dict[str, str], bob: User, bob_client: Client) -> None:
    answer = bob_client.post(SETTINGS, wrong)
    assert answer.status_code == 200
    assert "Nothing was saved yet" in answer.content.decode()
    assert MailSettings.of(bob).after == 10


def test_who_has_no_confirmed_address_is_told_so(charlie_client: Client) -> None:
    assert "no confirmed address" in charlie_client.get(SETTINGS).content.decode()


# Faults and costs


def test_a_server_that_cannot_be_reached_is_asked_again(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(open_room, alice, "@bob")
    age(11)
    with monkeypatch.context() as down:

        def refuse(_connection: object) -> None:
            raise ConnectionRefusedError

        down.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse)
        with pytest.raises(ConnectionRefusedError):
            sent()
    assert len(sent()) == 1


def test_one_mail_that_fails_keeps_no_other_from_being_sent(
    alice: User, bob: User, charlie: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_all(open_room, [charlie])
    confirm(charlie)
    say(open_room, alice, "@room")
    age(11)
    made = mail.made

    def fails_for_bob(user: User, *rest: object) -> EmailMultiAlternatives:
        if user == bob:
            raise ValueError
        return made(user, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(mail, "made", fails_for_bob)
    assert [each.to for each in sent()] == [["charlie@example.org"]]
    assert sent() == [], "nor is it tried again: it may have been sent"


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_sends_it(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "@bob")
    age(11)
    start = threading.Barrier(4)
    found: list[mailing.Gathered | None] = []

    def work() -> None:
        start.wait()
        try:
            found.append(mailing.claim(bob, timezone.now()))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert [each.total for each in found if each] == [1]


def test_looking_costs_no_more_for_many(alice: User, bob: User, open_room: Room) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert sent() == []
        return len(captured)

    say(open_room, alice, "@bob")
    few = asked()
    for number in range(3):
        room = make_room(f"Room {number}", alice, bob)
        for each in make_crowd(room, 5):
            confirm(each, f"{each.username}@example.org")
        say(room, alice, *["@room"] * 4)
    make_user("dora")
    assert asked() == few
