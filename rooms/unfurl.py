"""What a page says of itself, for those who see a link to it: title, site, description, picture.

It is asked for without cookies or any other sign of who links to it, so only what is public comes back.
All of it is somebody else's: words are cut and cleaned, and a picture is drawn anew, small, so that
nothing of the file that came is passed on.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple
from urllib.parse import urljoin

from PIL import Image, ImageOps
from selectolax.lexbor import LexborHTMLParser

from .fetch import Fetched, FetchFailed, fetch
from .text import plain_line

logger = logging.getLogger(__name__)

PAGE_TYPES = {"text/html", "application/xhtml+xml"}
PAGE_SIZE = 512 * 1024  # bytes; what describes a page is at its beginning
PAGE_SECONDS = 8.0
TAGS = (
    4_000  # a parser takes half a minute for 100,000 elements one in another, and 10 ms for these
)
IMAGE_TYPES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
IMAGE_SIZE = 2 * 1024 * 1024  # bytes
IMAGE_SECONDS = 5.0
PIXELS = 16_000_000  # some 64 MB while it is made smaller
BOX = (144, 72)  # pixels of the page that a picture may have
SHARP = 2  # pixels of the picture for each of the page's
SMALLEST = 32  # pixels; less is a dot that counts visitors

TITLE_LENGTH = 150
SITE_LENGTH = 60
DESCRIPTION_LENGTH = 300


class Picture(NamedTuple):
    """A small picture as WebP, and the size in which the page shows it."""

    content: bytes
    width: int
    height: int


class Unfurled(NamedTuple):
    """Plain words, each one line; "" for what the page does not say."""

    title: str
    site: str
    description: str
    picture: Picture | None


def unfurl(address: str) -> Unfurled | None:
    """What the page at `address` says of itself; None if nobody answers, or it has no title."""
    try:
        page = fetch(address, types=PAGE_TYPES, limit=PAGE_SIZE, cut=True, seconds=PAGE_SECONDS)
    except FetchFailed as failure:
        logger.info("no preview: the page %s", str(failure))
        return None
    words = _words(_decoded(page))
    title = _first(words, TITLE_LENGTH, "og:title", "twitter:title", "title")
    if not title:
        return None
    picture = _first(words, PAGE_SIZE, "og:image:secure_url", "og:image", "twitter:image")
    return Unfurled(
        title=title,
        site=_first(words, SITE_LENGTH, "og:site_name", "application-name"),
        description=_first(
            words, DESCRIPTION_LENGTH, "og:description", "twitter:description", "description"
        ),
        picture=_picture(page.address, picture) if picture else None,
    )


# Words

# Those of the web's standard. Python knows others, some of which take minutes for a page.
_CHARSETS = re.compile(
    r"utf-?(8|16(le|be)?)|us-ascii|iso-8859-\d+|windows-\d+|koi8-[ru]|shift[_-]jis|iso-2022-jp"
    r"|euc-(jp|kr)|gbk|gb2312|gb18030|big5(-hkscs)?"
)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)


def _decoded(page: Fetched) -> str:
    declared = _META_CHARSET.search(page.body[:4096])
    for charset in (page.charset, declared[1].decode().lower() if declared else ""):
        if _CHARSETS.fullmatch(charset):
            with suppress(LookupError):  # no such number
                return page.body.decode(charset, "replace")
    return page.body.decode("utf-8", "replace")


def _words(html: str) -> dict[str, str]:
    """What the page's `meta` elements say by their names, the first of each, and its `title`."""
    tree = LexborHTMLParser("<".join(html.split("<", TAGS)[:TAGS]))
    words: dict[str, str] = {}
    for meta in tree.css("meta[content]"):
        name = meta.attributes.get("property") or meta.attributes.get("name") or ""
        words.setdefault(name.strip().lower(), meta.attributes.get("content") or "")
    title = tree.css_first("head > title")
    if title is not None:
        words.setdefault("title", title.text())
    return words


def _first(words: dict[str, str], length: int, *names: str) -> str:
    found = (plain_line(words.get(name, ""), length) for name in names)
    return next(filter(None, found), "")


# Pictures


def _picture(page: str, address: str) -> Picture | None:
    try:
        found = fetch(
            urljoin(page, address), types=IMAGE_TYPES, limit=IMAGE_SIZE, seconds=IMAGE_SECONDS
        )
        return small(found.body, IMAGE_TYPES[found.content_type])
    except (FetchFailed, ValueError) as failure:
        logger.info("no picture in a preview: %s", type(failure).__name__)
        return None


def small(content: bytes, kind: str) -> Picture:
    """The picture made small. Raises `ValueError` if it is none of that kind, or too large, or too small
    to be one."""
    try:
        with Image.open(BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > PIXELS:  # known before anything is unpacked
                raise ValueError("has too many pixels")  # noqa: TRY301
            if min(image.size) < SMALLEST:
                raise ValueError("is too small")  # noqa: TRY301
            return _drawn_anew(image)
    except ValueError:
        raise
    # A library of decoders raises what each of them does: OSError, SyntaxError, struct.error …
    except Exception as error:
        raise ValueError(f"cannot be read: {type(error).__name__}") from error


def _drawn_anew(image: Image.Image) -> Picture:
    most = tuple(side * SHARP for side in BOX)
    image.draft("RGB", (most[0] * 2, most[1] * 2))  # a JPEG is unpacked no larger than needed
    drawn = image.convert("RGBA" if image.has_transparency_data else "RGB")
    drawn = ImageOps.exif_transpose(drawn)
    drawn.thumbnail((most[0], most[1]), Image.Resampling.LANCZOS)
    file = BytesIO()
    drawn.save(file, "WEBP", quality=80, method=4)
    width, height = (max(1, round(side / SHARP)) for side in drawn.size)
    return Picture(file.getvalue(), width, height)
