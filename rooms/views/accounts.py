"""Somebody's own account, and the way to one by invitation. All else of accounts is allauth's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from rooms.adapter import INVITATION_KEY
from rooms.forms import ProfileForm
from rooms.models import Invitation, Place

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: AuthenticatedHttpRequest) -> HttpResponse:
    """How the reader is called, and in which time zone and language they read."""
    user = request.user
    kept = {
        "display_name": user.display_name,
        "time_zone": user.time_zone,
        "language": user.language,
    }
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        user.change_profile(**form.cleaned_data)
        with translation.override(user.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("profile")
    return render(request, "rooms/profile.html", {"form": form})


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
