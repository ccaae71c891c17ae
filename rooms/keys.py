"""The access keys: which key leads where. Templates and the page of help take them from here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class AccessKey(NamedTuple):
    """A letter, and what it does, as the end of a sentence in a list."""

    key: str
    does: _StrPromise


# Only of what is always to be seen: Firefox does not press what is in a closed menu.
ACCESS_KEYS = {
    "message": AccessKey("m", _("Write: to the message field")),
    "rooms": AccessKey("r", _("All rooms, to find or make one")),
    "search": AccessKey("s", _("Search all messages")),
    "room": AccessKey("i", _("About the room you are in")),
    "you": AccessKey("y", _("Your own menu, with your profile and this page")),
}
