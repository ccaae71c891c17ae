"""Which text is just one emoji, and which emoji a word finds."""

import emoji
import pytest

from rooms import emojis


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("👍", "👍"),
        (" 👍\n", "👍"),
        ("👍🏽", "👍🏽"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("🇩🇪", "🇩🇪"),
        ("1️⃣", "1️⃣"),
        ("❤", "❤️"),  # without the sign that asks for the coloured one
        ("❤️", "❤️"),
        (":+1:", "👍"),
        (":thumbsup:", "👍"),
        (":octopus:", "🐙"),
        ("octopus", "🐙"),
        ("Red Heart", "❤️"),
    ],
)
def test_one_emoji_is_found_in_its_full_form(text: str, found: str) -> None:
    assert emojis.one_emoji(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\0",
            "word!",
            "12",
            "#",
            "*",
            "<b>",
            "👍👍",
            "👍 👍",
            "👍x",
            "🏽",
            "🇩",
            "\u200d",
        ),
        *("\ufe0f", ":nothing_is_called_so:", "👍" * 1_000, "x" * 10_000, "\ud83d", "👨‍👩‍"),
    ],
)
def test_what_is_not_just_one_is_none(text: str) -> None:
    assert emojis.one_emoji(text) is None


def test_whichever_emoji_there_is_has_one_full_form() -> None:
    component = emoji.STATUS["component"]
    for text, about in emoji.EMOJI_DATA.items():
        full = emojis.one_emoji(text)
        if about["status"] == component:
            assert full is None
        else:
            assert full
            assert emojis.one_emoji(full) == full
            assert emojis.named(full).name


@pytest.mark.parametrize(
    ("words", "first"),
    [("octo", "🐙"), ("heart red", "❤️"), ("thumbs", "👍"), ("+1", "👍"), (":tada:", "🎉")],
)
def test_words_find_what_is_called_so(words: str, first: str) -> None:
    assert first in [each.emoji for each in emojis.search(words)]


def test_what_is_called_just_so_comes_first() -> None:
    assert emojis.search("heart")[0].emoji == "❤️"
    assert emojis.search("smile")[0].emoji == "😄"


def test_no_word_finds_the_common_ones_and_an_unknown_one_none() -> None:
    assert emojis.search(" ") == emojis.common()
    assert emojis.search("xyzzy") == ()
    assert len(emojis.search("a")) == emojis.FOUND
