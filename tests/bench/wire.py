"""A WebSocket at its plainest, which can be handed on: to the crowd, which is C."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.peers import Chat

PATIENCE = 60.0  # seconds
NO_MASK = bytes(4)  # a client has to mask, but may choose with what
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455's own example; nobody checks the answer here
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Refused(Exception):
    """The server did not open the socket, or closed it."""


def masked(payload: bytes, opcode: int = TEXT) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + NO_MASK + payload


def unpacked(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames of what a server sent, with their opcodes, and the beginning of the next."""
    frames, start = [], 0
    while len(data) - start >= 2:
        size, header = data[start + 1] & 127, 2
        if size >= 126:
            header = 4 if size == 126 else 10
            size = int.from_bytes(data[start + 2 : start + header], "big")
        end = start + header + size
        if len(data) < max(end, start + header):
            break
        frames.append((data[start] & 15, data[start + header : end]))
        start = end
    return frames, data[start:]


class Wire:
    """One client's socket. What was read of a frame that has not come whole is in `rest`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.rest = b""

    async def send(self, text: str) -> None:
        await asyncio.get_running_loop().sock_sendall(self.connection, masked(text.encode()))

    async def frames(self) -> list[bytes]:
        """What the server says next, as many frames as have come; pings are answered."""
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(self.connection, 1 << 18)
            if not data:
                raise Refused("the server hung up")
            frames, self.rest = unpacked(self.rest + data)
            for opcode, payload in frames:
                if opcode == CLOSE:
                    raise Refused(f"closed with {int.from_bytes(payload[:2], 'big')}")
                if opcode == PING:
                    await loop.sock_sendall(self.connection, masked(payload, PONG))
            if texts := [payload for opcode, payload in frames if opcode == TEXT]:
                return texts

    async def until(self, mark: bytes) -> None:
        while not any(mark in frame for frame in await self.frames()):
            pass

    def close(self) -> None:
        self.connection.close()


async def connected(chat: Chat, client: int, path: str = "") -> Wire:
    """A socket that the server has accepted, to the chat's room unless another `path` is named."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire = Wire(connection)
    try:
        async with asyncio.timeout(PATIENCE):
            await _upgrade(wire, chat, client, path or chat.path)
    except BaseException:
        connection.close()
        raise
    return wire


async def _upgrade(wire: Wire, chat: Chat, client: int, path: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(wire.connection, ("127.0.0.1", chat.port))
    headers = {
        "Host": f"127.0.0.1:{chat.port}",
        "Origin": f"http://127.0.0.1:{chat.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        **chat.headers(client),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\n{lines}\r\n"
    await loop.sock_sendall(wire.connection, request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await loop.sock_recv(wire.connection, 65536)
        if not data:
            raise Refused("the server hung up before it answered")
        answer += data
    head, _blank, wire.rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101 "):
        raise Refused(head.partition(b"\r\n")[0].decode())


async def entered(chat: Chat, client: int) -> Wire:
    """A socket that is in the room."""
    wire = await connected(chat, client)
    async with asyncio.timeout(PATIENCE):
        for greeting in chat.greetings():
            await wire.send(greeting)
        if chat.ready:
            frames, _rest = unpacked(wire.rest)
            if not any(chat.ready in payload for _opcode, payload in frames):
                await wire.until(chat.ready)
    return wire
