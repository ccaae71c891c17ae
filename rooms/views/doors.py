"""The ways in: who asks, and the room that they may see."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django_htmx.http import reswap, retarget

from rooms.live import fragments
from rooms.live.fragments import Variant
from rooms.models import reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_htmx.middleware import HtmxDetails

    from rooms.models import Membership, Place, Room, User

P = ParamSpec("P")

SIGNED_OUT_PAGE = "signed-out"  # what such a page's banner sends along; see stream/signed_out.html

# What was asked for is not there: only what the answer names by itself is swapped.
NOTHING_ELSE = {"HX-Reswap": "none"}


class AuthenticatedHttpRequest(HttpRequest):
    """The request that a view under `login_required` is given."""

    user: User
    htmx: HtmxDetails
    place: Place


def room_or_404(request: AuthenticatedHttpRequest, slug: str) -> Room:
    """The room at `slug`, if the reader may see it. Raises `Http404` for an outsider of a private
    room just as for an address where there is none, so that nobody learns which of the two it was.
    """
    return entered_or_404(request, slug)[0]


def entered_or_404(request: AuthenticatedHttpRequest, slug: str) -> tuple[Room, Membership | None]:
    """As `room_or_404`, with the reader's membership, if they belong to the room."""
    found = reading.room_at(slug, request.user)
    if found is None:
        raise Http404
    return found


def reader_required(
    view: Callable[Concatenate[AuthenticatedHttpRequest, P], HttpResponse],
) -> Callable[Concatenate[AuthenticatedHttpRequest, P], HttpResponse]:
    """As `login_required`, for what an open page asks: a page whose reader was signed out is told so,
    and keeps what was typed into it; a page whose room is no longer open to its reader goes."""
    door = login_required(view)

    @wraps(view)
    def enter(
        request: AuthenticatedHttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        opened_by = request.GET.get("viewer") or request.POST.get("viewer")
        other = opened_by is not None and opened_by != str(request.user.pk)
        if request.htmx and (other or not request.user.is_authenticated):
            # A page that has been told is not told again: it would be read aloud every time.
            told = _lost(request) == SIGNED_OUT_PAGE
            swaps = "" if told else fragments.signed_out(Variant.current())
            return HttpResponse(swaps, status=401, headers=NOTHING_ELSE)
        try:
            return door(request, *args, **kwargs)
        except Http404:
            if not request.htmx or "slug" not in kwargs:
                raise
            swaps = fragments.gone(str(kwargs["slug"]), Variant.current())
            return HttpResponse(swaps, status=404, headers=NOTHING_ELSE)

    return enter


def part_reader_required(
    template: str,
    target: str,
    *,
    swap: Literal["outerHTML", "innerHTML"] = "outerHTML",
    status: int = 200,
) -> Callable[[Callable[..., HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """As `login_required`, for a page that is no room's and asks for parts of itself: one whose reader
    was signed out meanwhile is told so by `template` at `target`, and keeps what was typed into it."""

    def required(view: Callable[..., HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        door = login_required(view)

        @wraps(view)
        def enter(request: HttpRequest) -> HttpResponse:
            if "HX-Request" in request.headers and not request.user.is_authenticated:
                answer = render(request, template, status=status)
                return retarget(reswap(answer, swap), target)
            return door(request)

        return enter

    return required


def live(request: AuthenticatedHttpRequest) -> str:
    """Takes back what the page's banner says of a lost connection or session: this answer shows that
    there is one. With it goes a fresh token, as signing in again has made the old one void."""
    return fragments.back(get_token(request), Variant.current()) if _lost(request) else ""


def _lost(request: HttpRequest) -> str | None:
    """What the page's banner says it has lost, if it says so."""
    return request.GET.get("lost") or request.POST.get("lost")
