"""Belonging to a room, and arranging it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from rooms.forms import MemberForm, RoomDetailsForm
from rooms.models import Membership, Room, RoomClosed
from rooms.views.doors import room_or_404

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


class Standing(NamedTuple):
    """How the reader stands to a room."""

    room: Room
    membership: Membership | None
    may_manage: bool


def _standing(request: AuthenticatedHttpRequest, slug: str) -> Standing:
    room = room_or_404(request, slug)
    membership = room.membership_of(request.user)
    return Standing(room, membership, room.may_be_managed_by(request.user, membership))


def _not_direct(room: Room) -> None:
    """Nobody can leave a direct conversation, and there is nothing about it to be told or arranged."""
    if room.direct:
        raise Http404


def _managed(request: AuthenticatedHttpRequest, slug: str) -> Room:
    """The room, for those who may arrange it. Raises `PermissionDenied` for others who see it."""
    standing = _standing(request, slug)
    if not standing.may_manage:
        raise PermissionDenied
    return standing.room


@require_http_methods(["GET", "POST"])
@login_required
def join(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Come into an open room; whoever sees a private one is in it already. A GET, which is how
    somebody returns who had to sign in first, only shows the room."""
    room = room_or_404(request, slug)
    if request.method == "POST" and not room.private:
        room.join(request.user)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def leave(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Go for good: what that means is said first."""
    room = room_or_404(request, slug)
    _not_direct(room)
    membership = room.membership_of(request.user)
    if membership is None:
        return redirect("room-settings", room.slug)
    if request.method == "POST":
        room.remove(request.user)
        messages.success(request, _("You left “%(room)s”.") % {"room": room.name})
        return redirect("rooms")
    others = room.memberships.exclude(pk=membership.pk)
    context = {
        "room": room,
        "alone": not others.exists(),
        "hands_over": membership.is_moderator and not others.filter(is_moderator=True).exists(),
    }
    return render(request, "rooms/room_leave.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def change(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Name and topic, to be changed by those who may and read by the others."""
    standing = _standing(request, slug)
    _not_direct(standing.room)
    if request.method == "POST":
        return _change(request, standing)
    form = RoomDetailsForm(initial={"name": standing.room.name, "topic": standing.room.topic})
    return _settings(request, standing, form)


def _change(request: AuthenticatedHttpRequest, standing: Standing) -> HttpResponse:
    if not standing.may_manage:
        raise PermissionDenied
    form = RoomDetailsForm(request.POST)
    if not form.is_valid():
        return _settings(request, standing, form)
    try:
        standing.room.change_details(
            name=form.cleaned_data["name"], topic=form.cleaned_data["topic"]
        )
    except RoomClosed as closed:
        form.add_error(None, closed)
        return _settings(request, standing, form, status=409)
    return redirect("room", standing.room.slug)


def _settings(
    request: AuthenticatedHttpRequest, standing: Standing, form: RoomDetailsForm, status: int = 200
) -> HttpResponse:
    context = {**standing._asdict(), "form": form, "members": standing.room.memberships.count()}
    return render(request, "rooms/room_settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def archive(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Close a room for writing, or open it again. The form says which of the two was asked for: by
    the time it comes, another may have done it."""
    room = _managed(request, slug)
    context: dict[str, Any] = {"room": room}
    if request.method == "GET":
        return render(request, "rooms/room_archive.html", context)
    change = {"archive": room.archive, "restore": room.restore}.get(request.POST.get("to", ""))
    if change is None:
        raise BadRequest
    try:
        change()
    except RoomClosed as closed:
        context["error"] = closed.message
        return render(request, "rooms/room_archive.html", context, status=409)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def members(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Who belongs to the room; those who may arrange it let others in."""
    standing = _standing(request, slug)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and not standing.may_manage:
        raise PermissionDenied
    if form.is_valid():
        standing.room.add(form.cleaned_data["username"])
        return redirect("members", standing.room.slug)
    memberships = standing.room.memberships.select_related("user")
    people = sorted(memberships, key=lambda each: (each.user.name.casefold(), each.pk))
    context = {
        **standing._asdict(),
        "name": standing.room.called_by(request.user),
        "alone": standing.room.direct
        and len(people) <= 2,  # they need not be led to this very place
        "form": form,
        "memberships": people,
    }
    return render(request, "rooms/members.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def remove(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """End somebody else's membership. Going oneself is another page, which says what that means."""
    room = _managed(request, slug)
    asked = request.GET if request.method == "GET" else request.POST
    member = _member_or_404(room, asked.get("user", ""))
    if member.user == request.user:
        return redirect("room-leave", room.slug)
    if request.method == "GET":
        return render(request, "rooms/member_remove.html", {"room": room, "member": member})
    room.remove(member.user)
    return redirect("members", room.slug)


def _member_or_404(room: Room, user_id: str) -> Membership:
    if not re.fullmatch(r"[0-9]{1,18}", user_id):  # as many digits as every database takes
        raise Http404
    members = Membership.objects.select_related("user")
    return get_object_or_404(members, room=room, user_id=user_id)
