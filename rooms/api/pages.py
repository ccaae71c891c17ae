"""What the API is: as an OpenAPI document, and as a page for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.common import no_append_slash
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from ..text import to_html
from . import schema

if TYPE_CHECKING:
    from django.http import HttpRequest

TAGS = {
    "rooms": _("Rooms"),
    "messages": _("Messages"),
    "files": _("Files"),
    "people": _("People"),
    "you": _("You"),
    "tokens": _("Signing in"),
}
METHODS = ("get", "post", "put", "patch", "delete")
GAP = re.compile(r"\{(\w+)\}")


class Field(NamedTuple):
    """Something that an operation is told."""

    name: str
    where: str  # path, query, header or body
    kind: str
    required: bool
    about: str


class Operation(NamedTuple):
    name: str
    method: str
    path: str
    summary: str
    about: SafeString
    fields: list[Field]
    can_be_tried: bool


@no_append_slash  # else whatever is no address would be led here
@csrf_exempt  # nothing is done here
def without_slash(request: HttpRequest, rest: str) -> HttpResponse:
    """The same by the same method and with the same body."""
    query = request.META.get("QUERY_STRING", "")
    address = f"/api/{quote(rest, safe='/')}" + (f"?{query}" if query else "")
    return HttpResponse(status=308, headers={"Location": iri_to_uri(address)})


def _document() -> dict[str, Any]:
    return schema.document(translation.get_language() or "en")


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """For programs, and for what makes programs out of it."""
    return JsonResponse(_document(), json_dumps_params={"indent": 1, "ensure_ascii": False})


@require_safe
@login_required
def reference(request: HttpRequest) -> HttpResponse:
    """All addresses. What only reads can be tried: the form of each comes back here, as no form can write
    into its own address, and is led on to where it belongs."""
    operations = _operations()
    if tried := request.GET.get("try", ""):
        for operation in operations:
            if operation.name == tried and operation.can_be_tried:
                return HttpResponseRedirect(_filled_in(operation, request))
    groups = [
        (title, [each for each in operations if each.name.startswith(f"{tag}.")])
        for tag, title in TAGS.items()
    ]
    return render(request, "rooms/api.html", {"groups": groups})


def _filled_in(operation: Operation, request: HttpRequest) -> str:
    given = {
        field: request.GET.get(f"{field.where}-{field.name}", "") for field in operation.fields
    }
    path = operation.path
    for field, value in given.items():
        if field.where == "path":
            path = path.replace(f"{{{field.name}}}", quote(value or "-", safe=""))
    query = {
        field.name: value for field, value in given.items() if field.where == "query" and value
    }
    return f"{path}?{urlencode(query)}" if query else path


def _operations() -> list[Operation]:
    document = _document()
    return [
        _operation(document, path, method, methods[method])
        for path, methods in document["paths"].items()
        for method in METHODS
        if method in methods
    ]


def _operation(document: dict[str, Any], path: str, method: str, of: dict[str, Any]) -> Operation:
    fields = [
        Field(
            each["name"],
            each["in"],
            _kind(each.get("schema", {})),
            each.get("required", False),
            each.get("description", ""),
        )
        for each in of.get("parameters", ())
    ]
    # Those of the path first, in its order.
    places = GAP.findall(path)
    fields.sort(key=lambda field: places.index(field.name) if field.where == "path" else 99)
    answers = of["responses"].get("200", {}).get("content", {})
    return Operation(
        name=f"{of['tags'][0]}.{of['operationId']}",
        method=method.upper(),
        path=path,
        summary=_translated(of.get("summary", "")),
        about=_shown(of.get("description", "")),
        fields=fields + _body(document, of),
        can_be_tried=method == "get" and "application/json" in answers,
    )


def _translated(text: str) -> str:
    """Its lines are those of the code; `make messages` finds it there."""
    return gettext(" ".join(text.split())) if text else ""


def _shown(description: str) -> SafeString:
    return to_html(_translated(description)) if description else SafeString()


def _body(document: dict[str, Any], of: dict[str, Any]) -> list[Field]:
    content = of.get("requestBody", {}).get("content", {})
    for body in content.values():
        reference = body["schema"].get("$ref", "").rpartition("/")[2]
        found = document["components"]["schemas"].get(reference, {})
        required = found.get("required", ())
        return [
            Field(name, "body", _kind(each), name in required, each.get("description", ""))
            for name, each in found.get("properties", {}).items()
        ]
    return []


def _kind(of: dict[str, Any]) -> str:
    kind = of.get("type", "")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "")
    return " | ".join(map(str, of["enum"])) if "enum" in of else str(kind)
