"""A room's changes in order, a part at a time, however far back: what a program reads that was away.

A page that is far behind is given the newest messages instead; a program is to have every message once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from . import reactions
from .room import Room, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .message import Message

PART = 200  # changed messages that are read at once


class UnknownVersion(ValueError):
    """The room has not come so far: an invented version, or one from before a backup was restored."""


@dataclass(frozen=True, slots=True)
class Log:
    """Steps from the version that was asked for to `reached`; the room was at `version` then. The steps
    leave out what changed once more since, which comes later."""

    steps: list[Step]
    reached: int
    version: int

    @property
    def has_more(self) -> bool:
        return self.reached < self.version


def log_after(room: int, after: int, limit: int = PART) -> Log:
    """The room's changes after a version: at most `limit` messages that were posted and as many that were
    changed. Raises `UnknownVersion` and `Room.DoesNotExist`.

    A fixed number of queries for whoever is not far behind; else one more for each time that the messages
    can be halved, to find the first that is new.
    """
    # First the room: what is read of messages afterwards is at or behind its version, and what is beyond
    # is for the next time.
    now = Room.objects.get(pk=room)
    if after > now.version:
        raise UnknownVersion
    changed = _messages(now, Q(version__gt=after), "version", limit)
    upto = now.version
    if len(changed) > limit:
        # Those that were posted in this part may have been changed far behind it: they are found by their
        # numbers, which are in the order of the versions at which they were posted.
        posted = _messages(now, Q(number__gt=_number_at(now, after)), "number", limit)
        if len(posted) > limit:
            upto = min(upto, posted[limit - 1].posted_version)
        within = Q(version__gt=after, version__lte=upto)
        changed = _messages(now, within, "version", limit)
        if len(changed) > limit:
            upto = changed[limit - 1].version
        # of two readings of one message the later one
        changed = [*posted[:limit], *changed[:limit]]
    return Log(_steps(now, after, upto, changed), upto, now.version)


def _messages(room: Room, wanted: Q, order: str, limit: int) -> list[Message]:
    """One more than the limit, if there are more."""
    found = room.messages.filter(wanted).select_related("author", "reply_to__author")
    return list(found.order_by(order)[: limit + 1])


def _steps(room: Room, after: int, upto: int, messages: Iterable[Message]) -> list[Step]:
    known = {message.pk: message for message in messages}
    names = reactions.names_in(message.reactions for message in known.values())
    touched = []
    for message in known.values():
        row = message.as_row(room, message.author, names)
        touched += [(at, row) for at in {row.posted_version, row.version} if after < at <= upto]
    steps, reached = [], after
    of_room = [(room.details_version, None)] if after < room.details_version <= upto else []
    for version, shown in sorted([*touched, *of_room], key=lambda each: each[0]):
        steps.append(Step(reached, version, shown, room.details if shown is None else None))
        reached = version
    return steps


def _number_at(room: Room, version: int) -> int:
    """The number of the last message that had been posted at the version, 0 if there was none."""
    low, high = 0, min(room.last_number, version)
    while low < high:
        middle = (low + high + 1) // 2
        there = room.messages.filter(number__gte=middle, number__lte=high).order_by("number")
        found = there.values_list("number", "posted_version").first()
        if found is not None and found[1] <= version:
            low = found[0]
        else:
            high = middle - 1
    return low
