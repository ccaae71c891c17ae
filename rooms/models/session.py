"""Who is signed in where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction

from . import announcements
from .user import User

if TYPE_CHECKING:
    from rooms.sessions import SessionStore


class Session(AbstractBaseSession):
    """A browser's session. It names its user beside its data, so that the two are found together, and
    somebody's sessions without reading everybody's."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")

    @classmethod
    def end_all(cls, user: User, *, but: str | None = None) -> None:
        """Sign somebody out everywhere, or everywhere but in the session with the key `but`; what the
        others have open closes."""
        with transaction.atomic():
            ended = list(user.sessions.exclude(pk=but).values_list("pk", flat=True))
            user.sessions.filter(pk__in=ended).delete()
            for key in ended:
                announcements.session_ended(key)

    def end(self) -> None:
        """Sign its browser out; what it has open closes. Harmless if repeated."""
        key = self.session_key
        with transaction.atomic():
            Session.objects.filter(pk=key).delete()
            announcements.session_ended(key)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from rooms.sessions import SessionStore  # noqa: PLC0415  # which needs this model

        return SessionStore
