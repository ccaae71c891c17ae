"""Who is signed in where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction
from django.utils import timezone

from . import announcements
from .user import User

if TYPE_CHECKING:
    from rooms.sessions import SessionStore

SEEN_INTERVAL = timedelta(hours=1)  # between two times that it is noted that a session is in use


class Session(AbstractBaseSession):
    """A browser's session. It names its user beside its data, so that the two are found together, and
    somebody's sessions without reading everybody's."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    # What its user recognises it by, besides what is in the data; see rooms/browsers.py.
    seen_at = models.DateTimeField(null=True)
    address = models.GenericIPAddressField(null=True)

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

    def save(
        self, *, force_insert: Any = False, force_update: bool = False, **options: Any
    ) -> None:
        """A session that is there keeps what was noted of it, unless it says something newer."""
        if force_update:
            options["update_fields"] = ["session_data", "expire_date", "user"]
            if self.address is not None:
                options["update_fields"].append("address")
        super().save(force_insert=force_insert, force_update=force_update, **options)

    @classmethod
    def seen(cls, key: str, address: str | None) -> None:
        """Note that it is in use, and from where."""
        cls.objects.filter(pk=key).update(seen_at=timezone.now(), address=address)
