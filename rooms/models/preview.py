"""What is shown of the pages that messages link to.

A `LinkPreview` is what was found at an address; it serves all messages for a while. What a message shows
is kept with it, so that reading a page of history asks for nothing more; only the pictures are apart,
each once, however many messages show it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from . import posting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..unfurl import Picture, Unfurled
    from .message import Message

ADDRESS_LENGTH = 1_000  # characters; a database keeps an index of them
GOOD = timedelta(days=1)  # what was found is taken as true for that long …
BAD = timedelta(hours=1)  # … and that nothing was found
PREVIEWS = 3  # of one message


class Preview(NamedTuple):
    """A link's preview as a message shows it: plain words, each one line."""

    address: str
    title: str
    site: str
    description: str
    picture: str = ""  # the key of a PreviewPicture
    width: int = 0  # in pixels of the page
    height: int = 0

    @property
    def key(self) -> str:
        """Names it within its message."""
        return hashlib.sha256(self.address.encode()).hexdigest()[:16]

    @property
    def host(self) -> str:
        """Where the link really leads, whatever the page calls itself."""
        return (urlsplit(self.address).hostname or "").removeprefix("www.")


def may_have_links(body: str) -> bool:
    """A quick look; `text.links` knows."""
    return "://" in body or "www." in body.lower()


def previews_of(kept: dict[str, Any] | None) -> tuple[Preview, ...]:
    """What a message shows, out of what its field `previews` holds."""
    return tuple(Preview(*each) for each in kept["shown"]) if kept else ()


def removed_from(kept: dict[str, Any] | None) -> list[str]:
    """The addresses that the author wants nothing shown of."""
    return list(kept["removed"]) if kept else []


def as_kept(wanted: Sequence[Preview], removed: list[str]) -> dict[str, Any] | None:
    """What the field `previews` holds then."""
    if not wanted and not removed:
        return None
    return {"shown": [list(each) for each in wanted], "removed": removed}


def ask_for_previews(message: Message) -> None:
    """Have a worker look at the links in the message's text, if the place wants that. In the transaction
    that stores the text."""
    if may_have_links(message.body) and posting.links_are_previewed():
        from ..background import later  # noqa: PLC0415  # both need the models
        from ..previews import look_at_links  # noqa: PLC0415

        later(look_at_links, message.pk)


class PreviewPicture(models.Model):
    """A small picture, as WebP. It is in the database so that every process can show it."""

    key = models.CharField(max_length=32, primary_key=True)
    content = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    used_at = models.DateTimeField()

    objects: ClassVar[models.Manager[PreviewPicture]] = models.Manager()

    def __str__(self) -> str:
        return self.key

    @classmethod
    def of(cls, picture: Picture) -> PreviewPicture:
        """Its row, made if there is none. Nobody can tell from a picture which key it has here."""
        secret = settings.SECRET_KEY.encode()
        key = hmac.new(secret, b"preview" + picture.content, hashlib.sha256).hexdigest()[:32]
        values = {
            "content": picture.content,
            "width": picture.width,
            "height": picture.height,
            "used_at": timezone.now(),
        }
        return cls.objects.update_or_create(key=key, defaults=values)[0]


class LinkPreview(models.Model):
    """What was found at an address, or that nothing was (no title)."""

    address = models.CharField(max_length=ADDRESS_LENGTH, unique=True)
    title = models.TextField(blank=True)
    site = models.TextField(blank=True)
    description = models.TextField(blank=True)
    picture = models.ForeignKey(PreviewPicture, models.SET_NULL, null=True, related_name="+")
    fetched_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[LinkPreview]] = models.Manager()

    def __str__(self) -> str:
        return f"preview {self.pk}"  # the address may open something

    @classmethod
    def fresh(cls, addresses: Iterable[str]) -> dict[str, LinkPreview]:
        """What is known of these addresses and still taken as true."""
        now = timezone.now()
        good = models.Q(fetched_at__gt=now - GOOD) & ~models.Q(title="")
        bad = models.Q(fetched_at__gt=now - BAD, title="")
        known = cls.objects.filter(good | bad, address__in=list(addresses))
        return {
            each.address: each for each in known.select_related("picture").defer("picture__content")
        }

    @classmethod
    def note(cls, address: str, found: Unfurled | None) -> LinkPreview:
        """Keep what was found, or that nothing was."""
        with transaction.atomic():
            picture = PreviewPicture.of(found.picture) if found and found.picture else None
            values: dict[str, Any] = {
                "title": found.title if found else "",
                "site": found.site if found else "",
                "description": found.description if found else "",
                "picture": picture,
                "fetched_at": timezone.now(),
            }
            return cls.objects.update_or_create(address=address, defaults=values)[0]

    def as_preview(self) -> Preview:
        preview = Preview(self.address, self.title, self.site, self.description)
        if self.picture is None:
            return preview
        return preview._replace(
            picture=self.picture.key, width=self.picture.width, height=self.picture.height
        )

    @classmethod
    def forget_old(cls) -> None:
        """What is no longer taken as true, and the pictures that nothing shows."""
        before = timezone.now() - 2 * GOOD
        cls.objects.filter(fetched_at__lt=before).delete()
        known = cls.objects.filter(picture=models.OuterRef("pk"))
        PreviewPicture.objects.filter(
            ~models.Exists(known), shown_in=None, used_at__lt=before
        ).delete()
