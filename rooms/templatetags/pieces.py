"""Small pieces that stand on a page dozens of times: made once, then only put in.

As included templates they took half of the time of a page with many of them. These tags are known to
every template without `load` (see the settings).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from rooms.live import fragments
from rooms.live.fragments import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.template import Context

    from rooms.context import RoomItem

register = template.Library()


class Faced(Protocol):
    """A `User`, or a person of a list."""

    @property
    def pk(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def face(self) -> str: ...


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 18, *, directed: bool = False) -> SafeString:
    """One of the symbols of `_icons.html`; `directed` ones are mirrored where one reads to the left."""
    return render_to_string("_icon.html", {"name": name, "size": size, "directed": directed})


@register.simple_tag
def face(person: Faced | SafeString) -> SafeString:
    """Somebody's picture or initials. What is a face already comes back as it is."""
    if isinstance(person, SafeString):
        return person
    return fragments.face(person.pk, person.name, person.face)


@register.simple_tag
def room_list(items: Iterable[RoomItem] | SafeString, current: int | str) -> SafeString:
    """The rooms beside every page; `current` is the key of the one that the page is in. What is this
    list already comes back as it is."""
    if isinstance(items, SafeString):
        return items
    language = Variant.current().language
    return mark_safe(
        "\n".join(
            fragments.room_item(item, current=item.pk == current, language=language)
            for item in items
        )
    )


@register.simple_tag(takes_context=True)
def notices(context: Context) -> SafeString:
    """What the page has to tell once. A page with room for it says so by `notices`."""
    if "notices" in context:
        ready: SafeString = context["notices"]
        return ready
    shown: SafeString = render_to_string("_notices.html", {"messages": context.get("messages")})
    return shown


@register.simple_tag
def blank_forms(keys: Sequence[str]) -> SafeString:
    """Forms of the composer's pool."""
    return fragments.blank_composers(keys)
