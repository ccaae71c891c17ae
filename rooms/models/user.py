"""A person with an account."""

from __future__ import annotations

import zoneinfo
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX as UNUSABLE
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from .. import faces
from . import announcements
from .language import languages, spoken
from .names import NameWords
from .permissions import Role

if TYPE_CHECKING:
    from datetime import datetime

    from .bot import Bot
    from .profile import Profile

FACE_HUES = 8  # as many as static/css/base.css draws


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone."), params={"name": name})


def initials(name: str) -> str:
    """One or two letters that stand for `name` where there is room for no more.

    Two words give two initials. A single word gives its first two letters, but one character of a
    script that writes a word or a syllable in each.
    """
    words = [word for word in name.split() if any(letter.isalnum() for letter in word)]
    if not words:
        return name.strip()[:1]
    first = next(letter for letter in words[0] if letter.isalnum())
    if ord(first) >= 0x2E80:  # CJK, kana, hangul and what follows them
        return first
    if len(words) == 1:
        return "".join(letter for letter in words[0] if letter.isalnum())[:2].upper()
    return (first + next(letter for letter in words[-1] if letter.isalnum())).upper()


class Sound(models.TextChoices):
    """What somebody's open pages play a sound for; "" for nothing."""

    CALLS = "calls", _("Mentions and direct messages")
    ALL = "all", _("Every message in rooms of which I am told everything")


class Look(NamedTuple):
    """How somebody is shown beside what they said: what is kept of pages holds as long as this does."""

    name: str
    face: str  # of `faces`, the version of their picture; "" for their initials
    is_bot: bool = False  # whether that is a square


class Scheme(models.TextChoices):
    """What somebody's pages look like."""

    DEVICE = "", _("As the device has it")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractUser):
    """A person: signs in with `username`, is called `display_name`. Or a bot, which signs in nowhere."""

    display_name = models.CharField(
        _("display name"),
        max_length=60,
        blank=True,
        help_text=_("How others see you. Your username if you leave it empty."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Times are shown in it."),
    )
    language = models.CharField(
        _("language"),
        max_length=16,
        blank=True,
        choices=languages,
        help_text=_("As the browser asks if you leave it empty."),
    )
    sound = models.CharField(
        _("sound"),
        max_length=8,
        choices=Sound,
        blank=True,
        default="",
        db_default="",
        help_text=_("What open pages play a sound for."),
    )
    last_language = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text=_("Of the page on which they last signed in."),
    )
    scheme = models.CharField(
        _("look"), max_length=8, choices=Scheme, blank=True, default="", db_default=""
    )
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.MEMBER)
    name_words = NameWords(
        default="", editable=False, help_text=_("The words that this person is found by.")
    )
    is_bot = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Whether programs act by this account, and nobody signs in; see `Bot`."),
    )
    face = models.CharField(
        max_length=16,
        blank=True,
        default="",
        help_text=_("Version of the picture, which files are named after; empty without one."),
    )

    profile: Profile  # if they have told anything about themselves
    bot: Bot  # if it is one

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = [
            # Whoever stands behind an @ is looked up by either.
            models.Index(Lower("username"), name="user_by_username"),
            models.Index(Lower("display_name"), name="user_by_display_name"),
        ]
        constraints = [
            # Whatever sets a password or looks for an address finds that a bot has none.
            models.CheckConstraint(
                condition=models.Q(is_bot=False)
                | models.Q(
                    role=Role.GUEST, is_staff=False, email="", password__startswith=UNUSABLE
                ),
                name="bots_sign_in_nowhere",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What others call this person."""
        return self.display_name or self.username

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def is_guest(self) -> bool:
        return self.role == Role.GUEST

    @property
    def look(self) -> Look:
        return Look(self.name, self.face, self.is_bot)

    @property
    def initials(self) -> str:
        return initials(self.name)

    @property
    def hue(self) -> int:
        """Which of the eight colours this person's face has."""
        return self.pk % FACE_HUES

    def change_sound(self, sound: str) -> None:
        """Have open pages play a sound for this from now on."""
        self.sound = sound
        self.save(update_fields=["sound"])

    @property
    def reads(self) -> str:
        """The language to write to this person in while they are not here: the one that they chose, else
        the one that they had before them."""
        return spoken(self.language) or spoken(self.last_language) or settings.LANGUAGE_CODE

    def note_language(self, language: str | None) -> None:
        """They signed in on a page in this language."""
        if self.last_language != (language or ""):
            self.last_language = language or ""
            self.save(update_fields=["last_language"])

    def change_look(self, scheme: str) -> None:
        """Their next pages look so."""
        self.scheme = scheme
        self.save(update_fields=["scheme"])

    def change_profile(self, *, display_name: str, time_zone: str, language: str) -> None:
        """Change how this person is called and what they read in; open pages follow."""
        before = self.look
        self.display_name, self.time_zone, self.language = display_name, time_zone, language
        with transaction.atomic():
            self.save(update_fields=["display_name", "time_zone", "language", "name_words"])
            if self.look != before:
                self._announce_look()

    def change_face(self, version: str) -> None:
        """Be shown by the picture that `faces.made` has made, or by initials if the version is empty. The
        picture before goes once this is stored; open pages follow."""
        with transaction.atomic():
            # Of two at once each finds what the other left. No key, as who posts names the author by it.
            locked = User.objects.select_for_update(no_key=True)
            before = locked.values_list("face", flat=True).get(pk=self.pk)
            self.face = version
            self.save(update_fields=["face"])
            self._announce_look()
            if before:
                transaction.on_commit(partial(faces.remove, before))

    def _announce_look(self) -> None:
        announcements.look_changed(self.pk)
        # A direct conversation is called by its people, in the lists of all of them.
        others = User.objects.filter(
            memberships__room__direct=True, memberships__room__memberships__user=self
        )
        announcements.people_changed({self.pk, *others.values_list("pk", flat=True)})

    def does_not_disturb(self, now: datetime) -> bool:
        """Whether this person asked not to be told of anything until later. One query, unless `profile`
        was loaded with them."""
        profile: Profile | None = getattr(self, "profile", None)
        return profile is not None and profile.is_undisturbed(now)
