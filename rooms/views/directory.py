"""The rooms that there are: those to come into, one's own, and a new one."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import replace_url

from rooms.context import RoomItem, any_direct, arranged, inside_of
from rooms.forms import RoomForm
from rooms.live import presence
from rooms.live.fragments import Variant
from rooms.live.moulds import gap
from rooms.models import Membership, Room, unread
from rooms.models.direct import talkers_of
from rooms.models.names import sort_key
from rooms.models.permissions import demand
from rooms.models.reading import rooms_visible_to
from rooms.views import shell
from rooms.views.doors import part_reader_required
from rooms.views.shell import SHELLS, about, around

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rooms.live.moulds import Mould
    from rooms.models import PlaceStanding, User
    from rooms.models.reading import VisibleRoom
    from rooms.views.doors import AuthenticatedHttpRequest

SHOWN = 200  # rooms of one list; whoever has more finds one by typing, not by reading on
ENTRIES_KEPT = 5_000  # as HTML, of about 500 characters
SEARCH_LENGTH = 100  # characters of a search that count; more than any name has


class Entry(NamedTuple):
    """A room as the directory shows it."""

    pk: int
    slug: str
    name: str
    topic: str
    private: bool
    members: int
    present: int


@dataclass(frozen=True, slots=True)
class Directory:
    """The rooms as one reader sees them. Where two are equal, so are the pages that show them."""

    query: str
    archived: bool
    items: list[RoomItem]  # what the list beside every page shows
    open_to_you: list[Entry]
    yours: list[Entry]
    found: int  # rooms that the search is for, those left out of the two lists included
    total: int  # rooms in use, whatever is searched for
    archived_total: int

    @property
    def mine(self) -> int:
        """How many of the rooms in use are the reader's."""
        return sum(not item.direct for item in self.items)

    @property
    def left_out(self) -> int:
        return self.found - len(self.open_to_you) - len(self.yours)

    @property
    def address(self) -> str:
        """Where a browser finds this list as a page."""
        return _address(q=self.query, archived="1" if self.archived else "")

    @property
    def digest(self) -> str:
        """Short for all that the list shows."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def poll_address(self) -> str:
        """Where a page that shows this list asks for a newer one."""
        archived = "1" if self.archived else ""
        return _address(q=self.query, archived=archived, seen=self.digest)


def _address(**parameters: str) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in parameters.items() if value})
    return f"{reverse('rooms')}?{query.urlencode()}" if query else reverse("rooms")


def read_directory(user: User, query: str = "", *, archived: bool = False) -> Directory:
    """The rooms that `user` may see, by name, in one query however many there are, one more for the names
    of their direct conversations, if there are any (these are in no directory), and one more for what is
    unread, if anything is.

    The search is done here: SQLite knows capitals of ASCII alone, and the names are at hand.
    """
    all_visible = rooms_visible_to(user)
    all_in_use = [room for room in all_visible if not room.archived]
    waiting = unread.of_reader(user.pk, [(room.last_number, room.last_read) for room in all_in_use])
    items = [
        RoomItem.of(room, waiting.get(room.pk, unread.NONE))
        for room in all_in_use
        if room.last_read is not None
    ]
    visible = sorted(
        (room for room in all_visible if not room.direct),
        key=lambda room: (sort_key(room.name), room.pk),
    )
    in_use = [room for room in visible if not room.archived]
    put_away = [room for room in visible if room.archived]
    words = _folded(query).split()
    found = [room for room in (put_away if archived else in_use) if _matches(room, words)]
    open_to_you = [room for room in found if room.last_read is None][:SHOWN]
    yours = [room for room in found if room.last_read is not None][:SHOWN]
    present = presence.counts(room.pk for room in (*open_to_you, *yours))
    return Directory(
        query=query,
        archived=archived,
        items=arranged(items, user.pk, talkers_of(user) if any_direct(items) else {}),
        open_to_you=[_entry(room, present) for room in open_to_you],
        yours=[_entry(room, present) for room in yours],
        found=len(found),
        total=len(in_use),
        archived_total=len(put_away),
    )


def _matches(room: VisibleRoom, words: list[str]) -> bool:
    """Whether every word that is searched for occurs in the room's name or topic."""
    if not words:
        return True
    text = _folded(f"{room.name}\n{room.topic}")
    return all(word in text for word in words)


def _folded(text: str) -> str:
    """Without the differences that nobody means: capitals, full width, an accent's own code point."""
    return unicodedata.normalize("NFKC", text).casefold()


def _entry(room: VisibleRoom, present: Mapping[int, int]) -> Entry:
    here = present.get(room.pk, 0)
    return Entry(room.pk, room.slug, room.name, room.topic, room.private, room.members, here)


@require_GET
@login_required
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Leads to the room that the reader joined last, or to where there are some to join. Nobody is led
    into a conversation by surprise."""
    memberships = Membership.objects.filter(
        user=request.user, room__archived_at=None, room__direct=False
    )
    last = memberships.select_related("room").order_by("joined_at", "pk").last()
    return redirect("room", last.room.slug) if last else redirect("rooms")


@require_GET
@part_reader_required("rooms/_directory_closed.html", "#directory")
def rooms(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The directory. With `seen` its page asks for the list alone, and is given nothing if what it
    has still holds. No page is at such an address, so a browser cannot take the one for the other.
    """
    query = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:SEARCH_LENGTH]
    directory = read_directory(request.user, query, archived="archived" in request.GET)
    if not request.htmx or "seen" not in request.GET:
        return _answer(request, directory, "rooms/directory.html")
    if request.GET["seen"] == directory.digest:
        return HttpResponse(status=204)
    answer = _answer(request, directory, "rooms/_directory.html")
    return replace_url(answer, directory.address)


def _answer(request: AuthenticatedHttpRequest, directory: Directory, template: str) -> HttpResponse:
    language, place_name = Variant.current().language, request.place.name
    mould = _shell(
        template,
        language,
        place_name,
        inside_of(request),
        archived=directory.archived,
        searching=bool(directory.query),
        some_open=bool(directory.open_to_you),
        some_yours=bool(directory.yours),
    )
    reader = about(request, directory.items)
    open_to_you = _entries(directory.open_to_you, language, joinable=not directory.archived)
    total = directory.archived_total if directory.archived else directory.total
    values = {
        **reader,
        "query": directory.query,
        "poll_address": directory.poll_address,
        "summary": _summary(
            total, directory.mine, place_name, language, archived=directory.archived
        ),
        "found": _found(directory.found, directory.query, language, archived=directory.archived),
        "open_count": len(directory.open_to_you),
        "open_to_you": mark_safe(open_to_you.replace(gap("csrf_token"), reader["csrf_token"])),
        "yours_count": len(directory.yours),
        "yours": _entries(directory.yours, language, joinable=False),
        "rest": _rest(
            directory.left_out,
            directory.archived_total,
            language,
            archived=directory.archived,
            none=not directory.found and not directory.query,
            may_make=inside_of(request).may_make_rooms,
        ),
    }
    return HttpResponse(mould.fill(values))


@lru_cache(maxsize=SHELLS)
def _shell(
    template: str,
    language: str,
    place_name: str,
    inside: PlaceStanding,
    *,
    archived: bool,
    searching: bool,
    some_open: bool,
    some_yours: bool,
) -> Mould:
    gaps = ("poll_address", "summary", "found", "open_count", "yours_count", "rest")
    context = {
        **around(place_name, inside),
        **{name: gap(name) for name in gaps},
        "part": template == "rooms/_directory.html",
        "archived": archived,
        "query": gap("query") if searching else "",
        "open_to_you": gap("open_to_you") if some_open else "",
        "yours": gap("yours") if some_yours else "",
    }
    return shell.made(template, language, context)


def _entries(entries: Iterable[Entry], language: str, *, joinable: bool) -> SafeString:
    """Rooms as the directory lists them; those that can be joined with a gap for the reader's token."""
    html = (_entry_html(entry, language, joinable=joinable) for entry in entries)
    return mark_safe("\n      ".join(html))


@lru_cache(maxsize=ENTRIES_KEPT)
def _entry_html(entry: Entry, language: str, *, joinable: bool) -> SafeString:
    context = {"entry": entry, "joinable": joinable, "csrf_token": gap("csrf_token")}
    with translation.override(language):
        return render_to_string("rooms/_directory_entry.html", context)


@lru_cache(maxsize=1_000)
def _summary(
    total: int, mine: int, place_name: str, language: str, *, archived: bool
) -> SafeString:
    context = {"archived": archived, "total": total, "mine": mine, "place_name": place_name}
    with translation.override(language):
        return render_to_string("rooms/_directory_summary.html", context)


def _found(found: int, query: str, language: str, *, archived: bool) -> SafeString:
    if not query:
        return SafeString()
    context = {"found": found, "query": query, "archived": archived}
    with translation.override(language):
        return render_to_string("rooms/_directory_found.html", context)


@lru_cache(maxsize=1_000)
def _rest(
    left_out: int, archived_total: int, language: str, *, archived: bool, none: bool, may_make: bool
) -> SafeString:
    context = {
        "left_out": left_out,
        "none": none,
        "may_make": may_make,
        "archived": archived,
        "archived_total": archived_total,
    }
    with translation.override(language):
        return render_to_string("rooms/_directory_rest.html", context)


@require_http_methods(["GET", "POST"])
@part_reader_required("rooms/_directory_closed.html", "#directory")
def make(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A new room: a page, or with `part` the form alone, which htmx unfolds in the directory."""
    demand(
        inside_of(request).may_make_rooms, _("You may not make rooms here. Ask an admin for one.")
    )
    form = RoomForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        room = Room.make(
            name=form.cleaned_data["name"],
            topic=form.cleaned_data["topic"],
            private=form.cleaned_data["kind"] == "private",
            by=request.user,
        )
        return redirect("room", room.slug)
    template = "rooms/_room_new.html" if "part" in request.GET else "rooms/room_new.html"
    return render(request, template, {"form": form})
