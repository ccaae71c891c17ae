"""The place itself: one row that says how it is called and who may come in."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from . import audit
from .permissions import Role
from .room import Room
from .second_factor import Requirement
from .user import User

MEGABYTE = 1_000_000  # bytes
ONLY = 1  # the key of the one row there can be


class AlreadySetUp(Exception):
    """Somebody else set the place up first."""


class Place(models.Model):
    """The community that this installation serves. There is one, made by `Place.set_up`."""

    class SignUp(models.TextChoices):
        OPEN = "open", _("Anyone who finds the page")
        INVITATION = "invitation", _("Whoever has an invitation")
        CLOSED = "closed", _("Nobody")

    name = models.CharField(_("name of the place"), max_length=60)
    sign_up = models.CharField(
        _("who may make an account"),
        max_length=16,
        choices=SignUp,
        default=SignUp.INVITATION,
    )
    rooms_by_admins = models.BooleanField(
        _("only admins make rooms"), default=False, help_text=_("Owners count as admins.")
    )

    bots_by_members = models.BooleanField(
        _("members make bots"),
        default=False,
        db_default=False,
        help_text=_("If not, owners and admins alone do."),
    )

    link_previews = models.BooleanField(
        _("show previews of links"),
        default=False,
        help_text=_("What the pages say of themselves that messages link to."),
    )

    second_factor = models.CharField(
        _("who must have a second factor"),
        max_length=16,
        choices=Requirement,
        default=Requirement.NOBODY,
    )
    keep_days = models.PositiveIntegerField(
        null=True,
        help_text=_("Days that messages are kept where a room has no rule of its own."),
    )
    removes_messages = models.BooleanField(
        _("messages go with their author's account"),
        default=False,
        db_default=False,
        help_text=_("If not, they stay, by somebody who is called “Deleted account”."),
    )
    file_limit = models.PositiveIntegerField(
        _("largest file"),
        blank=True,
        null=True,
        help_text=_("Megabytes; as the server takes them if not given."),
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=ONLY), name="one_place"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def largest_file(self) -> int:
        """Bytes. What the server takes bounds what the place allows."""
        if self.file_limit is None:
            return settings.FILE_LIMIT
        return min(self.file_limit * MEGABYTE, settings.FILE_LIMIT)

    def change(self, *, by: User, **wanted: str | bool | int | None) -> None:
        """Give the place other settings. The caller has asked `may_change_place`."""
        with transaction.atomic():
            now = Place.objects.select_for_update().get(pk=self.pk)
            changed = {
                name: [getattr(now, name), value]
                for name, value in wanted.items()
                if getattr(now, name) != value
            }
            if not changed:
                return
            for name, (_before, value) in changed.items():
                setattr(self, name, value)
            if "link_previews" in changed:
                self.preview_links(self.link_previews)
            self.save(update_fields=list(changed))
            audit.record(audit.Kind.PLACE, by=by, changed=changed)

    def preview_links(self, wanted: bool) -> None:
        """Show what linked pages say of themselves from now on; or nothing, in old messages too."""
        with transaction.atomic():
            self.link_previews = wanted
            self.save(update_fields=["link_previews"])
            if not wanted:
                from ..background import later  # noqa: PLC0415  # both need the models
                from ..previews import take_previews_away  # noqa: PLC0415

                later(take_previews_away)

    @classmethod
    def set_up(cls, *, name: str, sign_up: str, owner: User, first_room: str) -> Room:
        """Make the place, its owner's account (unsaved, password set) and the first room.

        Returns the room, with the owner in it. Raises `AlreadySetUp`, having changed nothing, when
        the place exists: of two people who submit the page at once, one makes it.
        """
        try:
            with transaction.atomic():
                cls(pk=ONLY, name=name, sign_up=sign_up).save(force_insert=True)
                owner.role = Role.OWNER
                owner.save(force_insert=True)
                return Room.make(name=first_room, topic="", private=False, by=owner)
        except IntegrityError as error:
            if cls.objects.exists():
                raise AlreadySetUp from error
            raise
