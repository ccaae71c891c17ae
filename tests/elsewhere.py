"""The internet, as far as a test needs it: names, addresses, and one real server for all of them.

The server answers as each test tells it, byte by byte where need be. The code under test resolves names
and opens connections by two functions; here they know these names and lead to this server, so all that
lies between (the guard, HTTP, TLS, deadlines) is the real thing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import httpcore
import pytest

from rooms import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rooms.fetch import Address

PUBLIC = "93.184.215.14"
PATIENCE = 60  # seconds that the server goes on for with somebody who does not leave

Says = bytes | list[bytes | float] | Callable[[socket.socket], None]


def page(head: str, body: str = "", *, more: str = "") -> bytes:
    """A page as an ordinary server sends it."""
    html = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()
    return answer(html, "text/html; charset=utf-8", more)


def answer(body: bytes, content_type: str, more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Internet:
    """`names` maps each host to the addresses that its next look-ups find; the last is found for ever.
    `pages` maps "host/path" to what the server says: bytes, or bytes and pauses (seconds) in turn, or a
    function that is given the socket."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    pages: dict[str, Says] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # their heads
    bodies: list[bytes] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        # Closing alone does not wake up who waits for a connection.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def host(self, name: str, *finds: str) -> None:
        """The name has these addresses from now on."""
        self.names[name] = [list(finds) or [PUBLIC]]

    def add(self, address: str, says: Says) -> None:
        """A page, on a host that is made with it."""
        self.names.setdefault(address.partition("/")[0], [[PUBLIC]])
        self.pages[address] = says

    # What the code under test calls instead of its own

    def look_up(self, host: str, port: int, seconds: float) -> list[Address]:
        self.looked_up.append(host)
        with contextlib.suppress(ValueError):
            return [ip_address(host)]
        finds = self.names.get(host)
        if finds is None:
            raise fetch.FetchFailed("no such host")
        found = finds.pop(0) if len(finds) > 1 else finds[0]
        return [ip_address(each) for each in found]

    def dial(self, address: Address, port: int, seconds: float) -> httpcore.NetworkStream:
        self.dialled.append(str(address))
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.port, seconds)

    # The server

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # Whoever asked may leave at any point: that is what many tests are about.
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.settimeout(PATIENCE)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            head, _blank, body = request.partition(b"\r\n\r\n")
            text = head.decode("latin-1") + "\r\n\r\n"
            path = text.split(" ", 2)[1]
            headers = dict(
                line.lower().split(": ", 1) for line in text.split("\r\n")[1:] if ": " in line
            )
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(65536)
            self.requests.append(text)
            self.bodies.append(body)
            says = self.pages.get(headers["host"].partition(":")[0] + path)
            if says is None:
                says = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            self._say(connection, says)
            connection.close()

    @staticmethod
    def _say(connection: socket.socket, says: Says) -> None:
        if isinstance(says, bytes):
            connection.sendall(says)
        elif isinstance(says, list):
            for each in says:
                if isinstance(each, bytes):
                    connection.sendall(each)
                else:
                    time.sleep(each)
        else:
            says(connection)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """What the code under test asks for, it asks of this one."""
    made = Internet()
    made.start()
    monkeypatch.setattr(fetch, "look_up", made.look_up)
    monkeypatch.setattr(fetch, "dial", made.dial)
    yield made
    made.stop()
