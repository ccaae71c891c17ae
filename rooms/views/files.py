"""Files: choosing them for a message, seeing them and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import disk
from ..limits import spend
from ..live import attached
from ..models import Attachment, MessageRefused, Standing
from ..models.attachment import Upload, clean_name
from ..models.message import clean_key
from .doors import entered_or_404, reader_required, room_or_404
from .rooms import Composer, original_in, room_page
from .sending import sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core.files.uploadedfile import UploadedFile
    from django.http.response import HttpResponseBase

    from ..models import Membership, Room
    from .doors import AuthenticatedHttpRequest

PAGE = 40  # files of one page of the list


@require_http_methods(["GET", "HEAD", "POST"])
@reader_required
def files(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """All files of the room, newest first; or what a composer sends before its message."""
    room, membership = entered_or_404(request, slug)
    if request.method == "POST":
        return _choose(request, room, membership)
    before = request.GET.get("before", "")
    found = room.attachments.filter(message__isnull=False).select_related("message", "author")
    if before.isascii() and before.isdecimal() and len(before) <= 18:
        found = found.filter(pk__lt=int(before))
    page = list(found.order_by("-pk")[: PAGE + 1])
    context = {
        "room": room,
        "name": room.called_by(request.user),
        "standing": Standing.of(request.user, room, membership),
        "files": [(file, attached.shown(file.shown, slug, attached.SMALL)) for file in page[:PAGE]],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "first": not before,
    }
    return render(request, "rooms/files.html", context)


def _choose(
    request: AuthenticatedHttpRequest, room: Room, membership: Membership | None
) -> HttpResponse:
    """Take what was chosen, and take back what is not wanted after all. The composer shows what it then
    has."""
    try:
        key = clean_key(request.POST.get("key", ""))
    except MessageRefused:
        raise BadRequest("no key of a composer") from None
    discard(request, room, key)
    refusals = take(request, room, key)
    chosen = Attachment.waiting(room, request.user, key)
    text, reply = _text(request), original_in(request.POST.get("reply", ""))
    if membership is not None and "text" in request.POST:
        membership.save_draft(text, key[:64], reply, files=bool(chosen))
    if request.htmx:
        return HttpResponse(attached.chosen(chosen, room.slug, refusals))
    quote = None if reply is None else room.quote_of(reply)
    composer = Composer.holding(text, key, sentence(refusals) if refusals else "", chosen, quote)
    return room_page(request, room, membership, composer)


def _text(request: AuthenticatedHttpRequest) -> str:
    line, lines = request.POST.get("text", ""), request.POST.get("lines", "")
    return f"{line}\n{lines}"[:20_000] if lines else line[:20_000]


def discard(request: AuthenticatedHttpRequest, room: Room, key: str) -> None:
    """Take back what the form names by `remove`, if it was not sent."""
    unwanted = {pk for pk in request.POST.getlist("remove") if pk.isascii() and pk.isdecimal()}
    if unwanted:
        with transaction.atomic():
            waiting = Attachment.waiting(room, request.user, key)
            Attachment.discard(file for file in waiting if str(file.pk) in unwanted)


def take(request: AuthenticatedHttpRequest, room: Room, key: str) -> list[tuple[str, str]]:
    """Take in what the form uploads. Returns name and reason of what was refused."""
    refusals = []
    uploads: Iterable[UploadedFile[Any]] = request.FILES.getlist("files")
    for upload in uploads:
        name, content = upload.name or "", upload.file
        if content is None:  # pragma: no cover - Django's type allows it, its parser does not
            continue
        try:
            spend("upload", request.user)
            Attachment.upload(room, request.user, key, Upload(name, content, upload.size or 0))
        except MessageRefused as refusal:
            refusals.append((clean_name(name), " ".join(refusal.messages)))
    return refusals


def sentence(refusals: Iterable[tuple[str, str]]) -> str:
    """What a page without JavaScript says of them: its browser has forgotten what was chosen."""
    why = [f"{name}: {reason}" for name, reason in refusals]
    return " ".join([*why, _("Nothing was sent. Choose other files, or send it without.")])


@require_safe
@login_required
def file(request: AuthenticatedHttpRequest, slug: str, pk: int, name: str) -> HttpResponseBase:
    """The file itself; what it is called in the address is only for whoever reads that."""
    found = _attachment_or_404(request, slug, pk)
    return sent(request, found.path, found.type, found.name, inline=found.is_inline)


@require_safe
@login_required
def thumbnail(request: AuthenticatedHttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """A picture made small."""
    found = _attachment_or_404(request, slug, pk)
    if not found.width:
        raise Http404
    return sent(request, disk.thumbnail(found.path), "image/webp", "thumbnail.webp", inline=True)


def _attachment_or_404(request: AuthenticatedHttpRequest, slug: str, pk: int) -> Attachment:
    """A file of a room that the reader may see; before it is sent, only its author has it."""
    room = room_or_404(request, slug)
    seen = Q(message__isnull=False) | Q(author=request.user)
    found = room.attachments.filter(seen, pk=pk).first() if pk < 1 << 62 else None
    if found is None:
        raise Http404
    return found
