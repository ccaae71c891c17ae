"""No page has a word that was not translated, but for those that people typed.

Every page of the browser's tests is asked for in two languages. In Chinese, no Latin word may be left on
it. In the language that nobody speaks (see project/pseudo_language.py) every sentence of ours is marked,
so whatever is not was never given to translators.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from django.apps import apps
from django.db.models import CharField, TextField
from django.test import Client

from project.pseudo_language import CODE as BACKWARDS
from project.pseudo_language import TURN, TURN_BACK
from rooms.models import Message, Place
from rooms.models.preview import previews_of
from tests.browser import test_pages as pages
from tests.cast import signed_in
from tests.markup import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from tests.browser.test_pages import Case, Scene

CHINESE = "zh-hans"
ARABIC = re.compile("[\u0600-\u06ff]")
LATIN = re.compile(r"[A-Za-z]{2,}")
SENTENCE = re.compile(f"{TURN}.*?{TURN_BACK}", re.DOTALL)

# Names of things that are called so in every language.
NAMES = """
    Roomful Markdown JavaScript Chrome Edge Safari Firefox iPhone iPad Mac Android Cookie QR UTC English
    Alt Shift Control Option Tab Enter Esc MB KB PDF PNG MP MP3 MP4 GB from me
"""
READ_ALOUD = ("aria-label", "label", "title", "alt", "placeholder")
# What is shown as it is typed, and what has no words for people.
CODE = re.compile(r"[A-Z]\w+/[\w/+-]+|[a-z]{2}(-\w+)?")
ASKED = ("xyzzy", "pages", "banana", "message the", "message+the")
TYPED = ("code", "pre", "kbd", "script", "style")


def _typed() -> list[str]:
    """What people wrote, whatever it is kept in, the longest first."""
    found = {*ASKED, *filter(None, WRONG.values()), "example.org"}
    for model in apps.get_app_config("rooms").get_models():
        for field in model._meta.get_fields():
            if isinstance(field, CharField | TextField) and not field.choices:
                values = model._default_manager.values_list(field.name, flat=True)
                found |= {line for value in values if value for line in (value, *value.split("\n"))}
    for message in Message.objects.exclude(previews=None):
        for preview in previews_of(message.previews):
            found |= {preview.title, preview.site, preview.description}
    return sorted(filter(None, found), key=len, reverse=True)


def _texts(tree: Any) -> Iterator[str]:
    """What is read on a page, or aloud, but what is marked as typed by somebody."""
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue  # a comment
        for name in READ_ALOUD:
            if element.get(name):
                yield element.get(name)
    for part in ("title", "body"):
        for element in tree.iter(part):
            yield from _shown(element)


def _shown(element: Any) -> Iterator[str]:
    classes = element.get("class", "").split()
    if not isinstance(element.tag, str) or element.tag in TYPED or {"body", "face"} & set(classes):
        return
    chosen = element.get("value", "") if element.tag == "option" else ""
    if element.get("lang") or CODE.fullmatch(chosen):
        return  # a language or a time zone, under its own name
    typed = element.get("dir") == "auto" or element.tag == "bdi"
    if element.text and not typed:
        yield element.text
    for child in element:
        yield from _shown(child)
        if child.tail and not typed:
            yield child.tail


def _left(text: str, language: str, typed: list[str]) -> list[str]:
    """Words in it that should have been translated."""
    if language == BACKWARDS:
        text = SENTENCE.sub(" ", text)
    for each in typed:
        if each in text:  # whole words, so that nothing is taken out of others
            text = re.sub(rf"(?<![A-Za-z]){re.escape(each)}(?![A-Za-z])", " ", text)
    if language == BACKWARDS and ARABIC.search(text):
        return []  # a library's own sentence
    known = {*NAMES.split(), "https"}
    return [word for word in LATIN.findall(text) if word not in known and word not in pages.LONG]


def _ask(client: Client, case: Case, scene: Scene, language: str) -> Answer:
    headers = {"Accept-Language": language}
    return client.get(case.path.format_map(scene), headers=headers, follow=True)


def _clients(scene: Scene) -> dict[str, Client]:
    names = {case.who for case in pages.CASES if case.who}
    return {"": Client(), **{name: signed_in(scene[name]) for name in names}}


# What a page fetches while it is open, and forms that were sent with mistakes.
PARTS = (
    "/rooms/{full}/{mine}/menu/",
    "/rooms/{full}/{mine}/edit/",
    "/rooms/{full}/{mine}/delete/",
    "/rooms/{full}/{mine}/reactions/",
    "/rooms/{full}/?before=30",
    "/rooms/{full}/changes/?after=0&quiet=1",
    "/rooms/?q=xyzzy",
    "/search/?q=xyzzy",
    "/direct/new/?names=xyzzy",
)
MISTAKES = {
    "tomasz": (
        "/accounts/profile/",
        "/accounts/password/change/",
        "/accounts/email/",
        "/rooms/new/",
        "/rooms/{full}/send/",
        "/rooms/{full}/{mine}/edit/",
        "/rooms/{full}/{mine}/reactions/",
        "/direct/new/",
    ),
    "ines": (
        "/place/",
        "/place/people/{tomasz.pk}/",
        "/place/invitations/",
        "/rooms/{full}/settings/",
        "/rooms/{full}/members/",
    ),
    "": ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"),
}
WRONG = {
    "display_name": "x" * 100,
    "time_zone": "Europe/Atlantis",
    "language": "tlh",
    "oldpassword": "wrong",
    "password1": "123",
    "password2": "456",
    "password": "nonsense",
    "login": "nobody-at-all",
    "username": "a b",
    "email": "no address",
    "action_add": "1",
    "key": "no key",
    "text": "x" * 20_000,
    "emoji": "two words",
    "names": "xyzzy",
    "go": "1",
    "role": "emperor",
    "lifetime": "for ever",
    "max_uses": "0",
    "rooms": "0",
    "rooms_by": "nobody",
    "sign_up": "never",
    "name": "\u200b",
    "topic": "x" * 1000,
    "who": "xyzzy",
}


@pytest.mark.parametrize("language", [CHINESE, BACKWARDS])
@pytest.mark.django_db(transaction=True)
def test_every_word_of_every_page_is_translated(language: str, pytestconfig: pytest.Config) -> None:
    if pytestconfig.option.stack == "full":
        pytest.skip("Every database says the same.")
    found: dict[str, list[str]] = {}
    seen = 0

    def look(name: str, answer: Answer, typed: list[str]) -> None:
        nonlocal seen
        seen += 1
        html = answer.content.decode()
        if html.lstrip().startswith("<!doctype"):
            assert f'<html lang="{language}"' in html, name
            tree = parse(answer)
        else:
            tree = html5lib.parse(html, namespaceHTMLElements=False)
        words = [word for text in _texts(tree) for word in _left(text, language, typed)]
        if words:
            found[name] = sorted(set(words))

    look("set-up", Client().get("/setup/", headers={"Accept-Language": language}), [])
    scene = pages.arrange.__wrapped__()  # type: ignore[attr-defined]
    clients, typed = _clients(scene), _typed()
    for case in pages.CASES:
        sign_up = {"open_to_all": "open", "closed": "closed"}
        for need in set(case.needs) & set(sign_up):
            Place.objects.update(sign_up=sign_up[need])
        look(case.name, _ask(clients[case.who], case, scene, language), typed)
        Place.objects.update(sign_up="invitation")
    headers = {"Accept-Language": language, "HX-Request": "true"}
    for path in PARTS:
        look(path, clients["tomasz"].get(path.format_map(scene), headers=headers), typed)
    for who, paths in MISTAKES.items():
        for path in paths:
            at = path.format_map(scene)
            Place.objects.update(sign_up="open")
            answer = clients[who].post(at, WRONG, headers={"Accept-Language": language})
            look(f"{path} with mistakes", answer, typed)
    assert seen > len(pages.CASES)
    if found:
        pytest.fail("\n".join(f"{name}: {' '.join(words)}" for name, words in found.items()))
