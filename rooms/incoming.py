"""What is posted to an incoming webhook, as the text of a message."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _

from .importing import mrkdwn
from .importing.messages import LONGEST, words_with_attachments
from .importing.source import dict_of, list_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest

TEXT = frozenset({"text/plain", "text/markdown"})
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BLOCKS = 50  # as many as Slack takes
PIECES = 20  # of one block
_EVERYBODY = re.compile(r"<!(?:channel|everyone|group)(?:\|[^<>\n]*)?>")


class NotUnderstood(Exception):
    """With a sentence for whoever set the other service up."""


class AnotherType(NotUnderstood):
    """It is of a type that is not taken."""


def text_in(request: HttpRequest, body: bytes) -> str:
    """Raises `NotUnderstood`."""
    kind = request.content_type or FORM
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if kind not in {*TEXT, JSON, FORM, MULTIPART} or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise AnotherType(
            _("Send text/plain, text/markdown or application/json in UTF-8, or a form’s “payload”.")
        )
    try:
        said = body.decode()
    except UnicodeDecodeError:
        raise NotUnderstood(_("This is not UTF-8.")) from None
    if kind in TEXT:
        return said
    if kind == JSON or (kind == FORM and said.lstrip().startswith("{")):
        return _of_payload(said)  # programs that send JSON often call it a form
    return _of_payload(_field_in(request, body))


def _field_in(request: HttpRequest, body: bytes) -> str:
    try:
        if request.content_type == MULTIPART:
            meta = {**request.META, "CONTENT_LENGTH": len(body)}
            fields, _files = MultiPartParser(meta, BytesIO(body), []).parse()
            payload = fields.get("payload")
        else:
            payload = QueryDict(body).get("payload")
    except (MultiPartParserError, SuspiciousOperation):  # too many fields, for one
        payload = None
    if not isinstance(payload, str):
        raise NotUnderstood(_("This form has no field “payload”."))
    return payload


def _of_payload(payload: str) -> str:
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        raise NotUnderstood(_("This is not JSON.")) from None
    if not isinstance(said, dict):
        raise NotUnderstood(_("This is no JSON object with a “text”."))
    blocks = "\n".join(_of_blocks(said.get("blocks")))
    words = words_with_attachments({**said, "text": blocks or said.get("text")})
    if not words.strip():
        raise NotUnderstood(_("There is no text in this: send a “text”."))
    return mrkdwn.to_markdown(_EVERYBODY.sub("<!room>", words), lambda _id: "", lambda _id: "")


def _of_blocks(blocks: Any) -> Iterator[str]:
    """What can be read of them, a line for each: headers are bold, as messages have no headings."""
    for each in list_of(blocks)[:BLOCKS]:
        block = dict_of(each)
        pieces = [block.get("text"), *list_of(block.get("fields"))[:PIECES]]
        if block.get("type") == "context":
            pieces += list_of(block.get("elements"))[:PIECES]
        for piece in pieces:
            words = text_of(dict_of(piece).get("text"), LONGEST).strip()
            if words:
                yield f"*{words}*" if block.get("type") == "header" else words
