"""What was decided here, by whom and why: written by the verb that did it, in its transaction.

An entry is never changed. It names people and rooms by their keys, so that a page of them shows how they
are called now, and of a private room no more than its reader may know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Never

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .user import User

if TYPE_CHECKING:
    from .room import Room

REASON_LENGTH = 200  # characters
DROPPED_AT_ONCE = 1_000  # entries that one statement takes away


class Kind(models.TextChoices):
    """What was done."""

    ROLE = "role", _("Role changed")
    CLOSED = "closed", _("Account deactivated")
    OPENED = "opened", _("Account reactivated")
    BANNED = "banned", _("Account banned")
    UNBANNED = "unbanned", _("Ban of an account lifted")
    DELETED = "deleted", _("Account deleted")
    LINK = "link", _("Link to an account made")
    INVITED = "invited", _("Invitation made")
    REVOKED = "revoked", _("Invitation revoked")
    PLACE = "place", _("Settings of the place changed")
    ROOM_MADE = "room-made", _("Room made")
    ROOM = "room", _("Settings of a room changed")
    ARCHIVED = "archived", _("Room archived")
    RESTORED = "restored", _("Room restored")
    COPIED = "copied", _("Copy of a room made")
    MODERATOR = "moderator", _("Moderator made")
    NO_MODERATOR = "no-moderator", _("Moderation taken back")
    REMOVED = "removed", _("Removed from a room")
    KEPT_OUT = "kept-out", _("Kept out of a room")
    LET_BACK = "let-back", _("Let back into a room")
    MESSAGE = "message", _("Message removed")
    MUTED = "muted", _("Muted")
    UNMUTED = "unmuted", _("Mute lifted")
    NO_FACTOR = "no-factor", _("Second factor taken away")
    REPORT = "report", _("Report closed")
    BOT_MADE = "bot-made", _("Bot made")
    BOT_TAKEN = "bot-taken", _("Bot taken over")
    BOT_ENDED = "bot-ended", _("Bot ended")
    HOOK_MADE = "hook-made", _("Webhook added")
    HOOK_GONE = "hook-gone", _("Webhook removed")
    HOOK_OFF = "hook-off", _("Webhook turned off")
    HOOK_ON = "hook-on", _("Webhook turned on again")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries can be added and read."""

    def update(self, **_values: Any) -> Never:
        raise TypeError("the audit log is only added to")

    def delete(self) -> Never:
        raise TypeError("the audit log is only added to")

    def forget_old(self) -> None:
        """Take away what is older than the place keeps, if it keeps not everything."""
        if not settings.AUDIT_DAYS:
            return
        old = self.filter(at__lt=timezone.now() - timedelta(days=settings.AUDIT_DAYS))
        while keys := list(old.order_by("pk").values_list("pk", flat=True)[:DROPPED_AT_ONCE]):
            self.filter(pk__in=keys)._raw_delete(self.db)  # noqa: SLF001  # `delete` is not for this


class AuditEntry(models.Model):
    """`by` did something to `whom` in `room`, each of which may be missing: what nobody did was due, or
    was done on the server's command line."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    whom = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    room = models.ForeignKey("Room", models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    data: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    objects: ClassVar[AuditQuerySet] = AuditQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [
            models.Index(fields=["kind", "-id"], name="audit_by_kind"),
            models.Index(fields=["by", "-id"], name="audit_by_person"),
            models.Index(fields=["whom", "-id"], name="audit_by_whom"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.by_id} at {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit log is only added to")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> Never:
        raise TypeError("the audit log is only added to")


def record(
    kind: Kind,
    *,
    by: User | None,
    whom: User | None = None,
    room: Room | None = None,
    reason: str = "",
    **data: Any,
) -> None:
    """In the transaction of what is recorded; `data` is what JSON can hold."""
    AuditEntry.objects.create(
        kind=kind, by=by, whom=whom, room=room, reason=reason[:REASON_LENGTH], data=data
    )
