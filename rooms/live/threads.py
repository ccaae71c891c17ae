"""Leaving the event loop for what blocks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """For what blocks but uses no database connection."""
    return await sync_to_async(call, thread_sensitive=False)(*args, **kwargs)
