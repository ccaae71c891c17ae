"""Copies to take along: asked for, watched while they are made, fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_safe

from rooms.models import Export, Standing
from rooms.models.export import ExportRefused
from rooms.models.permissions import demand
from rooms.views.doors import entered_or_404, part_reader_required, room_or_404
from rooms.views.sending import sent

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from rooms.models import Room
    from rooms.views.doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
def of_room(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """A copy of the room: whether there is one, and a button for a new one."""
    room, membership = entered_or_404(request, slug)
    standing = Standing.of(request.user, room, membership)
    demand(standing.may_export)
    if request.method == "POST":
        _ask(request, room)
        return redirect("room-export", room.slug)
    context = {"room": room, "standing": standing, "name": room.called_by(request.user)}
    return _page(request, "rooms/room_export.html", room, context)


@require_http_methods(["GET", "POST"])
@part_reader_required("rooms/_exports_closed.html", "#exports")
def own(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader's own data: a copy of it, and the way to delete the account."""
    if request.method == "POST":
        _ask(request, None)
        return redirect("account-data")
    return _page(request, "rooms/account_data.html", None, {})


def _ask(request: AuthenticatedHttpRequest, room: Room | None) -> None:
    try:
        Export.ask(request.user, room)
    except ExportRefused as refusal:
        messages.error(request, refusal.message)


def _page(
    request: AuthenticatedHttpRequest, template: str, room: Room | None, context: dict[str, Any]
) -> HttpResponse:
    """With `part` a page asks how far it is."""
    export = Export.objects.filter(user=request.user, room=room).order_by("-pk").first()
    context |= {"export": export, "address": request.path}
    if request.htmx and "part" in request.GET:
        return render(request, "rooms/_export.html", context)
    return render(request, template, context)


@require_safe
@login_required
def file(request: AuthenticatedHttpRequest, pk: int) -> HttpResponseBase:
    """The copy, for who asked for it, as long as they may have it."""
    theirs = Export.objects.filter(user=request.user, state=Export.State.READY)
    export = get_object_or_404(theirs.select_related("room"), pk=min(pk, 1 << 62))
    if export.expires_at is None or timezone.now() > export.expires_at:
        raise Http404
    name = request.user.username
    if export.room is not None:
        room = room_or_404(request, export.room.slug)
        demand(room.standing_of(request.user).may_export)
        name = room.called_by(request.user)
    called = f"{slugify(name, allow_unicode=True) or 'copy'}-{export.created_at:%Y-%m-%d}.zip"
    response = sent(request, export.path, "application/zip", called, inline=False)
    # Asked anew each time: whether they may have it can change.
    response.headers["Cache-Control"] = "private, no-store"
    return response
