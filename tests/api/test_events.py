"""The live stream for programs: from after any version, without a gap and nothing twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from channels.testing import ApplicationCommunicator
from django.test import AsyncClient

from project.asgi import application
from rooms import jwts
from rooms.live import events, programs
from rooms.live.hub import drain_hub, hub
from rooms.models import Room, Token, User
from rooms.models.log import log_after
from tests.api.caller import Caller, token_of
from tests.api.streams import Following, TokenSocket, following, secret_of
from tests.cast import signed_in
from tests.factories import say, unread_of
from tests.sockets import PATIENCE, Socket, ear, in_db, new_process, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rooms.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


async def posted(room: Room, author: User, *bodies: str) -> list[Message]:
    said: list[Message] = await in_db(say)(room, author, *bodies)
    return said


async def test_what_is_said_comes_with_the_rooms_version(
    alice: User, bob: User, open_room: Room
) -> None:
    await posted(open_room, alice, "before")
    async with following(await secret_of(bob, "read"), open_room) as stream:
        ready = await stream.until("ready")
        (said,) = await posted(open_room, alice, "hello")
        assert (await stream.until("posted"))["message"]["text"] == "hello"
        assert stream.last_id == said.version == ready["version"] + 1
        await in_db(said.edit)("hello there", by=alice)
        await in_db(said.react)("🎉", by=bob)
        await in_db(said.delete_for_everybody)(by=alice)
        await in_db(open_room.change_details)(name="Bench", topic="")
        assert (await stream.until("room"))["room"]["name"] == "Bench"
        kinds = [kind for kind, _data in stream.events]
        assert kinds == ["ready", "posted", "changed", "changed", "deleted", "room"]


async def test_an_event_says_what_the_message_itself_says(
    alice: User, bob: User, open_room: Room
) -> None:
    secret = await secret_of(bob, "read")
    async with following(secret, open_room) as stream:
        await stream.until("ready")
        await posted(open_room, alice, "line\nline \u2028 ☕")
        told = (await stream.until("posted"))["message"]
    assert told == await in_db(Caller(secret).get)(told["url"])


async def test_it_goes_on_where_it_was_cut(alice: User, bob: User, open_room: Room) -> None:
    secret = await secret_of(bob, "read")
    async with following(secret, open_room, after=0) as stream:
        await posted(open_room, alice, "one", "two")
        while ("posted", 2, "two") not in stream.told:
            await stream.event()
        last = stream.last_id
        told = stream.told
    first, second = await in_db(lambda: list(open_room.messages.order_by("number")))()
    await posted(open_room, alice, "three")
    await in_db(first.edit)("one, edited", by=alice)
    await posted(open_room, alice, "four")
    await in_db(second.delete_for_everybody)(by=alice)
    async with following(secret, open_room, after=last) as stream:
        await stream.until("ready")
        told += stream.told
    assert told == [
        ("posted", 1, "one"),
        ("posted", 2, "two"),
        ("posted", 3, "three"),
        ("changed", 1, "one, edited"),
        ("posted", 4, "four"),
        ("deleted", 2, ""),
    ]


async def test_what_comes_while_it_catches_up_comes_once(
    alice: User, bob: User, open_room: Room
) -> None:
    await posted(open_room, alice, *map(str, range(50)))
    secret = await secret_of(bob, "read")
    original = log_after

    def slow(*arguments: Any) -> Any:
        found = original(*arguments)
        if not slow_once:
            slow_once.append(True)
            say(open_room, alice, "meanwhile")
        return found

    slow_once: list[bool] = []
    with patch.object(programs, "log_after", slow):
        async with following(secret, open_room, after=0) as stream:
            await stream.until("ready")
            await posted(open_room, alice, "afterwards")
            while stream.told[-1:] != [("posted", 52, "afterwards")]:
                await stream.event()
    assert [number for _kind, number, _text in stream.told] == list(range(1, 53))


async def test_however_far_behind_each_message_comes_once_and_in_order(
    alice: User, bob: User, open_room: Room
) -> None:
    with patch("rooms.models.log.PART", 7), patch("rooms.live.programs.log_after", _by_sevens):
        said = await posted(open_room, alice, *map(str, range(40)))
        for message in said[:30:3]:
            await in_db(message.edit)(f"{message.body} edited", by=alice)
        async with following(await secret_of(bob, "read"), open_room, after=0) as stream:
            await stream.until("ready")
    posts = [number for kind, number, _text in stream.told if kind == "posted"]
    assert posts == list(range(1, 41))
    versions = [each["version"] for _kind, each in stream.events]
    assert versions[:-1] == sorted(set(versions[:-1]))
    await in_db(open_room.refresh_from_db)()
    assert stream.last_id == open_room.version


def _by_sevens(room: int, after: int) -> Any:
    return log_after(room, after, 7)


async def test_a_version_that_the_room_never_had_is_refused(bob: User, open_room: Room) -> None:
    secret = await secret_of(bob, "read")
    caller = Caller(secret)
    for path in ("events?after=7", "changes?after=7"):
        problem = await in_db(caller.get)(f"rooms/{open_room.slug}/{path}", 409)
        assert problem["code"] == "unknown_version"
    headers = {"Last-Event-ID": "many"}
    await in_db(caller.get)(f"rooms/{open_room.slug}/events", 400, **headers)


async def test_changes_can_be_asked_for_instead(alice: User, bob: User, open_room: Room) -> None:
    said = await posted(open_room, alice, *map(str, range(12)))
    await in_db(said[0].edit)("edited", by=alice)
    await in_db(open_room.change_details)(name="Bench", topic="")
    caller = Caller(await secret_of(bob, "read"))
    path = f"rooms/{open_room.slug}/changes"
    found, version, parts = [], 0, 0
    while True:
        page = await in_db(caller.get)(f"{path}?after={version}&limit=5")
        found += page["changes"]
        version, parts = page["version"], parts + 1
        if not page["has_more"]:
            break
    assert parts == 3
    async with following(caller.headers["Authorization"][7:], open_room, after=0) as stream:
        await stream.until("ready")
    assert found == [each for kind, each in stream.events if kind != "ready"]


# What it costs


async def test_json_is_made_once_for_all_streams(alice: User, bob: User, open_room: Room) -> None:
    secret = await secret_of(bob, "read")
    with patch.object(events, "of_step", wraps=events.of_step) as made:
        async with (
            following(secret, open_room) as first,
            following(secret, open_room) as second,
            following(await secret_of(alice, "read"), open_room) as third,
        ):
            for stream in (first, second, third):
                await stream.until("ready")
            await posted(open_room, alice, "hello")
            for stream in (first, second, third):
                await stream.until("posted")
    assert made.call_count == 1


async def test_a_program_that_takes_nothing_is_cut_off(
    alice: User, bob: User, open_room: Room
) -> None:
    with patch.object(programs, "QUEUE", 5):
        async with following(await secret_of(bob, "read"), open_room) as stream:
            await stream.until("ready")
            for number in range(12):
                await posted(open_room, alice, str(number))
            await until(lambda: not ear(open_room).connections, "the hub gave it up")
            assert await stream.until_the_end() == "too_slow"


async def test_silence_is_broken_by_a_heartbeat(bob: User, open_room: Room) -> None:
    async with following(await secret_of(bob, "read"), open_room) as stream:
        await stream.until("ready")
        await hub()._beat()
        waiting = asyncio.ensure_future(stream.event())
        await until(lambda: stream.comments == 1, "a comment came")
        waiting.cancel()
        await asyncio.wait([waiting])


# Whether one is there


async def test_a_program_that_reads_along_is_nowhere(
    alice: User, bob: User, open_room: Room
) -> None:
    secret = await secret_of(bob, "read")
    async with watching(alice, open_room) as page, following(secret, open_room) as stream:
        await stream.until("ready")
        async with following(secret, open_room, query="?present=1") as there:
            await there.until("ready")
            await until(
                lambda: ear(open_room).users() == {alice.pk, bob.pk}, "bob is there by one of them"
            )
            await page.until("Bob Baker")
            assert (await there.until("presence"))["total"] >= 1
        await until(lambda: ear(open_room).users() == {alice.pk}, "and only by that")


async def test_what_it_is_sent_is_read_only_if_it_is_there(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    await in_db(open_room.join)(charlie)
    async with (
        following(await secret_of(bob, "read"), open_room) as away,
        following(await secret_of(charlie, "read"), open_room, query="?present=1") as there,
    ):
        await away.until("ready")
        await there.until("ready")
        await posted(open_room, alice, "hello")
        await away.until("posted")

        async def read_by(user: User) -> bool:
            return bool(await in_db(unread_of)(open_room, user) == 0)

        await until(lambda: read_by(charlie), "it is read for who is there")
        assert not await read_by(bob)


# How it ends


async def test_what_no_announcement_told_is_found_by_looking(bob: User, private_room: Room) -> None:
    secret = await secret_of(bob, "read")
    async with following(secret, private_room) as stream:
        await stream.until("ready")
        await hub()._check_access()
        assert len(ear(private_room).connections) == 1
        await in_db(lambda: Token.objects.all().delete())()
        await hub()._check_access()
        assert await stream.until_the_end() == "credential_over"


async def test_an_access_tokens_stream_ends_with_it(
    bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await in_db(jwts.sign_in)(bob, "a phone")
    async with following(pair.access, open_room) as stream:
        await stream.until("ready")
        await hub()._check_access()
        assert len(ear(open_room).connections) == 1
        monkeypatch.setattr("rooms.live.connections.time.time", lambda: 10.0**10)
        await hub()._check_access()
        assert await stream.until_the_end() == "credential_over"


async def test_a_server_that_stops_says_so(bob: User, open_room: Room) -> None:
    async with following(await secret_of(bob, "read"), open_room) as stream:
        await stream.until("ready")
        await drain_hub()
        assert await stream.until_the_end() == "restarting"


async def test_neither_a_proxy_nor_compression_holds_it_back(bob: User, open_room: Room) -> None:
    headers = {
        "Authorization": f"Bearer {await secret_of(bob)}",
        "Accept-Encoding": "gzip, br",
    }
    answer: Any = await AsyncClient().get(f"/api/rooms/{open_room.slug}/events", headers=headers)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    stream = Following(answer.streaming_content)
    await stream.until("ready")
    await answer.streaming_content.aclose()


async def test_a_program_that_goes_is_forgotten(bob: User, open_room: Room) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/rooms/{open_room.slug}/events",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"authorization", f"Bearer {await secret_of(bob)}".encode()),
        ],
    }
    program = ApplicationCommunicator(application, scope)
    await program.send_input({"type": "http.request", "body": b"", "more_body": False})
    assert (await program.receive_output(PATIENCE))["status"] == 200
    await program.receive_output(PATIENCE)
    await until(lambda: len(ear(open_room).connections) == 1, "the hub knows the stream")
    await program.send_input({"type": "http.disconnect"})
    await until(lambda: not ear(open_room).connections, "the hub forgot the stream")
    await program.wait(PATIENCE)


# Sockets take the same credentials


async def test_a_socket_opens_by_a_token_and_ends_with_it(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    socket = TokenSocket(await secret_of(bob), open_room)
    assert await socket.open()
    await socket.resume(0)
    await socket.send({"type": "message", "key": "a-key-of-eight", "text": "hello"})
    assert (await socket.answer())["type"] == "stored"
    token = await bob.tokens.aget()
    await in_db(token.revoke)()
    assert await socket.until_closed() == 4401
    for secret in ("", "roomful_wrong", await secret_of(bob, "write")):
        assert not await TokenSocket(secret, open_room).open()
    narrow = await in_db(token_of)(bob, rooms=[open_room])
    assert not await TokenSocket(narrow, private_room).open()


async def test_a_token_for_reading_says_nothing_on_a_socket(bob: User, open_room: Room) -> None:
    socket = TokenSocket(await secret_of(bob, "read"), open_room)
    assert await socket.open()
    await socket.send({"type": "message", "key": "a-key-of-eight", "text": "hello"})
    answer = await socket.answer()
    assert answer["type"] == "refused"
    assert "reading" in answer["error"]
    assert not await in_db(open_room.messages.exists)()
    await socket.leave()


async def test_a_wrong_token_is_not_made_good_by_a_cookie(bob: User, open_room: Room) -> None:
    client = await in_db(signed_in)(bob)
    by_cookie = Socket(client, open_room.slug, page=None)
    assert await by_cookie.open()
    await by_cookie.resume(0)
    await by_cookie.leave()
    socket = Socket(client, open_room.slug, page=None)
    socket.communicator.scope["headers"].append((b"authorization", b"Bearer roomful_wrong"))
    assert not await socket.open()
