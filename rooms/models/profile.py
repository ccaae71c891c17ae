"""What people tell about themselves: a few words, and how they are just now.

It has a table of its own, as every page reads the whole row of its reader with the session.

What holds until a moment is compared with the time by whoever shows it, so nothing has to be done when
the moment comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from . import announcements
from .user import User

if TYPE_CHECKING:
    from datetime import datetime

PRONOUNS_LENGTH = 30  # characters
ABOUT_LENGTH = 300
STATUS_LENGTH = 100
EMOJI_LENGTH = 32  # a family of four, each with a colour of skin, has 15


class Status(NamedTuple):
    """How somebody is just now: an emoji and a few words, or only one of the two."""

    emoji: str
    text: str


class Profile(models.Model):
    """What one person tells about themselves. Who has told nothing yet has none."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="profile")
    pronouns = models.CharField(_("pronouns"), max_length=PRONOUNS_LENGTH, blank=True)
    about = models.CharField(_("about you"), max_length=ABOUT_LENGTH, blank=True)
    status_emoji = models.CharField(max_length=EMOJI_LENGTH, blank=True)
    status_text = models.CharField(_("status"), max_length=STATUS_LENGTH, blank=True)
    status_until = models.DateTimeField(null=True, help_text=_("Empty for a status that stays."))
    undisturbed_until = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Profile]] = models.Manager()

    def __str__(self) -> str:
        return f"what {self.user_id} tells"

    @classmethod
    def of(cls, user: User) -> Profile:
        """The profile, or an empty one that is not stored."""
        return cls.objects.filter(user=user).first() or cls(user=user)

    def status(self, now: datetime) -> Status | None:
        """What holds at that moment."""
        return status_at(now, self.status_emoji, self.status_text, self.status_until)

    def is_undisturbed(self, now: datetime) -> bool:
        return holds_at(now, self.undisturbed_until)

    def describe(self, *, pronouns: str, about: str) -> None:
        """What the card says of this person, whenever it is opened."""
        self._store({"pronouns": pronouns, "about": about})

    def show_status(self, status: Status | None, until: datetime | None) -> None:
        """Say how one is, until then or, without a moment, until one says otherwise."""
        emoji, text = status or ("", "")
        self._show({"status_emoji": emoji, "status_text": text, "status_until": until})

    def rest(self, until: datetime | None) -> None:
        """Not to be disturbed until then; from now on disturbed again without a moment."""
        self._show({"undisturbed_until": until})

    def _show(self, values: dict[str, str | datetime | None]) -> None:
        """Lists of people show it, on open pages too."""
        with transaction.atomic():
            self._store(values)
            announcements.people_changed([self.user_id])

    def _store(self, values: dict[str, str | datetime | None]) -> None:
        """These values alone: another form may change others at the same time."""
        Profile.objects.update_or_create(user_id=self.user_id, defaults=values)
        for name, value in values.items():
            setattr(self, name, value)


def status_at(now: datetime, emoji: str, text: str, until: datetime | None) -> Status | None:
    """The status of these values, unless it is over or there is none."""
    over = until is not None and until <= now
    return None if over or not (emoji or text) else Status(emoji, text)


def holds_at(now: datetime, until: datetime | None) -> bool:
    return until is not None and until > now
