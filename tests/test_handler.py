"""How requests get from the event loop to a thread and back."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from channels.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.db import connections
from django.db.backends.signals import connection_created

from project.asgi import application
from project.handler import THREADS
from tests.cast import signed_in
from tests.factories import say
from tests.sockets import PATIENCE, in_db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rooms.models import Room, User

pytestmark = pytest.mark.django_db(transaction=True)


class Heard:
    """What happened on which thread."""

    def __init__(self) -> None:
        self.threads: dict[str, list[str]] = {}

    def listener(self, name: str) -> Any:
        def listen(**_about: object) -> None:
            self.threads.setdefault(name, []).append(threading.current_thread().name)

        return listen


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    signals = {
        "started": request_started,
        "finished": request_finished,
        "connected": connection_created,
    }
    listeners = {name: heard.listener(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(listeners[name])
    yield heard
    for name, signal in signals.items():
        signal.disconnect(listeners[name])


async def get(path: str, cookie: str = "") -> tuple[int, bytes]:
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    browser = ApplicationCommunicator(application, scope)
    await browser.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await browser.receive_output(PATIENCE)
    body, more = b"", True
    while more:
        piece = await browser.receive_output(PATIENCE)
        body, more = body + piece.get("body", b""), piece.get("more_body", False)
    await browser.wait(PATIENCE)
    return start["status"], body


async def test_a_request_is_one_threads_from_its_start_to_its_end(
    heard: Heard, alice: User, open_room: Room
) -> None:
    await in_db(say)(open_room, alice, "hello")
    client = await in_db(signed_in)(alice)
    (cookie,) = client.cookies.values()
    heard.threads.clear()
    status, body = await get(f"/rooms/{open_room.slug}/", f"{cookie.key}={cookie.value}")
    assert status == 200
    assert b"hello" in body
    assert len(heard.threads["started"]) == 1
    assert heard.threads["started"] == heard.threads["finished"]
    assert heard.threads["started"][0].startswith("request")


async def test_many_requests_share_a_few_threads(heard: Heard, place: object) -> None:
    answers = await asyncio.gather(*(get("/me.css") for _ in range(4 * THREADS)))
    assert {status for status, _body in answers} == {200}
    assert len(heard.threads["finished"]) == 4 * THREADS
    used = {*heard.threads["started"], *heard.threads["finished"]}
    assert 0 < len(used) <= THREADS
    # A thread's connection stays where that is allowed; where there is a pool, it is given back.
    if connections["default"].vendor == "sqlite":
        assert len(heard.threads.get("connected", [])) <= len(used)


async def test_a_request_that_fails_gives_back_what_it_had(
    heard: Heard, alice: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("as a fault in a view would")

    monkeypatch.setattr("rooms.views.reader.render", fail)
    status, body = await get("/me.css")
    assert (status, b"Something broke" in body) == (500, True)
    assert heard.threads["started"] == heard.threads["finished"]


async def test_who_goes_before_the_request_is_complete_is_not_answered(place: object) -> None:
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    browser = ApplicationCommunicator(application, scope)
    await browser.send_input({"type": "http.disconnect"})
    await browser.wait(PATIENCE)
    assert await browser.receive_nothing()
