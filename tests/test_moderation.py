"""What moderators do in a room: remove what others said, mute people, keep them out, slow all down."""

from __future__ import annotations

import io
import re
import secrets
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.live.hub import hub
from rooms.models import (
    Attachment,
    AuditEntry,
    Invitation,
    MessageRefused,
    Restriction,
    Role,
    Room,
    Row,
    announcements,
    restriction,
)
from rooms.models.attachment import Upload
from rooms.models.restriction import UNTIL_LIFTED, KeptOut, Muted, Slow
from tests import files
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user, say, say_with_files, unread_of
from tests.markup import text
from tests.page import Page
from tests.sockets import in_db, new_process, watching
from tests.together import THREADS, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import Message, User

HTMX = {"HX-Request": "true"}
VARIANT = Variant("en", "UTC")
HOUR = timedelta(hours=1)


def key() -> str:
    return secrets.token_urlsafe(12)


def page_of(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


def delete(client: Client, message: Message, **more: Any) -> Answer:
    address = reverse("message-delete", args=[message.room.slug, message.number])
    return client.post(address, more)


def mute(room: Room, person: User, by: User, for_: timedelta | None = HOUR, why: str = "") -> None:
    until = UNTIL_LIFTED if for_ is None else timezone.now() + for_
    restriction.mute(room, person, by=by, until=until, reason=why)


def pass_by(room: Room, person: User) -> None:
    """The mute is over, as it is after its time."""
    over = timezone.now() - timedelta(seconds=1)
    assert Restriction.objects.filter(room=room, user=person).update(muted_until=over)


# Removing what others said


def test_in_the_place_of_a_removed_message_stands_that_it_was_and_why(
    alice_client: Client, bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, bob, "buy my watches")
    assert delete(alice_client, message, reason="  no\x00  adverts <b> ").status_code == 302
    page = page_of(bob_client, open_room)
    assert page.one("#m1 .body").text == (
        "This message was removed by a moderator. Reason: no adverts <b>"
    )
    assert "watches" not in bob_client.get(f"/rooms/{open_room.slug}/1/").content.decode()


def test_a_reason_need_not_be_given(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, bob, "buy my watches")
    message.remove(by=alice)
    page = page_of(bob_client, open_room)
    assert page.one("#m1 .body").text == "This message was removed by a moderator."


def test_what_one_deletes_oneself_says_so(bob: User, bob_client: Client, open_room: Room) -> None:
    (message,) = say(open_room, bob, "never mind")
    assert delete(bob_client, message, reason="mine").status_code == 302
    page = page_of(bob_client, open_room)
    assert page.one("#m1 .body").text == "This message was deleted by its author."


def test_nothing_is_left_of_it_anywhere(
    alice: User, bob: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    open_room.add(charlie)
    message = say_with_files(open_room, bob, "secretword", {"cup.png": files.picture()})
    answer = open_room.post(bob, "more", key(), reply=1)
    message.pin(by=bob)
    path, attachment = message.attachments.get().path, message.attachments.get()
    link = reverse("file", args=[open_room.slug, attachment.pk, "cup.png"])
    assert bob_client.head(link).status_code == 200
    assert unread_of(open_room, charlie) == 2
    assert search_for(bob, "secretword") == 1
    message.refresh_from_db()
    message.remove(by=alice, reason="private")
    assert unread_of(open_room, charlie) == 1
    assert search_for(bob, "secretword") == 0
    assert bob_client.head(link).status_code == 404
    assert not Attachment.objects.filter(path=path).exists()
    open_room.refresh_from_db()
    assert open_room.pins == 0
    for address in ("", "1/", "1/thread/", "pins/", "files/", f"{answer.number}/"):
        shown = bob_client.get(f"/rooms/{open_room.slug}/{address}").content.decode()
        assert "secretword" not in shown
        assert "cup.png" not in shown


def search_for(user: User, words: str) -> int:
    page = Page(signed_in(user).get("/search/", {"q": words}).content.decode())
    return len(page.all(".found>li"))


def test_open_pages_learn_of_it_and_end_up_as_a_page_that_is_loaded(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "buy my watches", "please")
    open_room.post(bob, "really", key(), reply=1)
    page = page_of(bob_client, open_room)
    open_room.messages.get(number=1).remove(by=alice, reason="no adverts")
    for frame in catch_up(open_room.pk, page.cursor, VARIANT):
        page.receive(frame)
    assert page.rows == page_of(bob_client, open_room).rows
    assert "no adverts" in page.one("#m1").text


def test_the_row_travels_between_processes_as_it_is(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, bob, "one", "two")
    open_room.messages.get(number=1).remove(by=alice, reason="why")
    for message in open_room.messages.select_related("author"):
        row = message.as_row(open_room, message.author)
        assert Row.from_data(row.as_data()) == row
        assert row == open_room.history().rows[row.number - 1]
    plain, _removed = open_room.messages.select_related("author").order_by("-number")
    assert "removal" not in plain.as_row(open_room, plain.author).as_data()


@pytest.mark.parametrize("which", ["delete", "remove"])
def test_it_is_done_once_and_whoever_comes_second_changes_nothing(
    alice: User, bob: User, open_room: Room, which: str
) -> None:
    (message,) = say(open_room, bob, "one")
    if which == "delete":
        assert message.delete_for_everybody(by=bob)
    else:
        assert message.remove(by=alice, reason="first")
    assert not message.remove(by=alice, reason="second")
    message.refresh_from_db()
    assert message.removal == (None if which == "delete" else "first")
    assert AuditEntry.objects.filter(kind="message").count() == (which == "remove")


def test_only_owners_remove_what_those_said_who_run_the_place(
    alice: User, amir: User, bob: User, open_room: Room
) -> None:
    open_room.appoint(bob, moderator=True)
    owners, admins = say(open_room, alice, "x")[0], say(open_room, amir, "y")[0]
    other = make_user("ada", role=Role.ADMIN)
    for message, by in ((owners, bob), (owners, amir), (admins, bob), (admins, other)):
        with pytest.raises(PermissionDenied):
            message.remove(by=by)
    (of_bob,) = say(open_room, bob, "z")
    assert of_bob.remove(by=amir)
    assert admins.remove(by=alice)


def test_nobody_removes_what_others_said_to_each_other(
    alice: User, bob: User, charlie: User
) -> None:
    talk = Room.direct_with([bob, alice], by=charlie)
    (message,) = say(talk, bob, "between us")
    for by in (alice, charlie):
        with pytest.raises(PermissionDenied):
            message.remove(by=by)


def test_the_menu_offers_what_one_may(
    alice_client: Client, bob_client: Client, alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, bob, "of bob")
    say(open_room, alice, "of alice")
    for headers in ({}, HTMX):

        def menu(client: Client, number: int, headers: Any = headers) -> str:
            address = f"/rooms/{open_room.slug}/{number}/menu/"
            return client.get(address, headers=headers).content.decode()

        assert "Remove" in menu(alice_client, 1)
        assert "Mute the author" in menu(alice_client, 1)
        assert "Remove" not in menu(alice_client, 2)
        assert "Report to the moderators" not in menu(alice_client, 2)
        assert "Remove" not in menu(bob_client, 2)
        assert "Report to the moderators" in menu(bob_client, 2)
        assert "Report to the moderators" not in menu(bob_client, 1)


def test_the_form_in_the_row_asks_for_a_reason_and_the_answer_shows_it(
    alice_client: Client, bob: User, open_room: Room
) -> None:
    say(open_room, bob, "buy my watches")
    page = page_of(alice_client, open_room)
    address = reverse("message-delete", args=[open_room.slug, 1])
    page.answer(alice_client.get(address, headers=HTMX).content.decode())
    assert page.all("#m1 form [name='reason']")
    page.answer(alice_client.post(address, {"reason": "no adverts"}, headers=HTMX).content.decode())
    assert "Reason: no adverts" in page.one("#m1 .body").text


# Muting


def speak(room: Room, person: User) -> list[str]:
    """What of all that says something in the room is refused, by its name."""
    message = room.messages.filter(author=person).first()
    assert message is not None
    picture = files.picture()
    ways: dict[str, Callable[[], object]] = {
        "post": lambda: room.post(person, "hello", key()),
        "edit": lambda: message.edit(f"changed {key()}", by=person),
        "react": lambda: message.react("👍", by=person, wanted=not message.reactions),
        "pin": lambda: message.pin(by=person),
        "upload": lambda: Attachment.upload(
            room, person, key(), Upload("cup.png", io.BytesIO(picture), len(picture))
        ),
    }
    refused = []
    for name, way in ways.items():
        try:
            way()
        except (PermissionDenied, MessageRefused):
            refused.append(name)
    return refused


def test_who_is_muted_reads_and_says_nothing_until_it_is_over(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "first")
    assert speak(open_room, bob) == []
    mute(open_room, bob, alice)
    assert speak(open_room, bob) == ["post", "edit", "react", "pin", "upload"]
    assert page_of(bob_client, open_room).all("#m1")
    assert open_room.messages.get(number=1).delete_for_everybody(by=bob)
    pass_by(open_room, bob)
    say(open_room, bob, "again")
    Restriction.objects.all().delete()


def test_leaving_and_coming_back_ends_no_mute(alice: User, bob: User, open_room: Room) -> None:
    mute(open_room, bob, alice)
    open_room.remove(bob)
    with pytest.raises(Muted):
        say(open_room, bob, "as a visitor")
    open_room.join(bob)
    with pytest.raises(Muted):
        say(open_room, bob, "as a member")


def test_a_mute_is_of_one_room_and_one_person(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    mute(open_room, bob, alice)
    say(private_room, bob, "hello")
    say(open_room, charlie, "hello")
    with pytest.raises(Muted):
        say(open_room, bob, "hello")


def test_the_refusal_says_until_when_and_the_text_is_kept(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    until = timezone.now() + HOUR
    restriction.mute(open_room, bob, by=alice, until=until, reason="too loud")
    address = f"/rooms/{open_room.slug}/send/"
    answer = bob_client.post(address, {"key": key(), "text": "my long text"})
    assert answer.status_code == 409
    page = Page(answer.content.decode())
    assert f"{until:%H:%M}" in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "my long text"
    assert f"until {until:%H:%M}" in page.one("#voice").text
    assert "Reason: too loud" in page.one("#voice").text
    form = key()
    answer = bob_client.post(address, {"key": form, "text": "my long text"}, headers=HTMX)
    swaps = answer.content.decode()
    assert f"innerHTML:#c{form}>.fate" in swaps
    assert "muted you" in swaps
    membership = open_room.membership_of(bob)
    assert membership
    assert membership.open_draft().text == "my long text"


def test_a_form_that_was_stored_before_the_mute_is_answered_by_its_message(
    alice: User, bob: User, open_room: Room
) -> None:
    form = key()
    first = open_room.post(bob, "once", form)
    mute(open_room, bob, alice)
    assert open_room.post(bob, "once", form).pk == first.pk


def test_the_page_of_who_is_muted_keeps_its_composer_behind_the_notice(
    alice: User, bob: User, bob_client: Client, alice_client: Client, open_room: Room
) -> None:
    assert not page_of(bob_client, open_room).one("#voice").children
    mute(open_room, bob, alice, for_=None)
    page = page_of(bob_client, open_room)
    assert "A moderator muted you here." in page.one("#voice").text
    assert not page.all("#voice [hx-get='changes/']"), "nothing to ask for: it does not end"
    assert page.all("#composers .line")
    assert not page_of(alice_client, open_room).one("#voice").children


def test_a_page_without_a_socket_learns_of_a_mute_and_of_its_end(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    page = page_of(bob_client, open_room)

    def poll() -> None:
        query: dict[str, int | str] = {
            "after": page.cursor,
            "seen": page.one("#seen").attributes["value"],
        }
        answer = bob_client.get(f"/rooms/{open_room.slug}/changes/", query, headers=HTMX)
        page.answer(answer.content.decode())

    poll()
    mute(open_room, bob, alice)
    poll()
    assert "muted you" in page.one("#voice").text
    page.check()
    pass_by(open_room, bob)
    poll()
    assert not page.one("#voice").text


@pytest.mark.django_db(transaction=True)
async def test_a_page_with_a_socket_learns_of_it_at_once_and_nobody_else_does(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    await in_db(open_room.add)(charlie)
    async with (
        new_process(),
        watching(bob, open_room) as muted,
        watching(charlie, open_room) as other,
    ):
        await in_db(mute)(open_room, bob, alice)
        frame = await muted.until("innerHTML:#voice")
        assert "muted you" in frame
        assert 'hx-trigger="load delay:' in frame, "the page asks again when it is over"
        await in_db(restriction.unmute)(open_room, bob, by=alice)
        assert "muted you" not in await muted.until("innerHTML:#voice")
        await in_db(say)(open_room, bob, "thank you")
        await muted.until("thank you")
        await other.until("thank you")
        assert "#voice" not in other.words


@pytest.mark.django_db(transaction=True)
async def test_it_learns_of_it_though_nobody_told(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "voice_changed", lambda *_: None)
    async with new_process(), watching(bob, open_room) as muted:
        await in_db(mute)(open_room, bob, alice)
        await hub().voices.check()
        assert "muted you" in await muted.until("innerHTML:#voice")
        await in_db(pass_by)(open_room, bob)
        await hub().voices.check()
        assert "muted you" not in await muted.until("innerHTML:#voice")
        told = len(muted.frames)
        for _ in range(3):
            await hub().voices.check()
        await in_db(say)(open_room, alice, "and so on")
        await muted.until("and so on")
        assert not [frame for frame in muted.frames[told:] if "#voice" in frame]


@pytest.mark.django_db(transaction=True)
async def test_a_program_is_told_as_well(alice: User, bob: User, open_room: Room) -> None:
    async with new_process(), watching(bob, open_room) as program:
        await program.send({"type": "message", "key": "key-one-1", "text": "hello"})
        assert (await program.answer())["type"] == "stored"
        await in_db(mute)(open_room, bob, alice)
        await program.send({"type": "message", "key": "key-two-2", "text": "hello"})
        answer = await program.answer()
        assert answer["type"] == "refused"
        assert "muted you" in answer["error"]


def test_who_arranges_a_room_is_not_muted_in_it(
    alice: User, amir: User, bob: User, charlie: User, open_room: Room
) -> None:
    open_room.appoint(bob, moderator=True)
    for person, by in ((bob, alice), (amir, bob), (alice, bob), (alice, amir), (bob, bob)):
        with pytest.raises(PermissionDenied):
            mute(open_room, person, by)
    with pytest.raises(PermissionDenied):
        mute(open_room, bob, charlie)
    open_room.appoint(bob, moderator=False)
    mute(open_room, bob, amir)


def test_a_mute_ends_for_who_becomes_a_moderator(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    mute(open_room, bob, alice)
    open_room.appoint(bob, moderator=True)
    say(open_room, bob, "hello")
    assert not page_of(bob_client, open_room).one("#voice").text


@pytest.mark.parametrize(
    ("length", "least"),
    [("minutes", 9), ("hour", 59), ("day", 23 * 60), ("lifted", 10**6)],
)
def test_moderators_mute_and_lift_it_on_pages(
    alice_client: Client, bob: User, open_room: Room, length: str, least: int
) -> None:
    address = reverse("member-mute", args=[open_room.slug])
    assert "Mute Bob Baker" in text(alice_client.get(address, {"user": bob.pk}))
    data = {"user": bob.pk, "length": length, "reason": "too loud"}
    page = alice_client.post(address, data, follow=True)
    assert "Bob Baker is muted in this room." in text(page)
    assert "too loud" in text(page)
    with pytest.raises(Muted):
        say(open_room, bob, "hello")
    held = Restriction.objects.get()
    assert held.muted_until
    assert held.muted_until - timezone.now() > timedelta(minutes=least)
    page = alice_client.post(address, {"user": bob.pk, "to": "unmute"}, follow=True)
    assert "Bob Baker can write again." in text(page)
    say(open_room, bob, "hello")
    assert [entry.kind for entry in AuditEntry.objects.order_by("pk")][-2:] == ["muted", "unmuted"]


@pytest.mark.parametrize(
    "data",
    [
        {"user": ""},
        {"user": "x"},
        {"user": "9" * 30},
        {"user": "0"},
        {"user": "\0"},
        {"user": ["1"] * 10_000},
    ],
)
def test_nobody_is_muted_by_nonsense(
    alice_client: Client, open_room: Room, data: dict[str, Any]
) -> None:
    for name in ("member-mute", "member-return", "member-remove"):
        assert alice_client.post(reverse(name, args=[open_room.slug]), data).status_code in {
            302,
            400,
            403,
            404,
        }
    assert not Restriction.objects.exists()


def test_a_form_without_sense_mutes_nobody(
    alice_client: Client, bob: User, charlie: User, open_room: Room
) -> None:
    address = reverse("member-mute", args=[open_room.slug])
    for more in ({}, {"length": "x"}, {"length": "hour", "reason": "x" * 201}):
        assert alice_client.post(address, {"user": bob.pk, **more}).status_code == 200
    assert alice_client.post(address, {"user": bob.pk, "to": "x"}).status_code == 400
    assert alice_client.post(address, {"user": charlie.pk, "length": "hour"}).status_code == 404, (
        "who has nothing to do with the room"
    )
    assert not Restriction.objects.exists()


# Keeping out


def test_who_is_kept_out_does_not_come_back_by_any_way(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "first")
    restriction.keep_out(open_room, bob, by=alice, reason="enough")
    assert open_room.membership_of(bob) is None
    with pytest.raises(PermissionDenied, match="A moderator removed you"):
        open_room.join(bob)
    with pytest.raises(KeptOut):
        say(open_room, bob, "hello")
    Invitation.make(by=alice, rooms=[open_room]).let_in(bob)
    assert speak(open_room, bob) == ["post", "edit", "react", "pin", "upload"]
    assert bob_client.post(f"/rooms/{open_room.slug}/join/").status_code == 302
    assert open_room.membership_of(bob) is None
    page = page_of(bob_client, open_room)
    assert "A moderator removed you from this room" in page.one("#voice").text
    restriction.let_back(open_room, bob, by=alice)
    open_room.join(bob)
    say(open_room, bob, "back")


def test_adding_somebody_lets_them_back(
    alice: User, alice_client: Client, bob: User, open_room: Room
) -> None:
    restriction.keep_out(open_room, bob, by=alice)
    address = reverse("members", args=[open_room.slug])
    assert alice_client.post(address, {"username": "bob"}).status_code == 302
    say(open_room, bob, "back")
    last = AuditEntry.objects.latest("pk")
    assert (last.kind, last.by, last.whom) == ("let-back", alice, bob)


def test_the_page_of_removal_offers_it_and_the_list_lifts_it(
    alice_client: Client, bob: User, open_room: Room
) -> None:
    address = reverse("member-remove", args=[open_room.slug])
    assert "They may not come back" in text(alice_client.get(address, {"user": bob.pk}))
    data = {"user": bob.pk, "keep_out": "on", "reason": "enough"}
    assert alice_client.post(address, data).status_code == 302
    overview = alice_client.get(reverse("moderation", args=[open_room.slug]))
    assert "Kept out since" in text(overview)
    assert "enough" in text(overview)
    alice_client.post(reverse("member-return", args=[open_room.slug]), {"user": bob.pk})
    open_room.join(bob)


def test_a_plain_removal_keeps_nobody_out_and_is_written_down(
    alice: User, alice_client: Client, bob: User, open_room: Room
) -> None:
    address = reverse("member-remove", args=[open_room.slug])
    alice_client.post(address, {"user": bob.pk, "reason": "a rest"})
    open_room.join(bob)
    entry = AuditEntry.objects.get(kind="removed")
    assert (entry.by, entry.whom, entry.room, entry.reason) == (alice, bob, open_room, "a rest")


def test_those_who_run_the_place_are_not_kept_out(
    amir: User, bob: User, alice: User, open_room: Room
) -> None:
    open_room.add(amir)
    open_room.appoint(bob, moderator=True)
    for by in (bob, alice):
        with pytest.raises(PermissionDenied):
            restriction.keep_out(open_room, amir, by=by)
    assert open_room.membership_of(amir)


@pytest.mark.django_db(transaction=True)
def test_whoever_joins_while_they_are_kept_out_is_not_in(
    alice: User, charlie: User, open_room: Room
) -> None:
    """Whichever of the two is first."""

    def work(number: int) -> None:
        with suppress(PermissionDenied, MessageRefused):
            if number == 0:
                restriction.keep_out(open_room, charlie, by=alice)
            elif number % 2:
                open_room.join(charlie)
            else:
                say(open_room, charlie, "let me in")

    say(open_room, charlie, "hello")
    together(work)
    assert open_room.membership_of(charlie) is None


@pytest.mark.django_db(transaction=True)
def test_after_a_mute_nothing_is_stored(alice: User, bob: User, open_room: Room) -> None:
    stored: list[int] = []
    muted_after: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            mute(open_room, bob, alice)
            muted_after.append(Room.objects.get(pk=open_room.pk).last_number)
        else:
            with suppress(Muted):
                stored.extend(message.number for message in say(open_room, bob, f"{number}"))

    together(work)
    assert all(number <= muted_after[0] for number in stored)
    assert open_room.messages.count() == len(stored) < THREADS


# Slow mode


@pytest.fixture
def slow_room(alice: User, bob: User, charlie: User) -> Room:
    room = make_room("Queue", alice, bob, charlie)
    room.change_details(name="Queue", topic="", slow_mode=30, by=alice)
    return room


def wait(room: Room, person: User, seconds: float) -> None:
    """As if that much time had gone by since they said something."""
    held = Restriction.objects.get(room=room, user=person)
    assert held.posted_at
    held.posted_at -= timedelta(seconds=seconds)
    held.save(update_fields=["posted_at"])


def test_in_a_slow_room_one_waits_between_two_messages(
    alice: User, bob: User, charlie: User, slow_room: Room
) -> None:
    say(slow_room, bob, "one")
    with pytest.raises(Slow) as refused:
        say(slow_room, bob, "two")
    assert refused.value.seconds == 30
    say(slow_room, charlie, "others need not wait")
    say(slow_room, alice, "nor do", "moderators")
    wait(slow_room, bob, 20)
    with pytest.raises(Slow, match=r"in (9|10) seconds"):
        say(slow_room, bob, "two")
    wait(slow_room, bob, 10)
    say(slow_room, bob, "two")
    slow_room.change_details(name="Queue", topic="", slow_mode=0)
    say(slow_room, bob, "as fast", "as one likes")


def test_leaving_and_coming_back_is_no_way_around_it(bob: User, slow_room: Room) -> None:
    say(slow_room, bob, "one")
    slow_room.remove(bob)
    with pytest.raises(Slow):
        say(slow_room, bob, "two")


def test_the_same_form_once_more_is_no_second_message(bob: User, slow_room: Room) -> None:
    form = key()
    first = slow_room.post(bob, "one", form)
    assert slow_room.post(bob, "one", form).pk == first.pk


def test_a_plain_form_is_given_back_with_its_text(
    bob: User, bob_client: Client, slow_room: Room
) -> None:
    say(slow_room, bob, "one")
    answer = bob_client.post(
        f"/rooms/{slow_room.slug}/send/", {"key": key(), "text": "my long text"}
    )
    assert answer.status_code == 429
    seconds = int(answer.headers["Retry-After"])
    assert 1 < seconds <= 30  # the machine may have taken some of them
    page = Page(answer.content.decode())
    assert f"you can write again in {seconds} seconds" in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "my long text"


def outbox(client: Client, room: Room, said: dict[str, str]) -> str:
    data = {"key": [*said], "text": [*said.values()]}
    return client.post(f"/rooms/{room.slug}/send/", data, headers=HTMX).content.decode()


def test_the_outbox_sends_one_after_the_other_in_their_order(
    bob: User, bob_client: Client, slow_room: Room
) -> None:
    waiting = {f"key-number-{number}": f"{number}" for number in range(3)}
    for number in range(3):
        swaps = outbox(bob_client, slow_room, waiting)
        stored = f"key-number-{number}"
        assert f"delete:#c{stored}" in swaps or f"#c{stored}" in swaps
        del waiting[stored]
        # of those that wait the first asks again, once it may be sent
        assert len(re.findall(r'hx-trigger="load delay:\d+s"', swaps)) == bool(waiting)
        wait(slow_room, bob, 30)
    bodies = slow_room.messages.order_by("number").values_list("body", flat=True)
    assert [*bodies] == ["0", "1", "2"]


def test_the_page_that_asks_again_is_told_to_send_what_waits(
    bob_client: Client, open_room: Room
) -> None:
    answer = bob_client.get(f"/rooms/{open_room.slug}/changes/?again=1", headers=HTMX)
    assert answer.headers["HX-Trigger"] == '{"resend": {"target": "#outbox"}}'


@pytest.mark.django_db(transaction=True)
def test_of_messages_at_once_one_is_stored(bob: User, slow_room: Room) -> None:
    refused: list[int] = []

    def work(number: int) -> None:
        try:
            say(slow_room, bob, f"{number}")
        except Slow as slow:
            refused.append(slow.seconds)

    together(work)
    assert slow_room.messages.count() == 1
    assert len(refused) == THREADS - 1


@pytest.mark.django_db(transaction=True)
async def test_a_program_is_told_when_it_may(bob: User, slow_room: Room) -> None:
    async with new_process(), watching(bob, slow_room) as program:
        for number in range(2):
            await program.send({"type": "message", "key": f"key-{number}-xx", "text": "hello"})
        assert (await program.answer())["type"] == "stored"
        answer = await program.answer()
        assert (answer["type"], answer["seconds"]) == ("refused", 30)


def test_the_settings_slow_a_room_down_and_its_header_says_so(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    page = page_of(bob_client, open_room)
    address = reverse("room-settings", args=[open_room.slug])
    data = {"name": "Workbench", "topic": "What is on the bench", "slow_mode": "60"}
    assert alice_client.post(address, data).status_code == 302
    for frame in catch_up(open_room.pk, page.cursor, VARIANT):
        page.receive(frame)
    assert "Slow: a message every 1 minute." in page.one("#room-title").text
    assert page.title == page_of(bob_client, open_room).title
    for value in ("", None):  # an older form does not say
        more = {} if value is None else {"slow_mode": value}
        alice_client.post(address, {"name": "Bench", "topic": "", **more})
        assert Room.objects.get(pk=open_room.pk).slow_mode == 60
    for value in ("7", "-1", "x", "9" * 50):
        assert alice_client.post(address, {**data, "slow_mode": value}).status_code == 200
        assert Room.objects.get(pk=open_room.pk).slow_mode == 60


# What it costs


def test_a_plain_message_takes_the_statements_that_it_took(
    alice: User, bob: User, open_room: Room, slow_room: Room
) -> None:
    def statements(room: Room) -> int:
        with CaptureQueriesContext(connection) as captured:
            say(room, bob, "hello")
        return len([each for each in captured if "SAVEPOINT" not in each["sql"]])

    say(open_room, bob, "one")
    plain = statements(open_room)
    assert plain == (4 if connection.vendor == "postgresql" else 6)  # as test_unread.py has it
    mute(open_room, bob, alice)
    pass_by(open_room, bob)
    assert statements(open_room) == plain
    say(slow_room, bob, "one")
    wait(slow_room, bob, 30)
    assert statements(slow_room) == plain + 1


def test_the_list_of_who_is_kept_from_what_takes_as_many_queries_however_long_it_is(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice_client.get(reverse("moderation", args=[open_room.slug])).status_code == 200
        return len(captured)

    crowd = make_crowd(open_room, 12)
    mute(open_room, crowd[0], alice)
    few = queries()
    for person in crowd[1:]:
        mute(open_room, person, alice)
    assert queries() == few
