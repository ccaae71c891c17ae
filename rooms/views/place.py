"""The place itself: made once, then changed by those who run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.utils import setup_user_email
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from rooms.browsers import note_browser
from rooms.context import inside_of
from rooms.forms import PlaceForm, SetupForm
from rooms.models import Place, Shelf
from rooms.models.permissions import demand, may_operate
from rooms.models.place import AlreadySetUp

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.models import User
    from rooms.views.doors import AuthenticatedHttpRequest


GIGABYTE = 1_000_000_000  # bytes


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
    owner.note_language(get_language())
    note_browser(request)
    return redirect("room", room.slug)


@require_http_methods(["GET", "POST"])
@login_required
def change(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The place's name, who may make an account, rooms and bots, and what is shown of links."""
    demand(
        inside_of(request).may_change_place, _("Only owners and admins of this place change it.")
    )
    place = get_object_or_404(Place)
    kept = {
        "name": place.name,
        "sign_up": place.sign_up,
        "rooms_by": "admins" if place.rooms_by_admins else "members",
        "bots_by": "members" if place.bots_by_members else "admins",
        "link_previews": place.link_previews,
        "file_limit": place.file_limit,
    }
    form = PlaceForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        new = form.cleaned_data
        place.change(
            by=request.user,
            name=new["name"],
            sign_up=new["sign_up"],
            rooms_by_admins=(new["rooms_by"] or kept["rooms_by"]) == "admins",
            bots_by_members=(new["bots_by"] or kept["bots_by"]) == "members",
            link_previews=new["link_previews"],
            file_limit=new["file_limit"] if "file_limit" in request.POST else place.file_limit,
        )
        messages.success(request, _("Saved."))
        return redirect("place")
    return render(request, "rooms/place.html", {"form": form, "server": _of_server(request.user)})


def _of_server(reader: User) -> dict[str, object]:
    """What whoever runs the server has decided, to be seen beside what owners and admins do."""
    shelf = Shelf.objects.first()
    return {
        "used": round(shelf.bytes / GIGABYTE, 3) if shelf else 0,
        "files": settings.FILES_LIMIT // GIGABYTE,
        "mail": not settings.EMAIL_BACKEND.endswith("console.EmailBackend"),
        "time_zone": settings.TIME_ZONE,
        "session_days": settings.SESSION_COOKIE_AGE // (24 * 60 * 60),
        "operates": bool(settings.ADMIN_PATH) and may_operate(reader),
    }
