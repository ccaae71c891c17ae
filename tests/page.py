"""A page as htmx keeps it, in Python: what the server sends is parsed and swapped in as a browser would.

It knows the few selectors and swaps that Roomful uses and fails on any other; so it also fails on
markup that an HTML parser would have to repair, and on a swap that finds no target, which htmx would
report in the browser's console.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import html5lib

Matcher = Callable[["Node"], bool]

PART = re.compile(
    r"(?P<tag>[a-z][a-z0-9]*)|#(?P<id>[\w-]+)|\.(?P<class>[\w-]+)"
    r"|\[(?P<name>[\w-]+)='(?P<value>[^']*)'\]|:(?P<function>not|has)\("
)


class Node:
    """An element with its attributes and its children, which are elements and strings."""

    __slots__ = ("attributes", "children", "parent", "tag")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Node | str] = []
        self.parent: Node | None = None

    def append(self, child: Node | str) -> None:
        if isinstance(child, Node):
            child.parent = self
        self.children.append(child)

    def clone(self) -> Node:
        copy = Node(self.tag, dict(self.attributes))
        for child in self.children:
            copy.append(child if isinstance(child, str) else child.clone())
        return copy

    @property
    def elements(self) -> list[Node]:
        return [child for child in self.children if isinstance(child, Node)]

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """All words in it, with single spaces between them."""
        return " ".join("".join(self.strings()).split())

    @property
    def html(self) -> str:
        """The same for the same element, however its attributes were ordered."""
        attributes = "".join(
            f' {name}="{self.attributes[name]}"' for name in sorted(self.attributes)
        )
        inner = "".join(child if isinstance(child, str) else child.html for child in self.children)
        return f"<{self.tag}{attributes}>{inner}</{self.tag}>"

    def strings(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child.strings()

    def walk(self) -> list[Node]:
        """The elements in it, in the order of the document."""
        found: list[Node] = []
        for child in self.children:
            if isinstance(child, Node):
                found.append(child)
                found += child.walk()
        return found

    def all(self, selector: str) -> list[Node]:
        nodes = self.walk()
        found = {
            id(node)
            for (name, value), matches in compiled(selector)
            for node in nodes
            if (not value or value in node.attributes.get(name, "")) and matches(node)
        }
        return [node for node in nodes if id(node) in found]

    def one(self, selector: str) -> Node:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} elements for {selector}"
        return found[0]

    def replace(self, *others: Node) -> None:
        assert self.parent
        parent, place = self.parent, self.parent.children.index(self)
        parent.children[place : place + 1] = others
        self.parent = None
        for other in others:
            other.parent = parent


# Parsing


def _converted(element: Any) -> Node:
    node = Node(element.tag, dict(element.attrib))
    if element.text:
        node.append(element.text)
    for child in element:
        if isinstance(child.tag, str):  # else it is a comment
            node.append(_converted(child))
        if child.tail:
            node.append(child.tail)
    return node


def parsed(html: str) -> Node:
    """The `html` element of a page."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return _converted(parser.parse(html, scripting=True))


@lru_cache(maxsize=2_000)
def _pattern(html: str) -> Node:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return _converted(parser.parseFragment(html, container="div", scripting=True))


def fragment(html: str) -> Node:
    """An element that holds what `html` consists of."""
    return _pattern(html).clone()


# Selectors


@lru_cache(maxsize=4_000)
def compiled(selector: str) -> list[tuple[tuple[str, str], Matcher]]:
    """For each of a list of selectors: an attribute and what must be in it, to be asked first because
    that is quick, and a test for one element."""
    alternatives = [each.strip() for each in _split(selector)]
    return [(_hint(each), _complex(each)) for each in alternatives]


def _hint(selector: str) -> tuple[str, str]:
    last = re.search(r"([#.])([\w-]+)(?:\[[^\]]*\]|:not\([^()]*\))*$", selector)
    return ({"#": "id", ".": "class"}[last[1]], last[2]) if last else ("", "")


def _matcher(selector: str) -> Matcher:
    tests = [matches for _hinted, matches in compiled(selector)]
    return lambda node: any(matches(node) for matches in tests)


def _split(selector: str) -> list[str]:
    """At the commas that are not in brackets or quotes."""
    parts, depth, quoted = [""], 0, False
    for letter in selector:
        quoted ^= letter == "'"
        depth += not quoted and (letter in "([") - (letter in ")]")
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _complex(selector: str) -> Matcher:
    matches, rest = _compound(selector)
    while rest:
        found = re.match(r"\s*([>~+])\s*|\s+", rest)
        assert found, f"cannot read the selector {selector!r} at {rest!r}"
        following, rest = _compound(rest[found.end() :])
        matches = _joined(matches, found.group(1) or " ", following)
    return matches


def _joined(left: Matcher, combinator: str, right: Matcher) -> Matcher:
    return lambda node: right(node) and any(map(left, _reached(node, combinator)))


def _reached(node: Node, combinator: str) -> Iterator[Node]:
    """The elements that stand to `node` as the combinator says."""
    parent = node.parent
    if combinator in {"~", "+"} and parent:
        before = parent.elements[: parent.elements.index(node)]
        yield from before if combinator == "~" else before[-1:]
    elif combinator == ">" and parent:
        yield parent
    elif combinator == " ":
        while parent:
            yield parent
            parent = parent.parent


def _compound(selector: str) -> tuple[Matcher, str]:
    """A test for the simple selectors that `selector` begins with, and what follows them."""
    tests: list[Matcher] = []
    while found := PART.match(selector):
        selector = selector[found.end() :]
        if found["function"]:
            inner, selector = _in_brackets(selector)
            tests.append(_function(found["function"], inner))
        else:
            tests.append(_simple(found))
    assert tests, f"cannot read the selector at {selector!r}"
    return (lambda node: all(matches(node) for matches in tests)), selector


def _in_brackets(selector: str) -> tuple[str, str]:
    depth = 1
    for place, letter in enumerate(selector):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return selector[:place], selector[place + 1 :]
    raise AssertionError(f"a bracket is not closed: {selector!r}")


def _function(name: str, inner: str) -> Matcher:
    if name == "has" and inner[0] in "~+":
        # What stands behind the element and is reached from it, which is marked for as long as one asks.
        following = _complex(f".it-itself{inner}")
        return lambda node: _behind(node, following)
    matches = _matcher(inner)
    if name == "not":
        return lambda node: not matches(node)
    return lambda node: any(map(matches, node.walk()))


def _behind(node: Node, matches: Matcher) -> bool:
    siblings = node.parent.elements if node.parent else [node]
    kept = node.attributes.get("class")
    node.attributes["class"] = f"{kept or ''} it-itself"
    try:
        return any(map(matches, siblings[siblings.index(node) + 1 :]))
    finally:
        del node.attributes["class"]
        if kept is not None:
            node.attributes["class"] = kept


def _simple(found: re.Match[str]) -> Matcher:
    tag, identifier, kind, name, value = found.group("tag", "id", "class", "name", "value")
    if tag:
        return lambda node: node.tag == tag
    if identifier:
        return lambda node: node.attributes.get("id") == identifier
    if kind:
        return lambda node: kind in node.classes
    return lambda node: node.attributes.get(name) == value


# Swapping


class Page:
    """A page of a room as a reader has it open, with htmx in it."""

    def __init__(self, html: str) -> None:
        self.root = Node("#document", {})
        self.root.append(parsed(html))

    @classmethod
    def of_main(cls, html: str) -> Page:
        """Only what is in `main`: much quicker to read, and all that a change of the room touches."""
        main = html[html.index("<main") : html.index("</main>")] + "</main>"
        return cls(f"<!doctype html><html><head><title></title></head><body>{main}</body></html>")

    def receive(self, html: str) -> None:
        """A frame of the socket: each element at its top is a swap."""
        for element in fragment(html).elements:
            assert not element.all("[hx-swap-oob='true']"), (
                "htmx leaves nested swaps of a frame alone"
            )
            self._swap(element.attributes.get("hx-swap-oob", "true"), element)

    def answer(self, html: str) -> None:
        """An answer to a request that itself has no target: nothing may be left after the swaps."""
        received = fragment(html)
        for element in [each for each in received.walk() if "hx-swap-oob" in each.attributes]:
            self._swap(element.attributes["hx-swap-oob"], element)
            element.replace()
        assert not received.elements, f"in no swap: {received.html}"

    def _swap(self, how: str, element: Node) -> None:
        style, _colon, selector = how.partition(":")
        if not selector:
            assert style == "true" or style in ("innerHTML", "outerHTML")
            style, selector = (
                ("outerHTML" if style == "true" else style),
                f"#{element.attributes['id']}",
            )
        targets = self.root.all(selector)
        assert targets, f"htmx would complain: no target for {selector}"
        for target in targets:
            new = element.clone()
            new.attributes.pop("hx-swap-oob", None)
            _put(style, target, new)

    # What it shows

    def one(self, selector: str) -> Node:
        return self.root.one(selector)

    def all(self, selector: str) -> list[Node]:
        return self.root.all(selector)

    @property
    def cursor(self) -> int:
        return int(self.one("main>.cursor").attributes["value"])

    @property
    def rows(self) -> list[str]:
        """The messages and the days between them."""
        return rows_of(self.one("#messages>ol"))

    @property
    def numbers(self) -> list[int]:
        return [int(row.attributes["id"][1:]) for row in self.all("#messages>ol>.message")]

    @property
    def title(self) -> str:
        return self.one("#room-title").html

    def check(self) -> None:
        """Nothing that a swap was done with is left anywhere, and no id is there twice."""
        names = [node.attributes["id"] for node in self.root.walk() if "id" in node.attributes]
        assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
        assert self.one("#bin").html == Page.clean_bin
        assert not self.one("#sink").children

    clean_bin = '<div hidden="" id="bin"><i class="trash"></i></div>'


def rows_of(element: Node) -> list[str]:
    """The messages in it, and the days between them."""
    return [node.html for node in element.walk() if {"message", "day"} & set(node.classes)]


def _put(style: str, target: Node, new: Node) -> None:
    if style == "outerHTML":
        if target.parent:  # an earlier one of the same swap may have taken it away
            target.replace(new)
    elif style == "innerHTML":
        target.children = []
        for child in new.children:
            target.append(child)
    elif style == "beforebegin":
        assert target.parent
        target.replace(*[child for child in new.children if isinstance(child, Node)], target)
    elif style == "beforeend":
        for child in new.children:
            target.append(child)
    elif style == "delete":
        target.replace()
    else:
        raise AssertionError(f"no such swap: {style}")
