"""A bad line between people and the server, as far as a program can be one.

The kernels that tests run on often lack netem, which would delay and drop packets; and a dropped packet
is nothing that a program sees: TCP sends it again. What a program sees of it is modelled here: the bytes
come later, and none of the same connection overtakes them.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

CHUNK = 1448  # bytes; what a packet holds
ON_THE_WAY = 4_000  # chunks; who sends more has to wait


class Line:
    """Forwards `url` to the server at `target`.

    `delay`: seconds that everything takes, in each direction. `loss`: the share of packets that are lost
    and come by the retransmission, two delays and 200 ms later. `lifetime`: seconds after which a
    connection is broken, whatever is on it.
    """

    def __init__(
        self, target: int, *, delay: float = 0.0, loss: float = 0.0, lifetime: float | None = None
    ) -> None:
        self.target, self.delay, self.loss, self.lifetime = target, delay, loss, lifetime
        self.lost = self.broken = 0
        self._random = random.Random(0)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.url = f"http://127.0.0.1:{self.port}"

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        forth = None
        try:
            async with asyncio.timeout(self.lifetime):
                server, forth = await asyncio.open_connection("127.0.0.1", self.target)
                ways = [(client, forth), (server, back)]
                tasks = [asyncio.ensure_future(self._carry(*way)) for way in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in tasks:
                        each.cancel()
        except TimeoutError:
            self.broken += 1
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (back, forth):
                if end:
                    end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Until the source ends and all of it has arrived."""
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)
        arrival = asyncio.ensure_future(self._arrive(way, sink))
        try:
            with suppress(OSError):
                while data := await source.read(CHUNK):
                    await way.put((self._loop.time() + self._takes(), data))
            await way.put((self._loop.time() + self.delay, b""))
            await arrival
        finally:
            arrival.cancel()

    def _takes(self) -> float:
        """Seconds for one packet."""
        if self._random.random() >= self.loss:
            return self.delay
        self.lost += 1
        return 3 * self.delay + 0.2

    async def _arrive(
        self, way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while True:
                due, data = await way.get()
                if (wait := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait)
                if not data:
                    return
                sink.write(data)
                await sink.drain()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
