"""Emoji as people pick them: typed, by name, or out of a few."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import emoji

QUICK = ("👍", "❤️", "😄", "🎉", "🙏", "👀")  # beside a message, one click away
COMMON = (
    *QUICK,
    *("👎", "😂", "🙂", "😍", "🤔", "😮", "😢", "😡", "🔥", "💯", "✅", "❌"),
    *("👏", "🙌", "💪", "🤝", "👋", "🚀", "⭐", "💡", "☕", "🍰"),
)
FOUND = 36  # emoji that a search shows
TYPED = 100  # characters; the longest emoji has 10, the longest name 78
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


class Named(NamedTuple):
    """An emoji and what it is called."""

    emoji: str
    name: str


def one_emoji(text: str) -> str | None:
    """The emoji that `text` is, as such or by its name (`:octopus:`, `octopus`), in its full form, so
    that the same one is always the same text. None if it is no emoji, or more than one."""
    text = text.strip()
    if len(text) > TYPED:
        return None
    if text.isascii() and text not in emoji.EMOJI_DATA:
        name = "_".join(text.strip(":").lower().split())
        text = emoji.emojize(f":{name}:", language="alias")
    found = emoji.EMOJI_DATA.get(text)
    if found is None or found["status"] == emoji.STATUS["component"]:
        return None  # a skin tone alone is none
    return emoji.emojize(found["en"])


def named(text: str) -> Named:
    """An emoji in its full form, with its name."""
    found = emoji.EMOJI_DATA[text]["en"]
    return Named(text, found.strip(":").replace("_", " "))


@lru_cache(maxsize=1)
def common() -> tuple[Named, ...]:
    return tuple(named(each) for each in COMMON)


def _names(about: dict[str, Any]) -> tuple[str, ...]:
    """All that an emoji is called."""
    names = [about["en"], *about.get("alias", ())]
    return tuple(name.strip(":").replace("_", " ").lower() for name in names)


@lru_cache(maxsize=1)
def _all() -> tuple[tuple[Named, tuple[str, ...]], ...]:
    """Every emoji without the skin tones of each, and all that it is called."""
    full = emoji.STATUS["fully_qualified"]
    return tuple(
        (named(text), _names(about))
        for text, about in emoji.EMOJI_DATA.items()
        if about["status"] == full and not _TONES.search(text)
    )


@lru_cache(maxsize=256)
def search(words: str) -> tuple[Named, ...]:
    """Emoji in whose names all of the words begin words, those first that are called just so."""
    asked = " ".join(words[:TYPED].replace("_", " ").replace(":", " ").lower().split())
    if not asked:
        return common()
    begins = [re.compile(rf"(?<!\w){re.escape(word)}") for word in asked.split()]
    found = [
        (asked not in names, len(one.name), one)
        for one, names in _all()
        if all(word.search(" ".join(names)) for word in begins)
    ]
    return tuple(one for _otherwise, _length, one in sorted(found)[:FOUND])
