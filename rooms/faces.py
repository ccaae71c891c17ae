"""The pictures that people are shown by.

What is uploaded is decoded, cut to a square, made small and encoded anew, in two sizes: so nothing is
kept but pixels, neither where the picture was taken nor what somebody may have hidden in it. The files
have a random name, the face's *version*, which their address has too, so browsers may keep them for good.

Decoding is the one thing here that a small file can make huge, so the number of pixels is asked before,
and few pictures are worked on at once.
"""

from __future__ import annotations

import secrets
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import timedelta
    from typing import IO

    from django.core.files import File

    Upload = IO[bytes] | File[bytes]

SMALL, LARGE = 96, 320  # pixels of a side: beside words, and on a card; each for fine screens
SIZES = (SMALL, LARGE)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # what Pillow looks for
LIMIT = 10_000_000  # bytes; a telephone's photo has a third
PIXELS = 50_000_000  # a good camera's photo has half
QUALITY = 82
ORIENTATION = 0x0112  # the number of the EXIF tag

AT_ONCE = 2  # pictures that a process works on: each may take 200 MB
WAITING = 8  # that it has altogether: more would take the threads that answer everybody else

Image.init()  # it would load its formats one after the other, when they are needed
# What has more is an error before it is decoded, not a word to a log.
Image.MAX_IMAGE_PIXELS = PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)

_at_once = threading.BoundedSemaphore(AT_ONCE)
_waiting = threading.BoundedSemaphore(WAITING)


def file(version: str, size: int) -> Path:
    """Where a face lies, as WebP."""
    return Path(settings.MEDIA_ROOT, "faces", f"{version}-{size}.webp")


def made(upload: Upload, length: int) -> str:
    """Keep the picture. Returns its version; raises `ValidationError`, with what is wrong and what to do,
    if it is none that can be shown."""
    if length > LIMIT:
        raise ValidationError(
            _("This picture has more than %(limit)s MB. Choose a smaller one."),
            params={"limit": LIMIT // 1_000_000},
        )
    with _turn():
        face = _square(upload)
    version = secrets.token_urlsafe(6)
    try:
        for size in SIZES:
            path = file(version, size)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as target:
                face.resize((size, size), Image.Resampling.LANCZOS).save(
                    target, "WEBP", quality=QUALITY, method=4
                )
    except OSError as error:
        remove(version)
        raise ValidationError(
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
    for path in Path(settings.MEDIA_ROOT, "faces").glob(f"*-{SMALL}.webp"):
        version = path.name.removesuffix(f"-{SMALL}.webp")
        if version not in used and path.stat().st_mtime < before:
            yield version


@contextmanager
def _turn() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise ValidationError(_("Many pictures are coming in just now. Try again in a minute."))
    try:
        with _at_once:
            yield
    finally:
        _waiting.release()


def _square(upload: Upload) -> Image.Image:
    try:
        with Image.open(upload, formats=FORMATS) as picture:
            return _cut(picture)
    except UnidentifiedImageError:
        raise ValidationError(
            _("This is no picture that can be shown here. Choose a PNG, JPEG, WebP or GIF.")
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(
            _("This picture has more than %(limit)s million pixels. Make it smaller first."),
            params={"limit": PIXELS // 1_000_000},
        ) from None
    except Exception as error:  # whatever a broken file makes Pillow raise
        raise ValidationError(
            _("This picture is damaged. Open it on your device, save it anew and try that one.")
        ) from error


def _cut(picture: Image.Image) -> Image.Image:
    """The middle of the picture, of an animation's first one, as a square that stands upright."""
    picture.draft("RGB", (2 * LARGE, 2 * LARGE))  # a JPEG is decoded no larger than that takes
    picture.load()
    orientation = picture.getexif().get(ORIENTATION, 1)
    face = ImageOps.fit(_in_colours(picture), (LARGE, LARGE), Image.Resampling.LANCZOS)
    bare = Image.frombytes(face.mode, face.size, face.tobytes())  # only pixels
    # The middle is the same however the camera was held, and now there is less to turn.
    bare.getexif()[ORIENTATION] = orientation
    upright = ImageOps.exif_transpose(bare)
    upright.info.clear()
    return upright


def _in_colours(picture: Image.Image) -> Image.Image:
    """In those that WebP has."""
    if picture.mode.startswith(("I", "F")):  # 16 bits and more for each point
        return picture.point(lambda value: value / 256).convert("RGB")
    clear = "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info
    return picture.convert("RGBA" if clear else "RGB")
