"""What is asked of every request before its view, with what its session was read with.

Whoever owes a second factor is nobody (`sessions.reader_of`), and so every view, every part of a page and
every socket refuses them as it refuses whoever is not signed in. Here they are let in to the few pages
that they need to set one up, and led there from whatever page they wanted to see.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from rooms.models import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

SET_UP = "mfa_activate_totp"
OPEN = (SET_UP, "account_reauthenticate", "account_logout", "reader-style")
OPEN_BELOW = "account_reset_password"  # for a password that was forgotten


def address_of(request: HttpRequest) -> str | None:
    """The IP address that a browser asks from."""
    with suppress(PermissionDenied, ValueError):
        ip = get_adapter(request).get_client_ip(request)
        return str(ipaddress.ip_address(ip.partition("%")[0]))
    return None


def _let_in(request: HttpRequest) -> HttpResponseBase | None:
    """Where to, if this visitor is not to see what they ask for."""
    if request.user.is_authenticated:
        return None
    session: Any = request.session
    barred = session.barred
    if barred is None:
        return None
    path = request.path
    if path in {reverse(name) for name in OPEN} or path.startswith(reverse(OPEN_BELOW)):
        request.user = barred
        request.auser = sync_to_async(lambda: barred)
        return None
    return redirect(SET_UP) if _is_looked_at(request) else None


def _is_looked_at(request: HttpRequest) -> bool:
    """A page that is gone to. What asks for a part of one, or sends something, is told what it is told
    when its reader was signed out, and loses nothing; so is a stream in its frame."""
    if request.method != "GET" or request.headers.get("HX-Request") == "true":
        return False
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _note(request: HttpRequest, session: Any) -> None:
    """That the session is in use, once in a while."""
    if session.unnoted and session.session_key:
        Session.seen(session.session_key, address_of(request))


@sync_and_async_middleware
def EdgeMiddleware(get_response: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Lets in, or leads to where somebody has to go first."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: Any) -> HttpResponseBase:
            elsewhere = await sync_to_async(_let_in)(request)
            response: HttpResponseBase = elsewhere or await get_response(request)
            await sync_to_async(_note)(request, request.session)
            return response

        return asynchronous

    def synchronous(request: Any) -> HttpResponseBase:
        session = request.session
        response: HttpResponseBase = _let_in(request) or get_response(request)
        _note(request, session)
        return response

    return synchronous
