"""Changes of a room as programs are told of them, in an answer or as Server-Sent Events.

The id of an event is the version that the room has with it: whoever names the last one that they had is
given what came after, without a gap and nothing twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import records
from .fragments import Variant

if TYPE_CHECKING:
    from ..models import Step
    from .connections import People
    from .records import Record

# The variant of whoever reads JSON: it depends on no language and no time zone.
PROGRAMS = Variant("", "")
RETRY = 2_000  # milliseconds after which a client connects again
# A comment, which every client skips; it shows both sides that the line is there.
HEARTBEAT = ":\n\n"


def record_of(step: Step) -> Record | None:
    """None if what changed there has changed once more since, and comes with that."""
    if step.row is not None:
        gone = step.row.deleted and not step.posts
        kind = "posted" if step.posts else "deleted" if gone else "changed"
        return {"version": step.version, "type": kind, "message": records.message(step.row)}
    if step.details is not None:
        room = records.room_details(step.details)
        return {"version": step.version, "type": "room", "room": room}
    return None


def of_step(step: Step) -> str:
    record = record_of(step)
    if record is None:
        return f"id: {step.version}\n\n"  # moves the client's place, and tells nothing
    return event(record["type"], record, step.version)


def event(kind: str, data: Record, version: int | None = None) -> str:
    """A line of JSON has no line in it, so it needs no care."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    head = "" if version is None else f"id: {version}\n"
    return f"{head}event: {kind}\ndata: {text}\n\n"


def ready(version: int) -> str:
    """All that was missed has been told; from here on it is live."""
    return event("ready", {"version": version}, version)


def presence(people: People) -> str:
    """Of more people than are listed only the number."""
    return event(
        "presence",
        {
            "total": people.total,
            "here": [records.person(each.pk, each.name, each.is_bot) for each in people.here],
            "writing": [records.person(each.pk, each.name, each.is_bot) for each in people.writing],
        },
    )


def end(reason: str) -> str:
    return event("end", {"reason": reason})
