"""daphne with what a public server needs: bounded requests, an orderly stop, clear errors."""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogPublisher,
)

from project import environment

# Connections that wait to be taken: after a restart every page comes back within a moment.
BACKLOG = 1024

NORMAL_CLOSURE = 1000
SERVICE_RESTART = 1012  # the close code after which pages connect again


class BoundedRequest(WebRequest):
    """Breaks off a request whose body is too large; daphne would write any length to disk."""

    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802  # Twisted's name
        too_long = length is not None and length > settings.REQUEST_MAX_SIZE
        super().gotLength(0 if too_long else length)
        if too_long:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        # A chunked body has no length beforehand.
        self._received += len(data)
        if self._received > settings.REQUEST_MAX_SIZE:
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self.channel.transport.write(
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            self.channel.loseConnection()


class BoundedHTTPFactory(HTTPFactory):
    def buildProtocol(self, addr: object) -> Any:  # noqa: N802  # Twisted's name
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


class Socket(WebSocketProtocol):
    def serverClose(self, code: int | None = None) -> None:  # noqa: N802  # daphne's name
        # autobahn's own way to close knows only 1000 and private codes, but pages come back after
        # 1012 and 1013, which RFC 6455's registry added for a server to say just that.
        self.sendCloseFrame(code=code or NORMAL_CLOSURE)


class SocketFactory(WebSocketFactory):
    protocol = Socket


# The server looks the classes up by these names; it has no parameters for them.
daphne.server.HTTPFactory = BoundedHTTPFactory
daphne.server.WebSocketFactory = SocketFactory


class Server(daphne.server.Server):
    """Serves on one address until SIGINT or SIGTERM; `ready` is told the port in use."""

    def __init__(self, application: object, host: str, port: int, ready: Callable[[int], None]):
        self.host = host
        self.port = port
        self.failure = ""
        self.connections: dict[Any, dict[str, Any]] = {}
        interface = host.replace(":", r"\:")  # in this notation a bare colon separates
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"],
            # A socket lives as long as its page does.
            websocket_timeout=-1,
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

    def listen_error(self, failure: Any) -> None:
        self.failure = _why_not(self.host, self.port, failure.value)
        self.stop()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        # daphne takes the path it is mounted under from a request's header, that is from anybody.
        scope["root_path"] = self.root_path
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Any:
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
