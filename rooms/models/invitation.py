"""A link that lets somebody make an account while sign-up is not open to all, and into rooms."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import audit
from .names import sort_key
from .permissions import INVITES, Role
from .restriction import is_kept_out
from .room import Room
from .user import User

if TYPE_CHECKING:
    from collections.abc import Iterable

LIFETIME = timedelta(days=7)  # long enough for a mail to be read, short enough to be forgotten


def new_token() -> str:
    return secrets.token_urlsafe(24)


class InvitationOver(ValidationError):
    """It lets nobody in any more; of two who took its last use at once, one is told so."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Your invitation is used up or has ended meanwhile. Ask whoever sent it for a new one."
                " What you wrote here stays: open the new link in another tab, then send this again."
            ),
            code="invitation_over",
        )


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def valid(self) -> InvitationQuerySet:
        """As `Invitation.ended` says."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()),
            models.Q(max_uses=None) | models.Q(max_uses__gt=models.F("used")),
            revoked_at=None,
            created_by__is_active=True,
            created_by__role__in=INVITES,
        )


class Invitation(models.Model):
    """Lets people in until it expires, is used up or revoked, or whoever made it may invite no more."""

    class Ended(models.TextChoices):
        """Why it lets nobody in any more."""

        REVOKED = "revoked", gettext_lazy("revoked")
        EXPIRED = "expired", gettext_lazy("expired")
        USED_UP = "used_up", gettext_lazy("used up")
        ORPHANED = "orphaned", gettext_lazy("whoever made it may invite no more")

    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    created_by = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    used = models.PositiveIntegerField(gettext_lazy("how many came by it"), default=0)
    max_uses = models.PositiveIntegerField(gettext_lazy("how many may come by it"), null=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    rooms = models.ManyToManyField(Room, related_name="invitations")
    note = models.CharField(gettext_lazy("note"), max_length=100, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"invitation {self.pk} by {self.created_by_id}"

    @classmethod
    def make(
        cls,
        by: User,
        *,
        lifetime: timedelta | None = LIFETIME,
        max_uses: int | None = None,
        role: str = Role.MEMBER,
        rooms: Iterable[Room | int] = (),
        note: str = "",
    ) -> Invitation:
        """None stands for ever, and for any number. The caller has asked `may_invite`, and for each room
        `may_add_people`."""
        with transaction.atomic():
            expires_at = None if lifetime is None else timezone.now() + lifetime
            invitation = cls.objects.create(
                created_by=by, expires_at=expires_at, max_uses=max_uses, role=role, note=note
            )
            invitation.rooms.set(rooms)
            audit.record(audit.Kind.INVITED, by=by, role=str(role), uses=max_uses)
        return invitation

    @property
    def ended(self) -> Ended | None:
        """Needs `created_by` loaded."""
        if self.revoked_at is not None:
            return self.Ended.REVOKED
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return self.Ended.EXPIRED
        if self.max_uses is not None and self.used >= self.max_uses:
            return self.Ended.USED_UP
        if not self.created_by.is_active or self.created_by.role not in INVITES:
            return self.Ended.ORPHANED
        return None

    @property
    def is_valid(self) -> bool:
        return self.ended is None

    def revoke(self, *, by: User | None = None) -> None:
        with transaction.atomic():
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])
            audit.record(audit.Kind.REVOKED, by=by, whom=self.created_by)

    def rooms_to_enter(self) -> list[Room]:
        """The rooms that it leads into: those of them that are in use, and that whoever made it still
        sees, by name."""
        found = Room.objects.visible_to(self.created_by).filter(invitations=self, archived_at=None)
        return sorted(found, key=lambda room: (sort_key(room.name), room.pk))

    def use(self) -> None:
        """Count one who comes by it. In a transaction that lets them in, too: whoever waits for its last
        use has it if that fails. Raises `InvitationOver`."""
        # The lock, not a condition of an update, decides between two: the row is read once one has it.
        now = Invitation.objects.select_for_update(of=("self",)).select_related("created_by")
        locked = now.get(pk=self.pk)
        if not locked.is_valid:
            raise InvitationOver
        locked.used += 1
        locked.save(update_fields=["used"])

    def let_in(self, user: User) -> Room | None:
        """Put somebody into its rooms. Returns the first of them, which is also the one that they joined
        last: so a page that leads home leads there."""
        rooms = self.rooms_to_enter()
        for room in reversed(rooms):
            if not is_kept_out(room, user):  # an invitation is no word of the room's moderators
                room.add(user)
        return rooms[0] if rooms else None
