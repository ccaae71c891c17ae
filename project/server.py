"""daphne with what a public server needs: bounded requests, an orderly stop, clear errors."""

import asyncio
import errno
import json
import logging
import os
import re
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import daphne.http_protocol
import daphne.server
import daphne.ws_protocol
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from twisted.internet import defer, tcp
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogPublisher,
)

from project import environment

logger = logging.getLogger(__name__)

# Connections that wait to be taken: after a restart every page comes back within a moment.
BACKLOG = 1024

HANDSHAKE = 20  # seconds that letting a socket in may take
DRAIN = 10.0  # seconds for what has begun to be finished once the server is told to stop

NORMAL_CLOSURE = 1000
SERVICE_RESTART = 1012  # the close code after which pages connect again


# Where files are uploaded: with a message or before it, and as somebody's picture.
TAKES_FILES = re.compile(
    rb"/(?:rooms/[^/?]+/(?:send|files|mention)|accounts/(?:profile|picture))/(?:\?|$)"
    rb"|/api/rooms/[^/?]+/files(?:\?|$)"
)

# Refusals before any view is asked.
TOO_LARGE = "This is too large: at most {limit} MB can be sent at once."
TOO_BUSY = "Too much is being uploaded just now. Wait a minute, then try again."
LINGER = 5.0  # seconds of silence after which a client that was refused is not listened to any more
LINGER_AT_MOST = 600.0  # seconds


class BoundedRequest(WebRequest):
    """Breaks off a request whose body is too large; daphne would write any length to disk."""

    receiving = 0  # bytes of bodies that the process holds, of all requests together

    content: Any

    _received = 0
    _refused = False
    _lingering: Any = None
    _end: Any = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802  # Twisted's name
        # Of a request's own path Twisted knows only when its body has come.
        takes_files = TAKES_FILES.match(self.channel._path)  # noqa: SLF001
        self._limit = settings.UPLOAD_MAX_SIZE if takes_files else settings.REQUEST_MAX_SIZE
        too_long = length is not None and length > self._limit
        super().gotLength(0 if too_long else length)
        if not isinstance(self.content, BytesIO):
            self.content.close()
            self.content = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        if too_long:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        if self._refused:
            if self._lingering is not None and self._lingering.active():
                self._lingering.reset(LINGER)
            return
        # A chunked body has no length beforehand.
        if self._received + len(data) > self._limit:
            self._refuse(lingering=False)
        elif BoundedRequest.receiving + len(data) > settings.RECEIVING_MAX_SIZE:
            self._refuse(busy=True)
        else:
            self._count(len(data))
            super().handleContentChunk(data)

    def _count(self, size: int) -> None:
        self._received += size
        BoundedRequest.receiving += size

    def let_go(self) -> None:
        """The body is somebody else's now, or gone."""
        self._count(-self._received)

    def finish(self) -> None:
        self.let_go()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802  # Twisted's name
        self.let_go()
        self._stop_lingering()
        super().connectionLost(reason)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Of a server that ends, this is the last answer on its connection: who keeps one open to ask
        again and again would not let it end, and asks another process on a new one."""
        starts = message["type"] == "http.response.start"
        if starts and self.server.told_to_stop and self.channel is not None:
            self.channel.persistent = False
            self.responseHeaders.setRawHeaders(b"connection", [b"close"])
        super().handle_reply(message)

    def requestReceived(self, *args: Any) -> None:  # noqa: N802  # Twisted's name
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(*args)

    def _refuse(self, *, busy: bool = False, lingering: bool = True) -> None:
        """Says so at once, and swallows what was announced: to a browser that is still sending, closing
        the connection would look as if the line had been cut, and its page would send it all again."""
        self._refused = True
        self.let_go()
        self.content.truncate(0)
        sentence = TOO_BUSY if busy else TOO_LARGE.format(limit=self._limit // 1_000_000)
        kind = b"text/plain"
        if self.requestHeaders.hasHeader(b"HX-Request"):  # beside the files that were chosen
            sentence, kind = (
                f'<span class="chip failed" role="alert">{sentence}</span>',
                b"text/html",
            )
        elif self.channel._path.startswith(b"/api/"):  # noqa: SLF001
            sentence, kind = _problem(sentence, busy=busy), b"application/problem+json"
        body = sentence.encode()
        self.channel.transport.write(
            b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Type: %b; charset=utf-8\r\n"
            b"X-Content-Type-Options: nosniff\r\nHX-Reswap: beforeend\r\nContent-Length: %d\r\n\r\n%b"
            % (
                b"503 Service Unavailable" if busy else b"413 Content Too Large",
                kind,
                len(body),
                body,
            )
        )
        if not lingering:
            self.channel.loseConnection()
            return
        reactor = daphne.server.reactor
        hang_up = self.channel.transport.loseConnection
        self._lingering = reactor.callLater(LINGER, hang_up)
        self._end = reactor.callLater(LINGER_AT_MOST, hang_up)

    def _stop_lingering(self) -> None:
        for timer in (self._lingering, self._end):
            if timer is not None and timer.active():
                timer.cancel()


def _problem(sentence: str, *, busy: bool) -> str:
    """For a program, as rooms/api/problems.py has it."""
    status, title, code = (
        (503, "Service Unavailable", "busy") if busy else (413, "Content Too Large", "too_large")
    )
    return json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code}
    )


class BoundedHTTPFactory(HTTPFactory):
    def buildProtocol(self, addr: object) -> Any:  # noqa: N802  # Twisted's name
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


class PromptTransport(tcp.Server):
    """Sends at once what the kernel takes at once.

    Twisted's own keeps everything until the reactor comes round: it registers for writing, is polled,
    writes and unregisters, which for a small frame costs several times what sending it does.
    """

    @property
    def unsent(self) -> int:
        """Bytes that the client has not made room for."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting and not self.unsent:
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                pass
            except OSError:
                pass  # the connection is lost; the reactor will find that out with the same data
            if not data:
                return
        super().write(data)  # type: ignore[no-untyped-call]


class Socket(WebSocketProtocol):
    def write_frame(self, frame: bytes) -> int:
        """Send a whole frame, or nothing if the socket is not open. Returns the bytes that are unsent."""
        transport = self.transport
        if self.state == self.STATE_OPEN:
            transport.write(frame)
        unsent: int = transport.unsent
        return unsent

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802  # daphne's name
        # autobahn's own way to close knows only 1000 and private codes, but pages come back after
        # 1012 and 1013, which RFC 6455's registry added for a server to say just that.
        self.sendCloseFrame(code=code or NORMAL_CLOSURE)


class SocketFactory(WebSocketFactory):
    protocol = Socket

    def setProtocolOptions(self, **options: Any) -> None:  # noqa: N802  # autobahn's name
        """Options are the same for all sockets, so they are kept in a class of theirs. autobahn copies
        each into every socket, and formats them for a log that nobody keeps: a tenth of a handshake."""
        super().setProtocolOptions(**options)
        kept: dict[str, Any] = {name: getattr(self, name) for name in Socket.CONFIG_ATTRS}
        for name, option in kept.items():
            if callable(option):  # of a class it would become a method
                kept[name] = staticmethod(option)
        self.protocol = type("Socket", (Socket,), {**kept, "CONFIG_ATTRS": []})  # type: ignore[assignment]


# The server looks the classes up by these names; it has no parameters for them.
daphne.server.HTTPFactory = BoundedHTTPFactory
daphne.server.WebSocketFactory = SocketFactory

# Twisted and daphne wait by the time of day. Were that set back an hour, nothing that is to be done soon
# would be done within it: no socket would be pinged, and whoever's network had gone would stay.
daphne.server.reactor.seconds = time.monotonic
for module in (daphne.server, daphne.http_protocol, daphne.ws_protocol):
    vars(module)["time"] = SimpleNamespace(time=time.monotonic)


class Server(daphne.server.Server):
    """Serves on one address until SIGINT or SIGTERM.

    `ready` is told the port in use. `drain` takes leave of whoever has a page open; meanwhile requests
    that have begun are finished, and nobody new is let in.
    """

    def __init__(
        self,
        application: object,
        host: str,
        port: int,
        ready: Callable[[int], None],
        drain: Callable[[], Awaitable[None]],
    ):
        self.host = host
        self.port = port
        self.drain = drain
        self.one_is_done = asyncio.Event()
        self.told_to_stop = False
        self.drained = False
        self.failure = ""
        self.connections: dict[Any, dict[str, Any]] = {}
        interface = host.replace(":", r"\:")  # in this notation a bare colon separates
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"],
            signal_handlers=False,  # Twisted's do not bear a second signal; see run()
            # A socket lives as long as its page does.
            websocket_timeout=-1,
            # After a restart everybody comes at once, and is better late than turned away.
            websocket_handshake_timeout=HANDSHAKE,
            websocket_connect_timeout=HANDSHAKE,
            websocket_max_message_size=settings.FRAME_MAX_SIZE,
            websocket_max_frame_size=settings.FRAME_MAX_SIZE,
            server_name="",
            ready_callable=lambda: ready(self.listening_addresses[0][1]),
        )
        # daphne drops what Twisted logs; its other choice sends all that is printed to the log, too.
        grave: Any = LogLevelFilterPredicate(LogLevel.warn)
        log: Any = STDLibLogObserver("twisted")
        publisher: Any = globalLogPublisher
        publisher.addObserver(FilteringLogObserver(log, [grave]))

    def run(self) -> None:
        # Often the same order comes twice: from the terminal and from make, which passes it on.
        for number in (signal.SIGINT, signal.SIGTERM):
            daphne.server.twisted_loop.add_signal_handler(number, self._told_to_stop)
        super().run()
        # It may come once more while Python ends, which would then take it for itself and fail.
        for number in (signal.SIGINT, signal.SIGTERM):
            daphne.server.twisted_loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _told_to_stop(self) -> None:
        if not self.told_to_stop:
            self.told_to_stop = True
            daphne.server.reactor.stop()

    def listen_success(self, port: Any) -> None:
        self.listening = port
        port.transport = PromptTransport  # what a port makes of each connection that it accepts
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        self.failure = _why_not(self.host, self.port, failure.value)
        self.stop()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if self.drained:
            return asyncio.Queue()  # which nobody reads: the connection is about to be closed
        # daphne takes the path it is mounted under from a request's header, that is from anybody.
        scope["root_path"] = self.root_path
        if isinstance(protocol, Socket):
            # What consumers write by this goes to the kernel without ASGI's events in between.
            scope["extensions"] = {"roomful.frames": {"write": protocol.write_frame}}
        else:
            transport = protocol.transport
            scope["extensions"] = {"roomful.unsent": lambda: getattr(transport, "unsent", 0)}
            if not isinstance(protocol.content, BytesIO):
                # Read as ASGI's events it would be in memory as a whole.
                scope["extensions"]["roomful.body"] = protocol.content
                protocol.content = BytesIO()
        queue = super().create_application(protocol, scope)
        if queue is not None:
            application = self.connections[protocol]["application_instance"]
            application.add_done_callback(lambda _ended: self.one_is_done.set())
        return queue

    def kill_all_applications(self) -> Any:
        """What daphne does before the end of the reactor, which waits for what this returns."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        if self.failure:
            return  # it never listened
        self.listening.stopListening()
        try:
            async with asyncio.timeout(DRAIN):
                await self.drain()
                while self._requests():
                    self.one_is_done.clear()
                    await self.one_is_done.wait()
        except TimeoutError:
            logger.warning("%s requests were not finished in %s s", len(self._requests()), DRAIN)
        self.drained = True
        await self._kill_all_applications().asFuture(asyncio.get_running_loop())

    def _requests(self) -> list[BoundedRequest]:
        """Those that have come in full and are not done. What Django does after its answer counts, too:
        broken off, it would leave an error in the log."""
        return [
            protocol
            for protocol, details in self.connections.items()
            if isinstance(protocol, BoundedRequest)
            and "application_instance" in details
            and not details["application_instance"].done()
        ]

    def describe(self) -> Iterable[Metric]:
        return []  # else it would be asked at once, to learn its names

    def collect(self) -> Iterable[Metric]:
        """What is so just when somebody asks `/metrics`; as prometheus_client's collectors."""
        sockets = [protocol for protocol in self.connections if isinstance(protocol, Socket)]
        yield GaugeMetricFamily(
            "roomful_sockets", "WebSockets that are open or coming or going.", value=len(sockets)
        )
        yield GaugeMetricFamily(
            "roomful_requests", "Requests that are being answered.", value=len(self._requests())
        )
        yield GaugeMetricFamily(
            "roomful_unsent_bytes",
            "What sockets have not taken yet, in the process.",
            value=sum(getattr(socket.transport, "unsent", 0) for socket in sockets),
        )

    def _kill_all_applications(self) -> Any:
        for protocol in list(self.connections):
            if isinstance(protocol, Socket) and protocol.state == Socket.STATE_OPEN:
                protocol.serverClose(code=SERVICE_RESTART)
        # daphne expects every connection to have an application, but some are just coming or going.
        none: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        none.set_result(None)
        for details in self.connections.values():
            details.setdefault("application_instance", none)
        return super().kill_all_applications()


def _why_not(host: str, port: int, error: BaseException) -> str:
    reason = getattr(error, "socketError", error)
    number = getattr(reason, "errno", None)
    where = f"{environment.in_brackets(host)}:{port}"
    if number == errno.EADDRINUSE:
        return f"Something else listens on {where} already: stop it, or set PORT to another port."
    if number == errno.EACCES:
        return f"This user is not allowed to listen on {where}: set PORT to 1024 or higher."
    if number == errno.EADDRNOTAVAIL:
        return f"HOST is {host}, but this machine has no such address."
    described = os.strerror(number) if isinstance(number, int) and number > 0 else str(reason)
    return f"Roomful can't listen on {where}: {described}."
