"""All that is unread in one place, and marking it as read or as unread again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from ..context import open_reports, room_items
from ..live import fragments, news, own
from ..live.fragments import Variant
from ..models import unread
from ..models.attachment import files_of
from .doors import entered_or_404

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from ..context import RoomItem
    from .doors import AuthenticatedHttpRequest

SHOWN = 20  # messages of each room
ROOMS = 20  # whose messages are shown; of others there is the number alone
READ = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")  # a room and a number, as databases take them


class Section(NamedTuple):
    """A room and what is unread in it."""

    item: RoomItem
    rows: SafeString
    read: str  # what marks just this as read, not what may be said meanwhile
    rest: int | None  # number of the first unread message that is not shown
    more: int | None  # unread messages that are not shown; None if they were not counted out


class Unread(NamedTuple):
    """What the page shows."""

    sections: list[Section]
    others: list[Section]  # without rows

    @property
    def everything(self) -> str:
        """What marks all of it as read."""
        return " ".join(section.read for section in (*self.sections, *self.others))


def _unread(user: int, items: Iterable[RoomItem], variant: Variant) -> Unread:
    """The rooms stand as they do in the list beside the page: so they are found there, and none moves
    because something new is said."""
    waiting = [item for item in items if item.unread]
    spans = unread.spans(user, [item.pk for item in waiting], SHOWN)
    waiting = [item for item in waiting if item.pk in spans]  # else it was read meanwhile
    shown = waiting[:ROOMS]
    rows = unread.messages(user, [spans[item.pk] for item in shown])
    sections, others = [], []
    for place, item in enumerate(waiting):
        span = spans[item.pk]
        section = Section(
            item,
            fragments.rows_apart(rows.get(item.pk, ()), variant, among_rooms=True),
            f"{item.pk}-{span.last_number}",
            span.rest,
            item.unread - SHOWN if item.unread < unread.COUNTED else None,
        )
        if place >= ROOMS:
            others.append(section)
        elif section.rows:
            sections.append(section)
    return Unread(sections, others)


@require_GET
@login_required
def catch_up(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Everything that is unread, room by room. Looking at it here marks nothing as read."""
    items = room_items(request.user)
    found = _unread(request.user.pk, items, Variant.current())
    context = {
        "room_items": items,
        "catching_up": True,
        "found": found,
        "tab_title": _tab_title(request, items),
    }
    return render(request, "unread/catch_up.html", context)


def _tab_title(request: AuthenticatedHttpRequest, items: Iterable[RoomItem]) -> str:
    total = news.on_page(items, 0, "").total
    return fragments.tab_title(total, _("Catch up"), request.place.name)


@require_POST
@login_required
def read(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader is done with what `read` names: rooms, each up to the number of a message. What is not
    theirs is left alone."""
    named = map(READ.fullmatch, request.POST.get("read", "").split())
    upto = {int(each[1]): int(each[2]) for each in named if each}
    unread.mark_done(request.user.pk, upto)
    if not request.htmx:
        return redirect("unread")
    return _read_by_htmx(request, upto)


def _read_by_htmx(request: AuthenticatedHttpRequest, upto: dict[int, int]) -> HttpResponse:
    """In the place of a room's section, what was said in it meanwhile, mostly nothing. In the place of
    all of them, if all was asked for or nothing is left, what there is now."""
    items, variant = room_items(request.user), Variant.current()
    found = _unread(request.user.pk, items, variant)
    told = news.on_page(items, 0, request.place.name)
    swaps = told.beside(variant, _tab_title(request, items), catching_up=True)
    whole = request.htmx.target == "unread" or not found.everything
    if whole:
        body = render_to_string("unread/_found.html", {"found": found}, request)
        return retarget(reswap(HttpResponse(body + swaps), "innerHTML"), "#unread")
    sections = [
        render_to_string("unread/_section.html", {"section": section}, request)
        for section in found.sections
        if section.item.pk in upto
    ]
    return HttpResponse("".join(sections) + swaps)


@require_http_methods(["GET", "POST"])
@login_required
def mark_unread(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Take a room's reading back to before a message, and stay out of the room."""
    room, membership = entered_or_404(request, slug)
    message = room.messages.select_related("author").filter(number=number).first()
    if message is None:
        raise Http404
    if membership is None:
        raise PermissionDenied(
            _("Only who is in a room has something unread in it. Join it first.")
        )
    if request.method == "GET":
        context = {
            "room": room,
            "name": room.called_by(request.user),
            "message": message,
            "files": ", ".join(file.name for file in files_of(message.files)),
        }
        return render(request, "unread/mark_unread.html", context)
    membership.mark_unread(number)
    if unread.first_unread(membership) is None:
        said = _("Nobody else has said anything in “%(room)s” from there on: nothing is unread.")
        notices.info(request, said % {"room": room.called_by(request.user)})
    return redirect("unread")


@require_GET
def news_elsewhere(request: HttpRequest) -> HttpResponse:
    """What a page that is no room's asks now and then: the reader's rooms, unless the page has `seen`
    them so. To whoever was signed out nothing more is told, and the page asks no more."""
    if not request.user.is_authenticated:
        return HttpResponse()
    return _news(request)  # type: ignore[arg-type]  # it is, now that the user is known


def _news(request: AuthenticatedHttpRequest) -> HttpResponse:
    asked = request.GET.get("room", "")
    current = int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else 0
    items, variant = room_items(request.user), Variant.current()
    told = news.News(tuple(items), current, request.place.name)
    reported = open_reports(request.user, items)
    digest = told.digest if reported is None else f"{told.digest}.{reported}"
    if request.GET.get("seen") == digest:
        return HttpResponse(status=204)
    catching_up = request.htmx.current_url_abs_path == reverse("unread")
    title = _tab_title(request, items) if catching_up else ""
    follow = render_to_string("_follow.html", {"current_room": current or "", "seen": digest})
    beside = told.beside(variant, title, catching_up=catching_up)
    return HttpResponse(follow + beside + own.reports(reported, variant))
