"""Taking back what somebody said, when their account was banned for it.

It may be much, so a worker does it.
"""

from __future__ import annotations

from datetime import datetime

from django_tasks import task

from .models import Message


@task()
def remove_messages_of(author: int, since: str) -> None:
    """Whatever they said from that moment on, in every room, a message at a time: each is a change of its
    room like any other, and nobody waits for more than one."""
    found = Message.objects.filter(
        author=author, created_at__gte=datetime.fromisoformat(since), deleted_at=None
    )
    for message in found.select_related("room").order_by("pk").iterator():
        with message.room.changing(though_archived=True) as room:
            now = Message.objects.select_related("author", "reply_to__author", "thread__author")
            now.get(pk=message.pk).be_removed(room, None, "")
