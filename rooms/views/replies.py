"""Replying to a message, and the thread of all that was said in reply to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from ..live import fragments
from ..live.fragments import Variant
from ..models import Standing, threads
from ..models.message import KEY
from ..models.permissions import demand
from ..models.quote import Quote
from ..models.restriction import refusal
from .doors import reader_required
from .menu import message_or_404
from .reader import composer_urls
from .rooms import new_key, number_in

if TYPE_CHECKING:
    from .doors import AuthenticatedHttpRequest


@require_POST
@reader_required
def begin(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Lets the form that one writes in reply to the message. What was typed into it comes along; a page
    without such a form is led to the room's."""
    message, membership = message_or_404(request, slug, number)
    demand(Standing.of(request.user, message.room, membership).may_post)
    if "key" not in request.POST:
        return HttpResponseClientRedirect(f"{reverse('room', args=[slug])}?reply={number}")
    key = request.POST["key"]
    if not KEY.fullmatch(key):
        raise BadRequest("no key of a composer")
    form = {
        "key": key,
        "line": request.POST.get("text", ""),
        "lines": request.POST.get("lines", ""),
    }
    return HttpResponse(
        fragments.reply_begun(slug, Quote.of(message), form, composer_urls(), Variant.current())
    )


@require_GET
@reader_required
def thread(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """The message that began it and the newest replies, or those before a number; with a form to write
    one more."""
    message, membership = message_or_404(request, slug, number)
    if message.thread is not None:
        return redirect("thread", slug=slug, number=message.thread.number)
    room = message.room
    standing = Standing.of(request.user, room, membership)
    part = threads.page(message, before=number_in(request, "before"))
    context = {
        "room": room,
        "details": room,
        "message": message,
        "rows": fragments.rows_apart([part.began, *part.replies], Variant.current()),
        "older": part.replies[0].number if part.has_older else None,
        "later": part.has_newer,
        "name": room.called_by(request.user),
        "may_post": standing.may_post,
        "why_not": "" if standing.may_post else " ".join(refusal(standing).messages),
        "key": new_key(),
        "urls": composer_urls(),
    }
    return render(request, "rooms/thread.html", context)
