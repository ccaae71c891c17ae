"""The socket of a room: who may open it, what a page resumes with, and what a program may send."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from rooms.live import consumers, presence
from rooms.live.connections import FRAME_TOO_BIG, NOT_FOUND, SIGNED_OUT, TOO_MANY_FRAMES
from rooms.live.hub import hub
from rooms.models import Message, Room, Session
from rooms.models.message import BODY_LENGTH
from rooms.models.room import STEPS
from tests.cast import signed_in
from tests.factories import say
from tests.page import Page
from tests.sockets import Socket, ear, in_db, new_process, session_cookie, socket, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rooms.live.fragments import Variant
    from rooms.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


def key() -> str:
    return secrets.token_urlsafe(12)


def opened_page(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


async def page_of(client: Client, room: Room) -> Page:
    page: Page = await in_db(opened_page)(client, room)
    return page


async def posted(room: Room, author: User, *bodies: str) -> list[Message]:
    said: list[Message] = await in_db(say)(room, author, *bodies)
    return said


async def bodies(room: Room) -> list[str]:
    return [message.body async for message in room.messages.order_by("number")]


def same(page: Page, other: Page) -> bool:
    return (page.rows, page.cursor) == (other.rows, other.cursor)


# Who may open it


async def accepted(client: Client, slug: str, origin: str | None = "http://localhost") -> bool:
    opened = Socket(client, slug, origin=origin, page=None)
    found = await opened.open()
    await opened.leave()
    return found


async def test_only_who_may_see_a_room_opens_its_socket(
    bob_client: Client, charlie_client: Client, open_room: Room, private_room: Room
) -> None:
    assert await accepted(bob_client, private_room.slug)
    assert not await accepted(charlie_client, private_room.slug)
    assert await accepted(charlie_client, open_room.slug)
    assert not await accepted(Client(), open_room.slug)
    assert not await accepted(bob_client, "no-such-room")


async def test_a_session_that_was_made_up_or_has_ended_opens_no_socket(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    stolen = Client()
    stolen.cookies = bob_client.cookies
    assert await accepted(stolen, open_room.slug)
    stolen = await in_db(signed_in)(bob)
    name = next(iter(stolen.cookies))
    stolen.cookies[name] = "x" * 32
    assert not await accepted(stolen, open_room.slug)
    ended = await in_db(signed_in)(bob)
    kept = Client()
    kept.cookies.load(ended.cookies.output(header=""))
    assert await accepted(kept, open_room.slug)
    await in_db(ended.logout)()
    assert not await accepted(kept, open_room.slug)


async def test_an_account_that_was_closed_opens_no_socket(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    assert await accepted(bob_client, open_room.slug)
    bob.is_active = False
    await bob.asave()
    assert not await accepted(bob_client, open_room.slug)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", "null", "", "x"]
)
async def test_a_page_of_another_site_opens_no_socket(
    bob_client: Client, open_room: Room, origin: str
) -> None:
    assert await accepted(bob_client, open_room.slug, "http://localhost:8000")
    assert not await accepted(bob_client, open_room.slug, origin)


# Resuming


async def test_a_page_is_sent_what_it_missed_and_then_everything_as_it_comes(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    await posted(open_room, alice, "before")
    page = await page_of(bob_client, open_room)
    first, _second = await posted(open_room, alice, "missed", "missed too")
    await in_db(first.edit)("missed, and edited", by=alice)
    async with socket(bob_client, open_room, page=page) as opened:
        await opened.resume(page.cursor)
        assert same(page, await page_of(bob_client, open_room))
        assert page.one("#m2 .body").text == "missed, and edited"
        (last,) = await posted(open_room, alice, "live")
        await opened.until("live")
        await in_db(last.edit)("live, and edited", by=alice)
        await opened.until("live, and edited")
        await in_db(last.delete_for_everybody)(by=alice)
        await opened.until("deleted by its author")
        await in_db(open_room.change_details)(name="Werkbank", topic="")
        fresh = await page_of(bob_client, open_room)
        # By two frames, of the room and of the list of rooms, whichever is first.
        while not (same(page, fresh) and page.title == fresh.title):
            await opened.receive()
        page.check()


async def test_a_page_that_misses_nothing_is_told_so_by_a_heartbeat(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    await posted(open_room, alice, "before")
    page = await page_of(bob_client, open_room)
    assert "poll" in page.one("#watch").classes
    async with socket(bob_client, open_room, page=page) as opened:
        await opened.resume(page.cursor)
        assert "live" in page.one("#watch").classes
        assert same(page, await page_of(bob_client, open_room))


async def test_before_it_resumes_a_socket_is_sent_nothing(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    async with watching(bob_client, open_room) as live, socket(bob_client, open_room) as silent:
        await posted(open_room, alice, "hello")
        await live.until("hello")
        await silent.send({"type": "nonsense"})
        assert "error" in await silent.answer()
        assert len(silent.frames) == 1


async def test_a_page_too_far_behind_is_sent_the_newest_messages(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    page = await page_of(bob_client, open_room)
    await posted(open_room, alice, *(f"number {number}" for number in range(STEPS + 1)))
    async with socket(bob_client, open_room, page=page) as opened:
        await opened.resume(page.cursor)
        assert same(page, await page_of(bob_client, open_room))
        assert len(page.all("#older")) == 1
        await posted(open_room, alice, "and one more")
        await opened.until("and one more")
        assert page.cursor == STEPS + 2


async def test_a_page_may_resume_again_and_is_sent_everything_once(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    page = await page_of(bob_client, open_room)
    await posted(open_room, alice, "one")
    async with socket(bob_client, open_room, page=page) as opened:
        for _ in range(3):
            await opened.resume(0)
        await posted(open_room, alice, "two")
        await opened.until("two")
        assert page.numbers == [1, 2]
        page.check()


async def test_what_comes_while_the_missed_messages_are_read_is_not_lost(
    alice: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is in the room before it has read what it missed: what is pushed to it meanwhile must
    not be sent before that, because the page, still far behind, would drop it."""
    page = await page_of(bob_client, open_room)
    await posted(open_room, alice, "missed")
    read = consumers.catch_up

    def slowly(room_id: int, after: int, variant: Variant) -> list[str]:
        frames = read(room_id, after, variant)
        say(open_room, alice, "in between")
        return frames

    async with (
        watching(alice, open_room) as other,
        socket(bob_client, open_room, page=page) as opened,
    ):
        monkeypatch.setattr(consumers, "catch_up", slowly)
        await opened.resume(page.cursor)
        await other.until("in between")
        await posted(open_room, alice, "at last")
        await opened.until("at last")
        assert page.numbers == [1, 2, 3]


async def test_frames_are_in_the_reader_s_zone_and_the_same_for_readers_of_one(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    for reader, zone in [(bob, "Asia/Tokyo"), (charlie, "Asia/Tokyo")]:
        await in_db(reader.change_profile)(display_name="", time_zone=zone, language="")
    async with (
        watching(alice, open_room) as in_utc,
        watching(bob, open_room) as in_tokyo,
        watching(charlie, open_room) as in_tokyo_too,
    ):
        await posted(open_room, alice, "what time is it")
        frames = [await each.until("what time") for each in (in_utc, in_tokyo, in_tokyo_too)]
        assert "+00:00" in frames[0]
        assert "+09:00" in frames[1]
        assert frames[1] == frames[2]


# Frames that make no sense


LONGEST = consumers.FRAME_LIMIT

NONSENSE: list[tuple[Any, str]] = [
    (" ", "not JSON"),
    ("{", "not JSON"),
    ("nonsense", "not JSON"),
    ("[" * 30_000, "not JSON"),
    ("[]", "not a JSON object"),
    ("null", "not a JSON object"),
    ('"resume"', "not a JSON object"),
    ("1e999", "not a JSON object"),
    ({}, "Unknown type"),
    ({"type": "nonsense"}, "Unknown type"),
    ({"type": None}, "Unknown type"),
    ({"type": ["resume"]}, "Unknown type"),
    ({"type": "__init__"}, "Unknown type"),
    ({"type": "disconnect"}, "Unknown type"),
    (b"\x00\xff", "not binary"),
    ({"type": "resume"}, "after"),
    ({"type": "resume", "after": ""}, "after"),
    ({"type": "resume", "after": "x"}, "after"),
    ({"type": "resume", "after": -1}, "after"),
    ({"type": "resume", "after": 1.5}, "after"),
    ({"type": "resume", "after": "٣"}, "after"),
    ({"type": "resume", "after": [1]}, "after"),
    ({"type": "resume", "after": 10**18}, "after"),
    ({"type": "message"}, "key"),
    ({"type": "message", "key": "aaaaaaaa"}, "text"),
    ({"type": "message", "text": "hello"}, "key"),
    ({"type": "message", "key": 12345678, "text": "hello"}, "key"),
    ({"type": "message", "key": "aaaaaaaa", "text": ["hello"]}, "text"),
]


async def test_nonsense_is_answered_and_changes_nothing(
    alice: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "FRAMES", 1_000)
    async with socket(bob_client, open_room) as opened:
        for frame, words in NONSENSE:
            await opened.send(frame)
            answer = await opened.answer()
            assert answer["type"] == "error", frame
            assert words in answer["error"], frame
        await opened.resume(0)
        await posted(open_room, alice, "still here")
        await opened.until("still here")
        assert await bodies(open_room) == ["still here"]


async def test_a_frame_that_is_too_long_ends_the_socket_with_a_word(
    bob_client: Client, open_room: Room
) -> None:
    async with socket(bob_client, open_room) as opened:
        await opened.send(" " * (LONGEST - 2) + "{}")
        assert "Unknown type" in (await opened.answer())["error"]
        await opened.send({"type": "message", "key": key(), "text": "x" * LONGEST})
        assert "too long" in (await opened.answer())["error"]
        assert await opened.until_closed() == FRAME_TOO_BIG == 1009
    assert await bodies(open_room) == []


async def test_a_frame_is_measured_in_bytes(bob_client: Client, open_room: Room) -> None:
    async with socket(bob_client, open_room) as opened:
        await opened.send(json.dumps({"type": "€" * (LONGEST // 2)}, ensure_ascii=False))
        assert "too long" in (await opened.answer())["error"]
        assert await opened.until_closed() == FRAME_TOO_BIG


async def test_too_many_frames_end_the_socket_with_a_word(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    async with watching(alice, open_room) as other:
        async with socket(bob_client, open_room) as opened:
            for _ in range(consumers.FRAMES * 3):
                await opened.send({"type": "nonsense"})
            assert await opened.until_closed() == TOO_MANY_FRAMES
            answers = [json.loads(frame)["error"] for frame in opened.frames]
            assert "Unknown type" in answers[consumers.FRAMES // 2]
            assert "Too many frames" in answers[-1]
        await posted(open_room, alice, "nobody else minds")
        await other.until("nobody else minds")


# A program's messages


async def test_a_program_posts_and_is_told_the_number(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    async with watching(alice, open_room) as other, socket(bob_client, open_room) as program:
        for number in (1, 2):
            form = key()
            await program.send({"type": "message", "key": form, "text": f"line {number}\r\nmore"})
            assert await program.answer() == {"type": "stored", "key": form, "number": number}
            await other.until(f"line {number}")
    assert await bodies(open_room) == ["line 1\nmore", "line 2\nmore"]
    assert (await open_room.messages.select_related("author").afirst()).author == bob  # type: ignore[union-attr]


async def test_a_program_that_repeats_a_message_is_told_the_number_that_it_has(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    form = key()
    async with socket(bob_client, open_room) as program:
        for _ in range(2):
            await program.send({"type": "message", "key": form, "text": "once"})
            assert await program.answer() == {"type": "stored", "key": form, "number": 1}
        await in_db((await open_room.messages.aget()).edit)("changed", by=bob)
    async with socket(bob_client, open_room) as program:
        await program.send({"type": "message", "key": form, "text": "once"})
        assert await program.answer() == {"type": "stored", "key": form, "number": 1}
    assert await bodies(open_room) == ["changed"]


async def test_a_refused_message_of_a_program_is_answered_with_its_key_and_a_sentence(
    bob_client: Client, open_room: Room
) -> None:
    used = key()
    async with socket(bob_client, open_room) as program:

        async def sent(text: str, form: str) -> dict[str, Any]:
            await program.send({"type": "message", "key": form, "text": text})
            answer = await program.answer()
            assert answer["key"] == form
            return answer

        assert (await sent("first", used))["type"] == "stored"
        for text, form, words in [
            ("second", used, "already sent another message"),
            ("", key(), "Write something."),
            ("\x00", key(), "Write something."),
            ("x" * (BODY_LENGTH + 1), key(), str(BODY_LENGTH)),
            ("hello", "short", "Load the page again"),
            ("hello", "x" * 65, "Load the page again"),
        ]:
            answer = await sent(text, form)
            assert answer["type"] == "refused"
            assert words in answer["error"]
        await in_db(open_room.archive)()
        answer = await sent("late", key())
        assert answer["type"] == "refused"
        assert "archived" in answer["error"]
    assert await bodies(open_room) == ["first"]


async def test_half_a_character_from_a_program_is_answered_and_breaks_nothing(
    bob_client: Client, open_room: Room
) -> None:
    """JSON can name one half of a pair that UTF-8 cannot write."""
    async with socket(bob_client, open_room) as program:
        form = key()
        await program.send(f'{{"type": "message", "key": "{form}", "text": "half \\ud83d"}}')
        answer = await program.answer()
        assert answer["key"] == form
        await program.send({"type": "message", "key": key(), "text": "whole \U0001f600"})
        assert (await program.answer())["type"] == "stored"
    page = await page_of(bob_client, open_room)
    assert page.all(".message .body")[-1].text == "whole \U0001f600"


async def test_a_program_whose_person_was_let_out_posts_nothing_any_more(
    bob: User, bob_client: Client, private_room: Room
) -> None:
    async with socket(bob_client, private_room) as program:
        await program.send({"type": "message", "key": key(), "text": "inside"})
        assert (await program.answer())["type"] == "stored"
        await in_db(private_room.remove)(bob)
        await program.send({"type": "message", "key": key(), "text": "outside"})
        answer = await program.answer()
        assert (answer["type"], "not open to you" in answer["error"]) == ("refused", True)
    assert await bodies(private_room) == ["inside"]


async def test_a_program_that_writes_in_an_open_room_joins_it(
    charlie: User, charlie_client: Client, open_room: Room
) -> None:
    async with socket(charlie_client, open_room) as program:
        await program.send({"type": "message", "key": key(), "text": "hello"})
        assert (await program.answer())["type"] == "stored"
    assert await in_db(open_room.membership_of)(charlie)


# Others


async def test_one_sees_another_begin_to_write_and_stop_when_the_message_comes(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(alice, open_room) as reader, watching(bob, open_room) as writer:
        await writer.send({"type": "typing"})
        named = f'data-person="{bob.pk}" dir="auto">{bob.name}</b>'
        await reader.until(named)
        await writer.send({"type": "message", "key": key(), "text": "done"})
        frame = await reader.until('<p id="typing"')
        while named in frame:
            frame = await reader.until('<p id="typing"')
        assert "done" in reader.words


async def test_one_goes_on_writing_while_others_react_to_what_one_said(
    alice: User, bob: User, open_room: Room
) -> None:
    (message,) = await in_db(say)(open_room, bob, "hello")
    async with watching(alice, open_room) as reader, watching(bob, open_room) as writer:
        await writer.send({"type": "typing"})
        await reader.until(f'data-person="{bob.pk}"')
        await in_db(message.react)("👍", by=alice)
        await in_db(say)(open_room, alice, "and now")  # what follows a push is done before the next
        await reader.until("and now")
        assert presence.store().held("typing", [open_room.pk]) == {open_room.pk: {bob.pk}}


async def test_somebody_who_comes_and_goes_is_seen(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.live.presence.GRACE", 0.2)
    async with watching(alice, open_room) as reader:
        async with watching(bob, open_room):
            await reader.until(bob.name)
        frame = await reader.until('id="presence"')
        assert bob.name not in frame
        assert alice.name in frame


async def test_who_is_removed_from_a_private_room_is_told_and_the_socket_closes(
    alice: User, bob: User, private_room: Room
) -> None:
    async with watching(alice, private_room) as stays, watching(bob, private_room) as goes:
        await posted(private_room, alice, "with bob")
        await goes.until("with bob")
        await in_db(private_room.remove)(bob)
        assert await goes.until_closed() == NOT_FOUND == 4404
        assert "no longer open to you" in goes.frames[-1]
        await posted(private_room, alice, "without bob")
        await stays.until("without bob")
        assert "without bob" not in goes.words
        assert "no longer open" not in stays.words


async def test_who_leaves_an_open_room_may_still_watch_it(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        await in_db(open_room.remove)(bob)
        await posted(open_room, alice, "still open")
        await opened.until("still open")


async def test_signing_out_closes_the_sockets_of_that_session_alone(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    async with watching(bob_client, open_room) as ends, watching(bob, open_room) as stays:
        await in_db(bob_client.post)("/accounts/logout/")
        assert await ends.until_closed() == SIGNED_OUT == 4401
        assert "You have been signed out." in ends.frames[-1]
        await posted(open_room, alice, "afterwards")
        await stays.until("afterwards")
        assert "afterwards" not in ends.words


async def test_who_was_not_told_to_go_is_found_by_looking(
    alice: User, bob: User, charlie: User, private_room: Room
) -> None:
    """What announces a removal, a sign-out or a closed account may be lost like anything else."""
    await in_db(private_room.add)(charlie)
    other = await in_db(signed_in)(alice)
    async with (
        watching(alice, private_room) as stays,
        watching(bob, private_room) as removed,
        watching(other, private_room) as signed_out,
        watching(charlie, private_room) as closed,
    ):
        await hub()._check_access()
        await posted(private_room, alice, "all are here")
        for each in (stays, removed, signed_out, closed):
            await each.until("all are here")
        await private_room.memberships.filter(user=bob).adelete()
        await Session.objects.filter(pk=session_cookie(other)).adelete()
        charlie.is_active = False
        await charlie.asave()
        await hub()._check_access()
        assert await removed.until_closed() == NOT_FOUND
        assert await signed_out.until_closed() == SIGNED_OUT
        assert await closed.until_closed() == SIGNED_OUT
        await posted(private_room, alice, "alone")
        await stays.until("alone")


async def test_a_socket_that_closes_is_forgotten(bob: User, open_room: Room) -> None:
    async with watching(bob, open_room):
        assert len(ear(open_room).connections) == 1
    await until(lambda: not ear(open_room).connections, "the hub forgot the socket")
