"""Who is signed in where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from .user import User

if TYPE_CHECKING:
    from rooms.sessions import SessionStore


class Session(AbstractBaseSession):
    """A browser's session. It names its user beside its data, so that the two are found together, and
    somebody's sessions without reading everybody's."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from rooms.sessions import SessionStore  # noqa: PLC0415  # which needs this model

        return SessionStore
