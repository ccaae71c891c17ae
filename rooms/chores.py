"""What a place has to be tidied of, time and again."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from . import faces
from .background import chore
from .models import User
from .sessions import SessionStore

DAILY = timedelta(days=1)
TASKS_KEPT = timedelta(days=7)  # once done, or failed, for whoever looks why


@chore(every=DAILY)
def forget_expired_sessions() -> None:
    SessionStore.clear_expired()


@chore(every=DAILY)
def forget_finished_tasks() -> None:
    DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - TASKS_KEPT).delete()


@chore(every=DAILY)
def forget_stray_faces() -> None:
    used = set(User.objects.exclude(face="").values_list("face", flat=True))
    for version in list(faces.strays(used, DAILY)):
        faces.remove(version)
