"""Direct conversations: what a few people say to each other.

Such a conversation is a private room whose people are what it is: for each set of people there is one,
nobody comes or goes, it has no name of its own, and nobody else can learn that it is there. For each of
its people it is called by the others.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from .acquaintances import people_visible_to
from .membership import Membership
from .names import line_of, sort_key, words_of
from .prepared import Prepared
from .user import Look, User

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import QuerySet

MOST = 20  # people of one conversation; more want a room with a name, which others can join
FOUND = 20  # people that a search shows
WORDS = 40  # of a search that count; more than any name has
NAMESAKES = 200  # people that are looked at for what was typed; more of one name nobody tells apart


def key_of(ids: Iterable[int]) -> str:
    """Names a set of people in the database, where there can be just one conversation of it."""
    return hashlib.sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()


def new_slug() -> str:
    """An address that nobody can guess, and that tells nothing of the people."""
    return f"direct-{secrets.token_hex(10)}"


def called(others: Iterable[str]) -> str:
    """What a conversation is called for the one who talks there with these `others`."""
    return ", ".join(sorted(others, key=sort_key)) or _("Notes to yourself")


Talkers = dict[int, dict[int, Look]]  # conversations, and who is in each

_TALKER = (
    *("room_id", "user_id"),
    *("user__display_name", "user__username", "user__face"),
)

_talkers_query = Prepared(
    lambda user: Membership.objects.filter(
        room__direct=True, room__memberships__user=user
    ).values_list(*_TALKER),
    int,
)


def talkers_of(user: User) -> Talkers:
    """Everybody in each of the user's direct conversations. One query."""
    return _by_room(_talkers_query.rows(user.pk))


def talkers_of_all(users: Collection[int]) -> Talkers:
    """Everybody in each direct conversation of these people. One query."""
    found = Membership.objects.filter(room__direct=True, room__memberships__user__in=users)
    return _by_room(found.values_list(*_TALKER))


def _by_room(rows: Iterable[tuple[int, int, str, str, str]]) -> Talkers:
    talkers: Talkers = {}
    for room, person, display_name, username, face in rows:
        talkers.setdefault(room, {})[person] = Look(display_name or username, face)
    return talkers


# Whom to write to


def may_write_to(user: User) -> QuerySet[User]:
    """The people with whom `user` may begin a conversation, themselves included. With bots nobody does,
    see bot.py."""
    people = people_visible_to(user).filter(is_active=True, is_bot=False)
    return people.none() if user.is_bot else people


def search(user: User, text: str, *, without: Collection[int] = ()) -> list[User]:
    """Those of them in whose names each word of `text` begins a word, up to `FOUND`. One query, none
    if there is no word."""
    words = words_of(text)[:WORDS]
    if not words:
        return []
    found = may_write_to(user).exclude(pk__in=without)
    for word in words:
        found = found.filter(name_words__contains=f" {word}")
    return list(found.order_by("name_words", "pk")[:FOUND])


class Named(NamedTuple):
    """What some typed names stand for."""

    people: list[User]
    ambiguous: list[str]
    unknown: list[str]


def named(user: User, names: Iterable[str]) -> Named:
    """The people whom `user` means by these names, each of which is a username or a display name.

    A username wins over a display name that is spelt the same, and what is spelt exactly so over what
    differs in capitals or accents. One query.
    """
    asked = [(name, line_of(name)) for name in names]
    matches = Q()
    for line in {line for _name, line in asked if line != line_of("")}:
        matches |= Q(name_words__startswith=line) | Q(name_words__endswith=f"\n{line}")
    people = list(may_write_to(user).filter(matches).order_by("pk")[:NAMESAKES]) if matches else []
    found = Named([], [], [])
    for name, line in asked:
        meant = _meant(name, line, people)
        if len(meant) == 1:
            found.people.extend(meant)
        else:
            (found.ambiguous if meant else found.unknown).append(name)
    return found


def _meant(name: str, line: str, people: Iterable[User]) -> list[User]:
    name = name.removeprefix("@")
    alike = [
        person
        for person in people
        if line in (line_of(person.display_name), line_of(person.username))
    ]
    for spelling in (
        [person for person in alike if person.username == name],
        [person for person in alike if person.username.casefold() == name.casefold()],
        [person for person in alike if person.display_name == name],
    ):
        if len(spelling) == 1:
            return spelling
    return alike
