"""The files that people upload, as they lie on the disk.

Each lies under a random name in the folder of `FILES_DIR`, beside its thumbnail if it is a picture. What
it is called and who may have it only the database knows.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from . import filetypes, pictures
from .models.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

THUMBNAIL = ".thumbnail"  # what a thumbnail's name ends in
DRAFT = ".draft"  # and that of a picture that is not ready
SPARE = 256 * 1024 * 1024  # bytes that stay free for the database, without which nothing goes on
CHUNK = 256 * 1024  # bytes


class Stored(NamedTuple):
    """A file that was taken; sides in pixels, 0 if it is no picture that pages show."""

    path: str
    size: int
    type: str
    width: int
    height: int


def full(path: str) -> Path:
    return Path(settings.MEDIA_ROOT, path)


def thumbnail(path: str) -> str:
    return path + THUMBNAIL


def store(upload: IO[bytes], size: int, limit: int) -> Stored:
    """Keep what was uploaded, of at most `limit` bytes. Raises `FileRefused` with a sentence; nothing is
    kept then."""
    if size > limit:
        raise FileRefused(
            _("It is larger than %(limit)s MB, which is as much as a file may have here.")
            % {"limit": limit // 1_000_000}
        )
    if size == 0:
        raise FileRefused(_("There is nothing in it."))
    name = secrets.token_hex(20)
    path = f"{name[:2]}/{name[2:]}"
    try:
        return _store(upload, size, path)
    except OSError as error:
        remove(path)
        raise FileRefused(
            _("It could not be kept: this place's disk is full or fails. Tell whoever runs it.")
        ) from error
    except BaseException:
        remove(path)
        raise


def _store(upload: IO[bytes], size: int, path: str) -> Stored:
    demand_space(2 * size)
    target, draft = full(path), full(path + DRAFT)
    # Whoever may come through may not look around: nginx, where it hands files out.
    target.parent.mkdir(mode=0o711, exist_ok=True)
    with draft.open("xb") as file:
        shutil.copyfileobj(upload, file, CHUNK)
        _settle(file)
    picture = pictures.cleaned(draft, target, full(thumbnail(path)))
    if picture is None:
        draft.rename(target)
        return Stored(path, target.stat().st_size, filetypes.type_of(target), 0, 0)
    draft.unlink()
    with target.open("rb+") as file:
        _settle(file)
    return Stored(path, target.stat().st_size, *picture)


def demand_space(size: int) -> None:
    """Raises `OSError` if so many bytes more would leave too few for the database."""
    if shutil.disk_usage(settings.MEDIA_ROOT).free < SPARE + size:
        raise OSError("too little space is left")


def _settle(file: IO[bytes]) -> None:
    """A message that was accepted must not lose its file with the next power cut."""
    file.flush()
    os.fsync(file.fileno())


def remove(path: str) -> None:
    """Harmless if there is nothing."""
    for each in (path, thumbnail(path), path + DRAFT):
        full(each).unlink(missing_ok=True)


def older_than(age: timedelta) -> Iterator[str]:
    """The paths of all files that were stored that long ago."""
    before = time.time() - age.total_seconds()
    for folder in Path(settings.MEDIA_ROOT).glob("[0-9a-f][0-9a-f]"):
        for file in folder.iterdir():
            if file.stat().st_mtime < before:
                yield f"{folder.name}/{file.name.partition('.')[0]}"
