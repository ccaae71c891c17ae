"""What can be done with a message: a menu beside it, filled when it is asked for, or a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django_htmx.http import trigger_client_event

from .. import emojis
from ..live import attached, fragments
from ..live.fragments import Variant
from ..models import Standing
from ..models.attachment import files_of
from ..text import to_html
from .doors import entered_or_404, reader_required

if TYPE_CHECKING:
    from ..models import Membership, Message
    from .doors import AuthenticatedHttpRequest


APART = (
    "/thread/",
    "/pins/",
)  # pages on which what was said before a message need not stand above it


def message_or_404(
    request: AuthenticatedHttpRequest, slug: str, number: int
) -> tuple[Message, Membership | None]:
    """The message of that number in the room at `slug`, if the reader may see it, and their membership of
    the room."""
    room, membership = entered_or_404(request, slug)
    message = room.messages.select_related("author", "thread").filter(number=number).first()
    if message is None:
        raise Http404
    message.room = room
    return message, membership


@require_GET
@reader_required
def menu(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """What this reader may do with the message. Rows are the same for everybody, so it is asked for."""
    message, membership = message_or_404(request, slug, number)
    room, user = message.room, request.user
    standing, is_there = Standing.of(user, room, membership), message.deleted_at is None
    mine = {emoji for emoji, users in message.reactions or () if user.pk in users}
    context = {
        "room": room,
        "message": message,
        "may_react": is_there and standing.may_react,
        "may_reply": is_there and standing.may_post,
        "may_pin": is_there and standing.may_pin,
        "may_edit": is_there and standing.may_edit(message.author_id),
        "may_delete": is_there and standing.may_delete(message.author_id),
        "may_remove": is_there and standing.may_moderate(message.author_id, message.author.role),
        "may_report": is_there and standing.may_report(message.author_id),
        "may_mark_unread": membership is not None,
        "threaded": message.thread is not None or message.replies > 0,
        "quick": [(*emojis.named(emoji), emoji in mine) for emoji in emojis.QUICK],
    }
    if request.htmx:
        return render(request, "rooms/_menu.html", context)
    files = files_of(message.files)
    said = {
        "name": room.called_by(user),
        "body": to_html(message.body) if message.body else "",
        "files": attached.of_row(files, slug) if files else "",
    }
    return render(request, "rooms/menu.html", {**context, **said})


def shown_in_page(
    request: AuthenticatedHttpRequest, message: Message, *, changed: bool
) -> HttpResponse:
    """The answer for htmx after a change of the message, which was read anew."""
    if changed and "after" in request.POST:
        # The socket shows it, or else a poll, at once. Either may have put a new row in the place of the
        # one that asks, and htmx would look for what the answer names in a tree that is no longer the
        # page's.
        return trigger_client_event(HttpResponse(status=204), "changed", {"target": "#watch"})
    # nothing else puts a new row into a page of the past, which has no cursor, or over the same text
    row = message.as_row(message.room, message.author)
    path = (request.htmx.current_url_abs_path or "").partition("?")[0]
    return HttpResponse(fragments.in_place(row, Variant.current(), apart=path.endswith(APART)))
