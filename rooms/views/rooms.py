"""A room's page, its older pages, one message's address, and what a page asks for while it is open."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from ..context import room_items
from ..live import fragments, news, presence
from ..live.consumers import catch_up
from ..live.fragments import Variant
from ..live.people import named
from ..models import announcements
from .doors import SIGNED_OUT_PAGE, live, reader_required, room_or_404
from .reader import composer_urls

if TYPE_CHECKING:
    from ..live.connections import People
    from ..models import History, Membership, Room, User
    from .doors import AuthenticatedHttpRequest

logger = logging.getLogger(__name__)

BLANK_FORMS = 16  # messages that can wait unsent; the answer to each brings a new form


@dataclass(frozen=True, slots=True)
class Composer:
    """What a page's composer starts with: a form for each of `keys`, the first with the draft."""

    keys: list[str]
    line: str = ""
    lines: str = ""
    error: str = ""

    @property
    def blank_keys(self) -> list[str]:
        return self.keys[1:]

    @classmethod
    def of(cls, membership: Membership | None) -> Composer:
        text, key = membership.open_draft() if membership else ("", "")
        return cls.holding(text, key)

    @classmethod
    def holding(cls, text: str, key: str = "", error: str = "") -> Composer:
        """With `text` in it, its first line in the field and the rest in the larger box."""
        line, _newline, lines = text.partition("\n")
        return cls([key or new_key(), *new_keys(BLANK_FORMS - 1)], line, lines, error)


def new_key() -> str:
    return secrets.token_urlsafe(12)


def new_keys(count: int) -> list[str]:
    return [new_key() for _ in range(count)]


@require_GET
@login_required
def room(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """The room with its newest messages; with `before` or `after` a number, the messages next to it."""
    found = room_or_404(request, slug)
    before, after = _number(request, "before"), _number(request, "after")
    if before is None and after is None:
        return room_page(request, found)
    history = found.history(before=before, after=after)
    if request.htmx:
        return HttpResponse(_history_rows(history, older=after is None, newer=before is None))
    return past_page(request, found, history)


def room_page(
    request: AuthenticatedHttpRequest,
    room: Room,
    composer: Composer | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page on which one talks."""
    user = request.user
    membership = room.membership_of(user)
    presence.renew("here", [(room.pk, user.pk)], "page", presence.GRACE)
    if membership is not None and membership.last_read < room.last_number:
        _mark_read(room, user)
    history = room.history()
    items = news.on_page(room_items(user), room.pk, request.place.name)
    context = {
        "room": history.room,
        "details": history.room.details,
        "membership": membership,
        "history": history,
        "rows": fragments.rows(history.rows, Variant.current()),
        "older": history.rows[0].number if history.has_older else None,
        "slug": room.slug,
        "composer": composer or Composer.of(membership),
        "items": items,
        "room_items": items.items,
        "total": items.total,
        "room_name": history.room.name,
        "place_name": request.place.name,
        **_people_context(people_in(room.pk)),
        "urls": composer_urls(),
        "seen": "",
    }
    return render(request, "rooms/room.html", context, status=status)


def _mark_read(room: Room, user: User) -> None:
    """Whoever can't be written down as having read may read all the same: with a full disk, say."""
    try:
        room.mark_read([user.pk])
    except DatabaseError as error:
        logger.warning("room %s not marked as read: %s", room.pk, error)


def past_page(
    request: AuthenticatedHttpRequest, room: Room, history: History, marked: int | None = None
) -> HttpResponse:
    """A part of the history, which leads on in both directions; nothing new comes into it."""
    variant = Variant.current()
    context = {
        "room": history.room,
        "details": history.room.details,
        "rows": fragments.rows(history.rows, variant, marked),
        "older": history.rows[0].number if history.rows and history.has_older else None,
        "newer": history.rows[-1].number if history.rows and history.has_newer else None,
        "slug": room.slug,
        "marked": marked,
        **_people_context(people_in(room.pk)),
    }
    return render(request, "rooms/past.html", context)


@require_GET
@login_required
def message(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """The message among its neighbours. For htmx its row alone: an edit given up puts it back."""
    found = room_or_404(request, slug)
    chosen = found.messages.select_related("author").filter(number=number).first()
    if chosen is None:
        raise Http404
    if request.htmx:
        row = chosen.as_row(found, chosen.author)
        return HttpResponse(fragments.in_place(row, Variant.current()))
    return past_page(request, found, found.history(around=number), number)


@require_GET
@reader_required
def changes(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """What a page without a socket lacks: 204 if nothing, else out-of-band swaps.

    With `quiet` a page asks whose socket has fallen silent: it is given a new one, and polls until that
    one speaks.
    """
    found = room_or_404(request, slug)
    user = request.user
    presence.renew("here", [(found.pk, user.pk)], "poll", presence.POLL_LEASE)
    swaps = changes_after(request, found) + _surroundings(request, found)
    lost = request.GET.get("lost")
    if lost:
        swaps += live(request)
    if "quiet" in request.GET or lost == SIGNED_OUT_PAGE:
        swaps += fragments.reconnect(found.slug, Variant.current())
    if not swaps:
        return HttpResponse(status=204)
    response = HttpResponse(swaps)
    if lost:
        trigger_client_event(response, "resend", {"target": "#outbox"})
    return response


def changes_after(request: AuthenticatedHttpRequest, room: Room) -> str:
    """What came after the cursor that the request carries, if it does."""
    after = _number(request, "after", 18)
    if after is None:
        return ""
    frames = catch_up(room.pk, after, Variant.current())
    if frames:
        _mark_read(room, request.user)
    return "".join(frames)


def _surroundings(request: AuthenticatedHttpRequest, room: Room) -> str:
    """People, who is writing and other rooms, if they differ from what the page has `seen`."""
    variant = Variant.current()
    people = people_in(room.pk)
    items = news.on_page(room_items(request.user), room.pk, request.place.name)
    digest = blake2s(repr((people, items)).encode(), digest_size=8).hexdigest()
    if request.GET.get("seen") == digest:
        return ""
    return (
        fragments.people(people.here, people.total, variant)
        + fragments.typing(people.writing, variant)
        + items.as_html(variant, room_name=room.name)
        + fragments.seen(digest)
    )


@require_POST
@reader_required
def typing(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """The reader is writing, from a page without a socket."""
    found = room_or_404(request, slug)
    entry = [(found.pk, request.user.pk)]
    presence.renew("typing", entry, "typing", presence.TYPING_LEASE)
    announcements.presence_changed(found.pk)
    return HttpResponse(status=204)


def people_in(room_id: int) -> People:
    return named(presence.held("here", [room_id]), presence.held("typing", [room_id]))[room_id]


def _people_context(people: People) -> dict[str, Any]:
    return {
        "people": people.here,
        "here_total": people.total,
        "more": people.total - len(people.here),
        "writing": people.writing,
    }


def _history_rows(history: History, *, older: bool, newer: bool) -> str:
    """Rows with the link that leads on at the end that was asked for."""
    return fragments.history_rows(
        history,
        older=older and history.has_older,
        newer=newer and history.has_newer,
        variant=Variant.current(),
    )


def _number(request: AuthenticatedHttpRequest, name: str, digits: int = 12) -> int | None:
    """A number out of the address or the form; None if it is missing or none."""
    value = request.GET.get(name) or request.POST.get(name) or ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= digits else None
