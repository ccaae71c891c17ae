"""What processes share for a while, such as how often somebody tried to sign in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

logger = logging.getLogger(__name__)

T = TypeVar("T")


class SharedCache(RedisCache):
    """Redis, or this process's own memory while Redis is away: people can still sign in then, and tries
    are still counted, if by each process for itself."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._meanwhile = LocMemCache("while Redis is away", params)

    def _ask(self, shared: Callable[..., T], own: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        try:
            return shared(*args, **kwargs)
        except redis.RedisError as error:
            logger.warning("cached here alone: %s: %s", type(error).__name__, error)
            return own(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().add, self._meanwhile.add, *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().get, self._meanwhile.get, *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().set, self._meanwhile.set, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().delete, self._meanwhile.delete, *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().incr, self._meanwhile.incr, *args, **kwargs)
