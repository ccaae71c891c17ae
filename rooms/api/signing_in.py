"""Tokens for a name and a password: one that stays, as Django REST framework's tutorials have it, or a
pair of JSON Web Tokens, as simplejwt's have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.response import Response

from .. import jwts
from ..models import Token, User, second_factor
from . import problems, shapes
from .doors import Endpoint
from .formats import Json
from .limits import PerAddress
from .schema import operation

if TYPE_CHECKING:
    from rest_framework.request import Request

WAIT = 300  # seconds after which somebody who guessed too often may try again: allauth's limit
NAME = 60  # characters of what a program calls itself


class NotThem(Exception):
    """The name or the password is wrong, or the account is closed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def proved(request: Any, username: str, password: str) -> User:
    """Whose name and password these are. By allauth, as on the page for signing in, which counts the same
    failures. Raises `NotThem`, `Throttled` and `PermissionDenied`."""
    adapter: Any = get_adapter()
    try:
        user = adapter.authenticate(request, username=username, password=password)
    except ValidationError:
        raise Throttled(wait=WAIT) from None
    if not isinstance(user, User) or not user.is_active:
        raise NotThem(str(adapter.error_messages["username_password_mismatch"]))
    if second_factor.has_one(user):
        raise PermissionDenied(
            _(
                "This account has a second factor, so its password alone opens nothing. Make a token on"
                " the page of your settings instead."
            )
        )
    if second_factor.owes(user):
        raise PermissionDenied(
            _("This place wants a second factor of you. Sign in with a browser to set it up.")
        )
    return user


class _ByPassword(Endpoint):
    """Cookies and other credentials count for nothing here, so there is nothing to forge."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (PerAddress,)
    called: ClassVar[str] = ""

    def proved(self, request: Request) -> User:
        sent = self.sent(shapes.NameAndPassword)
        wrapped: Any = request._request  # noqa: SLF001  # which DRF's wraps
        return proved(wrapped, sent["username"], sent["password"])

    def name(self, request: Request) -> str:
        """By which its person knows the program again."""
        agent = request.headers.get("User-Agent", "")
        seen = "".join(letter for letter in agent if letter.isprintable())[:NAME].strip()
        return seen or _("A program")


class TokenForPassword(_ByPassword):
    parser_classes = (parsers.FormParser, parsers.MultiPartParser, Json)

    @operation(
        "token_for_password",
        "A token for name and password",
        shapes.OneToken,
        tag="tokens",
        body=shapes.NameAndPassword,
    )
    def post(self, request: Request) -> Response:
        """Good for reading and writing, until it is revoked or the password changes."""
        try:
            user = self.proved(request)
        except NotThem as wrong:
            # What DRF's own view says stands beside it, as programs look for that.
            return problems.problem(
                400, wrong.sentence, "authorization", non_field_errors=[wrong.sentence]
            )
        kind = Token.Kind.PASSWORD
        made = Token.make(user, name=self.name(request), kind=kind, may_write=True)
        return Response({"token": made.secret})


class SignIn(_ByPassword):
    @operation("sign_in", "Sign in", shapes.TwoTokens, tag="tokens", body=shapes.NameAndPassword)
    def post(self, request: Request) -> Response:
        """An access token for five minutes, and a refresh token to exchange for the next two."""
        try:
            user = self.proved(request)
        except NotThem as wrong:
            raise AuthenticationFailed(wrong.sentence, "no_active_account") from None
        return Response(jwts.sign_in(user, self.name(request))._asdict())

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class _ByRefresh(Endpoint):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    @staticmethod
    def refused() -> AuthenticationFailed:
        sentence = _("This refresh token is not, or no longer, good. Sign in anew.")
        return AuthenticationFailed(sentence, "token_not_valid")


class Exchange(_ByRefresh):
    @operation(
        "exchange", "The next two tokens", shapes.TwoTokens, tag="tokens", body=shapes.RefreshSent
    )
    def post(self, request: Request) -> Response:
        """Each refresh token is good once. If it comes a second time, somebody else has it too, and the
        whole sign-in ends; but within a minute of the first, as an answer may have got lost."""
        pair = jwts.exchanged(self.sent(shapes.RefreshSent)["refresh"])
        if pair is None:
            raise self.refused()
        return Response(pair._asdict())


class SignOut(_ByRefresh):
    @operation("sign_out", "Sign out", tag="tokens", status=204, body=shapes.RefreshSent)
    def post(self, request: Request) -> Response:
        """The refresh token, its access tokens and all that they have open end."""
        if not jwts.end(self.sent(shapes.RefreshSent)["refresh"]):
            raise self.refused()
        return Response(status=204)
