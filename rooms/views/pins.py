"""Pinned messages: what everybody should find again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from ..live import fragments
from ..live.fragments import Variant
from ..models import MessageRefused
from .doors import reader_required, room_or_404
from .menu import message_or_404, shown_in_page
from .reader import composer_urls

if TYPE_CHECKING:
    from .doors import AuthenticatedHttpRequest


@require_GET
@reader_required
def pins(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """The room's pinned messages, the one first that was pinned last."""
    room = room_or_404(request, slug)
    rows = fragments.rows_apart(room.pinned(), Variant.current())
    context = {
        "room": room,
        "name": room.called_by(request.user),
        "rows": rows,
        "urls": composer_urls(),
    }
    return render(request, "rooms/pins.html", context)


@require_POST
@reader_required
def pin(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Pins the message, or with `to=unpin` takes that back."""
    message, _membership = message_or_404(request, slug, number)
    change = message.unpin if request.POST.get("to") == "unpin" else message.pin
    try:
        changed = change(by=request.user)
    except MessageRefused as refusal:
        error = " ".join(refusal.messages)
        if request.htmx:
            return HttpResponse(fragments.problem(error, Variant.current()))
        notices.error(request, error)
        return redirect("message", slug=slug, number=number)
    if not request.htmx:
        return redirect("message", slug=slug, number=number)
    message.refresh_from_db(fields=["version", "pinned_at"])
    return shown_in_page(request, message, changed=changed)
