"""Text to the words that it is found by: once, in Python, so that every database finds the same.

A *word* is a run of letters and digits, without the differences that nobody means: capitals, full width,
accents. Scripts that put no spaces between words (Han, kana, Thai and their neighbours) give pairs of
characters that overlap, and the last character by itself: so each character of the text begins a word,
and whatever run of characters is asked for is a phrase of pairs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORD_LENGTH = (
    64  # characters; what is longer counts as several words, as a database takes no such key
)
REPEATS = (
    200  # places of one word in one message; PostgreSQL keeps 255, and none are missed beyond it
)
LEFT_OUT = (
    ""  # stands where a word was repeated too often, so that its neighbours keep their distance
)

# Latin letters whose stroke or dot Unicode does not take for an accent
_STROKES = str.maketrans({"ø": "o", "đ": "d", "ħ": "h", "ł": "l", "ŧ": "t", "ı": "i", "ð": "d"})
# Accents on Latin, Greek and Cyrillic; the points of Hebrew and Arabic, and Arabic's lengthening stroke
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u0640\u064b-\u065f\u0670]+")


def _marks() -> str:
    """The characters that stand in words but are no letters, such as the vowels of Indian scripts."""
    selectors = {*range(0xFE00, 0xFE10)}  # say only how the character before them looks
    found = [
        code
        for code in (*range(0x0300, 0x3100), *range(0xA600, 0x11A00))
        if unicodedata.category(chr(code)) in ("Mn", "Mc") and code not in selectors
    ]
    return "".join(map(chr, found))


_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_marks()}])*")
_PAIRED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # Burmese, Khmer, Tai
    "\u3005-\u3007\u3031-\u3035\u303b\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff"  # Han
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_RUN = re.compile(f"(?P<paired>[{_PAIRED}]+)|[^{_PAIRED}]+")
_IS_PAIRED = re.compile(f"[{_PAIRED}]")


def folded(text: str) -> str:
    """The text without the differences that nobody means."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    # Only accents on letters are taken off: decomposed as a whole, が would lose what makes it a が.
    text = "".join([_bare(character) for character in text])
    return unicodedata.normalize("NFC", _ACCENTS.sub("", text)).translate(_STROKES)


@lru_cache(maxsize=4096)
def _bare(character: str) -> str:
    if character < "\x80" or not unicodedata.decomposition(character):
        return character
    return _ACCENTS.sub("", unicodedata.normalize("NFD", character))


class Word(NamedTuple):
    """A word and where in the folded text it stands."""

    text: str
    start: int
    end: int
    paired: bool = False
    last: bool = False  # the last character of a run, by itself


def words_at(text: str) -> Iterator[Word]:
    """The words of a folded text, in order."""
    for found in _WORD.finditer(text):
        for run in _RUN.finditer(found.group()):
            start = found.start() + run.start()
            if not run["paired"]:
                yield from _pieces(run.group(), start)
                continue
            characters = run.group()
            for place in range(len(characters) - 1):
                pair = characters[place : place + 2]
                yield Word(pair, start + place, start + place + 2, paired=True)
            place = len(characters) - 1
            yield Word(characters[place], start + place, start + place + 1, paired=True, last=True)


def _pieces(word: str, start: int) -> Iterator[Word]:
    for place in range(0, len(word), WORD_LENGTH):
        piece = word[place : place + WORD_LENGTH]
        yield Word(piece, start + place, start + place + len(piece))


def words(text: str) -> list[str]:
    """What a message is found by, in order; `LEFT_OUT` where a word is repeated too often."""
    text = folded(text)
    if text.isascii():
        found = _ASCII_WORD.findall(text)
        if any(len(word) > WORD_LENGTH for word in found):
            found = [word.text for word in words_at(text)]
    else:
        found = [word.text for word in words_at(text)]
    return _few_repeats(found) if len(found) > REPEATS else found


def _few_repeats(found: Iterable[str]) -> list[str]:
    seen: Counter[str] = Counter()
    kept = []
    for word in found:
        seen[word] += 1
        kept.append(word if seen[word] <= REPEATS else LEFT_OUT)
    return kept


def is_paired(word: str) -> bool:
    """Whether it is of a script that has no spaces."""
    return _IS_PAIRED.match(word) is not None
