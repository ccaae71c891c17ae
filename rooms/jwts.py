"""JSON Web Tokens: a short one that opens things, and one that is exchanged for the next two.

Both name the sign-in that they belong to, a row of `Token`. So one statement says whether it still holds,
which a signature alone cannot; a refresh token is good once; and ending the sign-in ends all that came of
it, the access tokens that are out included. That is why simplejwt's own list of tokens is not used: it
would keep every refresh token as it is, and know nothing of access tokens.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from .models import Token
from .models.token import of_key

if TYPE_CHECKING:
    from datetime import timedelta

    from .models import User

ALGORITHM = "HS256"
SIGN_IN = "sign_in"  # the claim that names the row


@cache
def _backends(keys: tuple[str, ...]) -> list[TokenBackend]:
    return [TokenBackend(ALGORITHM, key) for key in keys]


class _Backend:
    """Signs by the first secret, believes any of them."""

    def _all(self) -> list[TokenBackend]:
        return _backends(tuple(settings.JWT_SECRETS))

    def encode(self, payload: dict[str, Any]) -> str:
        return str(self._all()[0].encode(payload))

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        problem: TokenBackendError | None = None
        for backend in self._all():
            try:
                return backend.decode(token, verify=verify)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError as error:
                problem = problem or error
        raise problem or TokenBackendError("no secret")

    def get_leeway(self) -> timedelta:
        return self._all()[0].get_leeway()


class Access(AccessToken):
    _token_backend: Any = _Backend()


class Refresh(RefreshToken):
    _token_backend: Any = _Backend()
    access_token_class = Access


class Pair(NamedTuple):
    access: str
    refresh: str


class Opened(NamedTuple):
    """What an access token opens, until when (seconds since 1970)."""

    token: Token
    until: float


def sign_in(user: User, name: str) -> Pair:
    """A sign-in of a program, which `name` says what it is."""
    refresh = Refresh()
    made = Token.make(
        user,
        name=name,
        kind=Token.Kind.SIGN_IN,
        may_write=True,
        lifetime=refresh.lifetime,
        secret=str(refresh["jti"]),
    )
    return _pair(refresh, made.token)


def _pair(refresh: Refresh, token: Token) -> Pair:
    refresh["user_id"], refresh[SIGN_IN] = str(token.user_id), token.pk
    return Pair(str(refresh.access_token), str(refresh))


def exchanged(text: str) -> Pair | None:
    """The next pair for a refresh token; None if it is not one that is good."""
    known = _known(Refresh, text)
    if known is None:
        return None
    old, token = known
    new = Refresh()
    if not token.exchange(str(old["jti"]), str(new["jti"]), new.lifetime):
        return None
    return _pair(new, token)


def opened(text: str) -> Opened | None:
    """What the access token opens, None if nothing."""
    known = _known(Access, text)
    return known and Opened(known[1], float(known[0]["exp"]))


def end(text: str) -> bool:
    """Sign out by a refresh token. Whether there was anything to end."""
    known = _known(Refresh, text)
    if known is None:
        return False
    known[1].revoke()
    return True


def _known(kind: type[Access | Refresh], text: str) -> tuple[Any, Token] | None:
    """The token, verified, and its sign-in, whose user is loaded."""
    try:
        token: Any = kind(text)  # type: ignore[arg-type]  # it takes text, and says otherwise
    except TokenError:
        return None
    key = token.get(SIGN_IN)
    found = of_key(key) if type(key) is int else None
    if found is None or found.kind != Token.Kind.SIGN_IN:
        return None
    return (token, found) if token.get("user_id") == str(found.user_id) else None
