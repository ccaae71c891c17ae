"""Who reacted to a message, and with what.

They stand on the message itself, `[[emoji, [user, …]], …]` in the order in which they came, and are
changed under the room's lock like all that a row shows. So a page reads them with its messages, and one
person cannot be in a list twice, whatever comes at once; a table of their own would have to be counted
anew for each page, and would know nothing more.

A row carries those who came first: of an emoji that a thousand people chose it would else carry a
thousand numbers to a thousand pages, each time that one is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _

from ..emojis import one_emoji
from .called import names_of
from .errors import MessageRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = 20  # different emoji on one message
LISTED = 100  # people of an emoji whom the row knows
NAMED = 3  # people of an emoji who are called by name

Stored = list[tuple[str, list[int]]]


class Reaction(NamedTuple):
    """An emoji under a message: how many chose it, who came first, and how the first of those are called,
    "" for whoever is not there any more."""

    emoji: str
    total: int
    who: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def from_data(cls, data: Any) -> Reaction:
        emoji, total, who, names = data
        return cls(emoji, total, tuple(who), tuple(names))

    @property
    def people(self) -> dict[int, str]:
        """Those who are called by name."""
        return {user: name for user, name in zip(self.who, self.names, strict=False) if name}


def clean_emoji(text: str) -> str:
    """The emoji in its full form. Raises `MessageRefused` unless it is just one."""
    emoji = one_emoji(text)
    if emoji is None:
        raise MessageRefused(
            _("That is not one emoji. Choose one, or write its name."), code="not_an_emoji"
        )
    return emoji


def changed(stored: Stored, emoji: str, user: int, *, wanted: bool) -> Stored | None:
    """What is stored afterwards, None if it is so already. Raises `MessageRefused` if it is too much."""
    kinds = {each: list(users) for each, users in stored}
    if wanted == (user in kinds.get(emoji, ())):
        return None
    if not wanted:
        kinds[emoji].remove(user)
    elif emoji in kinds:
        kinds[emoji].append(user)
    elif len(kinds) < KINDS:
        kinds[emoji] = [user]
    else:
        raise MessageRefused(
            _("A message can have %s different reactions, and this one has. Choose one of them.")
            % KINDS,
            code="too_many_kinds",
        )
    return [(each, users) for each, users in kinds.items() if users]


def to_be_named(messages: Iterable[Stored | None]) -> set[int]:
    """The people whom the rows of messages with these reactions call by name."""
    return {user for stored in messages for _emoji, users in stored or () for user in users[:NAMED]}


def names_in(messages: Iterable[Stored | None]) -> dict[int, str]:
    """How these people are called: one query, none where nobody reacted."""
    wanted = to_be_named(messages)
    return names_of(wanted) if wanted else {}


def shown(stored: Stored | None, names: Mapping[int, str]) -> tuple[Reaction, ...]:
    """As a row shows them."""
    return tuple(
        Reaction(
            emoji,
            len(users),
            tuple(users[:LISTED]),
            tuple(names.get(user, "") for user in users[:NAMED]),
        )
        for emoji, users in stored or ()
    )
