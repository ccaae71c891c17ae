"""How well a message answers a question: the same in every database, as Python decides it.

The idea is that of BM25: a word that is said again counts, but ever less, and in a short message more
than in a long one. Words that stand close together and in order count more, and a word that was typed in
full more than one that it only begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .words import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .query import Phrase

USUAL_LENGTH = 12  # words; longer messages count their words for less
SATURATION = 1.2  # BM25's k1
LENGTH_WEIGHT = 0.75  # BM25's b
IN_FULL = 0.5  # what a whole word adds to one that is only begun
TOGETHER = 1.0  # what two words add that stand side by side
PLACES = 8  # of a word that are looked at for what stands beside it


def best_first(bodies: Mapping[int, str], phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Score, in thousandths, and key of each message, the best first and of equals the newest."""
    scored = [(round(1000 * score(body, phrases)), key) for key, body in bodies.items()]
    scored.sort(reverse=True)
    return scored


def score(body: str, phrases: Sequence[Phrase]) -> float:
    said = words(body)
    heavy = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * len(said) / USUAL_LENGTH)
    total = 0.0
    ends: list[int] = []  # where the phrase before ends, each time
    for phrase in phrases:
        places = _places(said, phrase)
        total += len(places) * (SATURATION + 1) / (len(places) + heavy)
        if phrase.begun and any(
            said[place + len(phrase.words) - 1] == phrase.words[-1] for place in places
        ):
            total += IN_FULL
        if ends and places:
            gap = min(abs(place - end) for place in places[:PLACES] for end in ends)
            total += TOGETHER / (1 + gap)
        ends = [place + len(phrase.words) for place in places[:PLACES]]
    return total


def _places(said: Sequence[str], phrase: Phrase) -> list[int]:
    """Where in a message the phrase begins."""
    *whole, last = phrase.words
    before = len(whole)
    return [
        place - before
        for place, word in enumerate(said)
        if (word.startswith(last) if phrase.begun else word == last)
        and place >= before
        and (not before or list(said[place - before : place]) == whole)
    ]
