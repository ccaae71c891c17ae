"""What a place has to be tidied of, time and again."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from .background import chore, unless_waiting
from .models import Attachment, DeletedAccount, Export, LinkPreview, Shelf
from .sessions import SessionStore
from .upkeep import finish_deletion, remove_what_is_old

HOURLY = timedelta(hours=1)
DAILY = timedelta(days=1)
TASKS_KEPT = timedelta(days=7)  # once done, or failed, for whoever looks why


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


@chore(every=HOURLY)
def remove_old_messages() -> None:
    unless_waiting(remove_what_is_old)


@chore(every=HOURLY)
def finish_deletions() -> None:
    """Those that ended with a process."""
    for pk in DeletedAccount.objects.filter(done_at=None).values_list("pk", flat=True):
        unless_waiting(finish_deletion, pk)


@chore(every=HOURLY)
def tidy_exports() -> None:
    Export.tidy()
