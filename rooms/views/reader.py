"""What differs between readers, and the fragments that the browser keeps and needs no server for."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from csp.constants import NONE
from csp.decorators import csp
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET

if TYPE_CHECKING:
    from django.http import HttpRequest

YEAR = 365 * 24 * 3600  # seconds
KEPT = {  # the address's name and the template of each fragment that the browser keeps
    "composer-input": "rooms/_line.html",
    "connection-lost": "rooms/_lost.html",
    "menu-lost": "rooms/_menu_lost.html",
    "not-replying": "rooms/_replying.html",
    "pasted": "rooms/_pasted.html",
    "poller": "rooms/_poller.html",
}


def _alone(response: HttpResponse) -> HttpResponse:
    """Pages that read it say themselves what may be loaded; opened by itself it loads nothing."""
    policy = {"default-src": [NONE], "frame-ancestors": [NONE]}
    wrapped: Any = csp(policy)(lambda _request: response)
    answer: HttpResponse = wrapped(None)
    return answer


@require_GET
def style(request: HttpRequest) -> HttpResponse:
    """The reader's own sheet: the pages are the same for everybody, and this says whose is what."""
    response = render(request, "rooms/me.css", content_type="text/css; charset=utf-8")
    patch_cache_control(response, private=True, max_age=3600)
    return _alone(response)


@lru_cache(maxsize=len(settings.LANGUAGES) * 2)
def version(language: str) -> str:
    """Names what the kept fragments are in a language; another text is another address."""
    with translation.override(language):
        text = "".join(render_to_string(template, _context("-")) for template in KEPT.values())
    return f"{language}-{blake2s(text.encode(), digest_size=6).hexdigest()}"


def _context(of_version: str) -> dict[str, object]:
    return {"urls": {name.replace("-", "_"): reverse(name, args=[of_version]) for name in KEPT}}


def composer_urls() -> dict[str, str]:
    """The addresses of the kept fragments in the reader's language, by name."""
    current = version(translation.get_language() or settings.LANGUAGE_CODE)
    return {name.replace("-", "_"): reverse(name, args=[current]) for name in KEPT}


def _kept(name: str, version: str) -> HttpResponse:
    """The fragment in the language that the address begins with, to be kept for good: so the page has it
    even while there is no connection."""
    language = version.rpartition("-")[0]
    if language not in dict(settings.LANGUAGES):
        language = settings.LANGUAGE_CODE
    with translation.override(language):
        response = HttpResponse(render_to_string(KEPT[name], _context(version)))
    patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    return _alone(response)


@require_GET
def composer_input(request: HttpRequest, version: str) -> HttpResponse:
    """An empty field for the composer's next form."""
    return _kept("composer-input", version)


@require_GET
def connection_lost(request: HttpRequest, version: str) -> HttpResponse:
    """What the banner says while the server cannot be reached."""
    return _kept("connection-lost", version)


@require_GET
def menu_lost(request: HttpRequest, version: str) -> HttpResponse:
    """What a message's menu says if it could not be filled."""
    return _kept("menu-lost", version)


@require_GET
def not_replying(request: HttpRequest, version: str) -> HttpResponse:
    """What a form of the composer says of the message that it replies to: that there is none."""
    return _kept("not-replying", version)


@require_GET
def pasted(request: HttpRequest, version: str) -> HttpResponse:
    """What to do if the one line has swallowed the breaks of what was pasted into it."""
    return _kept("pasted", version)


@require_GET
def poller(request: HttpRequest, version: str) -> HttpResponse:
    """What asks for changes while there is no socket."""
    return _kept("poller", version)
