"""People who ask for pages, each over a connection that is kept open, as fast as they are answered."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.bench import machine

AS_A_BROWSER = {"Accept-Encoding": "gzip, deflate, br", "Accept-Language": "en"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did for a number of people that waited for each answer."""

    requests: int
    per_second: float
    cpu: float  # the server's, for one request, in milliseconds
    p50: float  # milliseconds
    p95: float
    client: float  # the client's share of its core
    foreign: float  # share of the server's core that others took


class Browser:
    """One person's connection."""

    def __init__(self, port: int, cookie: str, csrf: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.headers = {**AS_A_BROWSER, "Host": f"127.0.0.1:{port}", "Cookie": cookie}
        if csrf:
            name, token = next(iter(csrf.items()))
            self.headers |= {"Cookie": f"{cookie}; {name}={token}", "X-CSRFToken": token}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, **headers: str) -> bytes:
        status, body = await self.ask("GET", path, headers, "")
        assert status == 200, f"GET {path}: {status}"
        return body

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> bytes:
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        status, body = await self.ask("POST", path, form, urlencode(fields))
        assert status in {200, 302}, f"POST {path}: {status} {body[:500]!r}"
        return body

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        lines = {**self.headers, **headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(answer.split(" ", 2)[1])
        _before, found, after = answer.partition("\r\ncontent-length:")
        assert found, f"{method} {path}: an answer without a length"
        return status, await reader.readexactly(int(after.partition("\r\n")[0]))

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


async def load(
    pid: int, workers: Sequence[Callable[[], Awaitable[object]]], seconds: float
) -> Load:
    """Repeats each worker for some seconds."""
    taken: list[float] = []
    end = time.monotonic() + seconds

    async def repeat(work: Callable[[], Awaitable[object]]) -> None:
        while (started := time.monotonic()) < end:
            await work()
            taken.append(time.monotonic() - started)

    watch = machine.Watch(pid)
    async with asyncio.TaskGroup() as group:
        for work in workers:
            group.create_task(repeat(work))
    use = watch.read()
    hundredths = statistics.quantiles(taken, n=100)
    return Load(
        len(taken),
        len(taken) / use.seconds,
        use.server / len(taken) * 1000,
        hundredths[49] * 1000,
        hundredths[94] * 1000,
        use.client,
        use.foreign,
    )
