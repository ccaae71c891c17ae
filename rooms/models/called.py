"""How people are called and shown now."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone

from .prepared import Prepared
from .profile import Status, holds_at, status_at
from .user import Look, User

if TYPE_CHECKING:
    from collections.abc import Collection

PEOPLE_AT_ONCE = 256  # fewer than any database takes as values of one statement


class Seen(NamedTuple):
    """Somebody as lists of people show them at a moment."""

    look: Look
    status: Status | None = None
    undisturbed: bool = False


@lru_cache(maxsize=10_000)
def _plain(name: str, face: str, is_bot: bool) -> Seen:
    """Who tells nothing, as most do: made once, as each page reads dozens."""
    return Seen(Look(name, face, is_bot))


@cache
def _seen_query(size: int) -> Prepared:
    return Prepared(
        lambda *ids: User.objects.filter(pk__in=ids).values_list(
            *("pk", "display_name", "username", "face", "is_bot"),
            *("profile__status_emoji", "profile__status_text", "profile__status_until"),
            "profile__undisturbed_until",
        ),
        *[int] * size,
    )


def seen_of(ids: Collection[int]) -> dict[int, Seen]:
    """How these people are shown now; whoever does not exist is left out."""
    wanted = list(ids)
    people: dict[int, Seen] = {}
    for start in range(0, len(wanted), PEOPLE_AT_ONCE):
        people |= _seen_of(wanted[start : start + PEOPLE_AT_ONCE])
    return people


def _seen_of(wanted: list[int]) -> dict[int, Seen]:
    size = 1 << (len(wanted) - 1).bit_length()  # so that a few statements serve for all
    wanted += wanted[-1:] * (size - len(wanted))
    now, people = timezone.now(), {}
    for pk, display_name, username, face, is_bot, *status, rests in _seen_query(size).rows(*wanted):
        plain = _plain(display_name or username, face, is_bot)
        if status[0] is None:  # there is no profile
            people[pk] = plain
        else:
            people[pk] = Seen(plain.look, status_at(now, *status), holds_at(now, rests))
    return people


def names_of(ids: Collection[int]) -> dict[int, str]:
    """How these people are called now; whoever does not exist is left out."""
    return {pk: seen.look.name for pk, seen in seen_of(ids).items()}
