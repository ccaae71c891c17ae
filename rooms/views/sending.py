"""Files on their way to a browser: whole, a part of them, or by the proxy in front.

A file is read a piece at a time, when the client has taken most of the one before, and never by the
threads that answer requests: a slow client costs a task, an open file and a piece of memory.
"""

from __future__ import annotations

import asyncio
import re
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from .. import disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

PIECE = 256 * 1024  # bytes
UNSENT = 512 * 1024  # bytes that may wait for a client before the next piece is read
LOOK = 0.02  # seconds between two looks whether it has taken them
PATIENCE = 120.0  # seconds in which it has to take something
KEPT = 7 * 24 * 3600  # seconds that a browser may keep a file

HEADERS = {
    # Never changed, and the reader's alone.
    "Cache-Control": f"private, max-age={KEPT}, immutable",
    "Accept-Ranges": "bytes",
    # Whatever it is, opened by itself it runs nothing, loads nothing and is nobody's page.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Part(NamedTuple):
    """Bytes of a file, from the first to before the last."""

    start: int
    end: int


def sent(
    request: HttpRequest, path: str, kind: str, name: str, *, inline: bool
) -> HttpResponseBase:
    """The file at `path` of the disk as something of the type `kind`."""
    etag = f'"{path.replace("/", "").replace(".", "-")}"'
    try:
        file = disk.full(path).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    response = _answer(request, file, etag, path)
    if not response.streaming:
        file.close()
    for header, value in HEADERS.items():
        response.headers[header] = value
    response.headers["ETag"] = etag
    if response.status_code in {200, 206}:
        response.headers["Content-Type"] = kind
        disposition = content_disposition_header(as_attachment=not inline, filename=name)
        response.headers["Content-Disposition"] = disposition or "inline"
    return response


def _answer(request: HttpRequest, file: IO[bytes], etag: str, path: str) -> HttpResponseBase:
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    if settings.FILES_BY_PROXY:
        # The name is random letters and digits; nginx looks after ranges by itself.
        return HttpResponse(headers={"X-Accel-Redirect": f"/kept-files/{path}"})
    size = file.seek(0, 2)
    part, refused = _part(request, size, etag)
    if refused:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    whole = part or Part(0, size)
    headers = {"Content-Length": str(whole.end - whole.start)}
    if part:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    pieces = _pieces(file, whole, _unsent(request))
    response = StreamingHttpResponse(pieces, status=status, headers=headers)
    closers: Any = response
    closers._resource_closers.append(file.close)  # noqa: SLF001  # as Django's FileResponse does
    return response


def _part(request: HttpRequest, size: int, etag: str) -> tuple[Part | None, bool]:
    """What of the file is asked for, None for all; and whether there is no such part. One range is
    understood; of several, and of what is none, all is the right answer."""
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not found or request.headers.get("If-Range", etag) != etag or not any(found.groups()):
        return None, False
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None, False
    return (None, True) if start >= size else (Part(start, end), False)


def _unsent(request: HttpRequest) -> Callable[[], int]:
    """How many bytes wait for the client, where the server tells."""
    extensions = getattr(request, "scope", {}).get("extensions") or {}
    return extensions.get("roomful.unsent", int)  # type: ignore[no-any-return]


async def _pieces(file: IO[bytes], part: Part, unsent: Callable[[], int]) -> AsyncIterator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, part.start)
        left = part.end - part.start
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(PIECE, left))
            if not piece:
                return  # it was cut short; the client sees that by its length
            left -= len(piece)
            yield piece
            if not await _taken(unsent):
                return


async def _taken(unsent: Callable[[], int]) -> bool:
    """Waits until the client has taken enough. False if it takes nothing any more."""
    loop = asyncio.get_running_loop()
    least, until = unsent(), loop.time() + PATIENCE
    while (waits := unsent()) > UNSENT:
        if waits < least:
            least, until = waits, loop.time() + PATIENCE
        if loop.time() > until:
            return False
        await asyncio.sleep(LOOK)
    return True
