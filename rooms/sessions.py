"""Sessions in the database, read together with their user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import db
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from .models import Session, User, entrance, second_factor

if TYPE_CHECKING:
    from django.http import HttpRequest


class SessionStore(db.SessionStore):
    """Django's, but for that: one statement finds the session and its user."""

    # Once loaded:
    user: User | None = None  # whom the session's row names
    unnoted = False  # whether it is to be noted again that it is in use
    owes = False  # whether that user has to set up a second factor
    barred: User | None = None  # once asked for by `reader_of`: whose it is, if they owe one
    address: str | None = None  # once somebody signed in: from where

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        # No database keeps a null character, and PostgreSQL fails at the question.
        key = self.session_key
        found = entrance.session(key) if key and "\0" not in key else None
        if found is None:
            self._session_key = None
            return {}
        self.user, self.unnoted, self.owes = found.user, found.unnoted, found.owes
        return self.decode(found.data)

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        return self._named(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return self._named(await super().acreate_model_instance(data), data)

    def _named(self, row: Any, data: dict[str, Any]) -> Session:
        row.user_id = int(data[auth.SESSION_KEY]) if auth.SESSION_KEY in data else None
        row.seen_at, row.address = timezone.now(), self.address
        named: Session = row
        return named


class HasSession(Protocol):
    """A request, or what stands for one."""

    session: Any


def reader_of(request: HasSession) -> User | AnonymousUser:
    """Whose session it is: as `django.contrib.auth.get_user`, without its query. Nobody's while its user
    owes a second factor, whatever asks: a page, a part of one, a socket or a stream; see rooms/edge.py
    for the few pages that are theirs meanwhile.

    Whatever is not plainly in order is left to Django's own: a backend that is gone, a password that was
    changed, a key that was.
    """
    session = request.session
    of = session.get(auth.SESSION_KEY)  # which loads it
    user: User | None = session.user
    if (
        user is not None
        and user.is_active
        and of == str(user.pk)
        and session.get(auth.BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(
            session.get(auth.HASH_SESSION_KEY, ""), user.get_session_auth_hash()
        )
    ):
        return _bar(session, user) if session.owes else user
    known: User | AnonymousUser = auth.get_user(request)  # type: ignore[arg-type]  # the session is all it reads
    if isinstance(known, User) and second_factor.owes(known):
        return _bar(session, known)
    return known


def _bar(session: Any, user: User) -> AnonymousUser:
    session.barred = user
    return AnonymousUser()


class SessionUserMiddleware(AuthenticationMiddleware):
    """Puts `request.user`."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(lambda: reader_of(request))  # type: ignore[assignment]
        request.auser = sync_to_async(lambda: reader_of(request))
