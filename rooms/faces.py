"""The pictures that people are shown by.

What is uploaded is decoded, cut to a square, made small and encoded anew, in two sizes: so nothing is
kept but pixels, neither where the picture was taken nor what somebody may have hidden in it. The files
have a random name, the face's *version*, which their address has too, so browsers may keep them for good.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image

from . import disk, pictures
from .models.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import timedelta
    from typing import IO

    from django.core.files import File

    Upload = IO[bytes] | File[bytes]

FOLDER = "faces"
SMALL, LARGE = 96, 320  # pixels of a side: beside words, and on a card; each for fine screens
SIZES = (SMALL, LARGE)
LIMIT = 10_000_000  # bytes; a telephone's photo has a third
QUALITY = 82
SPACE = 100_000  # bytes; more than both sizes take together


def limit() -> int:
    """How many bytes of a picture are taken."""
    return min(LIMIT, int(settings.FILE_LIMIT))


def file(version: str, size: int) -> Path:
    """Where a face lies, as WebP."""
    return disk.full(f"{FOLDER}/{version}-{size}.webp")


def made(upload: Upload, length: int) -> str:
    """Keep the picture. Returns its version; raises `FileRefused`, with what is wrong and what to do,
    if it is none that can be shown."""
    if length > limit():
        raise FileRefused(
            _("This picture has more than %(limit)s MB. Choose a smaller one.")
            % {"limit": limit() // 1_000_000}
        )
    face = pictures.square(upload, LARGE)
    if face is None:
        raise FileRefused(
            _("This is no picture that can be shown here. Choose a PNG, JPEG, WebP or GIF.")
        )
    version = secrets.token_urlsafe(6)
    try:
        disk.demand_space(SPACE)
        for size in SIZES:
            path = file(version, size)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as target:
                face.resize((size, size), Image.Resampling.LANCZOS).save(
                    target, "WEBP", quality=QUALITY, method=4
                )
    except OSError as error:
        remove(version)
        raise FileRefused(
            _("The picture could not be kept: the disk is full or fails. Tell whoever runs this.")
        ) from error
    except BaseException:
        remove(version)
        raise
    return version


def remove(version: str) -> None:
    """Harmless if there is nothing."""
    for size in SIZES:
        file(version, size).unlink(missing_ok=True)


def strays(used: Container[str], age: timedelta) -> Iterator[str]:
    """The versions that lie here for so long and are nobody's: a process ended in between."""
    before = time.time() - age.total_seconds()
    for path in Path(settings.MEDIA_ROOT, FOLDER).glob(f"*-{SMALL}.webp"):
        version = path.name.removesuffix(f"-{SMALL}.webp")
        if version not in used and path.stat().st_mtime < before:
            yield version
