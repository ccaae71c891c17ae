"""Mail to people who were called while they were away: made and sent by a worker."""

from __future__ import annotations

import logging
from contextlib import closing
from email.utils import make_msgid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import redis
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.signing import BadSignature, Signer
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .live import presence
from .models import Place, User, mailing
from .models.attachment import files_of
from .models.ringing import undisturbed
from .text import plain_line, summary

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.core.mail.backends.base import BaseEmailBackend

    from .models.mailing import Calling, Gathered

logger = logging.getLogger(__name__)

AT_ONCE = 500  # people who are looked after in one round; the others are in the next
EXCERPT = 300  # characters of each message
SUBJECT = 150  # characters
_signer = Signer(salt="unsubscribe")


def address_of(users: Collection[int]) -> dict[int, str]:
    """Where each of them is sent mail: to an address that they have confirmed, their main one if they
    have several."""
    confirmed = EmailAddress.objects.filter(user__in=users, verified=True)
    return dict(confirmed.order_by("primary", "-pk").values_list("user", "email"))


def unsubscriber(token: str) -> int | None:
    """Who was given the token with a mail; None if nobody was."""
    try:
        return int(_signer.unsign(token))
    except (BadSignature, ValueError):
        return None


def unsubscribe_token(user: int) -> str:
    return _signer.sign(str(user))


def send_what_waits() -> None:
    """To everybody who has been away for as long as they chose, one mail with what called them."""
    if not settings.MAIL_IS_SENT:
        return
    now = timezone.now()
    waiting = mailing.who_waits(now)
    if not waiting:
        return
    addresses = address_of(waiting)
    reachable = User.objects.filter(pk__in=addresses.keys(), is_active=True)
    reachable = reachable.select_related("profile").order_by("pk")
    people = [user for user in reachable if not undisturbed(user, now)]
    try:
        here = _here({user.pk for user in people})
    except redis.RedisError as error:  # nobody is sent what they are looking at
        logger.warning("no mail: who is here is not known: %s", type(error).__name__)
        return
    mailing.note_here((user.pk for user in people if user.pk in here), now)
    away = [user for user in people if user.pk not in here]
    due = mailing.may_be_due(away, now)[:AT_ONCE]
    if due:
        with closing(get_connection()) as connection:
            # Before anything counts as sent: a server that cannot be reached is asked again.
            connection.open()
            for user in due:
                _send(user, addresses[user.pk], connection)


def _here(people: Collection[int]) -> set[int]:
    """Those of them who have a room's page open."""
    if not people:
        return set()
    held = presence.store().held("here", mailing.rooms_of(people))
    return set().union(*held.values()).intersection(people)


def _send(user: User, address: str, connection: BaseEmailBackend) -> None:
    gathered = mailing.claim(user, timezone.now())
    if gathered is None:
        return
    try:
        made(user, address, gathered, connection).send()
    except Exception:
        # It may have been sent all the same, and twice would be worse.
        logger.exception("a mail to person %s was not sent", user.pk)


def made(
    user: User, address: str, gathered: Gathered, connection: BaseEmailBackend | None = None
) -> EmailMultiAlternatives:
    """The mail, in the language and the time zone of whom it is for."""
    language = user.reads
    zone = user.time_zone or settings.TIME_ZONE
    with translation.override(language), timezone.override(zone):
        place = Place.objects.get()
        context: dict[str, Any] = {
            "place": place,
            "person": user,
            "language": language,
            "rooms": _by_room(user, gathered.shown),
            "more": gathered.total - len(gathered.shown),
            "site": settings.SITE_URL,
            "unread": settings.SITE_URL + reverse("unread"),
            "choose": settings.SITE_URL + reverse("notifications"),
            "unsubscribe": settings.SITE_URL
            + reverse("unsubscribe", args=[unsubscribe_token(user.pk)]),
        }
        mail = EmailMultiAlternatives(
            subject=_subject(place, user, gathered),
            body=render_to_string("mail/calls.txt", context),
            to=[address],
            headers=_headers(user, gathered, context["unsubscribe"]),
            connection=connection,
        )
        mail.attach_alternative(render_to_string("mail/calls.html", context), "text/html")
    return mail


def _subject(place: Place, user: User, gathered: Gathered) -> str:
    """One line, whatever anything is called."""
    first = gathered.shown[0]
    if gathered.total == 1:
        name = first.message.author.name
        if first.direct:
            said = _("%(name)s wrote to you") % {"name": name}
        else:
            room = first.message.room.called_by(user)
            said = _("%(name)s mentioned you in %(room)s") % {"name": name, "room": room}
    else:
        said = ngettext(
            "%(total)s message for you", "%(total)s messages for you", gathered.total
        ) % {"total": gathered.total}
    return plain_line(f"{place.name}: {said}", SUBJECT)


def _headers(user: User, gathered: Gathered, unsubscribe: str) -> dict[str, str]:
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    headers = {
        "Message-ID": make_msgid(f"calls.{user.pk}", host),
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"<mentions.{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    rooms = {each.message.room_id for each in gathered.shown}
    if len(rooms) == 1:
        # Nothing was ever sent under this name; it has programs show the mails of a room together.
        headers["References"] = f"<room.{rooms.pop()}.{user.pk}@{host}>"
    return headers


def _by_room(user: User, shown: list[Calling]) -> list[dict[str, Any]]:
    """The messages, by the rooms that they are in, each of these where its first stands."""
    rooms: dict[int, dict[str, Any]] = {}
    for each in shown:
        room = each.message.room
        entry = rooms.setdefault(
            room.pk, {"name": plain_line(room.called_by(user), 200), "said": []}
        )
        said = summary(each.message.body, EXCERPT) if each.message.body else ""
        files = ", ".join(file.name for file in files_of(each.message.files))
        entry["said"].append(
            {
                "author": plain_line(each.message.author.name, 100),
                "text": said or files,
                "at": each.message.created_at,
                "address": settings.SITE_URL
                + reverse("message", args=[room.slug, each.message.number]),
            }
        )
    return list(rooms.values())
