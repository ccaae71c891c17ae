"""How a worker makes a copy: a moment's work, and then others get their turn."""

from __future__ import annotations

import logging
import shutil
import zoneinfo
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone, translation
from django_tasks import task

from .. import disk
from ..models import Export
from ..upkeep import LAST, Slice
from .account import AccountCopy
from .archive import Archive
from .room import RoomCopy

if TYPE_CHECKING:
    from ..models import User

logger = logging.getLogger(__name__)


@task(priority=LAST)
def make_export(pk: int, part: int) -> None:
    """The next part of it. Of two workers that were both told to, one does it."""
    now = timezone.now()
    taken = Export.objects.filter(pk=pk, part=part, state__in=["waiting", "making"])
    if not taken.update(part=part + 1, state=Export.State.MAKING, worked_at=now):
        return
    export = Export.objects.select_related("user", "room").get(pk=pk)
    copy = AccountCopy(export) if export.room is None else RoomCopy(export, export.room)
    try:
        if not copy.is_permitted():
            _fail(export)
            return
        if shutil.disk_usage(settings.MEDIA_ROOT).free < disk.SPARE:
            raise OSError("too little space is left")  # noqa: TRY301
        with read_by(export.user):
            more = _work(export, copy)
    except Exception:
        logger.exception("export %s failed", pk)
        _fail(export)
        return
    if more:
        export.worked_at = timezone.now()
        export.save(
            update_fields=["worked_at", "total", "done", "until", "reached", "phase", "pages"]
        )
        export.go_on()


def _work(export: Export, copy: RoomCopy | AccountCopy) -> bool:
    left, part = Slice(), export.temporary(".part")
    with Archive(part) as archive:
        more = copy.next(archive)
        while more and left.goes_on():
            more = copy.next(archive)
    if not more:
        export.size = part.stat().st_size
        part.rename(disk.full(export.path))
        export.temporary(".messages").unlink(missing_ok=True)
        export.temporary(".reactions").unlink(missing_ok=True)
        export.state, export.finished_at, export.done = (
            Export.State.READY,
            timezone.now(),
            export.total,
        )
        export.pages = []
        kept = Export.objects.filter(pk=export.pk).update(
            state=export.state,
            finished_at=export.finished_at,
            size=export.size,
            done=export.done,
            total=export.total,
            pages=[],
        )
        if not kept:  # it was discarded meanwhile
            disk.full(export.path).unlink(missing_ok=True)
    return more


def _fail(export: Export) -> None:
    export.state, export.finished_at = Export.State.FAILED, timezone.now()
    export.save(update_fields=["state", "finished_at"])
    for ending in (".part", ".messages", ".reactions"):
        export.temporary(ending).unlink(missing_ok=True)


def read_by(user: User) -> ExitStack:
    """In the language and the time zone that they read in."""
    stack = ExitStack()
    stack.enter_context(translation.override(user.reads))
    with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
        stack.enter_context(
            timezone.override(zoneinfo.ZoneInfo(user.time_zone or settings.TIME_ZONE))
        )
    return stack
