"""Whom a message names: `@name`, everybody who is here by `@here`, everybody who belongs by `@room`.

Names are looked up when a text is stored, among the people who may read the room. What came of it is
kept twice: in the message, as its row shows it (`Message.mentions`), and as rows of `Mention`, by which
it is counted. A text without an @ asks for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.db import models
from django.db.models import FilteredRelation, Q
from django.db.models.functions import Lower
from django.utils import timezone

from ..text import NAME_LENGTH, mention_tails, name_ends
from .permissions import FINDS_ROOMS, Role
from .restriction import Restriction
from .user import User

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from django.db.models import QuerySet

    from .message import Message
    from .permissions import Standing

HERE, ROOM = "here", "room"  # usernames that nobody has, see `AccountAdapter`
SPELLINGS = 500  # ways of reading what was typed that the database is asked for
FOUND = 500  # people who are looked at; more of one name nobody tells apart
MENTIONED = 50  # people whom one message names; @here and @room count by themselves
NAMED_HERE = 50  # people whom a row with @here lists; of more it is shown to all

_ASCII = {ord(large): chr(ord(large) + 32) for large in map(chr, range(65, 91))}


class Mentioned(NamedTuple):
    """A name as it was typed, without its @, and whom it names: somebody's key, `room`, or `here` with
    the keys of those who were."""

    typed: str
    who: str


Kept = list[list[str]] | None  # what `Message.mentions` holds


def mentions_of(kept: Kept) -> tuple[Mentioned, ...]:
    """What a row shows, out of what the message keeps."""
    return tuple(Mentioned(*each) for each in kept) if kept else ()


# Who is in a room is known where pages are open, and not here.


def _nobody(_room: int) -> set[int]:
    return set()


_present: Callable[[int], set[int]] = _nobody


def ask_who_is_present(present: Callable[[int], set[int]]) -> None:
    """From now on `present` says who is in a room."""
    global _present  # noqa: PLW0603  # a process has one
    _present = present


class Mention(models.Model):
    """That a message names somebody, or, where there is no `user`, everybody who belongs to its room.
    Authors are not told what they say themselves."""

    message = models.ForeignKey("Message", models.CASCADE, related_name="mentioned")
    room = models.ForeignKey("Room", models.CASCADE, related_name="mentions", db_index=False)
    number = models.PositiveBigIntegerField()
    author = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="mentions")
    created_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Mention]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user"], name="one_mention"),
            models.UniqueConstraint(
                fields=["message"], condition=Q(user=None), name="one_mention_of_all"
            ),
        ]
        indexes = [
            models.Index(fields=["room", "user", "number"], name="mention_by_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or ROOM} in {self.room_id}/{self.number}"


class Wanted(NamedTuple):
    """What may be names in a text, and who was in the room when it came."""

    tails: list[str]
    here: frozenset[int]


def wanted_in(room: int, body: str) -> Wanted | None:
    """None where nobody is named: most texts. Not under the room's lock: it may have to ask elsewhere
    who is here."""
    if "@" not in body:
        return None
    tails = mention_tails(body)
    if not tails:
        return None
    here = any(_begins(tail, HERE) for tail in tails)
    return Wanted(tails, frozenset(_present(room)) if here else frozenset())


class Resolved(NamedTuple):
    """Whom a text names."""

    shown: tuple[Mentioned, ...]
    people: frozenset[int]
    everybody: bool = False

    @property
    def kept(self) -> Kept:
        return [list(each) for each in self.shown] or None

    def store(self, message: Message) -> None:
        """The rows of a message that was stored just now."""
        self._add(message, self._called(message))

    def update(self, message: Message) -> None:
        """The rows after an edit: those who are named no more lose theirs, those who were named before
        keep it. Three statements at most."""
        before: set[int | None] = set(message.mentioned.values_list("user_id", flat=True))
        called = self._called(message)
        gone = before - called
        if gone:
            lost = Q(user__in=gone - {None})
            if None in gone:
                lost |= Q(user=None)
            message.mentioned.filter(lost).delete()
        self._add(message, called - before)

    def _called(self, message: Message) -> set[int | None]:
        called: set[int | None] = {*self.people}
        called.discard(message.author_id)
        return called | {None} if self.everybody else called

    @staticmethod
    def _add(message: Message, called: Iterable[int | None]) -> None:
        now = timezone.now()
        rows = [
            Mention(
                message=message,
                room_id=message.room_id,
                number=message.number,
                author_id=message.author_id,
                user_id=user,
                created_at=now,
            )
            for user in called
        ]
        if rows:
            Mention.objects.bulk_create(rows)


NOBODY = Resolved((), frozenset())


def resolve(wanted: Wanted | None, standing: Standing, room: int, kept: Kept = None) -> Resolved:
    """Whom the author, who stands so to the room, names. `kept` is what the text named before it was
    edited: whoever was here then is who is meant by it now. One query, and one for the number of members
    where @room is said; none where nothing is `wanted`."""
    if wanted is None:
        return NOBODY
    index = _people(wanted.tails, standing, room)
    groups: dict[str, Mentioned | None] = {}
    shown: dict[str, str] = {}
    people: set[int] = set()
    for tail in wanted.tails:
        typed = next((each for each in _readings(tail) if each.casefold() in index), "")
        group = next((each for each in (HERE, ROOM) if _begins(tail, each)), "")
        if group and len(typed) <= len(group):
            if group not in groups:
                groups[group] = _group(group, wanted, standing, room, kept)
            if (called := groups[group]) is not None:
                shown[tail[: len(group)]] = called.who
            continue
        meant = index[typed.casefold()].meant if typed else None
        if meant is not None and (meant in people or len(people) < MENTIONED):
            people.add(meant)
            shown[typed] = str(meant)
    here = groups.get(HERE)
    if here is not None:
        before = _listed(here.who)
        people |= before or wanted.here
    longest_first = sorted(shown.items(), key=lambda each: -len(each[0]))
    return Resolved(
        tuple(Mentioned(*each) for each in longest_first),
        frozenset(people),
        groups.get(ROOM) is not None,
    )


def _begins(tail: str, name: str) -> bool:
    return tail[: len(name)].lower() == name and name_ends(tail, len(name))


def _readings(tail: str) -> Iterator[str]:
    """What of it may be a name, the longest first."""
    for end in range(min(len(tail), NAME_LENGTH), 0, -1):
        if not tail[end - 1].isspace() and name_ends(tail, end):
            yield tail[:end]


def _listed(who: str) -> set[int]:
    return {int(each) for each in who.split()[1:]}


def _group(
    group: str, wanted: Wanted, standing: Standing, room: int, kept: Kept
) -> Mentioned | None:
    """None if the author may not call so many."""
    if group == ROOM:
        members = User.objects.filter(memberships__room=room, is_active=True).count()
        return Mentioned(ROOM, ROOM) if standing.may_call(members) else None
    for before in mentions_of(kept):
        if before.who.split()[0] == HERE:
            return Mentioned(HERE, before.who)
    if not standing.may_call(len(wanted.here)):
        return None
    listed = sorted(wanted.here) if len(wanted.here) <= NAMED_HERE else []
    return Mentioned(HERE, " ".join([HERE, *map(str, listed)]))


# People


class _Namesakes:
    """Everybody whom one spelling names."""

    def __init__(self) -> None:
        self.by_username: list[int] = []
        self.by_display_name: list[int] = []
        self.belonging: list[int] = []  # of these

    @property
    def meant(self) -> int | None:
        """Who has it as their username, else the only one who is called so, or the only one of these who
        belongs to the room. None if that is nobody, or several: then only usernames tell them apart."""
        for found in (self.by_username, self.by_display_name, self.belonging):
            if len(found) == 1:
                return found[0]
        return None


def who_may_be_named(author: int, role: str, room: int, *, private: bool) -> QuerySet[User]:
    """The people who may read the room, and whom the author may know of: `mine`, of each, is their
    membership of it."""
    people = User.objects.filter(is_active=True).annotate(
        mine=FilteredRelation("memberships", condition=Q(memberships__room=room))
    )
    belongs = Q(mine__isnull=False)
    reads = belongs if private else belongs | Q(role__in=FINDS_ROOMS)
    if role == Role.GUEST:
        shared = User.objects.filter(memberships__room__memberships__user=author)
        reads &= belongs | Q(pk__in=shared.values("pk"))
    kept_out = Restriction.objects.filter(room=room, banned_at__isnull=False)
    return people.filter(reads).exclude(pk__in=kept_out.values("user"))


def _people(tails: Collection[str], standing: Standing, room: int) -> dict[str, _Namesakes]:
    """By the folded spelling."""
    spellings: set[str] = set()
    for tail in tails:
        for typed in _readings(tail):
            # SQLite knows small letters of ASCII alone.
            spellings |= {typed.lower(), typed.translate(_ASCII)}
        if len(spellings) > SPELLINGS:
            break
    index: dict[str, _Namesakes] = {}
    people = who_may_be_named(standing.user, standing.role, room, private=standing.private)
    found = people.annotate(
        small_username=Lower("username"), small_display_name=Lower("display_name")
    ).filter(Q(small_username__in=spellings) | Q(small_display_name__in=spellings))
    rows: Any = found.values_list("pk", "username", "display_name", "mine__id")[:FOUND]
    for pk, username, display_name, membership in rows:
        index.setdefault(username.casefold(), _Namesakes()).by_username.append(pk)
        if display_name:
            namesakes = index.setdefault(display_name.casefold(), _Namesakes())
            namesakes.by_display_name.append(pk)
            if membership is not None:
                namesakes.belonging.append(pk)
    return index


def spelt(names: Collection[str], standing: Standing, room: int) -> dict[str, int | None]:
    """Whom each of these names means there by itself. One query."""
    if not names:
        return {}
    index = _people(names, standing, room)
    return {
        name: index[name.casefold()].meant
        for name in names
        if name.casefold() in index
        and name.lower() not in {HERE, ROOM}
        and next(_readings(name), "") == name
    }
