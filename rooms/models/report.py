"""What people bring before those who moderate: one message, why, and what it said then.

Who sees a report: the moderators of its room, and who runs the place where the room is open. Where these
would be nobody, or the one whom it is about, it is for those who run the place (`for_place`): they then
see that one message, and nothing else of the room.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import announcements, audit
from .attachment import files_of
from .audit import REASON_LENGTH
from .membership import Membership
from .message import Message
from .permissions import MODERATES, RUNS_PLACE, Role, demand, outranks
from .prepared import Prepared
from .user import User

if TYPE_CHECKING:
    from .room import Room

COUNTED = 100  # one more than is shown as a number
NAMES_LENGTH = 500  # characters of the names of a message's files


class Outcome(models.TextChoices):
    """How a report was closed."""

    REMOVED = "removed", gettext_lazy("The message was removed")
    DONE = "done", gettext_lazy("Something else was done")
    DISMISSED = "dismissed", gettext_lazy("Nothing had to be done")


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> ReportQuerySet:
        return self.filter(closed_at=None)

    def seen_by(self, user: User, role: str = "") -> ReportQuerySet:
        """Those that are for `user` to close. A query that is prepared for any user names their
        `role`."""
        role = role or user.role
        wanted: models.Q = models.Q(pk__in=[])
        if role in MODERATES:
            moderated = Membership.objects.filter(
                user=user, is_moderator=True, room=models.OuterRef("room")
            )
            wanted |= models.Q(models.Exists(moderated))
        if role in RUNS_PLACE:
            wanted |= models.Q(for_place=True) | models.Q(room__private=False)
        return self.filter(wanted).exclude(author=user)


class Report(models.Model):
    """Somebody's, of one message. What it quotes goes when it is closed."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="reports")
    message = models.ForeignKey(Message, models.CASCADE, related_name="reports")
    author = models.ForeignKey(User, models.CASCADE, related_name="+")
    reporter = models.ForeignKey(User, models.CASCADE, related_name="reports")
    reason = models.CharField(max_length=REASON_LENGTH)
    body = models.TextField(blank=True, help_text=gettext_lazy("What the message said then."))
    files = models.CharField(max_length=NAMES_LENGTH, blank=True)
    for_place = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)

    objects: ClassVar[ReportQuerySet] = ReportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "reporter"], name="one_report"),
        ]
        indexes = [
            models.Index(
                fields=["room"], condition=models.Q(closed_at__isnull=True), name="report_open"
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.pk} in {self.room_id}"

    @classmethod
    def make(cls, message: Message, *, by: User, reason: str) -> bool:
        """Bring the message before those who moderate. Whether it is new: each person reports a message
        once. Raises `PermissionDenied`, and `MessageRefused` if it was deleted. Needs its `room`."""
        room = message.room
        with transaction.atomic():
            room.lock()  # before the message, as whoever deletes it does
            now = Message.objects.get(pk=message.pk)
            demand(
                room.standing_of(by).may_report(now.author_id),
                _("This is your own message: you can edit or delete it."),
            )
            now.demand_words()
            try:
                with transaction.atomic():
                    report = cls.objects.create(
                        room=room,
                        message=now,
                        author_id=now.author_id,
                        reporter=by,
                        reason=reason,
                        body=now.body,
                        files=", ".join(file.name for file in files_of(now.files))[:NAMES_LENGTH],
                        for_place=_is_for_place(room, now.author_id),
                    )
            except IntegrityError:
                return False
            announcements.reports_changed(report.readers())
        return True

    def readers(self) -> list[int]:
        """Who may close it. One query."""
        moderates = models.Q(
            memberships__room=self.room_id,
            memberships__is_moderator=True,
            role__in=MODERATES,
        )
        if self.for_place or not self.room.private:
            moderates |= models.Q(role__in=RUNS_PLACE)
        found = User.objects.filter(moderates, is_active=True).exclude(pk=self.author_id)
        return list(found.distinct().values_list("pk", flat=True))

    def close(self, outcome: str, *, by: User) -> bool:
        """Done with, and with it, if the message is removed, all others about that. Raises
        `PermissionDenied`. Whether it was open: of two who close it, one does."""
        with transaction.atomic():
            self.room.lock()
            open_now = Report.objects.select_for_update(of=("self",)).open().filter(pk=self.pk)
            demand(Report.objects.seen_by(by).filter(pk=self.pk).exists())
            if not open_now.exists():
                return False
            if outcome == Outcome.REMOVED:
                demand(outranks(by.role, self.author.role))
                # which closes this one, with all others
                self.message.take_down(by=by)
            Report.objects.open().filter(pk=self.pk).update(**_closed(outcome, by))
            audit.record(
                audit.Kind.REPORT,
                by=by,
                whom=self.author,
                room=self.room,
                reason=self.reason,
                outcome=outcome,
                number=self.message.number,
            )
            announcements.reports_changed(self.readers())
        return True


def _closed(outcome: str, by: User) -> dict[str, Any]:
    """The evidence is needed no longer."""
    closed_at = timezone.now()
    return {"closed_at": closed_at, "closed_by": by, "outcome": outcome, "body": "", "files": ""}


def _open(user: Any, role: str) -> Any:
    return Report.objects.open().seen_by(user, role).values_list("pk")[:COUNTED]


_open_query = {role.value: Prepared(partial(_open, role=role), int) for role in Role}


def open_for(user: User) -> int:
    """How many reports `user` could close, of which at most `COUNTED` are counted. One query."""
    return len(_open_query[user.role].rows(user.pk))


def close_of_removed(message: Message, by: User) -> None:
    """The message was removed: nobody need look at what was said of it. In a transaction."""
    found = list(Report.objects.open().filter(message=message).select_related("room"))
    if found:
        readers = {reader for report in found for reader in report.readers()}
        of_message = Report.objects.open().filter(message=message)
        of_message.update(**_closed(Outcome.REMOVED, by))
        announcements.reports_changed(readers)


def _is_for_place(room: Room, author: int) -> bool:
    """Whether nobody in the room could decide it: nobody moderates a direct conversation, and none of
    a private room's moderators judges what they said, or what those did whom they let moderate."""
    if room.direct:
        return True
    return Membership.objects.filter(room=room, user=author, is_moderator=True).exists()
