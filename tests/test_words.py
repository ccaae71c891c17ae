"""No page has a word that was not translated, but for those that people typed.

Every page of the browser's tests is asked for in two languages. In Chinese, no Latin word may be left on
it. In the language that nobody speaks (see project/pseudo_language.py) every sentence of ours is marked,
so whatever is not was never given to translators.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from django.apps import apps
from django.db.models import CharField, TextField
from django.test import Client
from django.urls import reverse
from django.utils import translation

from project.pseudo_language import CODE as BACKWARDS
from project.pseudo_language import TURN, TURN_BACK
from rooms.admin import operators
from rooms.models import Message, Place, User
from rooms.models.preview import previews_of
from tests.browser import test_pages as pages
from tests.cast import signed_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from tests.browser.test_pages import Scene

pytestmark = pytest.mark.one_stack

CHINESE = "zh-hans"
ARABIC = re.compile("[\u0600-\u06ff]")
WORDS = re.compile(r"[A-Za-z]{2,} ")
MENTION = re.compile(r"@\w+|\b\w+(?:\.\w+){2,}")
LATIN = re.compile(r"[A-Za-z]{2,}")
SENTENCE = re.compile(f"{TURN}.*?{TURN_BACK}", re.DOTALL)

# Names of things that are called so in every language.
NAMES = """
    Roomful Markdown JavaScript Chrome Edge Safari Firefox iPhone iPad Mac Android Cookie QR UTC
    English Alt Shift Control Option Tab Enter Esc JSON ZIP MB KB PDF PNG MP MP3 MP4 GB from me
    lobby bob GitHub TOTP Aegis FreeOTP Google Authenticator OpenAPI Server Sent Events Last
    Event ID id slug next changes CSRF Bearer Authorization Slack Webhook http
"""
READ_ALOUD = ("aria-label", "label", "title", "alt", "placeholder")
# What is shown as it is typed, and what has no words for people.
CODE = re.compile(r"[A-Z]\w+/[\w/+-]+|[a-z]{2}(-\w+)?")
ASKED = ("xyzzy", "pages", "banana", "message the", "message+the")
# What Django and a package of its tasks say in the code alone, on the site for operators.
CALLED = ("True", "False", "Search", "Tasks Database Backend", "Room.version")
TYPED = ("code", "pre", "kbd", "script", "style")


def _typed() -> list[str]:
    """What people wrote, whatever it is kept in, the longest first."""
    found = {*ASKED, *filter(None, WRONG.values()), "example.org", "hook.example"}
    for model in apps.get_app_config("rooms").get_models():
        for column in model._meta.get_fields():
            if isinstance(column, CharField | TextField) and not column.choices:
                values = model._default_manager.values_list(column.name, flat=True)
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
    if element.get("translate") == "no" or element.get("lang") or CODE.fullmatch(chosen):
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
    text = MENTION.sub(" ", text)
    if language == BACKWARDS and ARABIC.search(text):
        return []  # a library's own sentence
    known = {*NAMES.split(), "https"}
    words = (word for word in LATIN.findall(text) if len(set(word)) > 1)
    return [word for word in words if word not in known and word not in pages.LONG]


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


@dataclass
class Proof:
    """Looks through pages in one language; `found` are words that are left, by page."""

    language: str
    scene: Scene
    typed: list[str]
    clients: dict[str, Client] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    seen: int = 0

    def __post_init__(self) -> None:
        self.clients[""] = Client()
        for name in {case.who for case in pages.CASES if case.who}:
            self.clients[name] = signed_in(self.scene[name])

    def headers(self, **others: str) -> dict[str, str]:
        return {"Accept-Language": self.language, **others}

    def look(self, name: str, answer: Answer, but: Collection[str] = ()) -> None:
        self.seen += 1
        html = answer.content.decode()
        if html.lstrip().startswith("<!doctype"):
            assert f'<html lang="{self.language}"' in html, name
            assert answer.headers["Content-Language"] == self.language
        tree = html5lib.parse(html, namespaceHTMLElements=False)
        words = [word for text in _texts(tree) for word in _left(text, self.language, self.typed)]
        if left := set(words).difference(but):
            self.found[name] = sorted(left)

    def look_at_pages(self) -> None:
        sign_up = {"open_to_all": "open", "closed": "closed"}
        for case in pages.CASES:
            chosen = [sign_up[need] for need in case.needs if need in sign_up]
            Place.objects.update(sign_up=chosen[0] if chosen else "invitation")
            path = case.path.format_map(self.scene)
            answer = self.clients[case.who].get(path, headers=self.headers(), follow=True)
            self.look(case.name, answer)

    def look_at_parts(self) -> None:
        headers = self.headers(**{"HX-Request": "true"})
        for path in PARTS:
            at = path.format_map(self.scene)
            self.look(path, self.clients["tomasz"].get(at, headers=headers))

    def look_at_mistakes(self) -> None:
        for who, path in ((who, path) for who, paths in MISTAKES.items() for path in paths):
            Place.objects.update(sign_up="open")
            at = path.format_map(self.scene)
            answer = self.clients[who].post(at, WRONG, headers=self.headers())
            self.look(f"{path} with mistakes", answer)

    def look_at_the_operators_site(self) -> None:
        ines = self.scene["ines"]
        cut = {word for text in self.typed for word in LATIN.findall(text)}
        User.objects.filter(pk=ines.pk).update(is_staff=True)
        client = signed_in(ines)
        self.typed = [*CALLED, *self.typed]
        self.look("operators", client.get(reverse("admin:index"), headers=self.headers()))
        for model in operators._registry:
            at = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            shown = list(model._default_manager.all())
            # What they call themselves is for logs, in English.
            self.typed = [*(str(each) for each in shown), *self.typed]
            first = f"{shown[0].pk}/" if shown else ""
            for path in (at, f"{at}{first}change/", f"{at}{first}delete/"):
                answer = client.get(path, headers=self.headers())
                if answer.status_code == 200:
                    self.look(path, answer, cut)


@pytest.mark.parametrize("language", [CHINESE, BACKWARDS])
@pytest.mark.django_db(transaction=True)
def test_every_word_of_every_page_is_translated(language: str) -> None:
    before = Client().get("/setup/", headers={"Accept-Language": language})
    scene = pages.arrange.__wrapped__()  # type: ignore[attr-defined]
    proof = Proof(language, scene, _typed())
    proof.look("set-up", before)
    proof.look_at_pages()
    proof.look_at_parts()
    proof.look_at_mistakes()
    if language == CHINESE:  # Django's own part of it says little in Arabic
        proof.look_at_the_operators_site()
    assert proof.seen > len(pages.CASES)
    if proof.found:
        pytest.fail("\n".join(f"{name}: {' '.join(left)}" for name, left in proof.found.items()))


@pytest.mark.parametrize("model", list(apps.get_app_config("rooms").get_models()), ids=str)
def test_what_a_model_says_of_its_fields_is_translated(model: Any) -> None:
    """A text that was translated when the process started is in the wrong language ever after."""
    with translation.override(BACKWARDS):
        said = [str(each.help_text) for each in model._meta.fields if each.help_text]
        assert [text for text in said if not SENTENCE.search(text) and WORDS.search(text)] == []
