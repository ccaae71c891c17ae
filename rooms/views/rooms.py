"""A room's page, its older pages, one message's address, and what a page asks for while it is open."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2s
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from ..context import inside_of, open_reports, room_items
from ..live import fragments, news, own, parts, presence
from ..live.attached import chosen
from ..live.consumers import missed
from ..live.fragments import Variant
from ..live.moulds import gap
from ..live.people import everybody, named, named_with
from ..models import Standing, announcements
from ..models.membership import NO_DRAFT
from ..models.unread import first_unread
from . import shell
from .doors import SIGNED_OUT_PAGE, entered_or_404, live, reader_required, room_or_404
from .reader import composer_urls
from .shell import SHELLS, about, around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from ..live.connections import People
    from ..live.moulds import Mould
    from ..live.parts import Part
    from ..models import Attachment, Membership, PlaceStanding, Quote, Room, RoomDetails, User
    from ..models.restriction import Sanction
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
    files: Sequence[Attachment] = ()
    quote: Quote | None = None  # of the message that the first one replies to

    @property
    def text(self) -> str:
        return f"{self.line}\n{self.lines}" if self.lines else self.line

    @property
    def blank_keys(self) -> list[str]:
        return self.keys[1:]

    @classmethod
    def of(cls, room: Room, membership: Membership | None, reply: int | None = None) -> Composer:
        """With what was begun before; `reply` is the number of the message to reply to now."""
        draft = membership.open_draft() if membership else NO_DRAFT
        files = membership.draft_attachments(draft.key) if membership and draft.key else ()
        number = draft.reply if reply is None else reply
        quote = None if number is None else room.quote_of(number)
        return cls.holding(draft.text, draft.key, files=files, quote=quote)

    @classmethod
    def holding(
        cls,
        text: str,
        key: str = "",
        error: str = "",
        files: Sequence[Attachment] = (),
        quote: Quote | None = None,
    ) -> Composer:
        """With `text` in it, its first line in the field and the rest in the larger box."""
        line, _newline, lines = text.partition("\n")
        keys = [key or new_key(), *new_keys(BLANK_FORMS - 1)]
        return cls(keys, line, lines, error, files, quote)


def new_key() -> str:
    return secrets.token_urlsafe(12)


def new_keys(count: int) -> list[str]:
    return [new_key() for _ in range(count)]


@require_GET
@login_required
def room(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """The room with its newest messages; with `before` or `after` a number, the messages next to it."""
    found, membership = entered_or_404(request, slug)
    before, after = number_in(request, "before"), number_in(request, "after")
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
    variant, place_name = Variant.current(), request.place.name
    all_items = room_items(user)
    room, part, people = _shown(room, variant)
    unread = next((item.unread for item in all_items if item.pk == room.pk), 0)
    new = _new(part, membership, unread) if membership and unread else New(None, None)
    if membership and (membership.last_read < room.last_number or membership.held_unread):
        held = membership.held_unread
        _mark_read(room, user, room.last_number, anew=True, held=held)
    opened = [item.opened() if item.pk == room.pk else item for item in all_items]
    items = news.on_page(opened, room.pk, place_name)
    name = items.room_name or room.called_by(user)
    composer = composer or Composer.of(room, membership, number_in(request, "reply"))
    standing = Standing.of(user, room, membership)
    may_post = (
        standing.may_write
    )  # who is kept from it for a while has the composer, behind a notice
    mould = _room_shell(
        room.details,
        place_name,
        variant.language,
        inside_of(request),
        member=membership is not None,
        may_post=may_post,
        kept=bool(composer.text),
        empty=part.last is None,
        more=part.has_older,
        several=bool(composer.lines),
        refused=bool(composer.error),
        attached=bool(composer.files),
        replying=composer.quote and composer.quote.deleted,
    )
    values = {
        **about(request, items.items, room.pk),
        **_about_people(people, room.slug, variant),
        "room_name": name,
        "tab_title": fragments.tab_title(items.total, name, place_name),
        "version": room.version,
        "voice": own.voice_here(_sanction(room, standing), variant),
        "rows": part.with_line(fragments.new_line(variant.language), new.shown)
        if new.shown
        else part.html,
        "new": new.shown or "",
        "behind": fragments.behind(unread, room.slug, new.above, variant.language)
        if new.above
        else "",
        "older": part.older,
        "key": composer.keys[0],
        "line": composer.line,
        "lines": composer.lines,
        "error": composer.error,
        "kept": composer.text,
        "files": chosen(composer.files, room.slug) if composer.files else "",
        "original": composer.quote.number if composer.quote else "",
        "original_author": composer.quote.author_name if composer.quote else "",
        "excerpt": fragments.about_original(composer.quote)["excerpt"],
        "blank_forms": fragments.blank_composers(composer.blank_keys),
    }
    return HttpResponse(mould.fill(values), status=status)


@lru_cache(maxsize=SHELLS)
def _room_shell(
    room: RoomDetails,
    place_name: str,
    language: str,
    inside: PlaceStanding,
    *,
    member: bool,
    may_post: bool,
    kept: bool,
    empty: bool,
    more: bool,
    several: bool,
    refused: bool,
    attached: bool,
    replying: bool | None,
) -> Mould:
    """`replying` is None if the composer begins no reply, else whether the original was deleted."""
    composer = {
        "keys": [gap("key")],
        "line": gap("line"),
        "lines": gap("lines") if several else "",
        "error": gap("error") if refused else "",
        "files": gap("files") if attached else "",
        "original": {
            "number": gap("original"),
            "author_name": gap("original_author"),
            "deleted": replying,
        }
        if replying is not None
        else None,
        "excerpt": gap("excerpt"),
    }
    context = {
        **around(place_name, inside),
        **_around_room(room),
        "tab_title": gap("tab_title"),
        "version": gap("version"),
        "voice": gap("voice"),
        "new": gap("new"),
        "behind": gap("behind"),
        "membership": member,
        "may_post": may_post,
        "kept": gap("kept") if kept and not may_post else "",
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
    if room.direct:
        room = replace(room, name=gap("room_name"))
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
        part.names if part else (),
    )
    if part is None or not part.holds(seen):
        room, part = parts.made(room, variant, before=before, after=after)
    return room, part, people[room.pk]


class New(NamedTuple):
    """The number of the first message that is unread when a page is made: `shown` on the page, or
    `above` it."""

    shown: int | None
    above: int | None


def _new(part: Part, membership: Membership, unread: int) -> New:
    if part.older is not None and part.older > membership.last_read + 1:
        first = first_unread(membership)
        if first is not None and first < part.older:
            return New(None, first)
    return New(part.first_for(membership.user_id, membership.last_read), None)


def _mark_read(
    room: Room, user: User, number: int, *, anew: bool = False, held: bool = False
) -> None:
    """Up to what the reader's page shows. Whoever can't be written down as having read may read all the
    same: with a full disk, say."""
    try:
        if room.mark_read([user.pk], number, anew=anew):
            # Other pages of the room show something unread there only if it was held so.
            announcements.reading_changed([user.pk], None if held else room.pk)
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
    *,
    chosen: int | None = None,
    may_hold: bool = False,
) -> HttpResponse:
    """With `chosen`, the number of the message that the page is about; `may_hold` if the reader may mark
    the room unread from there on."""
    user, variant = request.user, Variant.current()
    mould = _past_shell(
        room.details,
        request.place.name,
        variant.language,
        inside_of(request),
        older=older is not None,
        newer=newer is not None,
        about_one=chosen is not None,
        may_hold=may_hold,
    )
    values = {
        **about(request, room_items(user), room.pk),
        **_about_people(people, room.slug, variant),
        "room_name": room.called_by(user),
        "rows": rows,
        "older": older,
        "newer": newer,
        "chosen": chosen,
    }
    return HttpResponse(mould.fill(values))


@lru_cache(maxsize=SHELLS)
def _past_shell(
    room: RoomDetails,
    place_name: str,
    language: str,
    inside: PlaceStanding,
    *,
    older: bool,
    newer: bool,
    about_one: bool,
    may_hold: bool,
) -> Mould:
    context = {
        **around(place_name, inside),
        **_around_room(room),
        "rows": gap("rows"),
        "older": gap("older") if older else None,
        "newer": gap("newer") if newer else None,
        "chosen": gap("chosen") if about_one else None,
        "unread_from": may_hold,
    }
    return shell.made("rooms/past.html", language, context, composer_urls)


@require_GET
@login_required
def message(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """The message among its neighbours. For htmx its row alone: an edit given up puts it back."""
    found, membership = entered_or_404(request, slug)
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
    people, member = people_in(found.pk), membership is not None
    return _past(request, history.room, rows, older, newer, people, chosen=number, may_hold=member)


@require_GET
@reader_required
def changes(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """What a page without a socket lacks: 204 if nothing, else out-of-band swaps.

    With `quiet` a page asks whose socket has fallen silent: it is given a new one, and polls until that
    one speaks.
    """
    found, membership = entered_or_404(request, slug)
    user = request.user
    presence.renew("here", [(found.pk, user.pk)], "poll", presence.POLL_LEASE)
    voice = _sanction(found, Standing.of(user, found, membership))
    swaps = changes_after(request, found) + _surroundings(request, found, voice)
    lost, again = request.GET.get("lost"), "again" in request.GET
    if lost:
        swaps += live(request)
    if "quiet" in request.GET or lost == SIGNED_OUT_PAGE:
        swaps += fragments.reconnect(found.slug, Variant.current())
    if not swaps and not again:
        return HttpResponse(status=204)
    response = HttpResponse(swaps)
    if lost or again:
        trigger_client_event(response, "resend", {"target": "#outbox"})
    return response


def changes_after(request: AuthenticatedHttpRequest, room: Room) -> str:
    """What came after the cursor that the request carries, if it does. That has been read, then."""
    after = number_in(request, "after", 18)
    if after is None:
        return ""
    came = missed(room.pk, after, Variant.current())
    if came.number is not None:
        _mark_read(room, request.user, came.number)
    return "".join(came.frames)


def _sanction(room: Room, standing: Standing) -> Sanction | None:
    """What keeps the reader from writing in the room, if anything does."""
    return room.sanction if standing.is_kept_quiet else None


def _surroundings(request: AuthenticatedHttpRequest, room: Room, voice: Sanction | None) -> str:
    """People, who is writing, other rooms, whether the reader may write and what was reported to them, if
    these differ from what the page has `seen`."""
    variant = Variant.current()
    people = people_in(room.pk)
    mine = room_items(request.user)
    listed = any(item.pk == room.pk for item in mine)
    called = "" if listed else room.called_by(request.user)
    items = news.on_page(mine, room.pk, request.place.name, called)
    reported = open_reports(request.user, mine)
    shown = repr((people, items, voice, reported))
    digest = blake2s(shown.encode(), digest_size=8).hexdigest()
    if request.GET.get("seen") == digest:
        return ""
    return (
        fragments.people(people.here, people.total, room.slug, variant)
        + fragments.typing(people.writing, variant)
        + items.as_html(variant)
        + own.voice(voice, variant)
        + own.reports(reported, variant)
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
    standing = Standing.of(request.user, found, membership)
    name = found.called_by(request.user)
    context = {"room": found, "name": name, "people": people, "standing": standing}
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


def number_in(request: AuthenticatedHttpRequest, name: str, digits: int = 12) -> int | None:
    """A number out of the address or the form; None if it is missing or none."""
    value = request.GET.get(name) or request.POST.get(name) or ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= digits else None


def original_in(number: str) -> int | None:
    """The number of the message that a form replies to, 0 if it is none: nobody ever said that one."""
    if not number:
        return None
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 15 else 0
