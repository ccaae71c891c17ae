"""What every request knows: the place it is for, and what its reader reads in.

Both are made for either kind of chain. On the asynchronous one they never leave the event loop
except for a query, so that a view that makes none stays there as well.
"""

from __future__ import annotations

import zoneinfo
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from rooms.api import problems
from rooms.models import Place, reading
from rooms.models.language import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest

    from rooms.models import User


def _refuse_null(request: HttpRequest) -> None:
    if any("\0" in each for each in (request.path, *request.COOKIES.values())):
        raise BadRequest("a null character in an address or a cookie")


@sync_and_async_middleware
def NullMiddleware(get_response: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """No browser sends a null character, and PostgreSQL fails at whatever is looked up by one. What views
    read of a query or a form they clean themselves."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: Any) -> HttpResponse:
            _refuse_null(request)
            response: HttpResponse = await get_response(request)
            return response

        return asynchronous

    def synchronous(request: Any) -> HttpResponse:
        _refuse_null(request)
        response: HttpResponse = get_response(request)
        return response

    return synchronous


class _KnownPlace:
    """Remembers, for this process, that the place was set up: that is never undone.

    Its name and who may sign up can change in another process at any time, so those are not kept;
    `request.place` reads them when a page first asks, and many requests never do.
    """

    def __init__(self) -> None:
        self.exists = False

    def read(self) -> Place | None:
        return self.noted(reading.place())

    def noted(self, place: Place | None) -> Place | None:
        # None again once the database was emptied or replaced under the running process.
        self.exists = place is not None
        return place

    def lazily(self) -> Any:
        return SimpleLazyObject(self.read)


def _needs_no_place(request: HttpRequest) -> bool:
    return request.path in (reverse("setup"), reverse("manifest")) or request.path.startswith(
        settings.STATIC_URL
    )


def _to_set_up(request: HttpRequest) -> HttpResponse:
    if problems.concerns(request):
        return problems.plain(503, _("This place is not set up yet."), "not_set_up")
    # htmx would follow a redirect behind the page's back and swap the form into some corner of it.
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRedirect(reverse("setup"))
    return redirect("setup")


@sync_and_async_middleware
def PlaceMiddleware(get_response: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Puts `request.place`. Until there is one, every page leads to where it is made."""
    known = _KnownPlace()

    if iscoroutinefunction(get_response):

        async def asynchronous(request: Any) -> HttpResponse:
            request.place = known.lazily()
            if not known.exists and not _needs_no_place(request):
                request.place = known.noted(await Place.objects.afirst())
                if request.place is None:
                    return _to_set_up(request)
            response: HttpResponse = await get_response(request)
            return response

        return asynchronous

    def synchronous(request: Any) -> HttpResponse:
        request.place = known.lazily()
        if not known.exists and not _needs_no_place(request):
            request.place = known.read()
            if request.place is None:
                return _to_set_up(request)
        response: HttpResponse = get_response(request)
        return response

    return synchronous


@contextmanager
def _reading_as(user: User | AnonymousUser) -> Iterator[str]:
    """In the reader's time zone and language, where they chose any. Yields that language or ""."""
    if not user.is_authenticated:
        yield ""
        return
    # Both were valid when they were stored; since then, the system may know fewer of them.
    language = spoken(user.language)
    with ExitStack() as until_answered:
        if language:
            until_answered.enter_context(translation.override(language))
        with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
            if user.time_zone:
                zone = zoneinfo.ZoneInfo(user.time_zone)
                until_answered.enter_context(timezone.override(zone))
        yield language


def _tell_language(response: HttpResponse, language: str) -> HttpResponse:
    # LocaleMiddleware, further out, would name the one that the browser asked for.
    if language:
        response.headers.setdefault("Content-Language", language)
    return response


@sync_and_async_middleware
def ReaderMiddleware(get_response: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Shows whoever is signed in times and words as they chose; does nothing for anybody else.

    What a streaming response makes after its first byte is made outside of this.
    """
    if iscoroutinefunction(get_response):

        async def asynchronous(request: Any) -> HttpResponse:
            # In the place of the lazy one, which would query again, and not from a coroutine.
            request.user = await request.auser()
            with _reading_as(request.user) as language:
                return _tell_language(await get_response(request), language)

        return asynchronous

    def synchronous(request: Any) -> HttpResponse:
        with _reading_as(request.user) as language:
            return _tell_language(get_response(request), language)

    return synchronous
