"""Leaving the event loop for what blocks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """For what blocks but uses no database connection."""
    return await sync_to_async(call, thread_sensitive=False)(*args, **kwargs)


def in_db(call: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """For what asks the database, outside of requests.

    As Channels' `database_sync_to_async`, but the connection stays. All such work is done by one thread
    of the process, and opening a SQLite file anew took a fifth of the time of a post and of a socket's
    entry. What a request does has a thread of its own, where a kept connection is never used again.
    """
    return _InDatabase(call)


class _InDatabase(SyncToAsync[P, T]):
    def thread_handler(self, loop: Any, *args: Any, **kwargs: Any) -> Any:
        _tend()
        try:
            return super().thread_handler(loop, *args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            _tend()


def _tend() -> None:
    """Drop connections that are broken, and have the others looked at before they are used again."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_at = None
            connection.close_if_unusable_or_obsolete()
