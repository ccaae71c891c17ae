"""Pages that are put together out of ready pieces.

A page of the app is nearly the same for everybody: what differs are a few words and the pieces that are
kept anyway, such as rows and lists. So its template is rendered once, with a *gap* where those belong,
and then it is joined. What a shell is kept under is what decides about its form; what goes into the
gaps is not kept with it, so that nobody is shown another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.messages import get_messages
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe

from rooms.context import open_reports
from rooms.live import own
from rooms.live.fragments import Variant
from rooms.live.moulds import Mould, gap
from rooms.templatetags.pieces import catch_up, face, room_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rooms.context import RoomItem
    from rooms.models import PlaceStanding

    from .doors import AuthenticatedHttpRequest

SHELLS = 500  # of each page that are kept, of some 20 kB


def made(
    template: str,
    language: str,
    context: Mapping[str, Any],
    urls: Callable[[], dict[str, str]] = dict,
) -> Mould:
    """The shell of a page."""
    with translation.override(language):
        return Mould(template, {**context, "urls": urls()})


def around(place_name: str, inside: PlaceStanding) -> dict[str, Any]:
    """Context of the parts that all pages of the app have; `about` fills them. A shell is kept under
    both arguments."""
    user = {
        "is_authenticated": True,
        "pk": gap("reader"),
        "scheme": gap("reader_scheme"),
        "name": gap("reader_name"),
        "username": gap("reader_username"),
    }
    return {
        "request": {"user": user},
        "reader_face": gap("reader_face"),
        "place": {"name": place_name},
        "inside": inside,
        "csrf_token": gap("csrf_token"),
        "room_items": gap("room_list"),
        "current_room": gap("current_room"),
        "notices": gap("notices"),
    }


def about(
    request: AuthenticatedHttpRequest, items: Iterable[RoomItem], current: int | str = ""
) -> dict[str, Any]:
    """What fills the gaps of `around` for this reader."""
    user, items = request.user, list(items)
    notices = get_messages(request)
    return {
        "reader": user.pk,
        "reader_scheme": user.scheme,
        "reader_name": user.name,
        "reader_username": user.username,
        "reader_face": face(user),
        "csrf_token": get_token(request),
        "room_list": room_list(items, current),
        "direct_list": room_list(items, current, direct=True),
        "catch_up": catch_up(items),
        "reports_link": own.reports_link(open_reports(user, items), Variant.current()),
        "current_room": current,
        "notices": mark_safe(render_to_string("_notices.html", {"messages": notices}))
        if notices
        else "",
    }
