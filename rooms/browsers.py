"""What somebody signed in with and when, kept in the session, so that they know their sessions apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from django.http import HttpRequest

BROWSER, SINCE = "browser", "since"  # keys in the session

# The first that is named in what a browser says of itself: each also claims to be those after it.
_BROWSERS = {
    "Edge": r"Edg(e|A|iOS)?/",
    "Opera": r"OPR/|Opera",
    "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"Firefox/|FxiOS/",
    "Chrome": r"Chrome/|CriOS/|Chromium/",
    "Safari": r"Safari/",
    "w3m": r"w3m/",
    "Lynx": r"Lynx/",
    "Links": r"E?Links",
}
_SYSTEMS = {
    "Windows": r"Windows",
    "Android": r"Android",
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "ChromeOS": r"CrOS",
    "Mac": r"Macintosh|Mac OS",
    "Linux": r"Linux|X11",
}


def named(agent: str) -> tuple[str, str]:
    """The browser and the system that a User-Agent header names; "" for what it does not."""

    def first(names: dict[str, str]) -> str:
        return next((name for name, sign in names.items() if re.search(sign, agent)), "")

    return first(_BROWSERS), first(_SYSTEMS)


def note_browser(request: HttpRequest) -> None:
    """Of the session that has just begun."""
    request.session[BROWSER] = named(request.headers.get("User-Agent", "")[:500])
    request.session[SINCE] = timezone.now().isoformat()
