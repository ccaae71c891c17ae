"""The place itself: made once, then changed by its owner, who also invites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.utils import setup_user_email
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from rooms.forms import PlaceForm, SetupForm
from rooms.models import Invitation, Place
from rooms.models.place import AlreadySetUp

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

PAST_INVITATIONS = 20  # those that no longer let anybody in are shown for a while, not for ever


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """The first visit: the place and its owner's account. Afterwards it leads home."""
    if Place.objects.exists():
        return redirect("home")
    form = SetupForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "rooms/setup.html", {"form": form})
    owner = form.owner()
    try:
        room = Place.set_up(
            name=form.cleaned_data["name"],
            sign_up=form.cleaned_data["sign_up"],
            owner=owner,
            first_room=_("Lobby"),
        )
    except AlreadySetUp:
        messages.error(
            request,
            _("Somebody else set this place up a moment ago. Sign in, or ask them to invite you."),
        )
        return redirect("account_login")
    setup_user_email(request, owner, [])
    login(request, owner, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect("room", room.slug)


def _only_for_owner(request: AuthenticatedHttpRequest) -> None:
    if not request.user.is_owner:
        raise PermissionDenied(_("Only the owner of this place may change it."))


@require_http_methods(["GET", "POST"])
@login_required
def change(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The place's name, who may make an account, and what is shown of links."""
    _only_for_owner(request)
    place = get_object_or_404(Place)
    kept = {
        "name": place.name,
        "sign_up": place.sign_up,
        "link_previews": place.link_previews,
    }
    form = PlaceForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        place.name, place.sign_up = form.cleaned_data["name"], form.cleaned_data["sign_up"]
        place.save(update_fields=["name", "sign_up"])
        if form.cleaned_data["link_previews"] != place.link_previews:
            place.preview_links(form.cleaned_data["link_previews"])
        messages.success(request, _("Saved."))
        return redirect("place")
    return render(request, "rooms/place.html", {"form": form})


@require_http_methods(["GET", "POST"])
@login_required
def invitations(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The links that let people in; POST makes one more."""
    _only_for_owner(request)
    if request.method == "POST":
        Invitation.make(by=request.user)
        return redirect("invitations")
    everyone = Invitation.objects.select_related("created_by")
    valid = everyone.valid()
    past = everyone.exclude(pk__in=valid.values("pk"))[:PAST_INVITATIONS]
    return render(
        request,
        "rooms/invitations.html",
        {"valid": valid, "past": past, "now": timezone.now(), "closed": Place.SignUp.CLOSED},
    )


@require_POST
@login_required
def revoke(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """End an invitation. What was made by it stays."""
    _only_for_owner(request)
    invitation = get_object_or_404(Invitation, pk=pk)
    if invitation.revoked_at is None:
        invitation.revoke()
    return redirect("invitations")
