"""What a file is, by what is in it: neither its name nor the browser is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import puremagic

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 8_192  # bytes that are looked at
UNKNOWN = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
AUDIO = frozenset({"audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac", "audio/webm"})
VIDEO = frozenset({"video/mp4", "video/webm", "video/ogg"})
# The types that a page shows. Each is played or drawn, none is a document that could hold a script.
INLINE = IMAGES | AUDIO | VIDEO

# By the endings that puremagic knows them by. Whatever is not here is UNKNOWN to a browser: above all
# what it would draw as a page, such as HTML, SVG and XML.
_TYPES = {
    ".mp3": "audio/mpeg",
    ".mpga": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
}
_OF_ZIP = frozenset({".docx", ".pptx", ".xlsx", ".odt", ".jar", ".epub", ".apk"})


def type_of(path: Path) -> str:
    """The type of anything but a picture, which only decoding proves to be one."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):  # nothing that it knows, or nothing at all
        found = []
    endings = [each.extension for each in found if each.extension]
    if not endings:
        return TEXT if _is_text(head) else UNKNOWN
    if endings[0] in _OF_ZIP and head.startswith(b"PK"):
        return "application/zip"  # of the bare beginning nothing more can be said
    kind = _TYPES.get(endings[0], UNKNOWN)
    if kind == "audio/ogg" and b"theora" in head:
        return "video/ogg"
    return kind


def _is_text(head: bytes) -> bool:
    try:
        # The last letter may be cut in half.
        return (
            b"\0" not in head
            and bool(head)
            and bool(head.decode(errors="strict" if len(head) < HEAD else "ignore"))
        )
    except UnicodeDecodeError:
        return False
