"""Sounds on pages that ask what is new, instead of being told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..live import fragments
from ..models import ringing

if TYPE_CHECKING:
    from .doors import AuthenticatedHttpRequest


class Heard(NamedTuple):
    """What a page is told besides the news: what it has `seen` then, to be sent along when it asks again,
    and the swap that plays a sound, if one is to be heard."""

    seen: str
    sound: str


def heard(request: AuthenticatedHttpRequest, digest: str) -> Heard | None:
    """None if the page knows all that `digest` stands for, and nothing is to be heard. Asks nothing for
    who chose no sound.

    What a page sends as `seen` is a digest and, for those who hear sounds, the moment of the last one.
    """
    known, _tilde, last = request.GET.get("seen", "").partition("~")
    if not request.user.sound:
        return None if known == digest else Heard(digest, "")
    moment = ringing.newest([request.user.pk]).get(request.user.pk)
    now = str(int(moment.timestamp() * 1e6)) if moment is not None else last
    # A page that asks for the first time was made after what happened before.
    rings = bool(known) and now != last
    if known == digest and not rings:
        return None
    return Heard(f"{digest}~{now}", fragments.sound() if rings else "")
