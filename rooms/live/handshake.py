"""Which handshakes of sockets have to show where the page is from that opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bearers import bearer_in

if TYPE_CHECKING:
    from collections.abc import Callable


class BearerOrOrigin:
    """A page of another site could open a socket with its visitor's cookies, so a page has to be ours. A
    program has no page; it shows a credential in a header, which no page can make a browser send, and its
    cookies are not read."""

    def __init__(self, inner: Callable[..., Any], *, without_origin: Callable[..., Any]) -> None:
        self._inner, self._without_origin = inner, without_origin

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if bearer_in(scope) is None:
            return await self._inner(scope, receive, send)
        return await self._without_origin({**scope, "cookies": {}}, receive, send)
