"""Looks at the pages that messages link to, after they were said and while nobody waits.

The pages are asked for side by side, each by a thread of its own that does nothing else: whatever they
do, the worker is back after `PATIENCE`.
"""

from __future__ import annotations

import logging
import threading
import time
from hashlib import blake2s
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django_tasks import task

from .background import later
from .models import LinkPreview, Message, Place, PreviewPicture, RoomClosed
from .models.preview import ADDRESS_LENGTH, PREVIEWS
from .text import links
from .unfurl import IMAGE_SECONDS, PAGE_SECONDS, unfurl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .unfurl import Unfurled

logger = logging.getLogger(__name__)

PATIENCE = PAGE_SECONDS + IMAGE_SECONDS + 1  # seconds
# Pages that are asked for, and seconds in which. What goes beyond is shown without a preview.
OF_PERSON = (30, 600)
OF_HOST = (30, 60)
AT_ONCE = 100  # messages that lose their previews in one task
LAST = -10  # whatever else is to be done, such as mail, goes before


@task(priority=LAST)
def look_at_links(message_id: int) -> None:
    """Show previews of the first links of the message, as its text is now."""
    message = Message.objects.select_related("room").filter(pk=message_id).first()
    if message is None or not Place.objects.filter(link_previews=True).exists():
        return
    body = message.body
    addresses = _addresses(body)
    known = LinkPreview.fresh(addresses)
    unknown = [each for each in addresses if each not in known]
    asked = [each for each in unknown if _may_be_asked_for(each, message.author_id)]
    for address, found in _unfurled(asked).items():
        known[address] = LinkPreview.note(address, found)
    previews = [known[each].as_preview() for each in addresses if each in known]
    try:
        message.show_previews(body, [each for each in previews if each.title])
    except RoomClosed:
        logger.info("no preview: the room was archived meanwhile")


def _addresses(body: str) -> list[str]:
    """The first links that lead elsewhere: of our own pages a stranger sees only the door."""
    here = urlsplit(settings.SITE_URL).netloc
    elsewhere = [each for each in links(body) if not _leads_to(here, each)]
    return [each for each in elsewhere if len(each) <= ADDRESS_LENGTH][:PREVIEWS]


def _leads_to(here: str, address: str) -> bool:
    try:
        return urlsplit(address).netloc.lower() == here.lower()
    except ValueError:
        return False


def _may_be_asked_for(address: str, author: int) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return _counted(f"person {author}", *OF_PERSON) and _counted(f"host {host}", *OF_HOST)


def _counted(what: str, limit: int, seconds: int) -> bool:
    """Count one more; whether that is still within the limit."""
    key = f"previews-{blake2s(what.encode(), digest_size=12).hexdigest()}"
    if cache.add(key, 1, seconds):
        return True
    try:
        return int(cache.incr(key)) <= limit
    except ValueError:  # it lapsed just now
        return True


def _unfurled(addresses: Iterable[str]) -> dict[str, Unfurled | None]:
    """What the pages say of themselves. One that was not done in time counts as silent."""
    found: dict[str, Unfurled | None] = dict.fromkeys(addresses)

    def ask(address: str) -> None:
        try:
            found[address] = unfurl(address)
        except Exception:
            logger.exception("a page could not be looked at")

    # Not of a pool: the end of the process would wait for those.
    threads = [
        threading.Thread(target=ask, args=[each], name="preview", daemon=True) for each in found
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return dict(found)


@task(priority=LAST)
def take_previews_away() -> None:
    """Of all messages, some at a time; and all that was kept for them. The owner wants none any more."""
    if Place.objects.filter(link_previews=True).exists():
        return
    having = Message.objects.filter(previews__isnull=False).select_related("room")
    some = list(having.order_by("pk")[:AT_ONCE])
    for room in {each.room_id: each.room for each in some}.values():
        of_room = [each.pk for each in some if each.room_id == room.pk]
        with room.changing(though_archived=True) as changing:
            now = Message.objects.filter(pk__in=of_room, previews__isnull=False)
            for message in now.select_related("author", "reply_to__author").order_by("number"):
                message.change_previews(changing, [], [])
    if some:
        later(take_previews_away)
        return
    with transaction.atomic():
        LinkPreview.objects.all().delete()
        PreviewPicture.objects.filter(shown_in=None).delete()
