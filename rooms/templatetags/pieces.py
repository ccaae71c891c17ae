"""Small pieces that stand on a page dozens of times: made once, then only put in.

As included templates they took half of the time of a page with many of them. These tags are known to
every template without `load` (see the settings).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext

from rooms.context import open_reports
from rooms.keys import ACCESS_KEYS
from rooms.live import fragments, own
from rooms.live.fragments import Variant
from rooms.live.moulds import gap
from rooms.models.unread import COUNTED

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

    @property
    def is_bot(self) -> bool: ...


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
    return fragments.face(person.pk, person.name, person.face, person.is_bot)


@register.simple_tag
def accesskey(name: str) -> SafeString:
    """The attribute of the element that a key leads to, with a space before it."""
    return format_html(' accesskey="{}"', ACCESS_KEYS[name].key)


@register.simple_tag
def room_list(
    items: Iterable[RoomItem] | SafeString, current: int | str, *, direct: bool = False
) -> SafeString:
    """The rooms beside every page, or the direct conversations; `current` is the key of the one that the
    page is in. What is this list already comes back as it is, and with it the gap for the other."""
    if isinstance(items, SafeString):
        return gap("direct_list") if direct else items
    language = Variant.current().language
    return mark_safe(
        "\n".join(
            fragments.room_item(item, current=item.pk == current, language=language)
            for item in items
            if item.direct == direct and (item.listed or item.pk == current)
        )
    )


@register.simple_tag
def catch_up(items: Iterable[RoomItem] | SafeString, current: bool | str = False) -> SafeString:
    """The link to all that is unread, with how much that is. `current` on that page itself. Where the
    list of rooms is a gap, so is this."""
    if isinstance(items, SafeString):
        return gap("catch_up")
    items = list(items)
    unread = min(COUNTED, sum(item.counted for item in items))
    calls = min(COUNTED, sum(item.calls for item in items))
    language = Variant.current().language
    return fragments.catch_up_link(unread, calls, language, current=bool(current))


@register.simple_tag
def slowly(seconds: int) -> str:
    """How often one person may write."""
    minutes, rest = divmod(seconds, 60)
    if rest:
        return ngettext(
            "Slow: a message every %(count)s second.",
            "Slow: a message every %(count)s seconds.",
            seconds,
        ) % {"count": seconds}
    return ngettext(
        "Slow: a message every %(count)s minute.",
        "Slow: a message every %(count)s minutes.",
        minutes,
    ) % {"count": minutes}


@register.simple_tag(takes_context=True)
def reports_link(context: Context) -> SafeString:
    """The way to what was reported, for whoever moderates. Where the list of rooms is a gap, so is
    this."""
    items: Any = context["room_items"]
    if isinstance(items, SafeString):
        return gap("reports_link")
    return own.reports_link(open_reports(context["request"].user, items), Variant.current())


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
