"""What a place has to be tidied of, time and again, and the queues of what is done besides."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from . import faces, mail, webhooks
from .background import QUEUES, begin_lost_tasks_anew, chore, unless_waiting
from .models import (
    Attachment,
    AuditEntry,
    DeletedAccount,
    Export,
    LinkPreview,
    Shelf,
    Token,
    User,
    retention,
)
from .models.people import lift_bans_that_are_over
from .sessions import SessionStore
from .upkeep import finish_deletion, remove_what_is_old

MINUTELY = timedelta(minutes=1)
HOURLY = timedelta(hours=1)
DAILY = timedelta(days=1)
TASKS_KEPT = timedelta(days=7)  # once done, or failed, for whoever looks why

chore(every=MINUTELY)(begin_lost_tasks_anew)
QUEUES.append(webhooks.QUEUE)


@chore(every=DAILY)
def forget_expired_sessions() -> None:
    SessionStore.clear_expired()


@chore(every=DAILY)
def forget_old_tokens() -> None:
    Token.forget_old()


@chore(every=DAILY)
def forget_old_previews() -> None:
    LinkPreview.forget_old()


@chore(every=DAILY)
def forget_finished_tasks() -> None:
    DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - TASKS_KEPT).delete()


@chore(every=HOURLY)
def forget_unsent_files() -> None:
    Attachment.forget_unsent()


@chore(every=DAILY)
def forget_stray_files() -> None:
    Attachment.forget_strays()
    Shelf.count_anew()


@chore(every=HOURLY)
def remove_old_messages() -> None:
    if retention.is_anything_left(timezone.now()):
        unless_waiting(remove_what_is_old)


@chore(every=HOURLY)
def finish_deletions() -> None:
    """Those that ended with a process."""
    for pk in DeletedAccount.objects.filter(done_at=None).values_list("pk", flat=True):
        unless_waiting(finish_deletion, pk)


@chore(every=HOURLY)
def tidy_exports() -> None:
    Export.tidy()


@chore(every=MINUTELY)
def send_mail() -> None:
    mail.send_what_waits()


@chore(every=DAILY)
def forget_stray_faces() -> None:
    used = set(User.objects.exclude(face="").values_list("face", flat=True))
    for version in list(faces.strays(used, DAILY)):
        faces.remove(version)


@chore(every=MINUTELY)
def lift_bans() -> None:
    lift_bans_that_are_over()


@chore(every=DAILY)
def forget_old_audit() -> None:
    AuditEntry.objects.forget_old()
