"""The language of a browser: chosen before anybody signs in there, and kept in a cookie."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import get_language_from_request
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Back to where the choice was made, in the language `language` if that is one of ours."""
    response: HttpResponse = set_language(request)
    return response


def browsers_language(request: HttpRequest) -> str:
    """The one of the next page, for whoever has chosen none or no longer any."""
    asked = copy(request)
    asked.COOKIES = {}
    return get_language_from_request(asked)


def remember(response: HttpResponse, language: str) -> None:
    """Whoever chose a language for their account meets it before they sign in, too, and whoever chose
    none, the browser's own."""
    if language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
