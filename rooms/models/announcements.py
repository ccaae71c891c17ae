"""The doorbell: tells every process, after the commit, that something changed.

What is announced may be lost, doubled or late: the database is the log, and whoever listens compares
versions with it. So a channel layer that fails is logged and never fails the change itself.

In a process that serves, its hub rings: whoever made the change does not wait for it. Elsewhere, in a
command for instance, who announces waits until the layer has it.

An event on a room's group carries what a process at the version before needs to follow without a
query. An event on the place's group says only where to look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

PLACE_GROUP = "place"
SEND_TIMEOUT = 2  # seconds; a doorbell that rings later than the listeners' own look is of no use
STIR_INTERVAL = 0.5  # seconds between two "something is new in this room" from one process

_last_stirred: dict[int, float] = {}
Ringer = Callable[[str, dict[str, Any]], bool]

_ringer: Ringer | None = None


def ring_by(ringer: Ringer | None) -> None:
    """From now on `ringer`, which may be called from any thread, is given each group and event. It says
    whether it took them."""
    global _ringer  # noqa: PLW0603  # a process has one
    _ringer = ringer


def room_group(room_id: int) -> str:
    """The name of the channel-layer group that hears of the room's changes. The layer chooses one of
    several Redis servers by it, and of names that end in a digit puts up to eight in a row on one."""
    return f"room.{room_id}.changes"


def room_changed(
    room_id: int, version: int, row: dict[str, Any] | None, details: dict[str, Any] | None
) -> None:
    """A message came or changed (`row`, its `Row` as plain data), or the room's own `details`."""
    _after_commit(
        room_group(room_id),
        {
            "type": "room.changed",
            "room": room_id,
            "version": version,
            "row": row,
            "details": details,
        },
    )


def room_stirred(room_id: int) -> None:
    """Something new was said, for those who sit in another room. Coalesced: the listeners look until
    they have heard nothing for longer than `STIR_INTERVAL`, so that the last one is always seen."""
    now = time.monotonic()
    if now - _last_stirred.get(room_id, -STIR_INTERVAL) < STIR_INTERVAL:
        return
    if len(_last_stirred) > 10_000:
        _last_stirred.clear()
    _last_stirred[room_id] = now
    _after_commit(PLACE_GROUP, {"type": "place.stirred", "room": room_id})


def presence_changed(room_id: int) -> None:
    """Somebody came to the room, or began to write in it."""
    _send(room_group(room_id), {"type": "presence.changed", "room": room_id})


def people_changed(user_ids: Iterable[int]) -> None:
    """These people's names changed, or the rooms that they belong to."""
    _after_commit(PLACE_GROUP, {"type": "people.changed", "users": list(user_ids)})


def look_changed(user_id: int) -> None:
    """This person is called or pictured otherwise, wherever they are shown; see `Look`."""
    _after_commit(PLACE_GROUP, {"type": "look.changed", "user": user_id})


def reading_changed(user_ids: Iterable[int], room_id: int | None = None) -> None:
    """These people have read more or less than before: of `room_id`, whose own pages show that by
    themselves, or of any room if it is None."""
    event = {"type": "reading.changed", "users": list(user_ids), "room": room_id}
    _after_commit(PLACE_GROUP, event)


def access_ended(user_ids: Iterable[int], room_id: int | None = None) -> None:
    """These people may no longer read `room_id`, or anything if it is None."""
    _after_commit(PLACE_GROUP, {"type": "access.ended", "users": list(user_ids), "room": room_id})


def access_changed(user_ids: Iterable[int] | None) -> None:
    """What these people may read is to be looked at again, whichever pages they have open; what anybody
    may read if it is None."""
    users = None if user_ids is None else list(user_ids)
    _after_commit(PLACE_GROUP, {"type": "access.changed", "users": users})


def voice_changed(user_ids: Iterable[int], room_id: int) -> None:
    """These people may write in the room again, or no longer."""
    event = {"type": "voice.changed", "users": list(user_ids), "room": room_id}
    _after_commit(PLACE_GROUP, event)


def reports_changed(user_ids: Iterable[int]) -> None:
    """There is more, or less, for these people to look at."""
    _after_commit(PLACE_GROUP, {"type": "reports.changed", "users": list(user_ids)})


def session_ended(session_key: str) -> None:
    """Somebody signed out: what that session has open must close."""
    _after_commit(PLACE_GROUP, {"type": "session.ended", "session": session_key})


def _after_commit(group: str, event: dict[str, Any]) -> None:
    transaction.on_commit(lambda: _send(group, event))


def _send(group: str, event: dict[str, Any]) -> None:
    if _ringer is None or not _ringer(group, event):
        async_to_sync(ring)(group, event)


async def ring(group: str, event: dict[str, Any]) -> None:
    """Give the event to the channel layer; a failure is logged."""
    layer = get_channel_layer()
    if layer is None:  # pragma: no cover - the settings always name one
        raise RuntimeError("CHANNEL_LAYERS has no default")
    try:
        async with asyncio.timeout(SEND_TIMEOUT):
            await layer.group_send(group, event)
    except Exception as error:  # noqa: BLE001 - the change is stored, and the listeners will find it
        logger.warning(
            "announcement to %s not delivered: %s: %s", group, type(error).__name__, error
        )
