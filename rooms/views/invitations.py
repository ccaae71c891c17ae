"""Invitations: made and ended by those who may, followed by anybody who has the link."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rooms.adapter import INVITATION_KEY
from rooms.context import inside_of
from rooms.forms import InvitationForm
from rooms.models import Invitation, Place, Room, Standing, User
from rooms.models.invitation import InvitationOver
from rooms.models.names import sort_key
from rooms.models.permissions import demand

if TYPE_CHECKING:
    from django.http import HttpRequest

    from rooms.views.doors import AuthenticatedHttpRequest

PAST_INVITATIONS = 20  # those that no longer let anybody in are shown for a while, not for ever
OVER = 410  # Gone


def _may_invite(request: AuthenticatedHttpRequest) -> None:
    may_invite = inside_of(request).may_invite
    demand(may_invite, _("Only owners and admins of this place invite people."))


@require_http_methods(["GET", "POST"])
@login_required
def invitations(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The links that let people in; POST makes one more."""
    _may_invite(request)
    rooms = _rooms_for_newcomers(request.user)
    form = InvitationForm(request.POST if request.method == "POST" else None, rooms=rooms)
    if form.is_valid():
        Invitation.make(by=request.user, **form.wanted())
        return redirect("invitations")
    everyone = Invitation.objects.select_related("created_by").prefetch_related("rooms")
    valid = everyone.valid()
    past = everyone.exclude(pk__in=valid.values("pk"))[:PAST_INVITATIONS]
    # Somebody else's private room is not named here, though an invitation of theirs leads there.
    named = {room.pk for room in rooms}
    context = {
        "form": form,
        "valid": [_shown(request, invitation, named) for invitation in valid],
        "past": past,
        "closed": Place.SignUp.CLOSED,
    }
    return render(request, "rooms/invitations.html", context)


def _rooms_for_newcomers(user: User) -> list[Room]:
    """Those that `user` may let people into, by name."""
    rooms = Room.objects.visible_to(user).filter(archived_at=None, direct=False)
    belonging = {membership.room_id: membership for membership in user.memberships.all()}
    found = [
        room for room in rooms if Standing.of(user, room, belonging.get(room.pk)).may_add_people
    ]
    return sorted(found, key=lambda room: (sort_key(room.name), room.pk))


def _shown(request: HttpRequest, invitation: Invitation, named: set[int]) -> dict[str, object]:
    rooms = [room for room in invitation.rooms.all() if room.pk in named]
    return {
        "invitation": invitation,
        "link": _link(request, invitation),
        "rooms": sorted(rooms, key=lambda room: sort_key(room.name)),
        "other_rooms": len(invitation.rooms.all()) - len(rooms),
    }


def _link(request: HttpRequest, invitation: Invitation) -> str:
    return request.build_absolute_uri(reverse("invited", args=[invitation.token]))


@never_cache
@require_GET
@login_required
def qr(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The link as a QR code, for a camera that is held to the screen."""
    _may_invite(request)
    invitation = get_object_or_404(Invitation.objects.valid(), pk=pk)
    image = BytesIO()
    segno.make(_link(request, invitation), micro=False).save(
        image, kind="svg", border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
    return HttpResponse(image.getvalue(), content_type="image/svg+xml")


@require_POST
@login_required
def revoke(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """End an invitation. What was made by it stays."""
    _may_invite(request)
    invitation = get_object_or_404(Invitation.objects.select_related("created_by"), pk=pk)
    if invitation.revoked_at is None:
        invitation.revoke(by=request.user)
    return redirect("invitations")


@never_cache
@require_http_methods(["GET", "POST"])
def invited(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation's link leads: on to sign-up, or to why it does not. Whoever has an account is
    asked whether they want to come into its rooms; POST says yes."""
    invitation = Invitation.objects.select_related("created_by").filter(token=token).first()
    user = request.user
    if isinstance(user, User):
        request.session.pop(INVITATION_KEY, None)
        return _enter(request, user, invitation)
    place = Place.objects.first()
    closed = place is not None and place.sign_up == Place.SignUp.CLOSED
    if invitation is None or not invitation.is_valid or closed:
        return _over(request, invitation, closed=closed)
    request.session[INVITATION_KEY] = token
    return redirect("account_signup")


def _over(
    request: HttpRequest, invitation: Invitation | None, *, closed: bool = False
) -> HttpResponse:
    ended = None if invitation is None else invitation.ended
    context = {"invitation": invitation, "ended": ended, "closed": closed}
    status = 404 if invitation is None else OVER
    return render(request, "rooms/invitation_over.html", context, status=status)


def _enter(request: HttpRequest, user: User, invitation: Invitation | None) -> HttpResponse:
    """Somebody who is in the place already."""
    rooms = [] if invitation is None else invitation.rooms_to_enter()
    if invitation is None or not rooms:
        return redirect("rooms")
    known = set(user.memberships.values_list("room_id", flat=True))
    new = [room for room in rooms if room.pk not in known]
    if not new:
        return redirect("room", rooms[0].slug)
    if not invitation.is_valid:
        return _over(request, invitation)
    if request.method == "GET":
        context = {"invitation": invitation, "new": new}
        return render(request, "rooms/invitation_rooms.html", context)
    try:
        with transaction.atomic():
            invitation.use()
            invitation.let_in(user)
    except InvitationOver:
        invitation.refresh_from_db()
        return _over(request, invitation)
    messages.success(request, _("Welcome."))
    return redirect("room", new[0].slug)
