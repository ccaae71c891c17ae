"""The way to an account by invitation. All else of accounts is allauth's; profiles are in profiles.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from rooms.adapter import INVITATION_KEY
from rooms.models import Invitation, Place

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@never_cache
@require_GET
def invited(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation's link leads: on to sign-up, or to why it does not."""
    if request.user.is_authenticated:
        return redirect("rooms")
    invitation = Invitation.objects.filter(token=token).first()
    place = Place.objects.first()
    closed = place is not None and place.sign_up == Place.SignUp.CLOSED
    if invitation is None or not invitation.is_valid or closed:
        context = {"invitation": invitation, "closed": closed}
        return render(request, "rooms/invitation_over.html", context, status=_status(invitation))
    request.session[INVITATION_KEY] = token
    return redirect("account_signup")


def _status(invitation: Invitation | None) -> int:
    return 404 if invitation is None else 410
