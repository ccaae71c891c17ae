"""A language that nobody speaks, to see how pages look that are read from the right, and what was never
given to translators.

Every sentence of the catalogues is written backwards to the eye and about a third longer: each run of
words stands between characters that turn it round, and its vowels are doubled and accented. So it can be
read, from the right, and whatever can be read from the left was not marked for translation.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
from pathlib import Path

# As Arabic, dates and Django's own sentences are really written from the right. There is no such region.
CODE = "ar-xb"
NAME = "\u202eBackwards\u202c"

# RIGHT-TO-LEFT OVERRIDE and POP DIRECTIONAL FORMATTING, between marks that keep a number beside it apart.
TURN = "\u200f\u202e"
TURN_BACK = "\u202c\u200f"

LONGER = str.maketrans(
    {vowel: accented * 2 for vowel, accented in zip("aeiouAEIOU", "áéíóúÁÉÍÓÚ", strict=True)}
)
# What stays as it is: what values are put into, elements and what they hold to be typed, new lines.
KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|<kbd>.*?</kbd>|</?\w[^>]*>|`[^`]*`|&\w+;|\n)")
# A date's format, such as "j F Y": there is no word in it, but letters that stand for something.
FORMAT = re.compile(r"\w(?:\W+\w)*")
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"


def pseudo(text: str) -> str:
    if FORMAT.fullmatch(text):
        return text
    return "".join(
        part if number % 2 or not part.strip() else f"{TURN}{part.translate(LONGER)}{TURN_BACK}"
        for number, part in enumerate(KEPT.split(text))
    )


def write(locale: Path, source: Path) -> None:
    """Makes the compiled catalogue in the folder `locale` out of one of a language that is complete."""
    entries = {"": HEADER}
    for original in _originals(source.read_bytes()):
        context, eot, sentences = original.rpartition("\x04")
        if sentences:
            entries[context + eot + sentences] = "\0".join(map(pseudo, sentences.split("\0")))
    compiled = _compiled(entries)
    file = locale / "ar_XB" / "LC_MESSAGES" / "django.mo"
    if file.exists() and file.read_bytes() == compiled:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may start at once.
    handle, unfinished = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "wb") as written:
        written.write(compiled)
    Path(unfinished).replace(file)


# The format is gettext's: a magic number, a version, how many sentences there are and where two tables
# begin that say of each sentence, and of its translation, how long it is and where.
MAGIC = 0x950412DE
TABLES = struct.Struct("<5I")
PLACE = struct.Struct("<2I")
HEAD = 28  # bytes before the first table


def _originals(catalogue: bytes) -> list[str]:
    magic, _version, count, table, _translations = TABLES.unpack_from(catalogue)
    if magic != MAGIC:
        raise ValueError("This is no catalogue that was compiled on a machine like this one.")
    places = [PLACE.unpack_from(catalogue, table + PLACE.size * each) for each in range(count)]
    return [catalogue[start : start + size].decode() for size, start in places]


def _compiled(entries: dict[str, str]) -> bytes:
    pairs = sorted((each.encode(), entries[each].encode()) for each in entries)
    texts = [original for original, _translation in pairs]
    texts += [translation for _original, translation in pairs]
    at = HEAD + PLACE.size * len(texts)
    places = b""
    for text in texts:
        places += PLACE.pack(len(text), at)
        at += len(text) + 1
    count = len(pairs)
    head = TABLES.pack(MAGIC, 0, count, HEAD, HEAD + PLACE.size * count) + PLACE.pack(0, 0)
    return head + places + b"".join(text + b"\0" for text in texts)
