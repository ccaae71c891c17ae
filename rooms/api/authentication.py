"""Whose request it is, and what their credential is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission

from ..bearers import CredentialRefused, Holder, holder_of

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from ..models import User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …`, a token of ours or a JSON Web Token; or `Token …`."""

    def authenticate(self, request: Request) -> tuple[User, Holder] | None:
        try:
            holder = holder_of(request.headers.get("Authorization", ""))
        except CredentialRefused as refusal:
            raise AuthenticationFailed(str(refusal), code="token_refused") from None
        return None if holder is None else (holder.user, holder)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class PageAuthentication(SessionAuthentication):
    """A browser that is signed in, for the page on which the API can be tried. What changes something
    needs the page's CSRF token, as a form does."""

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            raise PermissionDenied(
                _(
                    "With a browser's cookie, a change needs the page's CSRF token. A program uses a"
                    " token of its own instead."
                ),
                code="csrf",
            ) from None


class WithinScopes(BasePermission):
    """Somebody, and by a credential that is good for such a request. What they may the verbs ask."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        if isinstance(request.auth, Holder):
            token = request.auth.token
            reading = request.method in SAFE_METHODS
            if not (token.may_read if reading else token.may_write):
                scope = "read" if reading else "write"
                sentence = _("This token has no scope “%s”. Make one that has it.") % scope
                raise PermissionDenied(sentence, code="scope")
        return True
