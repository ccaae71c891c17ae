"""Keeping somebody from writing in a room, letting them again, and who is kept from what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..models import Report, Restriction, Standing, User, restriction
from ..models.permissions import demand
from ..moderation_forms import MuteForm
from .doors import entered_or_404
from .reports import shown

if TYPE_CHECKING:
    from django.http import HttpResponse

    from ..models import Room
    from .doors import AuthenticatedHttpRequest


def _entered(request: AuthenticatedHttpRequest, slug: str) -> tuple[Room, Standing]:
    """Of whoever moderates the room. Raises `PermissionDenied` for others."""
    room, membership = entered_or_404(request, slug)
    standing = Standing.of(request.user, room, membership)
    demand(standing.may_manage)
    return room, standing


def _person_or_404(room: Room, user_id: str) -> User:
    """Somebody who has to do with the room: belongs to it, wrote there or is kept from something."""
    if not re.fullmatch(r"[0-9]{1,18}", user_id):
        raise Http404
    person = User.objects.filter(pk=int(user_id)).first()
    if person is None or not (
        room.memberships.filter(user=person).exists()
        or room.restrictions.filter(user=person).exists()
        or room.messages.filter(author=person).exists()
    ):
        raise Http404
    return person


@require_http_methods(["GET", "POST"])
@login_required
def mute(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """How long somebody may only read, or that they may write again. The form says which of the two."""
    room, standing = _entered(request, slug)
    asked = request.GET if request.method == "GET" else request.POST
    person = _person_or_404(room, asked.get("user", ""))
    demand(standing.may_moderate(person.pk, person.role), _("That is for an owner to decide."))
    to = request.POST.get("to", "mute")
    if request.method == "POST" and to not in {"mute", "unmute"}:
        raise BadRequest
    if request.method == "POST" and to == "unmute":
        restriction.unmute(room, person, by=request.user)
        messages.success(request, _("%(name)s can write again.") % {"name": person.name})
        return redirect("moderation", room.slug)
    form = MuteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        restriction.mute(room, person, by=request.user, until=form.until, reason=reason)
        messages.success(request, _("%(name)s is muted in this room.") % {"name": person.name})
        return redirect("moderation", room.slug)
    held = Restriction.objects.filter(room=room, user=person).first()
    context = {
        "room": room,
        "standing": standing,
        "person": person,
        "form": form,
        "held": held if held and held.muted else None,
        "moderates": room.standing_of(person).may_manage,
    }
    return render(request, "rooms/member_mute.html", context)


@require_POST
@login_required
def let_back(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Let somebody come in again who was kept out."""
    room, _standing = _entered(request, slug)
    person = _person_or_404(room, request.POST.get("user", ""))
    restriction.let_back(room, person, by=request.user)
    messages.success(request, _("%(name)s can come back.") % {"name": person.name})
    return redirect("moderation", room.slug)


@require_GET
@login_required
def overview(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """What was reported in the room, and who is kept from writing or being there."""
    room, standing = _entered(request, slug)
    found = Report.objects.open().seen_by(request.user).filter(Q(room=room))
    context = {
        "room": room,
        "standing": standing,
        "held": Restriction.in_force(room),
        **shown(request, found),
    }
    return render(request, "rooms/moderation.html", context)
