"""How text becomes words, and how the words that were found are marked: for any text at all."""

from __future__ import annotations

import re

import html5lib
import pytest
from django.utils.safestring import mark_safe
from hypothesis import example, given
from hypothesis import strategies as st

from rooms.marks import EXCERPT, marked, places_in, shown
from rooms.models.searching.index import document, vector
from rooms.models.searching.query import QUERY_LENGTH, Phrase, parsed, phrase_of
from rooms.models.searching.ranking import score
from rooms.models.searching.words import LEFT_OUT, REPEATS, WORD_LENGTH, folded, words
from rooms.text import to_html
from tests.page import fragment

# Whatever can be stored, with more of what is hard: scripts, accents, markup
LETTERS = st.one_of(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    st.sampled_from(
        "aAäßﬁİı éÉ\u0301\u0308 .,-_*`<>&\"'[]()| \n 热水壶 がｶﾞﾗ กาต้ हिन्दी 각ᄀ\u1161ᆨ ﷺ½①²"
    ),
)
TEXTS = st.one_of(st.text(LETTERS, max_size=80), st.text(max_size=80).map(folded))


@given(TEXTS)
def test_a_word_has_nothing_in_it_that_a_database_would_take_for_something_else(text: str) -> None:
    for word in words(text):
        assert 0 < len(word) <= WORD_LENGTH
        assert not re.search(r"[\s_'\"\\:&|!()*<>-]", word)
        assert not re.search(r"[A-Z]", word)
    assert document(1, 2, text).split(" ")[3:] == words(text)


@given(TEXTS)
@example("ΑΣ")
@example("ᾳ\u0345")
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(TEXTS, TEXTS)
def test_words_on_either_side_of_a_space_have_nothing_to_do_with_each_other(
    one: str, other: str
) -> None:
    assert words(f"{one} x {other}") == [*words(one), "x", *words(other)]


@given(TEXTS)
def test_whoever_types_a_message_finds_it(text: str) -> None:
    """By all of it, by each part between spaces, and by what each part begins with."""
    said = words(text)
    for part in [text, *text.split()]:
        phrase = phrase_of(part, begun=False)
        if phrase:
            assert stands_in(phrase, said), part
            assert score(text, [phrase]) > 0
    for part in text.split():
        for length in range(1, len(part) + 1):
            begun = phrase_of(part[:length], begun=True)
            if begun and len(begun.words[-1]) > 1 and words(part[:length])[0] == words(part)[0]:
                assert stands_in(begun, said) or not folded(part).startswith(folded(part[:length]))


def stands_in(phrase: Phrase, said: list[str]) -> bool:
    size = len(phrase.words)
    return any(
        said[at : at + size - 1] == list(phrase.words[:-1])
        and (
            said[at + size - 1].startswith(phrase.words[-1])
            if phrase.begun
            else said[at + size - 1] == phrase.words[-1]
        )
        for at in range(len(said) - size + 1)
    )


def test_a_word_that_is_repeated_for_ever_keeps_its_neighbours_apart() -> None:
    said = words("ha " * 1_000 + "end")
    assert len(said) == 1_001
    assert said.count("ha") == REPEATS
    assert said[-2:] == [LEFT_OUT, "end"]
    assert "'end':1001" in vector(1, 2, "ha " * 1_000 + "end")


@given(st.text(LETTERS, max_size=400))
def test_any_query_can_be_read(text: str) -> None:
    query = parsed(text)
    for phrase in (*query.phrases, *query.without):
        assert phrase.words
        assert all(phrase.words)
        assert sum(map(len, phrase.words)) <= QUERY_LENGTH * 20


# Marks


@given(TEXTS)
@example("각 ᄀ\u1161ᆨ x\u0301y ﬁ½ ﷺ\u0301")
def test_each_word_is_known_to_stand_somewhere(text: str) -> None:
    places = list(places_in(text))
    assert [place.word for place in places] == words(text)
    assert all(0 <= place.start < place.end <= len(text) for place in places)
    assert all(place.start < place.first_end <= place.end for place in places)


@given(TEXTS, TEXTS)
@example("a **b** `c` [d](https://example.org 'e > f')", "b c")
@example("&amp;lt; <mark>", "lt mark")
@example("```python\nif a < b: pass\n```", "a b pass")
def test_marks_lose_no_text_and_break_no_markup(text: str, asked: str) -> None:
    query = parsed(f"{asked} {text[:40]}")
    html = to_html(text)
    found = marked(html, query.phrases)
    assert re.sub(r"</?mark>", "", found) == html
    parser = html5lib.HTMLParser(strict=True)
    parser.parseFragment(found, container="div")
    assert fragment(found).text == fragment(html).text
    for mark in fragment(found).all("mark"):
        assert mark.text.strip()
        assert not mark.elements


@given(st.text(LETTERS, min_size=30, max_size=60), TEXTS)
def test_of_a_long_message_some_is_shown(text: str, asked: str) -> None:
    html = to_html(f"{text}\n" * 60)
    part = shown(html, parsed(f"{asked} {text[:20]}").phrases)
    html5lib.HTMLParser(strict=True).parseFragment(part, container="div")
    if part != marked(html, parsed(f"{asked} {text[:20]}").phrases):
        plain = fragment(part).text.removeprefix("… ").removesuffix(" …")
        assert len(plain) <= EXCERPT
        assert plain in fragment(re.sub("<(?!/?(a|code|em|s|span|strong)\\b)", " <", html)).text


LINK = (
    '<a href="https://example.org/kettle" target="_blank" rel="nofollow noopener noreferrer ugc">'
)


@pytest.mark.parametrize(
    ("body", "query", "expected"),
    [
        ("The blue kettle", "blue ket", "The <mark>blue</mark> <mark>kettle</mark>"),
        ("The blue kettle", '"blue kettle"', "The <mark>blue kettle</mark>"),
        ("The **blue** kettle", '"blue kettle"',
         "The <strong><mark>blue</mark></strong> <mark>kettle</mark>"),
        ("blue, kettle", '"kettle blue"', "blue, kettle"),
        ("École STRASSE", "ecole straße", "<mark>École</mark> <mark>STRASSE</mark>"),
        ("e\u0301cole ﬁsh", "école fish", "<mark>e\u0301cole</mark> <mark>ﬁsh</mark>"),
        ("热水壶的温控器", "温控器", "热水壶的<mark>温控器</mark>"),
        ("我们喝茶，茶叶", "茶", "我们喝<mark>茶</mark>，<mark>茶</mark>叶"),
        ("a & b < c", "b c", "a &amp; <mark>b</mark> &lt; <mark>c</mark>"),
        ("kettle -x", "kettle -x", "<mark>kettle</mark> -x"),
        ("see https://example.org/kettle", "kettle",
         f"see {LINK}https://example.org/<mark>kettle</mark></a>"),
    ],
)  # fmt: skip
def test_what_is_marked(body: str, query: str, expected: str) -> None:
    assert marked(to_html(body), parsed(query).phrases) == f"<p>{expected}</p>"


def test_a_long_message_is_shown_around_what_was_found() -> None:
    html = to_html("begin " * 200 + "the **blue** kettle " + "end " * 200)
    part = shown(html, parsed("kettle").phrases)
    assert part.startswith("<p>… ")
    assert "the blue <mark>kettle</mark> end" in part
    assert part.endswith(" …</p>")
    assert shown(html, ()).startswith("<p>begin begin")


def test_html_that_is_not_understood_stays_as_it_is() -> None:
    odd = mark_safe("<p>a &quot;kettle&quot; &eacute;</p>")
    assert marked(odd, parsed("kettle").phrases) == odd
