"""Emoji as people pick them: typed, by name, or out of a few."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import emoji
from django.conf import settings
from django.utils.translation import get_language

QUICK = ("👍", "❤️", "😄", "🎉", "🙏", "👀")  # beside a message, one click away
COMMON = (
    *QUICK,
    *("👎", "😂", "🙂", "😍", "🤔", "😮", "😢", "😡", "🔥", "💯", "✅", "❌"),
    *("👏", "🙌", "💪", "🤝", "👋", "🚀", "⭐", "💡", "☕", "🍰"),
)
FOUND = 36  # emoji that a search shows
TYPED = 100  # characters; the longest emoji has 10, the longest name 78
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
IDEOGRAPHS = "\u2e80"  # here begin scripts that write no space between words


def _names_in(language: str | None) -> str:
    """In which of the package's languages emoji are named for readers of this one."""
    own = (language or "").partition("-")[0]
    return own if own in emoji.LANGUAGES else "en"


for _code, _name in settings.LANGUAGES:
    emoji.config.load_language(_names_in(_code))


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
    elif text not in emoji.EMOJI_DATA:
        name = "_".join(text.strip(":").split())
        text = emoji.emojize(f":{name}:", language=_names_in(get_language()))
    found = emoji.EMOJI_DATA.get(text)
    if found is None or found["status"] == emoji.STATUS["component"]:
        return None  # a skin tone alone is none
    return emoji.emojize(found["en"])


def named(text: str) -> Named:
    """An emoji in its full form, with its name in the active language."""
    return _named(text, _names_in(get_language()))


def _named(text: str, language: str) -> Named:
    about = emoji.EMOJI_DATA[text]
    found = about.get(language, about["en"])
    return Named(text, found.strip(":").replace("_", " "))


def common() -> tuple[Named, ...]:
    return tuple(named(each) for each in COMMON)


def _names(about: dict[str, Any], language: str) -> tuple[str, ...]:
    """All that an emoji is called, in English as well: many know those names."""
    names = [about["en"], *about.get("alias", ()), about.get(language, "")]
    return tuple(name.strip(":").replace("_", " ").lower() for name in names if name)


@lru_cache(maxsize=len(settings.LANGUAGES))
def _all(language: str) -> tuple[tuple[Named, tuple[str, ...]], ...]:
    """Every emoji without the skin tones of each, and all that it is called."""
    full = emoji.STATUS["fully_qualified"]
    return tuple(
        (_named(text, language), _names(about, language))
        for text, about in emoji.EMOJI_DATA.items()
        if about["status"] == full and not _TONES.search(text)
    )


def search(words: str) -> tuple[Named, ...]:
    """Emoji in whose names all of the words begin words, those first that are called just so."""
    asked = " ".join(words[:TYPED].replace("_", " ").replace(":", " ").lower().split())
    return _search(asked, _names_in(get_language())) if asked else common()


@lru_cache(maxsize=256)
def _search(asked: str, language: str) -> tuple[Named, ...]:
    begins = [
        re.compile(re.escape(word) if word >= IDEOGRAPHS else rf"(?<!\w){re.escape(word)}")
        for word in asked.split()
    ]
    found = [
        (asked not in names, len(one.name), one)
        for one, names in _all(language)
        if all(word.search(" ".join(names)) for word in begins)
    ]
    return tuple(one for _otherwise, _length, one in sorted(found)[:FOUND])
