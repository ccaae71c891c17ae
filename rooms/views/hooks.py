"""What other services post, at addresses that nobody can guess."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt

from rooms.incoming import AnotherType, NotUnderstood, text_in
from rooms.models import KeyUsed, MessageRefused, TryLater
from rooms.models.incoming import Incoming
from rooms.models.message import clean_key
from rooms.saying import say

if TYPE_CHECKING:
    from django.http import HttpRequest

LARGEST = (
    256 * 1024
)  # bytes of what is posted; a message has far less, and what is around it not so much
# What the sentences for people say in other words: nothing is kept here of what a program sent.
REFUSED = {
    "archived": gettext_lazy("This room is archived: nobody can write in it."),
    "moderators_only": gettext_lazy("Only moderators write in this room now."),
    "muted": gettext_lazy("A moderator muted this bot in the room."),
    "kept_out": gettext_lazy("A moderator removed this bot from the room."),
}


@csrf_exempt  # its address says it all, and programs send no cookie
def incoming(request: HttpRequest, secret: str) -> HttpResponse:
    """One message by a bot, answered as Slack's webhooks answer. It asks for nobody's session."""
    if request.method != "POST":
        sentence = _("Services post here what a bot then says in a room: send a text by POST.")
        return _answer(405, sentence, Allow="POST")
    found = Incoming.of_secret(secret)
    if found is None:
        return _answer(404, _("There is no such webhook (any more)."))
    found.note_use()
    try:
        return _posted(request, found)
    except MessageRefused as refusal:
        return _refused(refusal)
    except PermissionDenied:
        return _answer(403, _("This bot is not in the room (any more)."))


def _refused(refusal: MessageRefused) -> HttpResponse:
    if isinstance(refusal, TryLater):
        sentence = _("That was too much at once. Try again in %(seconds)s s.")
        headers = {"Retry-After": str(refusal.seconds)}
        return _answer(429, sentence % {"seconds": refusal.seconds}, **headers)
    if isinstance(refusal, KeyUsed):
        return _answer(422, _("This Idempotency-Key belongs to another message."))
    if refusal.code in REFUSED:
        return _answer(403, str(REFUSED[refusal.code]))
    if refusal.code == "bad_key":
        return _answer(400, _("An Idempotency-Key has 8 to 64 letters, digits, - and _."))
    return _answer(400, " ".join(refusal.messages))


def _posted(request: HttpRequest, found: Incoming) -> HttpResponse:
    bot = found.bot
    if bot.is_still:
        return _answer(
            403, _("Nobody answers for this bot: whoever runs the place can take it over.")
        )
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return _answer(413, _("This is too large: a message may have 4,000 characters."))
    try:
        text = text_in(request, body)
    except AnotherType as refusal:
        return _answer(415, str(refusal))
    except NotUnderstood as refusal:
        return _answer(400, str(refusal))
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    said = say(found.room, bot.user, text, clean_key(key) if key else secrets.token_urlsafe(12))
    return _answer(200, "ok", **({"Idempotency-Replayed": "true"} if said.repeated else {}))


def _answer(status: int, sentence: str, **headers: str) -> HttpResponse:
    return HttpResponse(
        sentence,
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers},
    )
