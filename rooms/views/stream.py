"""The endless page that shows a room live to a browser without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ..live.connections import Reader
from ..live.fragments import Variant
from ..live.streams import Stream
from .doors import room_or_404

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from .doors import AuthenticatedHttpRequest


@require_GET
async def stream(request: AuthenticatedHttpRequest, slug: str) -> HttpResponseBase:
    """The room as a document that never ends.

    With `wait` a document that ends and leads to it a second later: the page around it counts as loaded
    only when everything in it is, and an endless document never is. `new` is the number of the message
    before which the page around it says that what follows is new.
    """
    user = await request.auser()
    if not user.is_authenticated:
        return render(request, "stream/plain_signed_out.html", status=401)
    request.user = user
    room = await database_sync_to_async(room_or_404)(request, slug)
    asked = request.GET.get("new", "")
    new = int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else None
    if "wait" in request.GET:
        return render(request, "stream/plain_wait.html", {"new": new or ""})
    reader = Reader(user.pk, request.session.session_key or "", Variant.current(), user.scheme)
    response = StreamingHttpResponse(Stream(room.pk, room.slug, reader, new).pieces())
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would hold the rows back
    response["Content-Encoding"] = "identity"  # and so would compression
    return response
