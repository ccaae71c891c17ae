"""A room's page, its older pages, one message's address, and what a page asks for while it is open."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from ..context import room_items
from ..live import fragments, news, parts, presence
from ..live.consumers import catch_up
from ..live.fragments import Variant
from ..live.moulds import gap
from ..live.people import everybody, named, named_with
from ..models import announcements
from . import shell
from .doors import SIGNED_OUT_PAGE, entered_or_404, live, reader_required, room_or_404
from .reader import composer_urls
from .shell import SHELLS, about, around

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from ..live.connections import People
    from ..live.moulds import Mould
    from ..live.parts import Part
    from ..models import Membership, Room, RoomDetails, User
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
    found, membership = entered_or_404(request, slug)
    before, after = _number(request, "before"), _number(request, "after")
    if before is None and after is None:
        return room_page(request, found, membership)
    if not request.htmx:
        return past_page(request, found, before=before, after=after)
    variant = Variant.current()
    _room, part = parts.current(found, variant, before=before, after=after)
    older = part.older if after is None else None
    newer = part.newer if before is None else None
    return HttpResponse(fragments.history_rows(part.html, slug, older, newer, variant.language))


def room_page(
    request: AuthenticatedHttpRequest,
    room: Room,
    membership: Membership | None,
    composer: Composer | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page on which one talks."""
    user = request.user
    presence.renew("here", [(room.pk, user.pk)], "page", presence.GRACE)
    if membership is not None and membership.last_read < room.last_number:
        _mark_read(room, user)
    variant, place_name = Variant.current(), request.place.name
    room, part, people = _shown(room, variant)
    items = news.on_page(room_items(user), room.pk, place_name)
    composer = composer or Composer.of(membership)
    mould = _room_shell(
        room.details,
        place_name,
        variant.language,
        member=membership is not None,
        owner=user.is_owner,
        empty=part.last is None,
        more=part.has_older,
        several=bool(composer.lines),
        refused=bool(composer.error),
    )
    values = {
        **about(request, items.items, room.pk),
        **_about_people(people, room.slug, variant),
        "tab_title": fragments.tab_title(items.total, room.name, place_name),
        "version": room.version,
        "rows": part.html,
        "older": part.older,
        "key": composer.keys[0],
        "line": composer.line,
        "lines": composer.lines,
        "error": composer.error,
        "blank_forms": fragments.blank_composers(composer.blank_keys),
    }
    return HttpResponse(mould.fill(values), status=status)


@lru_cache(maxsize=SHELLS)
def _room_shell(
    room: RoomDetails,
    place_name: str,
    language: str,
    *,
    member: bool,
    owner: bool,
    empty: bool,
    more: bool,
    several: bool,
    refused: bool,
) -> Mould:
    composer = {
        "keys": [gap("key")],
        "line": gap("line"),
        "lines": gap("lines") if several else "",
        "error": gap("error") if refused else "",
    }
    context = {
        **around(place_name, owner=owner),
        **_around_room(room),
        "tab_title": gap("tab_title"),
        "version": gap("version"),
        "membership": member,
        "empty": empty,
        "rows": gap("rows"),
        "older": gap("older") if more else None,
        "composer": composer,
        "blank_forms": gap("blank_forms"),
        "typing": gap("typing"),
    }
    return shell.made("rooms/room.html", language, context, composer_urls)


def _around_room(room: RoomDetails) -> dict[str, Any]:
    """Context of what all pages with messages show."""
    return {
        "room": room,
        "details": room,
        "slug": room.slug,
        "here_total": gap("here_total"),
        "presence": gap("presence"),
    }


def _about_people(people: People, slug: str, variant: Variant) -> dict[str, Any]:
    return {
        "here_total": people.total,
        "presence": fragments.people_list(people.here, people.total, slug, variant.language),
        "typing": fragments.typing_line(people.writing, variant.language),
    }


def _shown(
    room: Room, variant: Variant, *, before: int | None = None, after: int | None = None
) -> tuple[Room, Part, People]:
    """A part of the history, the room at that moment and who is there."""
    part = parts.kept(room, variant, before=before, after=after)
    people, seen = named_with(
        presence.held("here", [room.pk]),
        presence.held("typing", [room.pk]),
        part.looks if part else (),
    )
    if part is None or not part.looks_hold(seen):
        room, part = parts.made(room, variant, before=before, after=after)
    return room, part, people[room.pk]


def _mark_read(room: Room, user: User) -> None:
    """Whoever can't be written down as having read may read all the same: with a full disk, say."""
    try:
        room.mark_read([user.pk])
    except DatabaseError as error:
        logger.warning("room %s not marked as read: %s", room.pk, error)


def past_page(
    request: AuthenticatedHttpRequest,
    room: Room,
    *,
    before: int | None = None,
    after: int | None = None,
) -> HttpResponse:
    """A part of the history, which leads on in both directions; nothing new comes into it."""
    room, part, people = _shown(room, Variant.current(), before=before, after=after)
    return _past(request, room, part.html, part.older, part.newer, people)


def _past(  # noqa: PLR0917
    request: AuthenticatedHttpRequest,
    room: Room,
    rows: SafeString,
    older: int | None,
    newer: int | None,
    people: People,
) -> HttpResponse:
    user, variant = request.user, Variant.current()
    mould = _past_shell(
        room.details,
        request.place.name,
        variant.language,
        owner=user.is_owner,
        older=older is not None,
        newer=newer is not None,
    )
    values = {
        **about(request, room_items(user), room.pk),
        **_about_people(people, room.slug, variant),
        "rows": rows,
        "older": older,
        "newer": newer,
    }
    return HttpResponse(mould.fill(values))


@lru_cache(maxsize=SHELLS)
def _past_shell(
    room: RoomDetails, place_name: str, language: str, *, owner: bool, older: bool, newer: bool
) -> Mould:
    context = {
        **around(place_name, owner=owner),
        **_around_room(room),
        "rows": gap("rows"),
        "older": gap("older") if older else None,
        "newer": gap("newer") if newer else None,
    }
    return shell.made("rooms/past.html", language, context)


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
    history = found.history(around=number)
    rows = fragments.rows(history.rows, Variant.current(), number)
    older = history.rows[0].number if history.has_older else None
    newer = history.rows[-1].number if history.has_newer else None
    return _past(request, history.room, rows, older, newer, people_in(found.pk))


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
        fragments.people(people.here, people.total, room.slug, variant)
        + fragments.typing(people.writing, variant)
        + items.as_html(variant, room_name=room.name)
        + fragments.seen(digest)
    )


@require_GET
@reader_required
def here(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Everybody who is in the room now. For htmx the list alone, into a page that shows only how many."""
    found, membership = entered_or_404(request, slug)
    people = everybody(presence.held("here", [found.pk])[found.pk])
    if request.htmx:
        language = Variant.current().language
        return HttpResponse(fragments.whole_people_list(people, len(people), slug, language))
    may_manage = found.may_be_managed_by(request.user, membership)
    context = {"room": found, "people": people, "may_manage": may_manage}
    return render(request, "rooms/here.html", context)


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


def _number(request: AuthenticatedHttpRequest, name: str, digits: int = 12) -> int | None:
    """A number out of the address or the form; None if it is missing or none."""
    value = request.GET.get(name) or request.POST.get(name) or ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= digits else None
