"""How static files are stored: named by what is in them, compressed, and style sheets without comments.

Of what a first visit to a room loads in style sheets, a sixth is comments and spaces, even compressed.
servestatic's own `SERVESTATIC_MINIFY` would take the space out of `.list :is(h3, p)` within a layer,
which then means something else: its library goes by patterns, and these do not know nested rules.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import tinycss2
from django.core.files.base import ContentFile
from servestatic.storage import CompressedManifestStaticFilesStorage
from tinycss2.ast import CurlyBracketsBlock, LiteralToken, Node, WhitespaceToken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.core.files.storage import Storage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """servestatic's, for style sheets that are short."""

    def post_process(
        self, paths: dict[str, tuple[Storage, str]], **options: Any
    ) -> Iterator[tuple[str, str | None, bool | Exception]]:
        sources = {
            name: (_Shortened(storage) if name.endswith(".css") else storage, path)
            for name, (storage, path) in paths.items()
        }
        yield from super().post_process(sources, **options)


class _Shortened:
    """Where style sheets are read from, as far as Django's own storage asks."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def open(self, path: str) -> ContentFile[bytes]:
        with self.storage.open(path) as sheet:
            return ContentFile(shortened(sheet.read().decode()).encode())


def shortened(css: str) -> str:
    """The same style sheet without comments, and without space where none can matter: beside a block,
    after a comma or a semicolon, and at either end of what brackets hold."""
    nodes = tinycss2.parse_component_value_list(css, skip_comments=True)
    return str(tinycss2.serialize(_shortened(nodes)))


def _shortened(nodes: Sequence[Node]) -> list[Node]:
    kept: list[Node] = []
    for node, following in zip_longest(nodes, nodes[1:]):
        if isinstance(node, WhitespaceToken):
            if not kept or following is None or _stands_alone(kept[-1]) or _is_block(following):
                continue
            node.value = " "
        for held in ("content", "arguments"):  # of a block, of a function
            if hasattr(node, held):
                setattr(node, held, _shortened(getattr(node, held)))
        kept.append(node)
    return kept


def _stands_alone(node: Node) -> bool:
    return _is_block(node) or (isinstance(node, LiteralToken) and node.value in (",", ";"))


def _is_block(node: Node) -> bool:
    return isinstance(node, CurlyBracketsBlock)
