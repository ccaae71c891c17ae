"""The rooms that there are: those to come into, one's own, and a new one."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import replace_url, reswap, retarget

from rooms.context import RoomItem, room_items
from rooms.forms import RoomForm
from rooms.live import presence
from rooms.models import Membership, Room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest

    from rooms.models import User
    from rooms.views.doors import AuthenticatedHttpRequest

SHOWN = 200  # rooms of one list; whoever has more finds one by typing, not by reading on
SEARCH_LENGTH = 100  # characters of a search that count; more than any name has


@dataclass(frozen=True, slots=True)
class Entry:
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
    """The rooms that `user` may see, by name, in two queries however many there are.

    The search is done here: SQLite knows capitals of ASCII alone, and the names are at hand.
    """
    belongs = Membership.objects.filter(room=OuterRef("pk"), user=user)
    rows = (
        Room.objects.visible_to(user)
        .with_members()
        .annotate(mine=Exists(belongs))
        .values("pk", "slug", "name", "topic", "private", "archived_at", "members", "mine")
    )
    visible = sorted(rows, key=lambda row: (row["name"].casefold(), row["pk"]))
    in_use = [row for row in visible if row["archived_at"] is None]
    put_away = [row for row in visible if row["archived_at"] is not None]
    found = [row for row in (put_away if archived else in_use) if _matches(row, query)]
    open_to_you = [row for row in found if not row["mine"]][:SHOWN]
    yours = [row for row in found if row["mine"]][:SHOWN]
    present = presence.counts(row["pk"] for row in (*open_to_you, *yours))
    return Directory(
        query=query,
        archived=archived,
        items=room_items(user),
        open_to_you=[_entry(row, present) for row in open_to_you],
        yours=[_entry(row, present) for row in yours],
        found=len(found),
        total=len(in_use),
        archived_total=len(put_away),
    )


def _matches(row: Mapping[str, Any], query: str) -> bool:
    """Whether every word that is searched for occurs in the room's name or topic."""
    text = _folded(f"{row['name']}\n{row['topic']}")
    return all(word in text for word in _folded(query).split())


def _folded(text: str) -> str:
    """Without the differences that nobody means: capitals, full width, an accent's own code point."""
    return unicodedata.normalize("NFKC", text).casefold()


def _entry(row: Mapping[str, Any], present: Mapping[int, int]) -> Entry:
    shown = ("pk", "slug", "name", "topic", "private", "members")
    return Entry(**{name: row[name] for name in shown}, present=present.get(row["pk"], 0))


@require_GET
@login_required
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Leads to the room that the reader joined last, or to where there are some to join."""
    memberships = Membership.objects.filter(user=request.user, room__archived_at=None)
    last = memberships.select_related("room").order_by("joined_at", "pk").last()
    return redirect("room", last.room.slug) if last else redirect("rooms")


def _reader_required(view: Callable[..., HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """As `login_required`. An open page whose reader was signed out meanwhile is told so where its
    list was, and keeps what was typed into it."""
    door = login_required(view)

    @wraps(view)
    def enter(request: HttpRequest) -> HttpResponse:
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            answer = render(request, "rooms/_directory_closed.html")
            return retarget(reswap(answer, "outerHTML"), "#directory")
        return door(request)

    return enter


@require_GET
@_reader_required
def rooms(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The directory. With `seen` its page asks for the list alone, and is given nothing if what it
    has still holds. No page is at such an address, so a browser cannot take the one for the other.
    """
    query = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:SEARCH_LENGTH]
    directory = read_directory(request.user, query, archived="archived" in request.GET)
    context = {"directory": directory, "room_items": directory.items}
    if not request.htmx or "seen" not in request.GET:
        return render(request, "rooms/directory.html", context)
    if request.GET["seen"] == directory.digest:
        return HttpResponse(status=204)
    answer = render(request, "rooms/_directory.html", {**context, "part": True})
    return replace_url(answer, directory.address)


@require_http_methods(["GET", "POST"])
@_reader_required
def make(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A new room: a page, or with `part` the form alone, which htmx unfolds in the directory."""
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
