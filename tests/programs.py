"""Programs as clients: they post over HTTP, listen on sockets, and keep a page as a browser would."""

from __future__ import annotations

import json
import secrets
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from rooms.sessions import SessionStore
from tests.factories import PASSWORD
from tests.page import Page, fragment, rows_of

if TYPE_CHECKING:
    from rooms.models import User

PATIENCE = 60.0  # seconds for what takes at most a few on a machine with nothing else to do
RETRY = 0.1  # seconds between two tries while the server is away
CSRF = "c" * 32  # a token is compared with the cookie, and here both are the program's own
CUT_OFF = (1006, 1011, 1012, 1013)  # codes after which htmx connects again


def session_key(user: User) -> str:
    """A new session of `user`, without the time that a password takes."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


class Program:
    """Somebody at one server. What is posted is posted once, however often the server has to be asked."""

    def __init__(self, url: str, session: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.url, self.tls = url, tls
        self.username = ""
        self._elsewhere: list[Program] = []
        # Over https Django wants to know from which page a form comes; over http the token is enough.
        headers = {"X-CSRFToken": CSRF} | ({"Origin": url} if tls else {})
        prefix = "__Host-" if tls else ""
        self.session_cookie = f"{prefix}{settings.SESSION_COOKIE_NAME}"
        self.csrf_cookie = f"{prefix}{settings.CSRF_COOKIE_NAME}"
        self.http = httpx.Client(
            base_url=url, timeout=PATIENCE, headers=headers, verify=tls or True
        )
        if session:
            self.http.cookies.set(self.session_cookie, session)

    @classmethod
    def of(cls, user: User, url: str) -> Program:
        """One that shares a database with the tests' own process."""
        return cls(url, session_key(user))

    def at(self, url: str) -> Program:
        """The same person at another server of the place."""
        program = Program(url, self.session, self.tls if url.startswith("https:") else None)
        program.username = self.username
        self._elsewhere.append(program)
        return program

    @property
    def session(self) -> str:
        jar: CookieJar = self.http.cookies.jar
        name = self.session_cookie
        return next((cookie.value or "" for cookie in jar if cookie.name == name), "")

    def close(self) -> None:
        for program in self._elsewhere:
            program.close()
        self.http.close()

    # What people do with forms

    def set_up(self) -> None:
        """Opens the place as its owner, Alice; everybody may sign up."""
        self.submit(
            "/setup/",
            name="Millbrook Repair Café",
            username="alice",
            display_name="Alice Archer",
            email="alice@example.org",
            password=PASSWORD,
            sign_up="open",
        )

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """Sends a form and returns the redirect that says that it was taken."""
        with suppress(KeyError):
            self.http.cookies.delete(self.csrf_cookie)  # signing in has set another
        self.http.cookies.set(self.csrf_cookie, CSRF)
        answer = self.http.post(path, data=fields)
        assert answer.is_redirect, f"{path}: {answer.status_code} {fragment_text(answer)}"
        return answer

    def say(self, slug: str, text: str, *, key: str = "") -> None:
        """Posts until it is accepted, under one key."""
        key = key or secrets.token_urlsafe(9)
        self._insist(f"/rooms/{slug}/send/", key=key, text=text)

    def edit(self, slug: str, number: int, text: str) -> None:
        self._insist(f"/rooms/{slug}/{number}/edit/", text=text)

    def delete(self, slug: str, number: int) -> None:
        self._insist(f"/rooms/{slug}/{number}/delete/")

    def _insist(self, path: str, **fields: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.submit(path, **fields)
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline, f"{self.url} is away for too long"
                time.sleep(RETRY)

    # What people read

    def load(self, slug: str) -> Page:
        """The room's page as it is now."""
        answer = self.http.get(f"/rooms/{slug}/")
        assert answer.status_code == 200, answer
        return Page(answer.text)

    def everything(self, slug: str) -> list[str]:
        """All rows of the room, read page by page as they are now."""
        page = self.load(slug)
        rows, older = page.rows, page.all("#older")
        while older:
            answer = self.http.get(older[0].attributes["hx-get"], headers={"HX-Request": "true"})
            piece = fragment(answer.text)
            rows, older = rows_of(piece) + rows, piece.all("#older")
        assert rows, "nothing was said there, or this does not find it"
        return rows

    def listen(self, slug: str) -> Listener:
        """Opens the room's page and its socket."""
        return Listener(self, slug)


def fragment_text(answer: httpx.Response) -> str:
    """What an answer says, for a message of failure."""
    return " ".join(answer.text.split())[-2_000:]


class Listener:
    """A page whose socket is read whenever somebody waits for something on it."""

    def __init__(self, program: Program, slug: str) -> None:
        self.program, self.slug = program, slug
        self.page = program.load(slug)
        self.opened = 0  # how often the socket was connected
        self.closed: int | None = None  # the code with which the server closed the socket for good
        self._connection = ExitStack()
        self.socket = self._connect()

    def _connect(self) -> ClientConnection:
        program = self.program
        self._connection.close()
        opening = connect(
            f"{program.url.replace('http', 'ws', 1)}/ws/rooms/{self.slug}/",
            ssl=program.tls,
            origin=Origin(program.url),
            additional_headers={"Cookie": f"{program.session_cookie}={program.session}"},
            open_timeout=PATIENCE,
            compression=None,
        )
        socket: ClientConnection = self._connection.enter_context(opening)
        self.opened += 1
        self.send(socket, type="resume", after=self.page.cursor)
        return socket

    @staticmethod
    def send(socket: ClientConnection, **frame: Any) -> None:
        socket.send(json.dumps(frame))

    def typing(self) -> None:
        self.send(self.socket, type="typing")

    def move(self, program: Program) -> None:
        """Goes on at another server with the page that it has."""
        self.close()
        self.program = program
        self.socket = self._connect()

    def until(self, is_so: Callable[[Page], bool], what: str) -> Page:
        """Reads frames until the page shows it. Connects again as a browser does when it is cut off."""
        deadline = time.monotonic() + PATIENCE
        while not is_so(self.page):
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
            assert self.closed is None, f"{what}: the server closed with {self.closed}"
            self._read(0.2)
        return self.page

    def until_closed(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self.closed is None:
            assert time.monotonic() < deadline, f"not closed within {PATIENCE} s"
            self._read(0.2)
        return self.closed

    def _read(self, seconds: float) -> None:
        try:
            frame = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return
        except ConnectionClosed as end:
            code = end.rcvd.code if end.rcvd else 1006
            if code in CUT_OFF:
                self._reconnect()
            else:
                self.closed = code
            return
        assert isinstance(frame, str)
        self.page.receive(frame)

    def _reconnect(self) -> None:
        try:
            self.socket = self._connect()
        except (OSError, EOFError, InvalidHandshake):
            time.sleep(RETRY)  # it is not there yet

    def close(self) -> None:
        self._connection.close()
