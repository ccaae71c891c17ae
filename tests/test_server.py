"""What the server does with sockets: those that do not read, and all of them when it ends."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from rooms.live.connections import TRY_AGAIN_LATER
from tests.factories import PASSWORD
from tests.process import TOKEN, Roomful
from tests.programs import CSRF, PATIENCE, Listener, Program

if TYPE_CHECKING:
    from tests.page import Page

pytestmark = pytest.mark.one_stack

# Every address becomes a link, so the frame is many times as long as the message.
LONG = "http://a.io " * 330
ENOUGH = 600  # such messages fill every buffer that the kernel and the process have for a socket


class Uvicorn(Roomful):
    """The same application under a server that knows only ASGI."""

    def command(self, *, prepare: bool) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "project.asgi:application"),
            *("--port", str(self.port), "--log-level", "warning"),
        ]


@pytest.fixture(params=[Roomful, Uvicorn])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Roomful]:
    """A place with its owner, under the project's own server and under another."""
    first = Roomful(tmp_path, METRICS_TOKEN=TOKEN)
    first.start()
    owner = Program(first.url)
    owner.set_up()
    owner.close()
    server = first
    if request.param is not Roomful:
        first.stop()
        server = request.param(tmp_path, METRICS_TOKEN=TOKEN)
        server.start()
    yield server
    server.end()


ours = pytest.mark.parametrize("server", [Roomful], indirect=True)


@pytest.fixture
def arrive(server: Roomful) -> Iterator[Callable[[str], Program]]:
    opened: list[Program] = []

    def arrive(name: str) -> Program:
        program = Program(server.url)
        opened.append(program)
        program.submit(
            "/accounts/signup/", username=name, display_name=name, email="", password1=PASSWORD
        )
        return program

    yield arrive
    for program in opened:
        program.close()


@pytest.fixture
def bob(arrive: Callable[[str], Program]) -> Program:
    return arrive("bob")


def room_of(program: Program) -> str:
    """The slug of the room that everybody begins in."""
    return str(program.http.get("/").headers["location"]).strip("/").split("/")[-1]


def shows(text: str) -> Callable[[Page], bool]:
    return lambda page: any(text == body.text for body in page.all("#messages .body"))


def is_live(page: Page) -> bool:
    return bool(page.all("#watch.live"))


@contextmanager
def opened(program: Program, slug: str, after: int) -> Iterator[ClientConnection]:
    """A room's socket, resumed, of a client that takes a few frames and then only when it is asked for
    more. (A page of ours would read each of them, which for frames that large takes long.)"""
    host, port = program.url.removeprefix("http://").split(":")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((host, int(port)))
        with connect(
            f"ws://{host}/ws/rooms/{slug}/",
            sock=line,
            origin=Origin(program.url),
            additional_headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={program.session}"},
            compression=None,
            max_queue=2,
            max_size=None,
        ) as client:
            client.send(json.dumps({"type": "resume", "after": str(after)}))
            yield client


def until(client: ClientConnection, words: str) -> None:
    while words not in client.recv(timeout=PATIENCE):
        pass


def test_a_socket_that_does_not_read_is_closed_and_catches_up_when_it_comes_back(
    server: Roomful, bob: Program
) -> None:
    slug = room_of(bob)
    before = bob.load(slug).cursor
    said = 0
    with opened(bob, slug, before) as deaf, opened(bob, slug, before) as hearing:
        for client in (deaf, hearing):
            until(client, 'id="watch"')
        while "does not take what it is sent" not in server.log.read_text():
            assert said < ENOUGH, "everything is kept for it"
            said += 1
            bob.say(slug, f"number {said} {LONG}")
            until(hearing, f"number {said} ")
        with pytest.raises(ConnectionClosed) as end:
            until(deaf, "what nobody said")
    # a server that has bytes for it that it does not take may have to break off in the middle
    assert end.value.rcvd is None or end.value.rcvd.code == TRY_AGAIN_LATER
    assert server.figure("roomful_slow_connections_closed_total") == 1
    with opened(bob, slug, before) as back:
        until(back, f"number {said} ")
        bob.say(slug, "welcome back")
        until(back, "welcome back")


def test_what_two_say_both_read(
    server: Roomful, bob: Program, arrive: Callable[[str], Program]
) -> None:
    carol = arrive("carol")
    slug = room_of(bob)
    here, there = Listener(bob, slug), Listener(carol, slug)
    for author, text in ((bob, "tea?"), (carol, "yes"), (bob, "good")):
        author.say(slug, text)
        for listener in (here, there):
            listener.until(shows(text), f"both read {text!r}")
    assert here.page.rows == there.page.rows == bob.load(slug).rows
    assert here.opened == there.opened == 1
    assert server.errors() == []
    for listener in (here, there):
        listener.close()


@ours
def test_a_server_that_ends_finishes_what_has_begun_and_sends_pages_away_to_come_back(
    server: Roomful, bob: Program, tmp_path: Path
) -> None:
    slug = room_of(bob)
    page = Listener(bob, slug)
    page.until(is_live, "it is open")
    writer = sqlite3.connect(tmp_path / "roomful.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # so that the message has to wait
    posting = HTTPConnection("127.0.0.1", server.port)
    posting.request(
        "POST",
        f"/rooms/{slug}/send/",
        urlencode({"key": "k" * 12, "text": "just in time", "csrfmiddlewaretoken": CSRF}),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={bob.session};"
            f"{settings.CSRF_COOKIE_NAME}={CSRF}",
        },
    )
    assert bob.http.get("/static/").status_code == 404  # what was sent before has begun by now
    asking = HTTPConnection("127.0.0.1", server.port)
    assert asked_on(asking) == (200, False)
    assert server.process
    server.process.terminate()
    page.until(lambda page: "restarts" in page.one("#banner").text, "the page is told")
    assert asked_on(asking) == (200, True), "one could go on and on, and it would not end"
    writer.execute("COMMIT")
    assert posting.getresponse().status == 302
    assert server.process.wait(PATIENCE) == 0
    server.process = None
    assert server.errors() == []
    server.start()
    page.until(shows("just in time"), "it comes back by itself")
    page.until(lambda page: not page.one("#banner").text, "the banner goes")
    for each in (posting, asking):
        each.close()
    page.close()


def asked_on(connection: HTTPConnection) -> tuple[int, bool]:
    """The answer on a connection that is kept open, and whether it is the last there."""
    connection.request("GET", "/accounts/login/")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.will_close
