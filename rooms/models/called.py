"""How people are called now."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .prepared import Prepared
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES_AT_ONCE = 256  # fewer than any database takes as values of one statement


@cache
def _names_query(size: int) -> Prepared:
    return Prepared(
        lambda *ids: User.objects.filter(pk__in=ids).values_list("pk", "display_name", "username"),
        *[int] * size,
    )


def names_of(ids: Collection[int]) -> dict[int, str]:
    """How these people are called now; whoever does not exist is left out."""
    wanted = list(ids)
    names: dict[int, str] = {}
    for start in range(0, len(wanted), NAMES_AT_ONCE):
        names |= _names_of(wanted[start : start + NAMES_AT_ONCE])
    return names


def _names_of(wanted: list[int]) -> dict[int, str]:
    size = 1 << (len(wanted) - 1).bit_length()  # so that a few statements serve for all
    wanted += wanted[-1:] * (size - len(wanted))
    rows = _names_query(size).rows(*wanted)
    return {pk: display_name or username for pk, display_name, username in rows}
