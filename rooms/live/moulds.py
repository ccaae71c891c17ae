"""Templates that are rendered once for each of their shapes, with gaps that values are then put into.

Rendering a message's row took 0.3 ms, and nearly all of it went into finding out anew what is the same
in every row. What differs in kind (deleted or not, edited or not) is the shape, which the template
decides as ever; what differs in value is filled into the finished text.
"""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from collections.abc import Mapping

SHAPES = 512  # moulds that are kept; a template has a few dozen in each language at most

# Values are never searched for gaps. What a mould is rendered with may be somebody's words, such as a
# room's name, but nobody can write a gap into them: the process alone knows how one looks.
_SECRET = secrets.token_hex(16)
_GAP = re.compile(f"<{_SECRET}:([a-z_]+)>")


def gap(name: str) -> SafeString:
    """Where the value called `name` belongs."""
    return mark_safe(f"<{_SECRET}:{name}>")


class Mould:
    """A template in one shape and in the language that is active when it is made."""

    def __init__(self, template: str, context: Mapping[str, Any]) -> None:
        pieces = _GAP.split(render_to_string(template, {**context}))
        self._pieces, self._gaps = pieces[::2], pieces[1::2]

    def fill(self, values: Mapping[str, Any]) -> SafeString:
        """The text with `values` in its gaps, escaped as a template would."""
        filled = [self._pieces[0]]
        for name, piece in zip(self._gaps, self._pieces[1:], strict=True):
            filled += (conditional_escape(values[name]), piece)
        return mark_safe("".join(filled))


def mould(template: str, gaps: tuple[str, ...], **shape: bool) -> Mould:
    """The mould of a template in the active language; `shape` is what its conditions ask for."""
    return _mould(template, gaps, translation.get_language() or "", tuple(shape.items()))


@lru_cache(SHAPES)
def _mould(
    template: str, gaps: tuple[str, ...], _language: str, shape: tuple[tuple[str, bool], ...]
) -> Mould:
    return Mould(template, {**dict(shape), **{name: gap(name) for name in gaps}})
