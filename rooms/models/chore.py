"""What is to be done again and again, and when next."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import IntegrityError, models, transaction
from django.utils import timezone


class Chore(models.Model):
    """When something that is done at intervals is due. Of all processes one does it."""

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Chore]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} at {self.due_at:%Y-%m-%d %H:%M}"

    @classmethod
    def take(cls, name: str, every: timedelta) -> bool:
        """Whether it is due and the caller is the one to do it. What was never done is due."""
        now = timezone.now()
        # Due much later than an interval from now is only what was done before a clock was set back.
        due = models.Q(due_at__lte=now) | models.Q(due_at__gt=now + 2 * every)
        if cls.objects.filter(due, name=name).update(due_at=now + every):
            return True
        if cls.objects.filter(name=name).exists():
            return False
        try:
            with transaction.atomic():
                cls.objects.create(name=name, due_at=now + every)
        except IntegrityError:
            return False
        return True
