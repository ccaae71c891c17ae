"""Who shows a bearer credential, in a header and nowhere else: not in an address, which is logged, and
not in a cookie, which a browser sends by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from . import jwts
from .models.token import PREFIX, of_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .models import Token, User

KEYWORDS = frozenset(
    {"bearer", "token"}
)  # the second as Django REST framework's own tokens have it
LONGEST = 4_096  # characters


class CredentialRefused(Exception):
    """With a sentence for whoever wrote the program."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody by a token of theirs. `until` if this very credential ends before the token does: seconds
    since 1970."""

    token: Token
    until: float | None = None

    @property
    def user(self) -> User:
        return self.token.user

    @property
    def session(self) -> str:
        return self.token.session

    def covers(self, room: int) -> bool:
        return self.token.covers(room)


def bearer_in(scope: Mapping[str, Any]) -> str | None:
    """The header of a socket's handshake that would say whose it is. A browser never sends one by itself,
    nor at the wish of another site's page; where there is one, cookies count for nothing."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0].decode("latin-1") if found else None


def holder_of(header: str) -> Holder | None:
    """Whose credential the `Authorization` header has; None if it is of another kind. Raises
    `CredentialRefused` if it is of ours and not, or no longer, good. One statement, and one more once in
    a while, to note that it is in use."""
    keyword, _space, secret = header.strip().partition(" ")
    if keyword.lower() not in KEYWORDS:
        return None
    holder = _holder(secret.strip())
    if holder is None:
        raise CredentialRefused(
            _(
                "This token is not, or no longer, good: it may be wrong, expired or revoked, or its"
                " person has to set up a second factor first."
            )
        )
    holder.token.note_use()
    return holder


def _holder(secret: str) -> Holder | None:
    if not secret or len(secret) > LONGEST or not secret.isascii():
        return None
    if secret.startswith(PREFIX):
        token = of_secret(secret)
        return None if token is None else Holder(token)
    opened = jwts.opened(secret)
    return None if opened is None else Holder(opened.token, opened.until)
