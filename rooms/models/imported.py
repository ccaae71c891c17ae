"""What came from elsewhere, by the name that it had there: so nothing is brought twice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models, transaction

from . import audit
from .permissions import demand
from .room import Room
from .user import User


class Imported(models.Model):
    """A person or a room from elsewhere. Messages keep their names in their keys."""

    foreign_id = models.CharField(max_length=100, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="imported_as")
    room = models.ForeignKey(Room, models.CASCADE, null=True, related_name="imported_as")
    made = models.BooleanField(default=True)  # by the import; an account may have been there before
    done_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Imported]] = models.Manager()

    def __str__(self) -> str:
        return self.foreign_id

    @classmethod
    def note_link(cls, user: User, *, by: User) -> None:
        """A link was made by which whoever has it chooses the account's password. The caller has asked
        `may_manage_person`. Raises `PermissionDenied` unless nobody has signed in to it."""
        with transaction.atomic():
            demand(cls.unclaimed(user))
            audit.record(audit.Kind.LINK, by=by, whom=user)

    @classmethod
    def unclaimed(cls, user: User) -> bool:
        """Whether it is an account that an import made and nobody has signed in to."""
        return (
            user.last_login is None
            and not user.has_usable_password()
            and cls.objects.filter(user=user, made=True).exists()
        )
