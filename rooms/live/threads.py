"""Leaving the event loop for what blocks it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import connections

from .. import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")

_database = ThreadPoolExecutor(1, "database")
_others = ThreadPoolExecutor(4, "waiting")
_not_begun: set[object] = set()  # what waits for the database's thread


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """For what blocks but uses no database connection."""
    work = partial(copy_context().run, call, *args, **kwargs)
    with metrics.IN_THREAD.track_inprogress():
        return await asyncio.get_running_loop().run_in_executor(_others, work)


def in_db(call: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """For what asks the database, outside of requests.

    As Channels' `database_sync_to_async`, but in a thread that keeps its connection, since opening a
    SQLite file anew took a fifth of the time of a post and of a socket's entry; and straight from the
    loop to the thread, since asgiref's bridge costs as much as two queries and can lose a cancellation.
    """

    @wraps(call)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with metrics.IN_DATABASE.track_inprogress():
            return await _in_database_thread(partial(_tended, call, *args, **kwargs))

    return run


async def _in_database_thread(work: Callable[[], T]) -> T:
    context, mark = copy_context(), object()

    def begin() -> T:
        _not_begun.discard(mark)
        return context.run(work)

    _not_begun.add(mark)
    return await asyncio.get_running_loop().run_in_executor(_database, begin)


def waiting() -> int:
    """How much waits for the database's thread."""
    return len(_not_begun)


def _tended(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    _tend()
    try:
        return call(*args, **kwargs)
    finally:
        _tend()


def _tend() -> None:
    """Drop connections that are broken, and have the others looked at before they are used again."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_at = None
            connection.close_if_unusable_or_obsolete()
