"""Files in messages.

A file is uploaded before its message is posted and waits under the composer's key. Posting makes it the
message's. What a row shows of its files is written into the message then, so that reading a page of
messages asks for nothing more.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import timedelta
from functools import partial
from typing import IO, TYPE_CHECKING, ClassVar, NamedTuple

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import disk, filetypes
from .errors import FileRefused
from .user import User

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .message import Message
    from .room import Room

PER_MESSAGE = 10  # files
PER_PERSON = 50  # files that wait for their messages
WAITING = timedelta(days=1)  # then what was never sent goes
NAME_LENGTH = 120  # characters; as long as what file systems take in most scripts


class File(NamedTuple):
    """What a row shows of a file. Sides in pixels, 0 if it is no picture."""

    pk: int
    name: str
    type: str
    size: int
    width: int
    height: int


class Upload(NamedTuple):
    """What a browser sends: its name for it, and so many bytes."""

    name: str
    content: IO[bytes]
    size: int


def files_of(shown: str) -> tuple[File, ...]:
    """What `Message.files` holds."""
    return tuple(File(*each) for each in json.loads(shown)) if shown else ()


def clean_name(name: str) -> str:
    """What a file is called: one line, without a path and without what cannot be seen, such as what
    turns the direction of writing around. Its ending stays when it is cut."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    seen = (letter if unicodedata.category(letter)[0] not in "CZ" else " " for letter in name)
    name = " ".join("".join(seen).split()).lstrip(".")
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 10:
        name = f"{stem[: NAME_LENGTH - len(ending) - 1]}.{ending}" if stem else f"file.{ending}"
    return name[:NAME_LENGTH] or "file"


class Attachment(models.Model):
    """A file that somebody uploaded into a room. Files of one message are in the order of their keys."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="attachments")
    author = models.ForeignKey(User, models.CASCADE, related_name="attachments")
    message = models.ForeignKey(
        "Message", models.CASCADE, null=True, related_name="attachments", db_index=False
    )
    key = models.CharField(
        max_length=64, help_text=gettext_lazy("Of the composer that it was chosen in.")
    )
    name = models.CharField(max_length=NAME_LENGTH)
    type = models.CharField(max_length=100, help_text=gettext_lazy("By what is in it."))
    size = models.PositiveBigIntegerField(help_text=gettext_lazy("Bytes."))
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    path = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Attachment]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["message"], name="attachment_by_message"),
            models.Index(
                fields=["room", "-id"],
                condition=models.Q(message__isnull=False),
                name="attachment_of_room",
            ),
            models.Index(
                fields=["author", "key"],
                condition=models.Q(message__isnull=True),
                name="attachment_waiting",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(message__isnull=True),
                name="attachment_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"file {self.pk} in {self.room_id}"

    @property
    def shown(self) -> File:
        return File(self.pk, self.name, self.type, self.size, self.width, self.height)

    @property
    def is_inline(self) -> bool:
        """Whether a page shows or plays it, rather than offering it."""
        return self.type in filetypes.INLINE

    @classmethod
    def waiting(cls, room: Room, author: User, key: str) -> list[Attachment]:
        """What was chosen in the composer with this key and not posted yet."""
        found = cls.objects.filter(room=room, author=author, key=key, message=None)
        return list(found.order_by("pk"))

    @classmethod
    def upload(cls, room: Room, author: User, key: str, upload: Upload) -> Attachment:
        """Take a file in. Raises `FileRefused`, or what `restriction.refusal` says, and nothing is kept
        then. The caller has asked whether the author sees the room."""
        standing = room.standing_of(author)
        if not standing.may_post:
            from .restriction import refusal  # noqa: PLC0415  # which needs the room

            raise refusal(standing)
        waiting = cls.objects.filter(author=author, message=None)
        if waiting.filter(room=room, key=key).count() >= PER_MESSAGE:
            raise FileRefused(_too_many())
        if waiting.count() >= PER_PERSON:
            raise FileRefused(
                _(
                    "You have %(count)s files that wait to be sent. Send or remove some of them first."
                )
                % {"count": PER_PERSON}
            )
        from .place import Place  # noqa: PLC0415  # which needs this model

        stored = disk.store(upload.content, upload.size, Place.objects.get().largest_file)
        try:
            with transaction.atomic():
                _reserve(stored.size)
                return cls.objects.create(
                    room=room,
                    author=author,
                    key=key,
                    name=clean_name(upload.name),
                    **stored._asdict(),
                )
        except BaseException:
            disk.remove(stored.path)
            raise

    @classmethod
    def chosen(cls, room: Room, author: User, pks: Sequence[int]) -> list[Attachment]:
        """These of the author's files, whether they wait or were posted. In a transaction. Raises
        `FileRefused` if one of them is not there any more, or there are too many."""
        if len(pks) > PER_MESSAGE:
            raise FileRefused(_too_many())
        found = list(
            cls.objects.select_for_update()
            .filter(room=room, author=author, pk__in=pks)
            .order_by("pk")
        )
        if len(found) != len(set(pks)):
            raise FileRefused(
                _(
                    "A file of this message is no longer there. Discard it, and choose the file again."
                )
            )
        return found

    @classmethod
    def belong_to(cls, message: Message, files: Iterable[Attachment]) -> None:
        """From now on they are the message's."""
        cls.objects.filter(pk__in=[file.pk for file in files]).update(message=message)

    @classmethod
    def discard(cls, files: Iterable[Attachment]) -> None:
        """Remove them; from the disk once the transaction is committed. In a transaction."""
        for file in files:
            if cls.objects.filter(pk=file.pk).delete()[0]:
                _release(file.size)
                transaction.on_commit(partial(disk.remove, file.path))

    @classmethod
    def forget_unsent(cls) -> None:
        """Remove what was chosen and never sent."""
        unsent = cls.objects.filter(message=None, created_at__lt=timezone.now() - WAITING)
        for pk in list(unsent.values_list("pk", flat=True)):
            with transaction.atomic():
                # Posted in this moment, it stays.
                cls.discard(cls.objects.select_for_update().filter(pk=pk, message=None))

    @classmethod
    def forget_strays(cls) -> None:
        """Remove files from the disk that belong to nothing, as when a process was killed in between."""
        batch: list[str] = []
        for path in disk.older_than(WAITING):
            batch.append(path)
            if len(batch) == 500:
                cls._forget(batch)
                batch = []
        cls._forget(batch)

    @classmethod
    def _forget(cls, paths: list[str]) -> None:
        known = set(cls.objects.filter(path__in=paths).values_list("path", flat=True))
        for path in set(paths) - known:
            disk.remove(path)


def _too_many() -> str:
    return ngettext(
        "A message may have %(count)s file.", "A message may have %(count)s files.", PER_MESSAGE
    ) % {"count": PER_MESSAGE}


def shown_as_json(files: Iterable[Attachment]) -> str:
    return json.dumps([file.shown for file in files], ensure_ascii=False, separators=(",", ":"))


class Shelf(models.Model):
    """How much all files have together: one row, since adding them up would take ever longer."""

    bytes = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager[Shelf]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = gettext_lazy("space for files")

    def __str__(self) -> str:
        return f"{self.bytes} bytes"

    @classmethod
    def count_anew(cls) -> None:
        """What killed processes left wrong."""
        with transaction.atomic():
            cls.objects.get_or_create(pk=1)
            cls.objects.select_for_update().get(pk=1)
            total = Attachment.objects.aggregate(total=models.Sum("size"))["total"] or 0
            cls.objects.filter(pk=1).update(bytes=total)


def _reserve(size: int) -> None:
    """In a transaction. Raises `FileRefused` if that is more than the place has for files."""
    Shelf.objects.get_or_create(pk=1)
    fits = models.Q(bytes__lte=settings.FILES_LIMIT - size)
    if not Shelf.objects.filter(fits, pk=1).update(bytes=models.F("bytes") + size):
        raise FileRefused(
            _(
                "This place has no room for more files. Delete messages with files, or ask who runs it."
            )
        )


def _release(size: int) -> None:
    Shelf.objects.filter(pk=1).update(bytes=models.F("bytes") - size)
