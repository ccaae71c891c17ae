"""Who is signed in where."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from . import announcements
from .user import User

if TYPE_CHECKING:
    from rooms.sessions import SessionStore

BROWSER_LENGTH = 300  # characters of what a browser calls itself
SEEN_INTERVAL = timedelta(hours=1)  # between two times that it is noted that a session is in use


class Session(AbstractBaseSession):
    """A browser's session. It names its user beside its data, so that the two are found together, and
    somebody's sessions without reading everybody's."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    # What its user recognises it by.
    created_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    browser = models.CharField(max_length=BROWSER_LENGTH, null=True)  # noqa: DJ001  # no table is remade
    address = models.GenericIPAddressField(null=True)

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
            if self.browser is not None:
                options["update_fields"] += ["browser", "address"]
        super().save(force_insert=force_insert, force_update=force_update, **options)

    @property
    def name(self) -> str:
        """Names it to its user: the key itself is what opens everything."""
        return hashlib.sha256(f"name\n{self.session_key}".encode()).hexdigest()[:32]

    @classmethod
    def seen(cls, key: str, browser: str, address: str | None) -> None:
        """Note that it is in use, by which browser and from where."""
        cls.objects.filter(pk=key).update(seen_at=timezone.now(), browser=browser, address=address)

    @classmethod
    def of(cls, user: User) -> list[Session]:
        """Where somebody is signed in, the last used first."""
        found = cls.objects.filter(user=user, expire_date__gt=timezone.now())
        return list(found.order_by(models.F("seen_at").desc(nulls_first=True), "pk"))

    @classmethod
    def end(cls, user: User, *, name: str = "", but: str | None = None) -> int:
        """End the session of this name, or without one all but that with the key `but`: they are signed
        out there at once. Returns how many there were."""
        with transaction.atomic():
            wanted = [
                each
                for each in cls.of(user)
                if (constant_time_compare(each.name, name) if name else each.session_key != but)
            ]
            for session in wanted:
                announcements.session_ended(session.session_key)
                session.delete()
        return len(wanted)
