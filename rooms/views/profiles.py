"""People: their cards and faces, and what one tells of oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseForbidden
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from rooms import faces
from rooms.live import fragments
from rooms.live.fragments import Variant
from rooms.models import Profile, Room, User
from rooms.models.acquaintances import faces_visible_to, people_visible_to
from rooms.models.incoming import rooms_posted_in
from rooms.models.names import sort_key
from rooms.models.permissions import may_end_bot
from rooms.profile_forms import PROPOSED, StatusForm, WholeProfileForm
from rooms.text import lines_to_html
from rooms.views.doors import reader_required
from rooms.views.languages import browsers_language, remember

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from rooms.models import Bot
    from rooms.views.doors import AuthenticatedHttpRequest

YEAR = 365 * 24 * 3600  # seconds
ROOMS_SHOWN = 12  # in which two people are both; of more there is the number
PLACES = ("card", "people-card")  # ids of the elements that a page shows cards in

# Somebody else's card


@require_GET
@reader_required
def card(request: AuthenticatedHttpRequest, who: str) -> HttpResponse:
    """Somebody as a page, by their number or by their username, with an @ before it or not. For htmx what
    it says of them alone, into the page that asked."""
    try:
        person = _person_or_404(request.user, who)
    except Http404:
        if not request.htmx:
            raise
        sentence = _("There is nobody of this name whom you could see.")
        return HttpResponse(fragments.problem(sentence, Variant.current()), status=404)
    context = _about(person, request.user)
    if not request.htmx:
        return render(request, "rooms/card.html", context)
    place = request.htmx.target
    response = HttpResponse()
    if place not in PLACES:
        # A name in a row is a link of a list that takes swaps of messages alone. Elsewhere the target is
        # found before the request: by the time of the answer the list with the link may be another.
        place = PLACES[0]
        response["HX-Retarget"] = f"#{place}"
    response.write(render_to_string("rooms/_card_dialog.html", {**context, "card": place}, request))
    response["HX-Reswap"] = "innerHTML show:none"
    response["HX-Push-Url"] = "false"
    return response


def _person_or_404(reader: User, who: str) -> User:
    """A number is somebody's own; a name that consists of digits is found with the @ alone."""
    people = people_visible_to(reader).select_related("profile", "bot")
    if who.isascii() and who.isdecimal():
        found = people.filter(pk=int(who)).first() if len(who) <= 18 else None
    else:
        found = people.filter(username=who.removeprefix("@")).first()
    if found is None:
        raise Http404
    return found


def _about(person: User, reader: User) -> dict[str, Any]:
    now = timezone.now()
    profile: Profile = getattr(person, "profile", None) or Profile(user=person)
    common = Room.objects.filter(archived_at=None, direct=False, memberships__user=person)
    if person != reader:
        common = common.filter(pk__in=reader.memberships.values("room"))
    rooms = sorted(common, key=lambda room: (sort_key(room.name), room.pk))
    zone = person.time_zone or timezone.get_default_timezone_name()
    bot: Bot | None = getattr(person, "bot", None)
    owner = bot and people_visible_to(reader).filter(pk=bot.owner_id).first()
    return {
        "person": person,
        "bot_owner": owner,
        "bot_page": bot and person.is_active and may_end_bot(reader, bot.owner_id),
        "posts_in": list(rooms_posted_in(bot, reader)[:ROOMS_SHOWN]) if bot else [],
        "profile": profile,
        "about": lines_to_html(profile.about),
        "status": profile.status(now),
        "status_until": _moment(profile.status_until, now),
        "undisturbed": profile.is_undisturbed(now),
        "undisturbed_until": _moment(profile.undisturbed_until, now),
        "local_time": date_format(timezone.localtime(now, ZoneInfo(zone)), _("l, H:i")),
        "rooms": rooms[:ROOMS_SHOWN],
        "more_rooms": max(0, len(rooms) - ROOMS_SHOWN),
    }


def _moment(until: datetime | None, now: datetime) -> str:
    """In the reader's time zone, with its day unless that is today; "" for none."""
    if until is None:
        return ""
    today = timezone.localdate(until) == timezone.localdate(now)
    return date_format(timezone.localtime(until), _("H:i") if today else _("D j M, H:i"))


@require_safe
def face(request: HttpRequest, pk: int, version: str, size: int) -> HttpResponseBase:
    """Somebody's picture, in a size of `faces`; the address of each version is another."""
    if not isinstance(request.user, User):
        return HttpResponseForbidden("Sign in first.", content_type="text/plain")
    try:
        if not faces_visible_to(request.user).filter(pk=pk, face=version).exists():
            raise Http404
        picture = faces.file(version, size).read_bytes()
    except FileNotFoundError:
        raise Http404 from None
    etag = f'"{version}-{size}"'
    response = get_conditional_response(request, etag=etag) or HttpResponse(
        picture, content_type="image/webp"
    )
    response["ETag"] = etag
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    patch_cache_control(response, private=True, max_age=YEAR, immutable=True)
    return response


# One's own


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: AuthenticatedHttpRequest) -> HttpResponse:
    """How the reader is called and shown, what they tell, and what they read in."""
    user = request.user
    told = Profile.of(user)
    kept = {
        "display_name": user.display_name,
        "time_zone": user.time_zone,
        "language": user.language,
        "pronouns": told.pronouns,
        "about": told.about,
    }
    form = WholeProfileForm(*_sent(request), initial=kept)
    if form.is_valid():
        _change(user, told, form.cleaned_data, without_picture="no_picture" in request.POST)
        with translation.override(user.language or browsers_language(request)):
            messages.success(request, _("Saved."))
        response = redirect("profile")
        remember(response, user.language)
        return response
    context = {"form": form, "picture_limit": faces.limit() // 1_000_000}
    return render(request, "rooms/profile.html", context)


def _sent(request: AuthenticatedHttpRequest) -> tuple[Any, Any]:
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _change(user: User, told: Profile, said: dict[str, Any], *, without_picture: bool) -> None:
    version = said["picture"]
    try:
        with transaction.atomic():
            user.change_profile(
                **{name: said[name] for name in ("display_name", "time_zone", "language")}
            )
            told.describe(pronouns=said["pronouns"], about=said["about"])
            if version:
                user.change_face(version)
            elif without_picture:
                user.change_face("")
    except BaseException:
        if version:
            faces.remove(version)
        raise


@require_POST
@reader_required
def picture(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader's picture as soon as it is chosen, or none any more; the form around it is not sent yet.
    Answers with what that shows of the picture."""
    error, upload = "", request.FILES.get("picture")
    try:
        if upload is not None:
            _wear(request.user, faces.made(upload, upload.size or 0))
        elif "no_picture" in request.POST:
            request.user.change_face("")
    except ValidationError as refusal:
        error = " ".join(refusal.messages)
    if request.htmx:
        context = {
            "errors": [error],
            "own_face": fragments.own_face(request.user.pk, request.user.look),
            "picture_limit": faces.limit() // 1_000_000,
        }
        return render(request, "rooms/_picture.html", context)
    if error:
        messages.error(request, error)
    return redirect("profile")


def _wear(user: User, version: str) -> None:
    try:
        user.change_face(version)
    except BaseException:
        faces.remove(version)
        raise


@require_http_methods(["GET", "POST"])
@login_required
def status(request: AuthenticatedHttpRequest) -> HttpResponse:
    """How the reader is just now, and whether they want to be disturbed."""
    told = Profile.of(request.user)
    form = StatusForm(request.POST if request.method == "POST" else None, profile=told)
    if "clear" in request.POST:
        told.show_status(None, None)
        messages.success(request, _("Your status was taken down."))
        return redirect("status")
    if form.is_valid():
        told.show_status(form.status, form.until("lasts") if form.status else None)
        told.rest(form.until("rests"))
        messages.success(request, _("Saved."))
        return redirect("status")
    now = timezone.now()
    context = {"form": form, "status": told.status(now), "proposed": PROPOSED}
    return render(request, "rooms/status.html", context)
