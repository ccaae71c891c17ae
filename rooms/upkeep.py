"""What takes long and is done a little at a time: each task here works for a moment and then asks for
itself again, so that whatever else waits, such as mail, is never behind it for long."""

from __future__ import annotations

import time

from django.utils import timezone
from django_tasks import task

from .background import later
from .models import DeletedAccount, retention

SLICE = 2.0  # seconds of work before others get their turn
PAUSE = 0.05  # seconds after each change, in which those who post get theirs: SQLite has one lock
ROOMS = 50  # that are looked up at once
LAST = -10  # whatever else is to be done goes before


class Slice:
    """How much of a task's time is left."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + SLICE

    def goes_on(self) -> bool:
        """Whether there is time for one more piece; pauses before it."""
        time.sleep(PAUSE)
        return time.monotonic() < self._ends


@task(priority=LAST)
def remove_what_is_old() -> None:
    """Have rooms keep messages as it was decided, and remove what is older."""
    left = Slice()
    while retention.follow_place(ROOMS):
        if not left.goes_on():
            later(remove_what_is_old)
            return
    now = timezone.now()
    rooms = list(retention.with_old_messages(now)[:ROOMS])
    for room in rooms:
        while retention.remove_old_messages(room, now):
            if not left.goes_on():
                later(remove_what_is_old)
                return
    if len(rooms) == ROOMS:
        later(remove_what_is_old)


@task(priority=LAST)
def finish_deletion(user: int) -> None:
    """Remove what an account that was deleted leaves behind, as far as that is to go."""
    left = Slice()
    account = DeletedAccount.objects.filter(pk=user, done_at=None).first()
    while account is not None and account.remove_some():
        if not left.goes_on():
            later(finish_deletion, user)
            return
