"""What can be done with a message: a menu beside it, filled when it is asked for, or a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ..text import to_html
from .doors import reader_required, room_or_404

if TYPE_CHECKING:
    from django.http import HttpResponse

    from ..models import Message
    from .doors import AuthenticatedHttpRequest


def message_or_404(request: AuthenticatedHttpRequest, slug: str, number: int) -> Message:
    """The message of that number in the room at `slug`, if the reader may see it."""
    room = room_or_404(request, slug)
    message = room.messages.select_related("author").filter(number=number).first()
    if message is None:
        raise Http404
    message.room = room
    return message


@require_GET
@reader_required
def menu(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """What this reader may do with the message. Rows are the same for everybody, so it is asked for."""
    message = message_or_404(request, slug, number)
    context = {
        "room": message.room,
        "message": message,
        "own": message.may_be_changed_by(request.user),
    }
    if request.htmx:
        return render(request, "rooms/_menu.html", context)
    return render(request, "rooms/menu.html", {**context, "body": to_html(message.body)})
