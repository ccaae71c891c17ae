"""The pages for what went wrong: what happened, then what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections
from django.http import HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token
from django_htmx.http import trigger_client_event

from rooms.api import problems
from rooms.live import fragments
from rooms.live.fragments import Variant

if TYPE_CHECKING:
    from django.http import HttpRequest


@requires_csrf_token
def _page(
    request: HttpRequest, template: str, status: int, context: dict[str, object] | None = None
) -> HttpResponse:
    """For somebody signed in, with their rooms beside it. What is refused before anybody asked who
    it is for, such as an unknown host, is answered without."""
    if not hasattr(request, "user"):
        return HttpResponse(render_to_string("400.html"), status=status)
    layout = "page.html" if request.user.is_authenticated else "porch.html"
    try:
        return render(request, template, {**(context or {}), "layout": layout}, status=status)
    finally:
        _close_connections()


def _close_connections() -> None:
    """On the asynchronous chain these pages are made on a thread that no request ends on: a connection
    left there would stay open for ever and, once the database was restarted, broken for ever."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # else it is somebody else's, who goes on with it
            connection.close_if_unusable_or_obsolete()


def _for_htmx(request: HttpRequest, sentence: str, status: int) -> HttpResponse | None:
    """In the open page's banner, as its reader sees no other page."""
    if request.headers.get("HX-Request") != "true":
        return None
    swaps = fragments.problem(sentence, Variant.current())
    return HttpResponse(swaps, status=status, headers={"HX-Reswap": "none"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """There is nothing here, or nothing that this reader may know of."""
    if problems.concerns(request):
        return problems.plain(404, _("There is no such address."), "not_found")
    if answer := _for_htmx(request, _("That is no longer there."), 404):
        return answer
    return _page(request, "404.html", 404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """It is here, and it is not for this reader. A sentence given with the exception is shown."""
    sentence = str(exception) or _("That is not yours to do.")
    if problems.concerns(request):
        return problems.plain(403, sentence, "forbidden")
    if answer := _for_htmx(request, sentence, 403):
        return answer
    return _page(request, "403.html", 403, {"reason": str(exception)})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The request makes no sense."""
    if problems.concerns(request):
        return problems.plain(400, _("This request makes no sense."), "bad_request")
    return HttpResponse(render_to_string("400.html"), status=400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is too old, or a browser without cookies. An open page whose reader signed in anew is
    given the token that is good now, and its outbox tries again, whatever it was that told us first; an
    upload tries again by itself."""
    if request.headers.get("HX-Request") == "true":
        swaps = fragments.back(get_token(request), Variant.current())
        response = HttpResponse(swaps, status=403, headers={"HX-Reswap": "none"})
        uploads = request.resolver_match is not None and request.resolver_match.url_name == "files"
        trigger_client_event(response, "resend", {} if uploads else {"target": "#outbox"})
        return response
    context: dict[str, object] = {
        "no_cookies": reason == REASON_NO_CSRF_COOKIE,
        # a message is the one thing here that somebody may have written for long
        "written": "\n".join(
            filter(None, request.POST.getlist("text") + request.POST.getlist("lines"))
        ),
    }
    return _page(request, "403_csrf.html", 403, context)


def server_error(request: HttpRequest) -> HttpResponse:
    """Whatever broke may be what a page is made with, so this one asks nothing of anybody."""
    if problems.concerns(request):
        return problems.plain(500, _("Something broke here. It has been logged."), "broken")
    return HttpResponse(render_to_string("500.html"), status=500)
