"""A copy to take along: of a room, or of all that is somebody's own.

A worker makes it, bit by bit; whoever asked for it fetches it within `KEPT`, and then it goes.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import disk
from . import audit
from .room import Room
from .user import User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

KEPT = timedelta(days=7)  # once it is ready
ABANDONED = timedelta(minutes=10)  # without a sign of who makes it; then it is begun anew
TRIES = 3
FOLDER = "exports"  # beside the files that people upload
TEMPORARY = (
    ".part",
    ".messages",
    ".reactions",
)  # what a copy that is being made is put together of


class ExportRefused(ValidationError):
    """It is being made already."""

    def __init__(self) -> None:
        super().__init__(
            _("A copy is being made already. You find it here as soon as it is ready."),
            code="being_made",
        )


class Export(models.Model):
    """Of a room or, without one, of all that is the user's own."""

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("waiting")
        MAKING = "making", gettext_lazy("being made")
        READY = "ready", gettext_lazy("ready")
        FAILED = "failed", gettext_lazy("failed")

    user = models.ForeignKey(User, models.CASCADE, related_name="exports")
    room = models.ForeignKey(Room, models.CASCADE, null=True, related_name="exports")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    name = models.CharField(max_length=64, unique=True, help_text=gettext_lazy("On the disk."))
    size = models.PositiveBigIntegerField(default=0, help_text=gettext_lazy("Bytes."))
    # How far it is.
    tries = models.PositiveSmallIntegerField(default=0)
    part = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("How often somebody has worked on it.")
    )
    worked_at = models.DateTimeField(default=timezone.now)
    total = models.PositiveBigIntegerField(default=0, help_text=gettext_lazy("Messages."))
    done = models.PositiveBigIntegerField(default=0)
    until = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("The last message that there was when it was begun.")
    )
    reached = models.PositiveBigIntegerField(default=0)
    phase = models.CharField(max_length=16, blank=True)
    pages = models.JSONField(default=list, help_text=gettext_lazy("What is on each page so far."))

    objects: ClassVar[models.Manager[Export]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["state", "finished_at"], name="export_by_state")]

    def __str__(self) -> str:
        return f"export {self.pk} by {self.user_id}"

    @classmethod
    def ask(cls, user: User, room: Room | None = None) -> Export:
        """Have a copy made, in the place of the last one. The caller has asked whether they may. Raises
        `ExportRefused` if one is being made."""
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one of theirs at a time
            before = cls.objects.filter(user=user, room=room)
            if before.filter(state__in=UNDER_WAY).exists():
                raise ExportRefused
            cls.discard(before)
            export = cls.objects.create(user=user, room=room, name=secrets.token_hex(20))
            if room is not None and not room.direct:  # what one talked oneself is one's own affair
                audit.record(audit.Kind.COPIED, by=user, room=room)
            export.go_on()
        return export

    def go_on(self) -> None:
        """Have a worker do the next part of it."""
        from ..background import later  # noqa: PLC0415  # both need the models
        from ..exporting.making import make_export  # noqa: PLC0415

        later(make_export, self.pk, self.part)

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def percent(self) -> int:
        return min(99, 100 * self.done // max(self.total, 1))

    @property
    def expires_at(self) -> datetime | None:
        return self.finished_at and self.finished_at + KEPT

    @property
    def path(self) -> str:
        """Where it is on the disk, as `disk.full` takes it."""
        return f"{FOLDER}/{self.name}.zip"

    def temporary(self, ending: str) -> Path:
        return disk.full(self.path + ending)

    @classmethod
    def discard(cls, exports: Iterable[Export]) -> None:
        """Remove them, and their files once the transaction is committed. In a transaction."""
        for export in exports:
            cls.objects.filter(pk=export.pk).delete()
            transaction.on_commit(partial(_remove_files, export.name))

    def begin_anew(self) -> None:
        """After who made it was killed; or give up."""
        _remove_files(self.name)
        self.tries += 1
        self.part += 1  # who was not killed after all finds it taken
        self.done = self.reached = 0
        self.phase, self.pages, self.worked_at = "", [], timezone.now()
        self.state = self.State.FAILED if self.tries >= TRIES else self.State.WAITING
        with transaction.atomic():
            self.save()
            if self.under_way:
                self.go_on()

    @classmethod
    def tidy(cls) -> None:
        """Remove what has had its time, and begin anew what nobody works on any more."""
        now = timezone.now()
        old = models.Q(finished_at__lt=now - KEPT) | models.Q(
            state=cls.State.FAILED, created_at__lt=now - KEPT
        )
        with transaction.atomic():
            cls.discard(cls.objects.filter(old))
        for export in cls.objects.filter(state__in=UNDER_WAY, worked_at__lt=now - ABANDONED):
            export.begin_anew()
        folder = disk.full(FOLDER)
        if folder.exists():
            strays = {path.name.partition(".")[0] for path in folder.iterdir()}
            for name in strays - set(cls.objects.values_list("name", flat=True)):
                _remove_files(name)


UNDER_WAY = (Export.State.WAITING, Export.State.MAKING)


def _remove_files(name: str) -> None:
    for ending in ("", *TEMPORARY):
        disk.full(f"{FOLDER}/{name}.zip{ending}").unlink(missing_ok=True)
