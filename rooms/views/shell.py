"""Pages that are put together out of ready pieces.

A page of the app is nearly the same for everybody: what differs are a few words and the pieces that are
kept anyway, such as rows and lists. So its template is rendered once, with a *hole* where those belong,
and then it is joined. What a shell is kept under is what decides about its form; what goes into the
holes is not kept with it, so that nobody is shown another's.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from rooms.templatetags.pieces import room_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rooms.context import RoomItem

    from .doors import AuthenticatedHttpRequest

SHELLS = 500  # of each page that are kept, of some 20 kB

# Nobody can write a hole into a name or a message: the process alone knows how one looks.
_SECRET = secrets.token_hex(16)
_HOLE = re.compile(f"<{_SECRET}:([a-z_]+)>")


def hole(name: str) -> SafeString:
    """Where the value called `name` belongs."""
    return mark_safe(f"<{_SECRET}:{name}>")


class Shell:
    """A rendered page with holes in it."""

    def __init__(
        self,
        template: str,
        language: str,
        context: Mapping[str, Any],
        urls: Callable[[], dict[str, str]] = dict,
    ) -> None:
        with translation.override(language):
            html = render_to_string(template, {**context, "urls": urls()})
        self._parts = _HOLE.split(html)  # text, a hole's name, text, …, text
        self._holes = self._parts[1::2]

    def filled(self, values: Mapping[str, Any]) -> str:
        """The page. Text is escaped as in a template, HTML is taken as it is."""
        escaped = {name: conditional_escape(value) for name, value in values.items()}
        parts = self._parts.copy()
        parts[1::2] = [escaped[name] for name in self._holes]
        return "".join(parts)

    def page(self, values: Mapping[str, Any], status: int = 200) -> HttpResponse:
        return HttpResponse(self.filled(values), status=status)


def around(place_name: str, *, owner: bool) -> dict[str, Any]:
    """Context of the parts that all pages of the app have; `about` fills them."""
    user = {
        "is_authenticated": True,
        "is_owner": owner,
        "pk": hole("reader"),
        "name": hole("reader_name"),
        "username": hole("reader_username"),
        "initials": hole("reader_initials"),
        "hue": hole("reader_hue"),
    }
    return {
        "request": {"user": user},
        "place": {"name": place_name},
        "csrf_token": hole("csrf_token"),
        "room_items": hole("room_list"),
        "notices": hole("notices"),
    }


def about(
    request: AuthenticatedHttpRequest, items: Iterable[RoomItem], current: int | str = ""
) -> dict[str, Any]:
    """What fills the holes of `around` for this reader."""
    user = request.user
    notices = get_messages(request)
    return {
        "reader": user.pk,
        "reader_name": user.name,
        "reader_username": user.username,
        "reader_initials": user.initials,
        "reader_hue": user.hue,
        "csrf_token": get_token(request),
        "room_list": room_list(items, current),
        "notices": mark_safe(render_to_string("_notices.html", {"messages": notices}))
        if notices
        else "",
    }
