"""Belonging to a room, and arranging it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from rooms.forms import MemberForm, RoomSettingsForm
from rooms.models import Membership, Room, RoomClosed, Standing, restriction
from rooms.models.names import sort_key
from rooms.models.permissions import demand
from rooms.moderation_forms import RemovalForm
from rooms.views.doors import entered_or_404

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


class Entered(NamedTuple):
    """A room that the reader sees, and how they stand to it."""

    room: Room
    membership: Membership | None
    standing: Standing


def _entered(request: AuthenticatedHttpRequest, slug: str) -> Entered:
    room, membership = entered_or_404(request, slug)
    return Entered(room, membership, Standing.of(request.user, room, membership))


def _not_direct(room: Room) -> None:
    """Nobody can leave a direct conversation, and there is nothing about it to be told or arranged."""
    if room.direct:
        raise Http404


@require_http_methods(["GET", "POST"])
@login_required
def join(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Come into an open room; whoever sees a private one is in it already. A GET, which is how
    somebody returns who had to sign in first, only shows the room."""
    room, _membership, standing = _entered(request, slug)
    if request.method == "POST" and standing.may_join:
        room.join(request.user)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def leave(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Go for good: what that means is said first."""
    room, membership, standing = _entered(request, slug)
    _not_direct(room)
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
        "may_return": standing.may_join,
        "hands_over": membership.is_moderator and not others.filter(is_moderator=True).exists(),
    }
    return render(request, "rooms/room_leave.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def change(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Name, topic and who writes, to be changed by those who may and read by the others."""
    entered = _entered(request, slug)
    _not_direct(entered.room)
    if request.method == "POST":
        return _change(request, entered)
    room = entered.room
    writers = "moderators" if room.moderators_only else "everybody"
    form = RoomSettingsForm(
        initial={
            "name": room.name,
            "topic": room.topic,
            "writers": writers,
            "slow_mode": room.slow_mode,
        }
    )
    return _settings(request, entered, form)


def _change(request: AuthenticatedHttpRequest, entered: Entered) -> HttpResponse:
    demand(entered.standing.may_change_details)
    form = RoomSettingsForm(request.POST)
    if not form.is_valid():
        return _settings(request, entered, form)
    try:
        entered.room.change_details(
            name=form.cleaned_data["name"],
            topic=form.cleaned_data["topic"],
            moderators_only={"moderators": True, "everybody": False}.get(
                form.cleaned_data["writers"]
            ),
            slow_mode=form.cleaned_data["slow_mode"],
            by=request.user,
        )
    except RoomClosed as closed:
        form.add_error(None, closed)
        return _settings(request, entered, form, status=409)
    return redirect("room", entered.room.slug)


def _settings(
    request: AuthenticatedHttpRequest, entered: Entered, form: RoomSettingsForm, status: int = 200
) -> HttpResponse:
    context = {
        **entered._asdict(),
        "form": form,
        "members": entered.room.memberships.count(),
        "address": request.build_absolute_uri(reverse("room", args=[entered.room.slug])),
    }
    return render(request, "rooms/room_settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def archive(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Close a room for writing, or open it again. The form says which of the two was asked for: by
    the time it comes, another may have done it."""
    room, _membership, standing = _entered(request, slug)
    demand(standing.may_archive)
    context: dict[str, Any] = {"room": room}
    if request.method == "GET":
        return render(request, "rooms/room_archive.html", context)
    change = {"archive": room.archive, "restore": room.restore}.get(request.POST.get("to", ""))
    if change is None:
        raise BadRequest
    try:
        change(by=request.user)
    except RoomClosed as closed:
        context["error"] = closed.message
        return render(request, "rooms/room_archive.html", context, status=409)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def make_private(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Close a room to all who do not belong to it, after saying what that means."""
    room, _membership, standing = _entered(request, slug)
    demand(standing.may_make_private)
    context: dict[str, Any] = {"room": room, "members": room.memberships.count()}
    if request.method == "GET":
        return render(request, "rooms/room_private.html", context)
    try:
        room.make_private(by=request.user)
    except RoomClosed as closed:
        context["error"] = closed.message
        return render(request, "rooms/room_private.html", context, status=409)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def members(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Who belongs to the room; those who may arrange it let others in."""
    entered = _entered(request, slug)
    if request.method == "POST":
        demand(entered.standing.may_add_people)
    form = MemberForm(request.POST if request.method == "POST" else None, by=request.user)
    if form.is_valid():
        entered.room.add(form.cleaned_data["username"], by=request.user)
        return redirect("members", entered.room.slug)
    memberships = entered.room.memberships.select_related("user")
    people = sorted(memberships, key=lambda each: (sort_key(each.user.name), each.pk))
    context = {
        **entered._asdict(),
        "name": entered.room.called_by(request.user),
        "alone": entered.room.direct
        and len(people) <= 2,  # they need not be led to this very place
        "form": form,
        "memberships": people,
    }
    return render(request, "rooms/members.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def remove(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """End somebody else's membership. Going oneself is another page, which says what that means."""
    room, _membership, standing = _entered(request, slug)
    demand(standing.may_remove_people)
    asked = request.GET if request.method == "GET" else request.POST
    member = _member_or_404(room, asked.get("user", ""))
    if member.user == request.user:
        return redirect("room-leave", room.slug)
    form = RemovalForm(request.POST if request.method == "POST" else None)
    theirs = Standing.of(member.user, room, member)
    may_keep_out = not theirs.may_manage and standing.may_moderate(member.user_id, member.user.role)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        if form.cleaned_data["keep_out"]:
            restriction.keep_out(room, member.user, by=request.user, reason=reason)
        else:
            room.remove(member.user, by=request.user, reason=reason)
        return redirect("members", room.slug)
    context = {
        "room": room,
        "member": member,
        "may_return": theirs.may_join,
        "may_keep_out": may_keep_out,
        "form": form,
    }
    return render(request, "rooms/member_remove.html", context)


@require_POST
@login_required
def appoint(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Make a member a moderator, or one no longer. The form says which of the two was asked for."""
    room, _membership, standing = _entered(request, slug)
    demand(standing.may_appoint)
    member = _member_or_404(room, request.POST.get("user", ""))
    to = request.POST.get("to")
    if to not in {"moderator", "member"}:
        raise BadRequest
    room.appoint(member.user, moderator=to == "moderator", by=request.user)
    member.refresh_from_db(fields=["is_moderator"])
    if to == "member" and member.is_moderator:
        messages.error(
            request, _("Somebody has to moderate this room, and nobody else in it could.")
        )
    return redirect("members", room.slug)


def _member_or_404(room: Room, user_id: str) -> Membership:
    if not re.fullmatch(r"[0-9]{1,18}", user_id):  # as many digits as every database takes
        raise Http404
    members = Membership.objects.select_related("user")
    return get_object_or_404(members, room=room, user_id=user_id)
