"""Reads pages as strictly as a browser would like to."""

from __future__ import annotations

from typing import Any, Protocol

import html5lib


class Page(Protocol):
    """An answer of either of Django's test clients."""

    @property
    def content(self) -> bytes: ...


def parse(response: Page) -> Any:
    """The page as a tree. Fails on whatever is no valid HTML."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(response.content.decode())


def text(response: Page) -> str:
    """All words of the page, white space as one sees it."""
    body = parse(response).find("body")
    return " ".join("".join(body.itertext()).split())


def values(response: Page) -> dict[str, str]:
    """What the page's fields hold, as sending the form unchanged would send it."""
    found: dict[str, str] = {}
    tree = parse(response)
    for field in tree.iter("input"):
        kind, name = field.get("type", "text"), field.get("name")
        chosen = kind not in {"radio", "checkbox"} or field.get("checked") is not None
        if name and chosen:
            found[name] = field.get("value", "on" if kind == "checkbox" else "")
    for field in tree.iter("select"):
        options = list(field.iter("option"))
        selected = [option for option in options if option.get("selected") is not None]
        found[field.get("name")] = (selected or options)[0].get("value", "")
    return found


def error_of(response: Page, name: str) -> str:
    """What is said to be wrong beside the field, which has to be tied to it for those who cannot see
    that the two stand together."""
    tree = parse(response)
    by_id = {element.get("id"): element for element in tree.iter() if element.get("id")}
    fields = [element for element in tree.iter() if element.get("name") == name]
    # Choices share the description of the group that they stand in.
    described = [*fields, *tree.iter("fieldset")]
    for element in described:
        for identifier in element.get("aria-describedby", "").split():
            if identifier == f"id_{name}_error":
                return " ".join("".join(by_id[identifier].itertext()).split())
    return ""
