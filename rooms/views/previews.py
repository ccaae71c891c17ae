"""Previews of links: their pictures, and taking one out of one's message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from ..live import fragments
from ..live.fragments import Variant
from ..models import MessageRefused, PreviewPicture, Standing
from ..models.permissions import demand
from ..models.preview import previews_of
from .doors import entered_or_404
from .menu import shown_in_page
from .reader import YEAR

if TYPE_CHECKING:
    from ..models import Message
    from .doors import AuthenticatedHttpRequest


@require_GET
@login_required
def show_picture(request: AuthenticatedHttpRequest, picture: str) -> HttpResponse:
    """A picture that came with a link, from us: its own server is not told who reads the room."""
    found = get_object_or_404(PreviewPicture, pk=picture)
    response = HttpResponse(bytes(found.content), content_type="image/webp")
    patch_cache_control(response, private=True, max_age=YEAR, immutable=True)
    return response


@require_http_methods(["GET", "POST"])
@login_required
def remove(request: AuthenticatedHttpRequest, slug: str, number: int, preview: str) -> HttpResponse:
    """Takes a link's preview out of one's message; a page asks before, where there is no JavaScript."""
    room, membership = entered_or_404(request, slug)
    message = room.messages.select_related("author", "room").filter(number=number).first()
    if message is None:
        raise Http404
    demand(Standing.of(request.user, room, membership).may_remove_previews(message.author_id))
    shown = next((each for each in previews_of(message.previews) if each.key == preview), None)
    error = ""
    if request.method == "POST":
        try:
            changed = message.remove_preview(preview, by=request.user)
            return _removed(request, message, changed=changed)
        except MessageRefused as refusal:
            error = " ".join(refusal.messages)
        if request.htmx:
            return HttpResponse(fragments.problem(error, Variant.current()))
    elif shown is None:
        return redirect("message", slug=slug, number=number)
    context = {"room": room, "message": message, "preview": shown, "error": error}
    return render(request, "rooms/preview_remove.html", context, status=400 if error else 200)


def _removed(request: AuthenticatedHttpRequest, message: Message, *, changed: bool) -> HttpResponse:
    if not request.htmx:
        notices.success(request, _("The preview was removed."))
        return redirect("message", slug=message.room.slug, number=message.number)
    message.refresh_from_db()
    return shown_in_page(request, message, changed=changed)
