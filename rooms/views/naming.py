"""Completing a name behind an @: beside the field while one writes, or on a page of its own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ..live import fragments
from ..live.fragments import Variant
from ..models import Attachment, Standing
from ..models.message import KEY
from ..models.permissions import demand
from ..models.suggesting import begun_in, completed, suggested
from ..text import NAME_LENGTH
from .doors import entered_or_404, reader_required
from .files import take
from .reader import composer_urls
from .rooms import new_key, original_in

if TYPE_CHECKING:
    from ..models import Membership, Room
    from ..models.suggesting import Suggested
    from .doors import AuthenticatedHttpRequest

DRAFT_LENGTH = 20_000  # characters; a draft may be longer than a message while it is worked on
LONGEST = 1_000  # characters of a text at whose end names are suggested: each carries its length
# What htmx names of the suggestion that was pressed; the field is given it, see `fragments.completed`.
PRESSED = re.compile(r"(?:at|name)-[A-Za-z0-9_-]{8,64}-[0-9]{1,2}")


def suggestions(
    request: AuthenticatedHttpRequest, room: Room, membership: Membership, key: str, text: str
) -> HttpResponse:
    """The answer to a draft: names for what its text ends in, or that there are none any more if the page
    shows some; 204 if it shows none."""
    typed = begun_in(text) if len(text) <= LONGEST and KEY.fullmatch(key) else None
    found: list[Suggested] = []
    if typed is not None:
        found = suggested(typed, Standing.of(request.user, room, membership), room.pk)
    if not found and "suggested" not in request.POST:
        return HttpResponse(status=204)
    shown = [_as_shown(each, _in_field(text)) for each in found]
    return HttpResponse(fragments.suggested_names(shown, room.slug, key, Variant.current()))


def _in_field(text: str) -> str:
    """What of the text stands in the field that is written in: its first line, or else the others."""
    first, newline, others = text.partition("\n")
    return others if newline else first


def _as_shown(each: Suggested, text: str) -> dict[str, Any]:
    """`filler` is as long as the text will be, as a browser counts: who presses at its end has the caret
    there, and htmx keeps that place in the new field."""
    length = len(completed(text, each.insert).encode("utf-16-le")) // 2
    vals = json.dumps({"insert": each.insert})
    return {"insert": each.insert, "person": each.person, "filler": "x" * length, "vals": vals}


@require_http_methods(["GET", "POST"])
@reader_required
def complete(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Put the name `insert` behind the @ that the text ends in: of the form that asks, or without htmx of
    the draft. Without a name the form's text becomes the draft, and a page of names is shown."""
    room, membership = entered_or_404(request, slug)
    standing = Standing.of(request.user, room, membership)
    if membership is None:
        raise PermissionDenied(
            _("Only who is in a room can mention somebody there. Join it first.")
        )
    if request.method == "GET":
        return _page(request, room, standing)
    demand(standing.may_post)
    insert = " ".join(request.POST.get("insert", "").split())[:NAME_LENGTH].replace("\0", "")
    if request.htmx:
        return _in_form(request, insert)
    if not insert:
        return _from_form(request, room, membership)
    draft = membership.open_draft()
    files = bool(membership.draft_attachments(draft.key))
    key = draft.key or new_key()
    text = completed(draft.text, insert)[:DRAFT_LENGTH]
    membership.save_draft(text, key, draft.reply, files=files)
    return redirect("room", room.slug)


def _in_form(request: AuthenticatedHttpRequest, insert: str) -> HttpResponse:
    key, pressed = request.POST.get("key", ""), request.htmx.trigger or ""
    if not KEY.fullmatch(key) or not insert or not PRESSED.fullmatch(pressed):
        raise BadRequest("no name that was suggested for a composer")
    line, lines = request.POST.get("text", ""), request.POST.get("lines", "")
    in_lines = bool(lines)
    if in_lines:
        lines = completed(lines, insert)
    else:
        line = completed(line, insert)
    form = {"key": key, "line": line, "lines": lines, "field_id": pressed, "in_lines": in_lines}
    return HttpResponse(fragments.completed(form, composer_urls(), Variant.current()))


def _from_form(
    request: AuthenticatedHttpRequest, room: Room, membership: Membership
) -> HttpResponse:
    """The composer's own form, sent without JavaScript: nothing that it holds is lost."""
    key = request.POST.get("key", "")
    if not KEY.fullmatch(key):
        key = new_key()
    if request.FILES:
        take(request, room, key)
    line, lines = request.POST.get("text", ""), request.POST.get("lines", "")
    text = f"{line}\n{lines}" if lines else line
    files = Attachment.waiting(room, request.user, key)
    reply = original_in(request.POST.get("reply", ""))
    membership.save_draft(text[:DRAFT_LENGTH], key, reply, files=bool(files))
    query = urlencode({"q": begun_in(text) or ""})
    return redirect(f"{reverse('mention', args=[room.slug])}?{query}")


def _page(request: AuthenticatedHttpRequest, room: Room, standing: Standing) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "")[:NAME_LENGTH]
    context = {
        "room": room,
        "name": room.called_by(request.user),
        "query": query,
        "found": suggested(query, standing, room.pk),
    }
    return render(request, "rooms/mention.html", context)
