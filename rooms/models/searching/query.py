"""What somebody asks for, as they typed it.

kettle thermostat       both words, wherever they stand; the last one may go on
"blue kettle"           just so, one after the other
kettle -toaster         without that word; -"blue kettle" without that phrase
from:bob in:lobby       by somebody, in a room; in quotes what has spaces: from:"Bob Baker"
has:file                only messages that have a file
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .words import folded, is_paired, words_at

QUERY_LENGTH = 300  # characters that count
PREFIX_LENGTH = 2  # characters of a word that may go on: of one there would be half of everything

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»〝〞＂", '"'))
_PART = re.compile(
    r"""
    (?P<file>(?<!\S)has:files?(?!\S)) |
    (?P<without>(?<!\S)-(?=[^\s-]))?
    (?:(?<!\S)(?P<operator>from|in):(?=\S))?
    (?: "(?P<quoted>[^"]*)(?P<closed>"?) | (?P<bare>[^\s"]+) )
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one after the other; the last of them may be only begun."""

    words: tuple[str, ...]
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All of `phrases`, none of `without`, by one of `authors` and in `rooms` as they are called; only
    messages with `files` if it says so."""

    phrases: tuple[Phrase, ...] = ()
    without: tuple[Phrase, ...] = ()
    authors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    files: bool = False


def parsed(text: str) -> Query:
    """Never fails: what makes no sense is looked for as words, and what has none is passed over."""
    text = text.replace("\x00", "").translate(_QUOTES)[:QUERY_LENGTH]
    phrases: dict[Phrase, None] = {}
    without: dict[Phrase, None] = {}
    named: dict[str, list[str]] = {"from": [], "in": []}
    files = False
    for part in _PART.finditer(text):
        if part["file"]:
            files = True
            continue
        said = part["quoted"] if part["quoted"] is not None else part["bare"]
        if part["operator"]:
            if name := said.strip():
                named[part["operator"].lower()].append(name)
            continue
        is_last = part.end() == len(text) and not part["closed"] and not part["without"]
        if phrase := phrase_of(said, begun=is_last):
            (without if part["without"] else phrases)[phrase] = None
    return Query(tuple(phrases), tuple(without), tuple(named["from"]), tuple(named["in"]), files)


def phrase_of(text: str, *, begun: bool) -> Phrase | None:
    """What stands together is looked for together: example.org, don't, 热水壶."""
    found = list(words_at(folded(text)))
    if not found:
        return None
    last = found[-1]
    if last.last and len(found) > 1 and found[-2].paired and found[-2].end == last.end:
        found.pop()  # the pair before it has that character already, and the run may go on
    words = tuple(word.text for word in found)
    if is_paired(words[-1]):  # each character begins a word
        return Phrase(words, begun=len(words[-1]) == 1)
    return Phrase(words, begun=begun and len(words[-1]) >= PREFIX_LENGTH)
