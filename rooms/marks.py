"""Marks, in a message's HTML, the words that it was found by."""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import dropwhile
from typing import TYPE_CHECKING, NamedTuple

from django.utils.safestring import SafeString, mark_safe

from rooms.models.searching.words import folded, is_paired, words_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rooms.models.searching.query import Phrase

WHOLE = 600  # characters of a message that is shown as it is
EXCERPT = 400  # characters of what is shown of a longer one
BEFORE = 100  # of these, before the first word that was found

# As nh3 writes them: an attribute's value stands in double quotes and may have a ">" in it
_TAG = re.compile(r"(<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)")
_INLINE = re.compile(r"</?(?:a|code|em|s|span|strong)\b")


class Place(NamedTuple):
    """A word of the visible text: in which piece of it, and from where to where."""

    word: str
    piece: int
    start: int
    end: int
    first_end: int  # behind its first character


def marked(body: SafeString, phrases: Sequence[Phrase]) -> SafeString:
    """The HTML with `<mark>` around what the phrases found in its text. `body` is what
    `rooms.text.to_html` gives: nothing in it is changed but for the marks."""
    pieces = _TAG.split(body)
    texts = [_unescaped(piece) for piece in pieces[::2]]
    for number, ranges in _found(texts, phrases).items():
        pieces[2 * number] = "".join(
            f"<mark>{_escaped(text)}</mark>" if is_found else _escaped(text)
            for text, is_found in _cut(texts[number], ranges)
        )
    return mark_safe("".join(pieces))


def shown(body: SafeString, phrases: Sequence[Phrase]) -> SafeString:
    """The same, but of a long message only the words around the first that was found, without their
    markup."""
    pieces = _TAG.split(body)
    texts = [_unescaped(piece) for piece in pieces[::2]]
    if sum(map(len, texts)) <= WHOLE:
        return marked(body, phrases)
    found = _found(texts, phrases)
    segments: list[tuple[str, bool]] = []
    for number, text in enumerate(texts):
        segments += _cut(text, found.get(number, []))
        tag = pieces[2 * number + 1] if 2 * number + 1 < len(pieces) else ""
        if not _INLINE.match(tag):
            segments.append((" ", False))
    return mark_safe(f"<p>{''.join(_excerpt(segments))}</p>")


def _excerpt(segments: Iterable[tuple[str, bool]]) -> Iterator[str]:
    words = ((re.sub(r"\s+", " ", text), is_found) for text, is_found in segments)
    line = list(dropwhile(lambda segment: segment[0] == " ", words))
    before = 0
    for text, is_found in line:
        if is_found:
            break
        before += len(text)
    else:
        before = 0
    start = max(0, before - BEFORE)
    if start:
        yield "… "
    place, left = 0, EXCERPT
    for text, is_found in line:
        part = text[max(0, start - place) :][:left] if place + len(text) > start else ""
        place += len(text)
        left -= len(part)
        if part:
            yield f"<mark>{_escaped(part)}</mark>" if is_found else _escaped(part)
    if place > start + EXCERPT:
        yield " …"


def _unescaped(piece: str) -> str:
    """The text that a piece of HTML shows; "" for one that would not come back as it was."""
    text = html.unescape(piece)
    return text if _escaped(text) == piece else ""


def _escaped(text: str) -> str:
    """As nh3 writes it."""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")


def _cut(text: str, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The text in parts, each with whether it was found."""
    last = 0
    for start, end in ranges:
        if start > last:
            yield text[last:start], False
        yield text[start:end], True
        last = end
    if last < len(text):
        yield text[last:], False


def _found(texts: Sequence[str], phrases: Sequence[Phrase]) -> dict[int, list[tuple[int, int]]]:
    """For pieces of the text, where in them something was found: ranges in order that do not meet."""
    places = [place for number, text in enumerate(texts) for place in places_in(text, number)]
    ranges: dict[int, list[tuple[int, int]]] = {}
    for phrase in phrases:
        for first in range(len(places) - len(phrase.words) + 1):
            stand = places[first : first + len(phrase.words)]
            if _is_there(stand, phrase):
                for piece, start, end in _ranges(stand, phrase):
                    ranges.setdefault(piece, []).append((start, end))
    return {piece: _joined(each) for piece, each in ranges.items()}


def _is_there(stand: Sequence[Place], phrase: Phrase) -> bool:
    *whole, last = phrase.words
    if any(place.word != word for place, word in zip(stand, whole, strict=False)):
        return False
    return stand[-1].word.startswith(last) if phrase.begun else stand[-1].word == last


def _ranges(stand: Sequence[Place], phrase: Phrase) -> Iterator[tuple[int, int, int]]:
    last = stand[-1]
    if phrase.begun and is_paired(phrase.words[-1]):  # of a pair only the first was asked for
        last = last._replace(end=last.first_end)
    if stand[0].piece == last.piece:
        yield last.piece, stand[0].start, last.end
        return
    for place in (*stand[:-1], last):
        yield place.piece, place.start, place.end


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def places_in(text: str, piece: int = 0) -> Iterator[Place]:
    """The words of a text as it is written."""
    for chunk in re.finditer(r"\S+", text):
        yield from _places_in_chunk(chunk.group(), chunk.start(), piece)


def _places_in_chunk(chunk: str, start: int, piece: int) -> Iterator[Place]:
    plain = folded(chunk)
    origins = _origins(chunk, plain)
    for word in words_at(plain):
        first, last = origins[word.start], origins[word.end - 1]
        yield Place(word.text, piece, start + first[0], start + last[1], start + first[1])


def _origins(chunk: str, plain: str) -> Sequence[tuple[int, int]]:
    """For each character of the folded chunk, what of the chunk it comes from."""
    if chunk.isascii():
        return [(place, place + 1) for place in range(len(chunk))]
    origins: list[tuple[int, int]] = []
    again = ""
    start = 0
    for end in range(1, len(chunk) + 1):
        if end < len(chunk) and unicodedata.category(chunk[end])[0] == "M":
            continue  # belongs to the character before it
        part = folded(chunk[start:end])
        origins += [(start, end)] * len(part)
        again += part
        start = end
    # Where characters that stand beside each other melt into one, nobody can say which it was.
    return origins if again == plain else [(0, len(chunk))] * len(plain)
