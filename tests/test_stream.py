"""The room as one endless page, for browsers without JavaScript."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from channels.testing import ApplicationCommunicator
from django.test import AsyncClient, Client

from project.asgi import application
from rooms.live import fragments, streams
from rooms.live.connections import SIGNED_OUT
from rooms.live.fragments import Variant
from rooms.models import Room
from tests.cast import signed_in
from tests.factories import say, unread_of
from tests.sockets import PATIENCE, ear, in_db, new_process, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rooms.models import Message, User

pytestmark = pytest.mark.django_db(transaction=True)

AGAIN = '<meta http-equiv="refresh" content="0; url=./">'


@pytest.fixture(autouse=True)
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


class Ended(Exception):
    """The document is complete."""


class Reading:
    """A browser that shows the document as it comes."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self.content = content
        self.shown = ""

    async def piece(self) -> str:
        """What comes next. Raises `Ended`."""
        async with asyncio.timeout(PATIENCE):
            try:
                piece = (await anext(self.content)).decode()
            except StopAsyncIteration:
                raise Ended from None
        self.shown += piece
        return piece

    async def until(self, words: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while words not in (piece := await self.piece()):
            assert time.monotonic() < deadline, f"{words!r} never came"
        return piece

    async def until_the_end(self) -> str:
        """All that came after what was read before."""
        before, deadline = len(self.shown), time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                await self.piece()
            except Ended:
                return self.shown[before:]
        raise TimeoutError("it does not end")


async def client_of(client: Client) -> AsyncClient:
    browser = AsyncClient()
    browser.cookies = client.cookies
    return browser


@asynccontextmanager
async def reading(who: User | Client, room: Room, query: str = "") -> AsyncIterator[Reading]:
    """The stream, its head read."""
    client = who if isinstance(who, Client) else await in_db(signed_in)(who)
    answer: Any = await (await client_of(client)).get(f"/rooms/{room.slug}/stream/{query}")
    assert answer.status_code == 200
    stream = Reading(answer.streaming_content)
    await stream.until("<ol")
    try:
        yield stream
    finally:
        await answer.streaming_content.aclose()


async def posted(room: Room, author: User, *bodies: str) -> list[Message]:
    said: list[Message] = await in_db(say)(room, author, *bodies)
    return said


async def test_it_begins_with_the_newest_messages(alice: User, bob: User, open_room: Room) -> None:
    await posted(open_room, alice, "hello", "**there**")

    def rows() -> str:
        return str(fragments.rows(open_room.history().rows, Variant("en", "UTC")))

    async with reading(bob, open_room) as stream:
        assert await in_db(rows)() in stream.shown
        assert '<meta charset="utf-8">' in stream.shown


async def test_it_leads_to_older_messages_outside_of_itself(
    alice: User, bob: User, open_room: Room
) -> None:
    await posted(open_room, alice, *(f"number {number}" for number in range(60)))
    async with reading(bob, open_room) as stream:
        assert '<base target="_top">' in stream.shown
        assert f'<a href="/rooms/{open_room.slug}/?before=11">' in stream.shown


async def test_it_says_where_the_new_messages_begin_also_when_it_is_loaded_again(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    (first, *_) = await posted(open_room, alice, "one", "two", "three")
    browser = await client_of(bob_client)
    waiting = await browser.get(f"/rooms/{open_room.slug}/stream/?wait=1&new=2")
    assert 'content="1; url=./?new=2"' in waiting.content.decode()
    async with reading(bob_client, open_room, "?new=2") as stream:
        before, line, after = stream.shown.partition('<li id="new"')
        assert line
        assert ("one" in before, "two" in before, "two" in after) == (True, False, True)
        await in_db(first.edit)("reworded", by=alice)
        assert AGAIN.replace("./", "./?new=2") in await stream.until_the_end()


@pytest.mark.parametrize("new", ["", "1", "4", "x", "-1", "9" * 40, "%00"])
async def test_it_says_nothing_where_nothing_is_new(
    new: str, alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    await posted(open_room, alice, "one", "two", "three")
    async with reading(bob_client, open_room, f"?new={new}") as stream:
        assert "three" in stream.shown
        assert '<li id="new"' not in stream.shown


async def test_what_it_begins_with_is_read(alice: User, bob: User, open_room: Room) -> None:
    await posted(open_room, alice, "one", "two")
    async with reading(bob, open_room):

        async def read() -> bool:
            return bool(await in_db(unread_of)(open_room, bob) == 0)

        await until(read, "bob has read what the page began with")


async def test_a_new_message_appears_as_the_same_row_that_a_page_shows(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    async with reading(bob_client, open_room) as stream:
        (message,) = await posted(open_room, alice, "as it is said")
        piece = await stream.until("as it is said")
        assert piece == str(fragments.row(message.as_row(open_room, alice), Variant("en", "UTC")))
        await posted(open_room, bob, "and more")
        await stream.until("and more")
        assert stream.shown.count("as it is said") == 1
    page = await in_db(bob_client.get)(f"/rooms/{open_room.slug}/")
    assert piece in page.content.decode()


async def test_it_is_in_the_reader_s_zone_to_the_last_row(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(bob.change_profile)(display_name="", time_zone="Asia/Tokyo", language="")
    await posted(open_room, alice, "at first")
    async with reading(bob, open_room) as stream:
        await posted(open_room, alice, "at last")
        piece = await stream.until("at last")
        assert "+09:00" in piece
        assert "+00:00" not in stream.shown


async def test_it_is_in_the_reader_s_language_to_the_last_row(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(bob.change_profile)(display_name="", time_zone="", language="zh-hans")
    await posted(open_room, alice, "at first")
    async with reading(bob, open_room) as stream, watching(alice, open_room) as writer:
        assert '<html lang="zh-hans" dir="ltr">' in stream.shown
        assert "星期" in stream.shown  # of the day that the first message opens
        await posted(open_room, alice, "at last")
        assert "更多" in await stream.until("at last")
        await writer.send({"type": "typing"})
        await stream.until("正在输入：")
        for connection in list(ear(open_room).connections):
            connection.end(SIGNED_OUT)
        assert "你已退出登录。" in await stream.until_the_end()


async def test_a_message_that_comes_while_the_head_is_made_is_shown_once(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = Room.history
    said: list[str] = []

    def slowly(room: Room, **where: int) -> Any:
        before = not said and "before the look"
        if before:
            said.append(before)
            say(open_room, alice, before)
        found = history(room, **where)
        if before:
            say(open_room, alice, "after the look")
        return found

    monkeypatch.setattr(Room, "history", slowly)
    async with reading(bob, open_room) as stream:
        await stream.until("after the look")
        await posted(open_room, alice, "at last")
        await stream.until("at last")
        for words in ("before the look", "after the look"):
            assert stream.shown.count(words) == 1


@pytest.mark.parametrize("change", ["edit", "delete", "rename"])
async def test_whatever_changes_on_it_ends_it_with_a_word_to_load_it_again(
    alice: User, bob: User, open_room: Room, change: str
) -> None:
    (message,) = await posted(open_room, alice, "to be changed")
    async with reading(bob, open_room) as stream:
        if change == "edit":
            await in_db(message.edit)("changed", by=alice)
        elif change == "delete":
            await in_db(message.delete_for_everybody)(by=alice)
        else:
            await in_db(open_room.change_details)(name="Werkbank", topic="")
        assert (await stream.until_the_end()).strip().endswith(AGAIN)
    await until(lambda: not ear(open_room).connections, "the hub forgot the stream")
    async with reading(bob, open_room) as stream:
        assert ("to be changed" in stream.shown) == (change == "rename")


async def test_a_message_that_came_on_it_and_is_changed_ends_it_too(
    alice: User, bob: User, open_room: Room
) -> None:
    async with reading(bob, open_room) as stream:
        (message,) = await posted(open_room, alice, "on the stream")
        await stream.until("on the stream")
        await in_db(message.edit)("changed", by=alice)
        assert (await stream.until_the_end()).strip().endswith(AGAIN)


async def test_a_reader_who_does_not_keep_up_is_asked_to_load_it_again(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "QUEUE", 3)
    async with watching(alice, open_room) as other, reading(bob, open_room) as stream:
        await posted(open_room, alice, *(f"number {number}" for number in range(10)))
        await other.until("number 9")
        assert (await stream.until_the_end()).strip().endswith(AGAIN)


async def test_it_shows_who_is_here_and_who_is_writing(
    alice: User, bob: User, open_room: Room
) -> None:
    async with reading(bob, open_room) as stream, watching(alice, open_room) as writer:
        await stream.until(f"{alice.name}</a>")
        await writer.send({"type": "typing"})
        await stream.until(f"{alice.name}</b>")
        assert "hx-swap-oob" not in stream.shown


async def test_whoever_reads_a_stream_is_here(alice: User, bob: User, open_room: Room) -> None:
    async with watching(alice, open_room) as other, reading(bob, open_room):
        await other.until(bob.name)


async def test_it_says_when_something_is_new_in_another_room(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    async with reading(bob, open_room) as stream:
        await posted(private_room, alice, "elsewhere")
        piece = await stream.until('class="elsewhere"')
        assert private_room.name in piece
        assert f'href="/rooms/{private_room.slug}/"' in piece


async def test_a_reader_who_leaves_is_forgotten(bob_client: Client, open_room: Room) -> None:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": f"/rooms/{open_room.slug}/stream/",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"cookie", bob_client.cookies.output(header="", attrs=[]).strip().encode()),
        ],
    }
    browser = ApplicationCommunicator(application, scope)
    await browser.send_input({"type": "http.request", "body": b"", "more_body": False})
    assert (await browser.receive_output(PATIENCE))["status"] == 200
    assert b"<ol" in (await browser.receive_output(PATIENCE))["body"]
    assert len(ear(open_room).connections) == 1
    await browser.send_input({"type": "http.disconnect"})
    await until(lambda: not ear(open_room).connections, "the hub forgot the stream")
    await browser.wait(PATIENCE)


# Whose it is


async def test_an_outsider_finds_no_stream(
    bob_client: Client, charlie_client: Client, private_room: Room
) -> None:
    address = f"/rooms/{private_room.slug}/stream/"
    for where in (address, f"{address}?wait=1"):
        answer = await (await client_of(charlie_client)).get(where)
        assert answer.status_code == 404
    async with reading(bob_client, private_room):
        pass


async def test_a_stranger_is_led_to_sign_in(open_room: Room) -> None:
    for query in ("", "?wait=1"):
        answer = await AsyncClient().get(f"/rooms/{open_room.slug}/stream/{query}")
        assert answer.status_code == 401
        assert b'href="/accounts/login/' in answer.content


async def test_it_is_only_read(bob_client: Client, open_room: Room) -> None:
    answer = await (await client_of(bob_client)).post(f"/rooms/{open_room.slug}/stream/")
    assert answer.status_code == 405


async def test_the_waiting_page_ends_and_leads_to_the_stream(
    bob_client: Client, open_room: Room
) -> None:
    answer = await (await client_of(bob_client)).get(f"/rooms/{open_room.slug}/stream/?wait=1")
    assert answer.status_code == 200
    assert b'content="1; url=./"' in answer.content


async def test_neither_a_proxy_nor_the_browser_keeps_it(
    bob_client: Client, open_room: Room
) -> None:
    client = await client_of(bob_client)
    address = f"/rooms/{open_room.slug}/stream/"
    answer: Any = await client.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    stream = Reading(answer.streaming_content)
    await stream.until("<ol")
    await answer.streaming_content.aclose()


async def test_who_is_removed_is_told_and_shown_nothing_more(
    alice: User, bob: User, private_room: Room
) -> None:
    async with reading(alice, private_room) as stays, reading(bob, private_room) as goes:
        await posted(private_room, alice, "with bob")
        await goes.until("with bob")
        await in_db(private_room.remove)(bob)
        assert "no longer open to you" in await goes.until_the_end()
        await posted(private_room, alice, "without bob")
        await stays.until("without bob")
        assert "without bob" not in goes.shown


async def test_who_signs_out_is_told_and_shown_nothing_more(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    async with reading(bob, open_room) as stays, reading(bob_client, open_room) as goes:
        await in_db(bob_client.post)("/accounts/logout/")
        assert "You have been signed out." in await goes.until_the_end()
        await posted(open_room, alice, "afterwards")
        await stays.until("afterwards")
        assert "afterwards" not in goes.shown
