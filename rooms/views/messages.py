"""Saying something, changing it and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from ..limits import spend
from ..live import fragments, own
from ..live.fragments import Variant
from ..models import Attachment, FileRefused, KeyUsed, MessageRefused, Standing, TryLater
from ..models.audit import REASON_LENGTH
from ..models.message import KEY, clean_key
from ..models.permissions import demand
from ..models.restriction import KeptOut, Muted
from ..saying import say
from ..text import to_html
from .doors import entered_or_404, live, reader_required, room_or_404
from .files import sentence, take
from .menu import shown_in_page
from .rooms import Composer, changes_after, new_key, new_keys, original_in, room_page

if TYPE_CHECKING:
    from ..models import Membership, Message, Room
    from .doors import AuthenticatedHttpRequest

PENDING = 64  # messages that one request may bring: more than a page has forms


class Said(NamedTuple):
    """What one form of the composer holds."""

    key: str
    text: str
    reply: int | None  # the number of the message that it replies to
    files: list[int]  # that wait for it on the server
    held: bool  # whether the page has chosen others that have not arrived yet


def _said(request: AuthenticatedHttpRequest) -> list[Said]:
    """What each composer form of the request holds, in order; a form's larger box continues its line.
    Raises `BadRequest` if the lists do not belong together: no page of ours sends that."""
    keys, lines = request.POST.getlist("key"), request.POST.getlist("text")
    more = request.POST.getlist("lines") or [""] * len(lines)
    replies = request.POST.getlist("reply") or [""] * len(lines)
    if not len(keys) == len(lines) == len(more) == len(replies) or len(keys) > PENDING:
        raise BadRequest("keys, lines, larger boxes and originals do not belong together")
    texts = [f"{line}\n{rest}" if rest else line for line, rest in zip(lines, more, strict=True)]
    files = _files(request.POST.getlist("files"), len(keys))
    return [
        Said(
            key,
            text,
            original_in(reply),
            [int(each) for each in chosen if _is_number(each)],
            not all(map(_is_number, chosen)),
        )
        for key, text, reply, chosen in zip(keys, texts, replies, files, strict=True)
    ]


def _files(values: list[str], forms: int) -> list[list[str]]:
    """For each form the files that it has: a number for each that was uploaded, a word of the browser
    for each that was not. Every form begins with an empty value."""
    if not values:
        return [[] for _form in range(forms)]
    if forms == 1:  # the plain one sends an empty value for its empty control, too
        return [[value for value in values if value]]
    of_forms: list[list[str]] = []
    for value in values:
        if not value:
            of_forms.append([])
        elif of_forms:
            of_forms[-1].append(value)
        else:
            forms = -1
    if len(of_forms) != forms:
        raise BadRequest("files belong to no form")
    return of_forms


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 18


@require_POST
@reader_required
def send(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Post what the form holds; from the outbox, everything that waits. A form that was posted before is
    answered by the message that it made."""
    room = room_or_404(request, slug)
    said = _said(request)
    return _send_all(request, room, said) if request.htmx else _send_one(request, room, said)


def _send_all(request: AuthenticatedHttpRequest, room: Room, said: list[Said]) -> HttpResponse:
    """Each message is accepted or refused by itself, and the page is told of each. One whose files are
    still on their way stays where it is."""
    variant = Variant.current()
    receipts, taken, held, too_soon = [], 0, "", None
    for each in said:
        key, text, reply, files, on_its_way = each
        if on_its_way:
            held = key
            continue
        try:
            if text.strip() or files:
                if too_soon is not None:
                    raise too_soon  # else it might overtake the one before it
                say(room, request.user, text, key, files, reply=reply)
            receipts.append(fragments.receipt(key))
            taken += 1
        except MessageRefused as refusal:
            rekeyed = _rekeyed(request, room, key, files) if isinstance(refusal, KeyUsed) else ""
            _keep(request, room, each._replace(key=rekeyed or key))
            seconds = None
            if isinstance(refusal, TryLater):
                # of several the first asks again, for all
                seconds, too_soon = None if too_soon else refusal.seconds, refusal
            error = " ".join(refusal.messages)
            receipts.append(
                fragments.refused(key, error, variant, new_key=rekeyed, seconds=seconds)
            )
            if isinstance(refusal, Muted | KeptOut):
                quiet = own.voices(room.pk, [request.user.pk]).get(request.user.pk)
                receipts.append(own.voice(quiet, variant))
    response = HttpResponse(
        changes_after(request, room)
        + "".join(receipts)
        + fragments.blank_forms(new_keys(taken), variant)
        + live(request)
    )
    if held and KEY.fullmatch(held):
        upload = f".c:has(input[name=key][value='{held}']) .attach>input"
        trigger_client_event(response, "upload", {"target": upload})
    return response


def _rekeyed(request: AuthenticatedHttpRequest, room: Room, key: str, files: list[int]) -> str:
    """A new key for a form whose own is used up; its files wait under it from now on."""
    new = new_key()
    if files:
        waiting = room.attachments.filter(author=request.user, key=key, message=None)
        waiting.update(key=new)
    return new


def _keep(request: AuthenticatedHttpRequest, room: Room, said: Said) -> None:
    """What was refused becomes the draft, so that a reload does not lose it, unless there is another."""
    membership = room.membership_of(request.user)
    if membership is not None and not membership.open_draft().text:
        _save_draft(membership, said)


def _save_draft(membership: Membership, said: Said) -> None:
    text, key = said.text[:DRAFT_LENGTH], said.key[:64]
    membership.save_draft(text, key, said.reply, files=bool(said.files))


def _send_one(request: AuthenticatedHttpRequest, room: Room, said: list[Said]) -> HttpResponse:
    """The plain form: back to the room, or the room again with the text and what is wrong with it. It
    brings its files along; those that were taken wait under its key if anything is refused."""
    for key, text, reply, already, _held in said:
        files = already
        try:
            if request.FILES:
                refusals = take(request, room, clean_key(key))
                files = [file.pk for file in Attachment.waiting(room, request.user, key)]
                if refusals:
                    raise FileRefused(sentence(refusals))  # as all else is
            say(room, request.user, text, key, files, reply=reply)
        except MessageRefused as refusal:
            waiting = Attachment.waiting(room, request.user, key) if files else []
            kept = key if waiting else ""
            if waiting and isinstance(refusal, KeyUsed):
                kept = _rekeyed(request, room, key, files)
            error = " ".join(refusal.messages)
            quote = None if reply is None else room.quote_of(reply)
            composer = Composer.holding(text, kept, error, waiting, quote)
            # Anew, as some of what was said may be stored.
            now, membership = entered_or_404(request, room.slug)
            status = 409 if refusal.code else 400
            if isinstance(refusal, TryLater):
                page = room_page(request, now, membership, composer, 429)
                page.headers["Retry-After"] = str(refusal.seconds)
                return page
            return room_page(request, now, membership, composer, status)
    if "thread" in request.POST and said and said[-1].reply:
        return redirect("thread", slug=room.slug, number=said[-1].reply)
    return redirect("room", slug=room.slug)


@require_POST
@reader_required
def draft(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """Keep what stands in the composer, so that a reload brings it back."""
    membership = room_or_404(request, slug).membership_of(request.user)
    said = _said(request)
    if membership is not None and said:
        _save_draft(membership, said[-1])
    return HttpResponse(status=204)


DRAFT_LENGTH = 20_000  # characters; a draft may be longer than a message while it is worked on


def _message(request: AuthenticatedHttpRequest, slug: str, number: int) -> tuple[Message, Standing]:
    """The message, and how the reader stands to its room."""
    room, membership = entered_or_404(request, slug)
    message = room.messages.select_related("author", "room").filter(number=number).first()
    if message is None:
        raise Http404
    return message, Standing.of(request.user, room, membership)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """A form in the message's place, or a page of its own, that changes the text."""
    message, standing = _message(request, slug, number)
    demand(standing.may_edit(message.author_id))
    text, error = message.body, ""
    if request.method == "POST":
        text = request.POST.get("text", "")
        try:
            spend("edit", request.user)
            changed = message.edit(text, by=request.user)
            return _done(request, message, changed=changed)
        except MessageRefused as refusal:
            error = " ".join(refusal.messages)
    return _form(request, message, "edit", {"text": text, "error": error})


@require_http_methods(["GET", "POST"])
@login_required
def delete(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Asks, then takes the message back; somebody else's, with a reason that all can read."""
    message, standing = _message(request, slug, number)
    own_message = standing.may_delete(message.author_id)
    demand(own_message or standing.may_moderate(message.author_id, message.author.role))
    error = ""
    reason = " ".join(request.POST.get("reason", "").replace("\0", "").split())[:REASON_LENGTH]
    if request.method == "POST":
        try:
            if own_message:
                changed = message.delete_for_everybody(by=request.user)
            else:
                changed = message.remove(by=request.user, reason=reason)
            return _done(request, message, changed=changed)
        except MessageRefused as refusal:
            error = " ".join(refusal.messages)
    context = {"body": to_html(message.body), "error": error, "reason": reason}
    return _form(request, message, "delete", {**context, "others": "" if own_message else "1"})


def _form(
    request: AuthenticatedHttpRequest, message: Message, name: str, context: dict[str, str]
) -> HttpResponse:
    """The form in the message's row for htmx, else as a page."""
    template = f"rooms/_{name}_form.html" if request.htmx else f"rooms/{name}.html"
    status = 200 if request.htmx or not context["error"] else 400
    context_of_page = {**context, "message": message, "room": message.room}
    return render(request, template, context_of_page, status=status)


def _done(request: AuthenticatedHttpRequest, message: Message, *, changed: bool) -> HttpResponse:
    message.refresh_from_db(
        fields=[
            *("body", "version", "edited_at", "deleted_at"),
            *("files", "previews", "reactions", "pinned_at", "removal"),
        ]
    )
    if not request.htmx:
        if message.deleted_at is not None:
            notices.success(request, _("The message was deleted."))
        return redirect("message", slug=message.room.slug, number=message.number)
    return shown_in_page(request, message, changed=changed)
