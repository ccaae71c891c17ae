"""Searching everything that the reader may see."""

from __future__ import annotations

import time as clock
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url

from rooms.marks import shown
from rooms.models import Membership, Room, User
from rooms.models.attachment import files_of
from rooms.models.direct import called, talkers_of
from rooms.models.mentions import mentions_of
from rooms.models.names import sort_key
from rooms.models.reading import rooms_visible_to
from rooms.models.searching.matches import SearchTooLong
from rooms.models.searching.query import QUERY_LENGTH, parsed
from rooms.models.searching.search import BEST, NEWEST, Filters, Found, search
from rooms.text import to_html
from rooms.views.doors import part_reader_required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from rooms.models import Message
    from rooms.models.searching.query import Phrase, Query
    from rooms.views.doors import AuthenticatedHttpRequest

# A minute for each person: four a second, as many as a page asks for while one types.
SEARCHES = 240
NAMES = 200  # that the field of the author completes
ROOMS = 1_000  # to choose from; whoever sees more names one by `in:`
NAME_LENGTH = 150  # characters of a room or person that count
# No time zone carries these out of the calendar.
EARLIEST, LATEST = date(1970, 1, 2), date(9998, 12, 30)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form holds, as it was typed; dates that are none are kept, to be shown again."""

    q: str
    room: str
    by: str
    since: str
    until: str
    order: str
    files: bool

    @classmethod
    def by_request(cls, request: HttpRequest) -> Asked:
        def given(name: str, length: int) -> str:
            return request.GET.get(name, "").replace("\x00", "")[:length]

        return cls(
            q=given("q", QUERY_LENGTH),
            room=given("room", NAME_LENGTH).strip(),
            by=given("by", NAME_LENGTH).strip(),
            since=given("since", 20).strip(),
            until=given("until", 20).strip(),
            order=BEST if request.GET.get("order") == BEST else NEWEST,
            files=request.GET.get("has") == "file",
        )

    def address(self, **more: str) -> str:
        """Where a browser finds this as a page."""
        fields = {
            "q": self.q,
            "room": self.room,
            "by": self.by,
            "since": self.since,
            "until": self.until,
            "order": "" if self.order == NEWEST else self.order,
            "has": "file" if self.files else "",
            **more,
        }
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in fields.items() if value})
        return f"{reverse('search')}?{query.urlencode()}" if query else reverse("search")

    @property
    def filtered(self) -> bool:
        return bool(self.room or self.by or self.since or self.until or self.files)


class NoDateError(ValueError):
    """A sentence about a date that is none."""


class Hit(NamedTuple):
    """A message as it is listed."""

    message: Message
    room_name: str
    body: SafeString
    files: str  # what they are called
    at: datetime
    moment: str


@require_GET
@part_reader_required("rooms/_search_closed.html", "#found")
def messages(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The form with what it found. With `part` its page asks for the results alone."""
    asked = Asked.by_request(request)
    query = parsed(asked.q)
    part = request.htmx and "part" in request.GET
    context: dict[str, Any] = {"asked": asked, "part": part, "searching": True, "status": 200}
    if len(request.GET.get("q", "")) > QUERY_LENGTH:
        context["cut_at"] = QUERY_LENGTH
    context |= _answer(request, asked, query)
    if part:
        return replace_url(render(request, "rooms/_found.html", context), asked.address())
    context |= {"rooms": _rooms(request.user), "people": _people(request.user)}
    response = render(request, "rooms/search.html", context, status=context["status"])
    if context["status"] == 429:
        response.headers["Retry-After"] = "60"
    return response


def _answer(request: AuthenticatedHttpRequest, asked: Asked, query: Query) -> dict[str, Any]:
    """What was found, or a sentence in its place."""
    if not (query.phrases or query.authors or query.rooms or query.files or asked.filtered):
        only_without = bool(query.without)
        return {"problem": _("Say also what to look for.")} if only_without else {"hints": True}
    try:
        filters = Filters(asked.room, asked.by, *moments(asked), asked.order, asked.files)
    except NoDateError as error:
        return {"problem": str(error)}
    if too_many(request.user):
        return {
            "problem": _(
                "You have searched very often within a minute. Wait a little, then go on."
            ),
            "status": 429,
        }
    try:
        found = search(request.user, query, filters, request.GET.get("before", ""))
    except SearchTooLong:
        return {"problem": _("This takes too long. Choose a room or dates, or add a rarer word.")}
    if found.unknown_room:
        return {"problem": _("There is no room “%s” that you could see.") % found.unknown_room}
    return {
        "found": found,
        "hits": _hits(request.user, found, query.phrases),
        "later_page": bool(request.GET.get("before")),
        "first_address": asked.address(),
        "next_address": asked.address(before=found.next_cursor) if found.next_cursor else "",
        "only_best": asked.order == BEST and bool(query.phrases) and found.more_than,
        "newest_address": asked.address(order=""),
    }


def too_many(user: User) -> bool:
    key = f"searches-{user.pk}-{int(clock.time() // 60)}"
    cache.add(key, 0, 120)
    with suppress(ValueError):  # a cache that was emptied this moment
        return bool(cache.incr(key) > SEARCHES)
    return False


def moments(asked: Asked) -> tuple[datetime | None, datetime | None]:
    """From the first moment of one day to that after the other, in the reader's time zone. Raises
    `NoDateError`."""
    since, until = _day(asked.since), _day(asked.until)
    if since and until and until < since:
        raise NoDateError(_("The last day is before the first one."))
    return (
        _midnight(since) if since else None,
        _midnight(until + timedelta(days=1)) if until else None,
    )


def _day(text: str) -> date | None:
    if not text:
        return None
    day = None
    with suppress(ValueError):
        day = parse_date(text)
    if day is None:
        raise NoDateError(_("“%s” is not a date. Write it like 2026-01-31.") % text)
    return min(max(day, EARLIEST), LATEST)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)


def _hits(user: User, found: Found, phrases: Sequence[Phrase]) -> list[Hit]:
    today = timezone.localdate()
    direct = _direct_names(user) if any(each.room.direct for each in found.messages) else {}
    return [
        Hit(
            message,
            direct.get(message.room_id) or message.room.name,
            shown(to_html(message.body, mentions_of(message.mentions)), phrases),
            ", ".join(file.name for file in files_of(message.files)),
            at,
            _moment(at, today),
        )
        for message in found.messages
        for at in [timezone.localtime(message.created_at)]
    ]


def _moment(at: datetime, today: date) -> str:
    """As short as it can be said."""
    if at.date() == today:
        return _("Today, %s") % date_format(at, _("H:i"))
    if at.year == today.year:
        return date_format(at, _("j F, H:i"))
    return date_format(at, _("j F Y, H:i"))


def _rooms(user: User) -> list[tuple[str, str]]:
    """Slug and name of the rooms that `user` may see, those first that are theirs, direct conversations
    last."""
    rooms = sorted(
        rooms_visible_to(user),
        key=lambda room: (room.direct, room.last_read is None, sort_key(room.name)),
    )[:ROOMS]
    direct = _direct_names(user) if any(room.direct for room in rooms) else {}
    return [(room.slug, direct.get(room.pk) or room.name) for room in rooms]


def _direct_names(user: User) -> dict[int, str]:
    """What each of the user's direct conversations is called for them."""
    return {
        room: called(look.name for person, look in talkers.items() if person != user.pk)
        for room, talkers in talkers_of(user).items()
    }


def _people(user: User) -> list[str]:
    """Names of people in the rooms that `user` may see."""
    rooms = Room.objects.visible_to(user).values("pk")
    there = Membership.objects.filter(user=OuterRef("pk"), room__in=rooms)
    people = User.objects.filter(Exists(there), is_active=True).order_by("username")[:NAMES]
    return [person.name for person in people]
