"""What a place has to be tidied of, time and again."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from . import faces
from .background import begin_lost_tasks_anew, chore
from .models import Attachment, AuditEntry, LinkPreview, Shelf, User
from .models.people import lift_bans_that_are_over
from .sessions import SessionStore

MINUTELY = timedelta(minutes=1)
HOURLY = timedelta(hours=1)
DAILY = timedelta(days=1)
TASKS_KEPT = timedelta(days=7)  # once done, or failed, for whoever looks why

chore(every=MINUTELY)(begin_lost_tasks_anew)


@chore(every=DAILY)
def forget_expired_sessions() -> None:
    SessionStore.clear_expired()


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
