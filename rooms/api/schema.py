"""The OpenAPI document: what drf-spectacular finds, with what every answer has in common."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.utils import translation
from django.utils.translation import gettext_lazy
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema

from . import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rest_framework.serializers import Serializer

PROBLEM = {"$ref": "#/components/schemas/Problem"}
CODES = {
    "400": "What was sent makes no sense, or cannot be taken; `detail` says why.",
    "401": "There is no credential, or it is not good.",
    "403": "It is there, and not for you, or not by this token.",
    "404": "There is nothing here, or nothing that is open to you.",
    "409": "It cannot be as long as the room, or the message, is as it is.",
    "413": "It is too large.",
    "415": "It comes in a format that is not read here.",
    "422": "The Idempotency-Key belongs to another message.",
    "429": "Too often: wait as many seconds as Retry-After says.",
}
OF_BODY = {"413", "415"}
OPEN = {"/api-token-auth/", "/api/token", "/api/token/refresh", "/api/token/blacklist"}


class Schema(AutoSchema):
    def get_description(self) -> str:  # type: ignore[override]  # as the package itself has it
        """What the view says of itself; of one that says nothing, not what is said of all views."""
        return inspect.getdoc(getattr(self.view, self.method.lower(), None)) or ""


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "rooms.api.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from your settings, or the access token of a sign-in.",
        }


class PageScheme(OpenApiAuthenticationExtension):
    target_class = "rooms.api.authentication.PageAuthentication"
    name = "page"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        from django.conf import settings  # noqa: PLC0415  # read when it is asked for

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


def documented(endpoints: Sequence[Any]) -> list[Any]:
    """What belongs to the API, of all addresses."""
    return [each for each in endpoints if each[0].startswith(("/api/", "/api-token-auth/"))]


def operation(
    name: str,
    summary: str,
    answer: type[Serializer[Any]] | Any = None,
    *,
    tag: str,
    status: int = 200,
    query: type[Serializer[Any]] | None = None,
    body: Any = None,
    headers: Sequence[OpenApiParameter] = (),
    also: dict[Any, Any] | None = None,
) -> Callable[..., Any]:
    """Describes a view: its query, its body and what it answers if all is well."""
    parameters: list[Any] = [*headers, *([query] if query else [])]
    return extend_schema(
        operation_id=name,
        summary=summary,
        tags=[tag],
        parameters=parameters,
        request=body,
        responses={status: answer, **(also or {})} if answer or not also else also,
    )


def with_problems(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Adds what can go wrong to each operation."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "A sentence for a person."},
            "code": {"type": "string", "description": "A word for a program."},
            "errors": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
        },
    }
    for path, methods in result["paths"].items():
        for operation in methods.values():
            for status, description in CODES.items():
                if status in OF_BODY and "requestBody" not in operation:
                    continue
                operation["responses"].setdefault(
                    status,
                    {
                        "description": description,
                        "content": {problems.CONTENT_TYPE: {"schema": PROBLEM}},
                    },
                )
            if path in OPEN:
                operation.pop("security", None)
    return result


@lru_cache(maxsize=16)
def document(language: str) -> dict[str, Any]:
    """Made once for each language."""
    with translation.override(language):
        generator: Any = SchemaGenerator()
        found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=gettext_lazy(
        "8 to 64 letters, digits, - and _, that you choose. The same key with the same message posts it"
        " once, however often it is sent."
    ),
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    int,
    OpenApiParameter.HEADER,
    description=gettext_lazy("The id of the last event that you had: what came after follows."),
)
