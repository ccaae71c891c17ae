"""The words of Roomful and their translations: `make messages`.

Reads every sentence that the sources mark for translation, brings the catalogues in `locale/` up to date
with them, compiles those, and names what is not translated yet. It needs no gettext on the machine.
`python -m tests.messages CODE` begins a catalogue for another language.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from babel.core import Locale
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from django.utils.translation.template import templatize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Message as Entry

BASE = Path(__file__).parent.parent
LOCALE = BASE / "locale"
SOURCES = ("project", "rooms")
TEMPLATES = "templates"

# How each function that translates takes its arguments: what comes first, and whether there is a plural.
FUNCTIONS = {
    "_": "s",
    "gettext": "s",
    "gettext_lazy": "s",
    "gettext_noop": "s",
    "ngettext": "sp",
    "ngettext_lazy": "sp",
    "pgettext": "cs",
    "pgettext_lazy": "cs",
    "npgettext": "csp",
    "npgettext_lazy": "csp",
}
LITERAL = r"""u?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
CALL = re.compile(rf"\b(\w*gettext|_)\(\s*({LITERAL}(?:\s*,\s*{LITERAL})*)")


class Sentence(NamedTuple):
    """What is to be translated: one text, or that for one thing and that for several."""

    context: str | None
    texts: tuple[str, ...]

    @property
    def key(self) -> str | tuple[str, ...]:
        return self.texts[0] if len(self.texts) == 1 else self.texts


def _sentence(function: str, arguments: list[str]) -> Sentence | None:
    shape = FUNCTIONS.get(function)
    if shape is None or len(arguments) < len(shape):
        return None
    named = list(zip(shape, arguments, strict=False))
    context = next((text for letter, text in named if letter == "c"), None)
    return Sentence(context, tuple(text for letter, text in named if letter != "c"))


def in_python(source: str) -> Iterator[Sentence]:
    tree = ast.parse(source)
    yield from _of_api(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        texts = []
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                break
            texts.append(argument.value)
        if sentence := _sentence(name, texts):
            yield sentence


def _of_api(tree: ast.Module) -> Iterator[Sentence]:
    """What the page about the API says of an operation: its summary, and the docstring of its view. The
    page asks for their translations itself."""
    for view in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
        for decorator in view.decorator_list:
            name = getattr(getattr(decorator, "func", None), "id", "")
            if isinstance(decorator, ast.Call) and name == "operation":
                said = [ast.literal_eval(decorator.args[1]), ast.get_docstring(view) or ""]
                yield from (Sentence(None, (" ".join(text.split()),)) for text in said if text)


def in_template(source: str) -> Iterator[Sentence]:
    """By way of Django's own `templatize`, which leaves nothing of a template but such calls."""
    for function, literals in CALL.findall(templatize(source)):
        texts = [ast.literal_eval(literal) for literal in re.findall(LITERAL, literals)]
        if sentence := _sentence(function, texts):
            yield sentence


def _files() -> list[Path]:
    python = [file for folder in SOURCES for file in (BASE / folder).rglob("*.py")]
    return sorted(python) + sorted(file for file in (BASE / TEMPLATES).rglob("*") if file.is_file())


def extracted() -> dict[Sentence, list[str]]:
    """Every sentence of the sources, with the files that have it."""
    found: dict[Sentence, list[str]] = {}
    for file in _files():
        read = in_python if file.suffix == ".py" else in_template
        name = file.relative_to(BASE).as_posix()
        for sentence in read(file.read_text()):
            places = found.setdefault(sentence, [])
            if name not in places:
                places.append(name)
    return _with_plurals_first(found)


def _with_plurals_first(found: dict[Sentence, list[str]]) -> dict[Sentence, list[str]]:
    """A sentence that stands alone here and with its plural there is one entry of a catalogue."""
    plural = {(each.context, each.texts[0]): each for each in found if len(each.texts) > 1}
    merged: dict[Sentence, list[str]] = {}
    for sentence, places in found.items():
        kept = plural.get((sentence.context, sentence.texts[0]), sentence)
        merged.setdefault(kept, []).extend(places)
    return merged


class Catalogue(Catalog):
    """A language's translations, with no more in its head than gettext needs: no dates, which would be
    another with every run."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]

    @classmethod
    def of(cls, locale: str, comment: str = "") -> Catalogue:
        return cls(locale=Locale.parse(locale), header_comment=comment, fuzzy=False)


def catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def read(po: Path) -> Catalogue:
    locale = po.parent.parent.name
    with po.open("rb") as file:
        found = pofile.read_po(file, locale=Locale.parse(locale))
    catalogue = Catalogue.of(locale, found.header_comment)
    for entry in found:
        if entry.id:
            catalogue[entry.id] = entry
    return catalogue


def updated(old: Catalogue) -> Catalogue:
    """The catalogue with exactly the sentences of the sources, translated as far as it was."""
    new = Catalogue.of(str(old.locale_identifier), old.header_comment)
    for sentence, places in extracted().items():
        before = old.get(sentence.texts[0], sentence.context)
        entry = new.add(
            sentence.key,
            locations=[(place, 0) for place in places],
            context=sentence.context,
            user_comments=before.user_comments if before else (),
        )
        if before is not None and before.pluralizable == entry.pluralizable:
            entry.string = before.string
            entry.flags |= before.flags & {"fuzzy"}
    return new


def as_po(catalogue: Catalogue) -> bytes:
    file = io.BytesIO()
    pofile.write_po(file, catalogue, width=100, sort_by_file=True, include_lineno=False)
    return file.getvalue()


def as_mo(catalogue: Catalogue) -> bytes:
    file = io.BytesIO()
    mofile.write_mo(file, catalogue)
    return file.getvalue()


def missing(catalogue: Catalogue) -> list[Entry]:
    """What is not translated, or only perhaps."""
    return [entry for entry in catalogue if entry.id and (entry.fuzzy or not all(_strings(entry)))]


def _strings(entry: Entry) -> list[str]:
    return [entry.string] if isinstance(entry.string, str) else list(entry.string or [""])


def main(codes: list[str]) -> int:
    """1 if any sentence is left to translate, for the shell."""
    for code in codes:
        po = LOCALE / code / "LC_MESSAGES" / "django.po"
        if not po.exists():
            po.parent.mkdir(parents=True)
            po.write_bytes(as_po(Catalogue.of(code, f"Roomful in {code}.")))
    left = 0
    for po in catalogues():
        catalogue = updated(read(po))
        po.write_bytes(as_po(catalogue))
        po.with_suffix(".mo").write_bytes(as_mo(catalogue))
        lacking = missing(catalogue)
        left += len(lacking)
        print(f"{po.relative_to(BASE)}: {len(catalogue)} sentences, {len(lacking)} to translate")  # noqa: T201
        for entry in lacking:
            text = entry.id if isinstance(entry.id, str) else entry.id[0]
            print(f"  {entry.locations[0][0]}: {text!r}")  # noqa: T201
    return min(left, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
