"""The catalogues say what the sources say, completely, and are compiled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext

from project import pseudo_language
from project.pseudo_language import TURN, TURN_BACK, pseudo
from tests import messages
from tests.messages import Sentence, in_python, in_template

if TYPE_CHECKING:
    from babel.messages.catalog import Message as Entry

pytestmark = pytest.mark.one_stack

UPDATE = "Run `make messages`, translate what it names, and commit the catalogues with your change."
# What a translation has to keep: what values are put into, HTML, keys and code.
FIXED = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?[a-z][^>]*>|`[^`]+`")

every_catalogue = pytest.mark.parametrize(
    "po", messages.catalogues(), ids=lambda po: po.parent.parent.name
)


def texts(entry: Entry) -> list[tuple[str, str]]:
    """Each translation of a sentence, with what it translates."""
    if isinstance(entry.id, str):
        return [(entry.id, str(entry.string))]
    singular, plural = entry.id
    strings = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
    return [
        (singular if number == 0 and len(strings) > 1 else plural, each)
        for number, each in enumerate(strings)
    ]


def test_each_language_has_a_catalogue() -> None:
    spoken = {translation.to_locale(code) for code, _name in settings.LANGUAGES}
    translated = {po.parent.parent.name for po in messages.catalogues()}
    assert translated == spoken - {"en", translation.to_locale(pseudo_language.CODE)}


@every_catalogue
def test_a_catalogue_has_the_sentences_of_the_sources(po: Path) -> None:
    assert po.read_bytes() == messages.as_po(messages.updated(messages.read(po))), UPDATE


@every_catalogue
def test_everything_is_translated(po: Path) -> None:
    assert [entry.id for entry in messages.missing(messages.read(po))] == [], UPDATE


@every_catalogue
def test_what_is_used_is_what_was_translated(po: Path) -> None:
    compiled = messages.as_mo(messages.read(po))
    assert po.with_suffix(".mo").read_bytes() == compiled, UPDATE


@every_catalogue
def test_translations_keep_what_is_filled_in(po: Path) -> None:
    wrong = [
        (original, text)
        for entry in messages.read(po)
        if entry.id and not entry.context
        for original, text in texts(entry)
        if sorted(FIXED.findall(original)) != sorted(FIXED.findall(text))
        or not text.strip()
        or (original.strip() == original) != (text.strip() == text)
    ]
    assert wrong == []


def test_chinese_has_chinese_signs() -> None:
    """Between two Chinese letters no sign is half as wide as they are."""
    (po,) = [each for each in messages.catalogues() if "zh_Hans" in str(each)]
    half = re.compile(r"[\u4e00-\u9fff][,.:;?!()][\u4e00-\u9fff]|[\u4e00-\u9fff][,.:;?!]$|\.\.\.")
    found = [
        text
        for entry in messages.read(po)
        if entry.id
        for _original, text in texts(entry)
        if half.search(text)
    ]
    assert found == []


# Reading the sources


def test_sentences_are_found_in_python() -> None:
    source = """
from django.utils.translation import gettext as _
a = _("one" " and the rest")
b = ngettext("%s thing", "%s things", n)
c = pgettext_lazy("a month", "May")
d = _(name), other("no sentence"), f(x)(y)
e = translation.gettext("by its module")
class View:
    @operation("say", "Say something", tag="messages")
    def post(self):
        '''Once
        and again.'''
    @operation("look", "Look", tag="messages")
    def get(self): pass
"""
    assert list(in_python(source)) == [
        Sentence(None, ("Say something",)),
        Sentence(None, ("Once and again.",)),
        Sentence(None, ("Look",)),
        Sentence(None, ("one and the rest",)),
        Sentence(None, ("%s thing", "%s things")),
        Sentence("a month", ("May",)),
        Sentence(None, ("by its module",)),
    ]


def test_sentences_are_found_in_templates() -> None:
    source = """{% load i18n %}{# no sentence #}{% trans "It's here" noop %}
{% trans 'in' context "a room" %} {{ date|date:_("j F Y") }} {{ reason|default:_('None.') }}
{% blocktrans count n=n trimmed %}
  {{ n }} “thing”
{% plural %}
  {{ n }} things at 5 %
{% endblocktrans %}{% include "x.html" with label=_("Given") %}"""
    assert list(in_template(source)) == [
        Sentence(None, ("It's here",)),
        Sentence("a room", ("in",)),
        Sentence(None, ("j F Y",)),
        Sentence(None, ("None.",)),
        Sentence(None, ("%(n)s “thing”", "%(n)s things at 5 %%")),
        Sentence(None, ("Given",)),
    ]


def test_what_was_translated_stays_and_what_is_no_longer_said_goes() -> None:
    (po,) = [each for each in messages.catalogues() if "zh_Hans" in str(each)]
    old = messages.read(po)
    old.add("Nobody says this any more.", "没人再说这句话了。")
    kept = old.get("Sign in")
    assert kept is not None
    kept.string, kept.user_comments = "登入", ["a note"]
    old.delete("Sign out")
    new = messages.updated(old)
    assert new.get("Nobody says this any more.") is None
    there = new.get("Sign in")
    assert there is not None
    assert (there.string, there.user_comments) == ("登入", ["a note"])
    assert [entry.id for entry in messages.missing(new)] == ["Sign out"]
    assert "locale/" not in messages.as_po(new).decode()  # nor any other path of this machine


# The language that nobody speaks


def test_it_is_read_from_the_right_and_keeps_what_is_filled_in() -> None:
    assert pseudo("Save") == f"{TURN}Sáávéé{TURN_BACK}"
    assert pseudo("%(name)s and <b>one</b>") == (
        f"%(name)s{TURN} áánd {TURN_BACK}<b>{TURN}óónéé{TURN_BACK}</b>"
    )
    assert pseudo("j F Y, H:i") == "j F Y, H:i"


def test_it_has_every_sentence() -> None:
    with translation.override(pseudo_language.CODE):
        assert translation.get_language_bidi()
        assert gettext("Sign in") == pseudo("Sign in")
        for count in (1, 2):
            sentence = ngettext("%(total)s message", "%(total)s messages", count)
            assert sentence == pseudo(("%(total)s message", "%(total)s messages")[count > 1])


def test_it_is_made_once(tmp_path: Path) -> None:
    source = messages.LOCALE / "zh_Hans" / "LC_MESSAGES" / "django.mo"
    pseudo_language.write(tmp_path, source)
    (made,) = tmp_path.rglob("*.*")
    before = made.stat().st_ino
    pseudo_language.write(tmp_path, source)
    assert [made] == list(tmp_path.rglob("*.*"))
    assert made.stat().st_ino == before
    made.write_bytes(b"of an older version")
    pseudo_language.write(tmp_path, source)
    assert [made] == list(tmp_path.rglob("*.*"))
    assert made.read_bytes().startswith(b"\xde\x12\x04\x95")


def test_it_needs_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "django.mo").write_bytes(b"no catalogue at all, but something long enough")
    with pytest.raises(ValueError, match="no catalogue"):
        pseudo_language.write(tmp_path, tmp_path / "django.mo")
