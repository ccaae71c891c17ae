"""Whom somebody may mean by the name that they have begun to write behind an @."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Case, Q, When

from ..text import NAME_LENGTH, may_begin_after
from .mentions import HERE, ROOM, spelt, who_may_be_named
from .names import words_of
from .user import User

if TYPE_CHECKING:
    from .permissions import Standing

SUGGESTED = 8  # people; who looks for another writes one more letter
WORDS = 8  # of what was typed that count


class Suggested(NamedTuple):
    """Somebody, or with no `person` all who are here or belong; and what is to stand behind the @."""

    insert: str
    person: User | None = None


def begun_in(text: str) -> str | None:
    """What stands behind an @ at the end of the text, if that may be the beginning of a name."""
    before, at, typed = text.rpartition("@")
    if not at or len(typed) > NAME_LENGTH or "\n" in typed:
        return None
    return typed if not before or may_begin_after(before[-1]) else None


def completed(text: str, insert: str) -> str:
    """The text with that name in the place of the one that was begun at its end, or after it."""
    typed = begun_in(text)
    if typed is None:
        space = "" if not text or text[-1].isspace() else " "
        return f"{text}{space}@{insert} "
    return f"{text[: len(text) - len(typed)]}{insert} "


def suggested(typed: str, standing: Standing, room: int) -> list[Suggested]:
    """The people whom it may mean, those first who belong to the room; before them, if it may mean these
    too, who is here and all who belong. Three queries at most."""
    groups = [each for each in (HERE, ROOM) if each.startswith(typed.casefold())]
    found = [Suggested(each) for each in groups if _may_call(each, standing, room)]
    words = words_of(typed)[:WORDS]
    if typed.strip() and not words:
        return found
    people = who_may_be_named(standing.user, standing.role, room, private=standing.private)
    people, belongs = people.exclude(pk=standing.user), Q(mine__isnull=False)
    for word in words:
        people = people.filter(name_words__contains=f" {word}")
    if not words:
        people = people.filter(belongs)
    strangers = Case(When(belongs, then=0), default=1)
    chosen = list(people.order_by(strangers, "name_words", "pk")[:SUGGESTED])
    whole = typed.strip().casefold()
    names = {name.casefold() for each in chosen for name in (each.username, each.display_name)}
    if typed[-1:].isspace() and whole in names:
        return []  # it is written out
    called = spelt([each.display_name for each in chosen if each.display_name], standing, room)
    for each in chosen:
        unambiguous = called.get(each.display_name) == each.pk
        found.append(Suggested(each.display_name if unambiguous else each.username, each))
    return found


def _may_call(group: str, standing: Standing, room: int) -> bool:
    if group == HERE:
        return True
    return standing.may_call(User.objects.filter(memberships__room=room, is_active=True).count())
