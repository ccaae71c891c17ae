"""All that was said in reply to a message, and in reply to that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import reactions
from .room import END, PAGE

if TYPE_CHECKING:
    from .message import Message, Row


@dataclass(frozen=True, slots=True)
class Thread:
    """The message that began it and consecutive replies, oldest first."""

    began: Row
    replies: list[Row]
    has_older: bool
    has_newer: bool


def page(began: Message, *, before: int | None = None) -> Thread:
    """The newest replies in the thread that the message began, or those before a number. One query for
    them, whatever the thread's length. Needs the message's `author` and `room` loaded.

    What is plain on a page of the thread is left out: how many replies there are to the message that
    began it, and that a reply is one to that.
    """
    room = began.room
    known = began.threaded.select_related("author", "reply_to__author")
    found = list(
        known.filter(number__lt=END if before is None else before).order_by("-number")[: PAGE + 1]
    )
    shown = found[:PAGE][::-1]
    names = reactions.names_in(message.reactions for message in (began, *shown))
    rows = [message.as_row(room, message.author, names) for message in shown]
    return Thread(
        replace(began.as_row(room, began.author, names), replies=0),
        [_without_quote_of(began.number, row) for row in rows],
        len(found) > PAGE,
        before is not None,
    )


def _without_quote_of(number: int, row: Row) -> Row:
    quoted = row.quote is not None and row.quote.number == number
    return replace(row, quote=None) if quoted else row
