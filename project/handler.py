"""Django's HTTP, with one hop to a thread for each request.

Django's own handler runs its asynchronous chain on the event loop, and each middleware that is
synchronous, as nearly all are, hops from there to a thread and back: once for the request and once for
the response. These some twenty hops, the thread that every request was given and the connection that
this thread opened took more than half of the time of an empty page. Here everything between the request
and its response happens on one of a few threads that stay, and so do their connections. Only what is
asynchronous by nature remains on the loop: static files, the bodies of streams, and an `async` view.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.db import close_old_connections
from django.urls import set_script_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.handlers.asgi import ASGIRequest
    from django.http.response import HttpResponseBase

# Requests that are worked on at once. Threads are made as they are needed; so many wait for a database
# or a password's hash at most, while the interpreter itself works on one at a time.
THREADS = 32


class Handler(ASGIHandler):
    """Django's, but a request's synchronous chain is run as a whole by one thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002  # asked for, but not here
        super().load_middleware(is_async=False)

    def adapt_method_mode(
        self,
        is_async: bool,
        method: Any,
        method_is_async: bool | None = None,
        debug: bool = False,  # noqa: ARG002  # Django's
        name: str | None = None,  # noqa: ARG002  # Django's
    ) -> Any:
        """Around the synchronous chain, from its first middleware to the view, there is the one hop. What
        is asynchronous is further out and stays on the loop."""
        if method_is_async is None:
            method_is_async = iscoroutinefunction(method)
        return self._hop(method) if is_async and not method_is_async else method

    def _hop(self, chain: Callable[[ASGIRequest], HttpResponseBase]) -> Any:
        def answer(request: ASGIRequest) -> HttpResponseBase:
            request_started.send(sender=self.__class__, scope=request.scope)
            response = chain(request)
            if response.streaming:
                close_old_connections()  # the stream asks for its own
            else:
                self._finish(request, response)
            return response

        return sync_to_async(answer, thread_sensitive=False, executor=self._threads)

    def _finish(self, request: ASGIRequest, response: HttpResponseBase) -> None:
        """What is to be done after the answer, and with this thread's connections; nothing of it needs
        the answer to be on its way."""
        closed: Any = response
        closed._handler_class = self.__class__  # noqa: SLF001  # as Django's own handler does
        closed._resource_closers.append(request.close)  # noqa: SLF001
        response.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Without the context that gives a request a thread of its own.
        await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # What is long the server has in a file already.
        body = (scope.get("extensions") or {}).get("roomful.body") or body
        with body:
            set_script_prefix(get_script_prefix(scope))
            made: Any = self.create_request(scope, body)
            request, refusal = made
            if refusal is not None:
                await self.send_response(refusal, send)
                return
            response = await self.run_get_response(request)
            if not response.streaming:
                await self.send_response(response, send)
                return
            try:
                await self._stream(response, receive, send)
            finally:
                await sync_to_async(
                    response.close, thread_sensitive=False, executor=self._threads
                )()

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Until its end or until the client has gone."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        gone = asyncio.ensure_future(receive())  # all that comes after the request is its end
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, sending):
                task.cancel()
            await asyncio.wait([sending, gone])
        if not sending.cancelled():
            sending.result()
