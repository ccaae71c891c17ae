"""What went wrong, as RFC 9457 has it: `detail` is a sentence for people, `code` a word for programs."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from ..models import KeyUsed, MessageRefused, Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"
# What cannot be as long as the room, or the message, is as it is. All else that is refused is a matter of
# what was sent.
CONFLICTS = frozenset(
    {"archived", "moderators_only", "deleted", "too_many_pins", "muted", "kept_out"}
)


class Conflict(exceptions.APIException):
    status_code = HTTPStatus.CONFLICT


def document(status: int, detail: str, code: str, **more: Any) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }


def problem(
    status: int, detail: str, code: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    content = document(status, detail, code, **more)
    return Response(content, status, headers=headers, content_type=CONTENT_TYPE)


def concerns(request: HttpRequest) -> bool:
    """Whether a program asks, to whom a page would say nothing."""
    return request.path.startswith((PREFIX, "/api-token-auth/"))


def plain(status: int, detail: str, code: str) -> HttpResponse:
    """The same for what goes wrong before, or after, a view of the API is asked."""
    content = json.dumps(document(status, detail, code), ensure_ascii=False)
    return HttpResponse(content, CONTENT_TYPE, status)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception; None if it is a fault of ours, which is logged as any other."""
    if isinstance(error, Http404 | Room.DoesNotExist):
        sentence = _("There is nothing here, or nothing that is open to you.")
        return problem(404, sentence, "not_found")
    if isinstance(error, PermissionDenied):
        return problem(403, str(error) or _("That is not yours to do."), "forbidden")
    if isinstance(error, ValidationError):
        return _refused(error)
    if isinstance(error, exceptions.ValidationError):
        return invalid(_flat(error.detail))
    if isinstance(error, exceptions.APIException):
        return _of_drf(error)
    return None


def _refused(error: ValidationError) -> Response:
    """A verb's own refusal, with its sentence."""
    code = getattr(error, "code", None) or "refused"
    sentence = " ".join(error.messages)
    seconds = getattr(error, "seconds", None)
    if seconds is not None:  # it can be sent as it is, later
        return problem(429, sentence, code, {"Retry-After": str(seconds)})
    if isinstance(error, KeyUsed):
        return problem(
            422, _("This Idempotency-Key belongs to another message. Use a new one."), code
        )
    conflict = isinstance(error, MessageRefused) and code in CONFLICTS
    return problem(409 if conflict else 400, sentence, code)


def invalid(errors: Mapping[str, list[str]]) -> Response:
    """`errors` by the names of fields, as a form has them."""
    named = [f"{name}: {' '.join(said)}" for name, said in errors.items()]
    return problem(400, " ".join(named), "invalid", errors=errors)


def _flat(detail: Any, name: str = "") -> dict[str, list[str]]:
    """Of serializers within serializers, too: `files.0`."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            found |= _flat(value, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(detail, list) and any(isinstance(each, dict | list) for each in detail):
        return _flat({str(place): each for place, each in enumerate(detail) if each}, name)
    said = detail if isinstance(detail, list) else [detail]
    return {name or "body": [str(each) for each in said]}


def _of_drf(error: exceptions.APIException) -> Response:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    sentence, code = str(error.detail), str(getattr(error.detail, "code", error.default_code))
    if isinstance(error, exceptions.NotAuthenticated):
        sentence = _("Show who you are: a token in the header “Authorization: Bearer …”.")
    elif isinstance(error, exceptions.Throttled):
        seconds = int(getattr(error, "wait", None) or 1)
        headers["Retry-After"] = str(seconds)
        sentence = _("Your programs ask too often. Wait %s seconds, then go on.") % seconds
    return problem(error.status_code, sentence, code, headers)
