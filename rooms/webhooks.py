"""Outgoing webhooks: what a bot reads is sent to its owner's program, which may answer.

A few threads of a worker do this (`background.Queue`): one slow receiver keeps neither mail nor others
waiting, as no webhook has two of them, and no owner more than two. In a room messages are delivered in
order: one that fails is tried again, later and later, and those behind it wait.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import threading
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.db import close_old_connections
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import parse_http_date_safe
from django.utils.translation import gettext as _
from django_tasks import task

from .background import Queue
from .fetch import Answered, FetchFailed, FetchPrivate, FetchRefused, FetchTooSlow, post
from .live import records
from .mail import address_of
from .models import KeyUsed, MessageRefused, Place, Room, TryLater
from .models.delivering import Claim, following, may_be_sent
from .models.outgoing import Outcome, OutgoingWebhook
from .saying import say
from .sealing import SecretLost
from .text import plain_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models import Message
    from .models.hookcursor import HookCursor

logger = logging.getLogger(__name__)

THREADS = 4
OF_OWNER = 2  # of them that may be busy with the webhooks of one owner
SECONDS = 10.0  # that a receiver has for all of it
ANSWER = 64 * 1024  # bytes of an answer that are read
ROUND = 20  # messages, before others get their turn
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0  # seconds
GROWS = 3  # times as long as the pause before
REPLY_WAITS = 60  # seconds at most for the bot's turn to speak, in a slow room for instance
GONE = 410
BUSY = {429, 503}
USER_AGENT = "Roomful (webhook)"
SUBJECT = 150  # characters


# What there is to do

_lock = threading.Lock()
_busy: list[Claim] = []


def take() -> Callable[[], None] | None:
    """The next of what is due, as `background.Queue` has it."""
    with _lock:
        webhooks = {claim.webhook for claim in _busy}
        owners = [claim.owner for claim in _busy]
    full = {owner for owner in owners if owners.count(owner) >= OF_OWNER}
    claim = Claim.take(webhooks, full)
    if claim is None:
        return None
    with _lock:
        _busy.append(claim)
    return partial(_work, claim)


QUEUE = Queue("webhooks", take, THREADS)


def _work(claim: Claim) -> None:
    try:
        for _each in range(ROUND):
            if not deliver(claim):
                return
        claim.let_go()
    finally:
        with _lock:
            _busy.remove(claim)


def deliver(claim: Claim) -> bool:
    """One message. Returns whether there may be another to be delivered now."""
    cursor = claim.renew()
    if cursor is None:
        return False
    if not may_be_sent(cursor):
        claim.rest(cursor.told)
    elif cursor.room is None:
        return _test(claim, cursor)
    elif not cursor.webhook.enabled:
        claim.let_go()
    elif cursor.answer:
        return _reply(claim, cursor, cursor.room, cursor.answered, cursor.answer)
    elif message := following(cursor):
        return _send(claim, cursor, message)
    else:
        claim.rest(cursor.told)
    return False


def _send(claim: Claim, cursor: HookCursor, message: Message) -> bool:
    said, answered = ask(cursor.webhook, _about(cursor, message))
    outcome = _outcome(said)
    if not outcome.ok:
        pause = _pause(cursor.attempts + 1, answered)
        claim.fail(cursor, outcome, pause, gone=said == str(GONE))
        logger.info("webhook %s: %s, again in %s", claim.webhook, said, pause)
        return False
    answer = _text_of(answered)
    if not answer:
        claim.step(message.number, outcome)
        return True
    claim.keep_answer(message.number, answer)
    return _reply(claim, cursor, message.room, message.number, answer)


def _reply(claim: Claim, cursor: HookCursor, room: Room, number: int, answer: str) -> bool:
    """Post what was said in answer to the message of that number: once, as the key is made of that."""
    key = f"webhook-{claim.webhook}-{number}"
    bot, posted = cursor.webhook.bot.user, "posted"
    try:
        say(room, bot, answer, key, reply=number)
    except KeyUsed:
        pass  # another answer, before the worker was lost
    except TryLater as refusal:
        if refusal.seconds <= REPLY_WAITS:
            claim.let_go(timedelta(seconds=refusal.seconds))
            return False
        posted = "refused"
    except (MessageRefused, PermissionDenied, Room.DoesNotExist):
        posted = "refused"
    claim.step(number, _outcome("200", reply=posted))
    return True


def _test(claim: Claim, cursor: HookCursor) -> bool:
    """Once, whatever comes of it."""
    number = cursor.delivered + 1
    if number > cursor.told:
        claim.rest(cursor.told)
        return False
    said, _answered = ask(cursor.webhook, _frame(cursor, "test", f"test-{number}"))
    claim.step(number, _outcome(said, test=True))
    return True


def _outcome(said: str, *, test: bool = False, reply: str = "") -> Outcome:
    return Outcome(timezone.now().isoformat(timespec="seconds"), said, test, reply)


# What is sent


def _frame(cursor: HookCursor, kind: str, name: str, **more: Any) -> dict[str, Any]:
    """`name` tells it from all else that is sent to the webhook, and is the same at each attempt."""
    delivery = f"{cursor.webhook_id}-{name}"
    return {"type": kind, "webhook": cursor.webhook_id, "delivery": delivery, **more}


def _about(cursor: HookCursor, message: Message) -> dict[str, Any]:
    room = message.room
    return _frame(
        cursor,
        cursor.webhook.event,
        f"{room.pk}-{message.number}",
        room={"slug": room.slug, "name": room.name},
        message=records.message(message.as_row(room, message.author)),
    )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Shows that whoever sent it knows the secret, and when it was sent."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


def ask(webhook: OutgoingWebhook, frame: dict[str, Any]) -> tuple[str, Answered | None]:
    """Send it. Returns the status, or a word of `outgoing.FAILURES` and no answer."""
    try:
        secret = webhook.secret
    except SecretLost:
        return "secret", None
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "Roomful-Delivery": frame["delivery"],
        "Roomful-Timestamp": timestamp,
        "Roomful-Signature": signature(secret, timestamp, body),
    }
    close_old_connections()  # others may have this one for as long as it takes
    try:
        answered = post(webhook.address, body, headers=headers, limit=ANSWER, seconds=SECONDS)
    except FetchPrivate:
        return "private", None
    except FetchRefused:
        return "refused", None
    except FetchTooSlow:
        return "slow", None
    except FetchFailed:
        return "failed", None
    return str(answered.status), answered


# What is answered


def _text_of(answered: Answered | None) -> str:
    """What the bot is to say, if anything."""
    if answered is None or answered.status != 200 or answered.cut:
        return ""
    if answered.content_type != "application/json":
        return ""
    try:
        said = json.loads(answered.body)
    except (ValueError, RecursionError):
        return ""
    text = said.get("text") if isinstance(said, dict) else None
    # What a column takes; `say` decides whether it is a message.
    return text.replace("\0", "").encode(errors="replace").decode() if isinstance(text, str) else ""


def _pause(attempts: int, answered: Answered | None) -> timedelta:
    """Until the next attempt: longer after each, and never the same for all who wait for one receiver."""
    seconds = FIRST_PAUSE * GROWS ** (attempts - 1) * random.uniform(0.8, 1.2)  # noqa: S311
    if answered is not None and answered.status in BUSY:
        seconds = max(seconds, _retry_after(answered.retry_after))
    return timedelta(seconds=min(seconds, LONGEST_PAUSE))


def _retry_after(header: str) -> float:
    """Seconds, however the header says so; 0 if it does not."""
    header = header.strip()
    if header.isascii() and header.isdecimal():
        return float(header[:6])
    moment = parse_http_date_safe(header)
    return 0 if moment is None else moment - time.time()


# When a webhook was turned off


@task()
def tell_owner(pk: int) -> None:
    """By mail, that the webhook was turned off, unless it works again."""
    webhook = (
        OutgoingWebhook.objects.filter(pk=pk, enabled=False)
        .select_related("bot__owner", "bot__user")
        .first()
    )
    if webhook is None or not settings.MAIL_IS_SENT:
        return
    owner, bot = webhook.bot.owner, webhook.bot.user
    address = address_of([owner.pk]).get(owner.pk)
    if address is None or not owner.is_active:
        return
    with (
        translation.override(owner.reads),
        timezone.override(owner.time_zone or settings.TIME_ZONE),
    ):
        place = Place.objects.get()
        subject = _("%(bot)s: its webhook was turned off") % {"bot": bot.name}
        context = {
            "place": place,
            "bot": plain_line(bot.name, 100),
            "host": webhook.host,
            "failure": webhook.failure,
            "page": settings.SITE_URL + reverse("bot", args=[bot.pk]),
        }
        EmailMessage(
            subject=plain_line(f"{place.name}: {subject}", SUBJECT),
            body=render_to_string("mail/webhook_off.txt", context),
            to=[address],
            headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
        ).send()
