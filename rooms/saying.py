"""Posting for whoever comes by a door of the application: within what one person may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Message, Room, User


def say(
    room: Room,
    author: User,
    text: str,
    key: str,
    files: Sequence[int] = (),
    *,
    reply: int | None = None,
) -> Message:
    """As `Room.post`. Raises `TooFast`, too, unless the form was stored before: what is sent once more,
    as its answer got lost, is no second message."""
    try:
        limits.spend("post", author)
    except limits.TooFast:
        if not room.messages.filter(author=author, key=key.replace("\0", "")).exists():
            raise
        return room.post(author, text, key, files, reply=reply)
    message = room.post(author, text, key, files, reply=reply)
    if message.repeated:
        limits.give_back("post", author)
    return message
