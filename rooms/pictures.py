"""Pictures that people upload: freed of what they tell about whoever took them, and made small.

A camera writes into a picture where and when it was taken and with what. Of a picture that pages show
only its pixels are kept, and the profile of its colours: it is decoded and encoded anew, which also drops
what somebody may have hidden in it or behind it.

Decoding is the one thing here that a small file can make huge, so the number of pixels is asked before,
and few pictures are worked on at once.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext as _
from PIL import GifImagePlugin, Image, ImageOps, UnidentifiedImageError

from .models.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMATS = {  # that pages show, and how each is called
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # as some telephones write it: a JPEG with others behind it
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
OPENED = ("JPEG", "PNG", "GIF", "WEBP")  # what Pillow looks for; an MPO it finds by opening a JPEG
PIXELS = 50_000_000  # of a picture, 200 MB in memory; a good camera's has half
ANIMATED_PIXELS = 30_000_000  # of all frames of an animation together, which are in memory at once
FRAMES = 1_000
THUMBNAIL = (
    640  # pixels of the longer side; pages show half as many, for screens that are twice as fine
)
QUALITY = 90  # of a JPEG or WebP that has to be encoded differently than it was
PROFILE = 65_536  # bytes of a colour profile; those of cameras and screens have a few hundred
ORIENTATION = 0x0112  # the number of the EXIF tag
TURNED = range(2, 9)  # its values that mean something else than "as it is"

AT_ONCE = 2  # pictures that a process works on
WAITING = 8  # that it has altogether: more would take the threads that answer everybody else

Image.init()  # it would load its formats one after the other, when they are needed
# What has more is an error before it is decoded, not a word to a log.
Image.MAX_IMAGE_PIXELS = PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Frames keep the colours that they have, as far as they share them.
GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_AFTER_DIFFERENT_PALETTE_ONLY

_at_once = threading.BoundedSemaphore(AT_ONCE)
_waiting = threading.BoundedSemaphore(WAITING)


class Picture(NamedTuple):
    """A picture that pages may show; its sides in pixels."""

    type: str
    width: int
    height: int


class TooMuch(Exception):
    """It would take more memory than it may."""


def cleaned(source: Path, target: Path, thumbnail: Path) -> Picture | None:
    """Write the picture in the file `source` into `target` without anything but itself, and a small one
    into `thumbnail`. None, and nothing is written, if it is no picture that pages show, or an animation
    too long to be worked on. Raises `FileRefused` if it is too large or damaged."""
    if not _is_picture(source):
        return None
    try:
        with _decoding():
            return _clean(source, target, thumbnail)
    except TooMuch:
        return None


def square(source: IO[bytes], side: int) -> Image.Image | None:
    """The middle of a picture, of an animation's first one, upright, `side` pixels wide and high, in
    colours that WebP has, and nothing else of it. None if it is no picture that pages show. Raises
    `FileRefused` if it is too large or damaged."""
    if not _is_picture(source):
        return None
    source.seek(0)
    with _decoding(), Image.open(source, formats=OPENED) as image:
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded no larger than that takes
        image.load()
        orientation = image.getexif().get(ORIENTATION, 1)
        cut = ImageOps.fit(_in_colours(image), (side, side), Image.Resampling.LANCZOS)
        bare = Image.frombytes(cut.mode, cut.size, cut.tobytes())
        # The middle is the same however the camera was held, and now there is less to turn.
        bare.getexif()[ORIENTATION] = orientation
        upright = ImageOps.exif_transpose(bare)
        upright.info.clear()
        return upright


@contextmanager
def _decoding() -> Iterator[None]:
    """Among the few at once. Raises `FileRefused` for what is wrong with a picture."""
    with _turn():
        try:
            yield
        except TooMuch:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise FileRefused(
                _(
                    "It has more than %(limit)s million pixels. Make it smaller, then choose it again."
                )
                % {"limit": PIXELS // 1_000_000}
            ) from None
        except Exception as error:  # whatever a broken file makes Pillow raise
            raise FileRefused(
                _(
                    "This picture is damaged, or it is not what it says. Open it, save it anew, try that."
                )
            ) from error


def _is_picture(source: Path | IO[bytes]) -> bool:
    try:
        with Image.open(source, formats=OPENED):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # noqa: BLE001  # it is one, and what is wrong with it is said later
        return True


@contextmanager
def _turn() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise FileRefused(_("Many pictures are coming in just now. Choose it again in a minute."))
    try:
        with _at_once:
            yield
    finally:
        _waiting.release()


def _clean(source: Path, target: Path, thumbnail: Path) -> Picture:
    with Image.open(source, formats=OPENED) as image:
        kind = image.format or ""
        if kind != "MPO" and getattr(image, "is_animated", False):
            first = _animation(image, kind, target)
        else:
            first = _still(image, kind, target)
        width, height = first.size
        _small(first).save(thumbnail, "WEBP", quality=75, method=2)
        return Picture(FORMATS[kind], width, height)


def _still(image: Image.Image, kind: str, target: Path) -> Image.Image:
    """Save a picture as it is seen: turned as its camera was. Returns it."""
    turned = image.getexif().get(ORIENTATION) in TURNED
    shown = ImageOps.exif_transpose(image) if turned else image
    shown.load()
    _strip(shown)
    if FORMATS[kind] == "image/jpeg":
        if shown.mode not in {"L", "RGB"}:  # made for a printer
            shown = shown.convert("RGB")
        # What was not touched is not made any worse.
        as_it_was = shown is image and kind == "JPEG"
        shown.save(target, "JPEG", quality="keep" if as_it_was else QUALITY)
    elif kind == "WEBP":
        shown.save(target, "WEBP", quality=QUALITY, method=2)
    else:
        shown.save(target, kind)
    return shown


def _animation(image: Image.Image, kind: str, target: Path) -> Image.Image:
    """Save all frames of an animation. Returns the first."""
    frames: list[Image.Image] = []
    durations: list[float] = []
    loop = image.info.get("loop")
    while True:
        try:
            image.seek(len(frames))
        except EOFError:
            break
        if (
            len(frames) == FRAMES
            or (len(frames) + 1) * image.width * image.height > ANIMATED_PIXELS
        ):
            raise TooMuch
        image.load()
        durations.append(image.info.get("duration") or 100)  # milliseconds
        frames.append(image.copy())
        _strip(frames[-1])
    repeated = {} if loop is None else {"loop": loop}
    of_kind = {"GIF": {"disposal": 2, "optimize": False}, "WEBP": {"quality": QUALITY, "method": 2}}
    frames[0].save(
        target,
        kind,
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        **repeated,
        **of_kind.get(kind, {}),
    )
    return frames[0]


def _strip(image: Image.Image) -> None:
    """Nothing but these is handed from one file to the next."""
    profile = image.info.get("icc_profile")
    transparency = image.info.get("transparency")
    image.info.clear()
    if profile and len(profile) <= PROFILE:
        image.info["icc_profile"] = profile
    if transparency is not None:
        image.info["transparency"] = transparency


def _small(image: Image.Image) -> Image.Image:
    """The picture so small as a page shows it."""
    image = _in_colours(image)
    image.thumbnail((THUMBNAIL, THUMBNAIL), reducing_gap=2.0)
    return image


def _in_colours(image: Image.Image) -> Image.Image:
    """In those that WebP has."""
    if image.mode.startswith(("I", "F")):  # 16 bits and more for each point
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in {"RGB", "RGBA", "L"} and "transparency" not in image.info:
        return image
    clear = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    return image.convert("RGBA" if clear else "RGB")
