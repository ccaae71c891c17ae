"""What a supervisor or a monitor asks a process: does it live, can it serve, and how is it doing?

Answered before everything else, without a session and under any host name, and in bounded time whatever
hangs. The proxy passes none of it on: it is for the machine, or the private network, that the process
listens on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
import redis
import redis.asyncio
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare
from django.utils.decorators import sync_and_async_middleware
from prometheus_client.exposition import choose_encoder

from project.preparation import is_migrated
from rooms import metrics
from rooms.live.figures import HubCollector

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

DATABASE_PATIENCE = 2  # seconds; the least that PostgreSQL's client can be told
REDIS_PATIENCE = 1  # seconds
ANSWERED_WITHIN = 3  # seconds, whatever does not answer
GIVEN_UP = 30  # seconds after which a look that does not end is not waited for any more


def _sentence(sentence: str, status: int = 200) -> HttpResponse:
    return HttpResponse(
        f"{sentence}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


async def healthz(request: HttpRequest) -> HttpResponse:
    """200: the process lives. Asks nothing outside of it, for what a restart would not mend."""
    return _sentence("It lives.")


async def readyz(request: HttpRequest) -> HttpResponse:
    """200 if this process can serve pages, else 503, either with a sentence.

    Without Redis it can, only slower, and so can no other: taking it out of service would help nobody.
    """
    trouble, silent = await asyncio.gather(_trouble_with_database(), _silent_redis_servers())
    if trouble:
        return _sentence(trouble, status=503)
    if silent:
        of = len(settings.REDIS_URLS)
        return _sentence(f"It serves, but {silent} of {of} Redis servers do not answer.")
    return _sentence("It serves.")


# The database

NO_ANSWER = "The database does not answer."
NOT_MIGRATED = "The database is not up to date: run manage.py prepare."


class _Look:
    """A look at the database, in a thread that may hang without anybody having to."""

    def __init__(self) -> None:
        self.began = asyncio.get_running_loop().time()
        self.found: Future[str] = Future()
        self.found.set_running_or_notify_cancel()  # from here on nobody's impatience ends it
        Thread(target=self._run, name="readyz", daemon=True).start()

    def _run(self) -> None:
        try:
            self.found.set_result(_look())
        except Exception as error:  # noqa: BLE001 - handed to who asked
            self.found.set_exception(error)

    def is_going_on(self) -> bool:
        age = asyncio.get_running_loop().time() - self.began
        return not self.found.done() and age < GIVEN_UP


_last_look: _Look | None = None


async def _trouble_with_database() -> str:
    """What keeps it from serving, or "". However many ask, one looks."""
    global _last_look  # noqa: PLW0603  # a process has one
    if _last_look is None or not _last_look.is_going_on():
        _last_look = _Look()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            return await asyncio.wrap_future(_last_look.found)
    except TimeoutError:
        logger.warning("the database has not answered for %s s", ANSWERED_WITHIN)
        return NO_ANSWER


def _look() -> str:
    # For all that this thread asks: Django's own looks up its connection by name.
    connections["default"] = connection = _impatient_connection()
    try:
        return "" if is_migrated() else NOT_MIGRATED
    except (DatabaseError, psycopg.Error) as error:
        logger.warning("the database does not answer: %s: %s", type(error).__name__, error)
        return NO_ANSWER
    finally:
        connection.close()


def _impatient_connection() -> BaseDatabaseWrapper:
    """One of its own: the pool's are for requests, and would be waited for longer."""
    usual = connections.create_connection("default")
    options = dict(usual.settings_dict["OPTIONS"])
    if usual.vendor == "postgresql":
        options.pop("pool", None)
        options["connect_timeout"] = DATABASE_PATIENCE
        limit = f"-c statement_timeout={DATABASE_PATIENCE * 1000}"
        options["options"] = f"{options.get('options', '')} {limit}".strip()
    else:
        options["timeout"] = DATABASE_PATIENCE
    return type(usual)({**usual.settings_dict, "OPTIONS": options}, "default")


# Redis


async def _silent_redis_servers() -> int:
    answers = await asyncio.gather(*(_answers(url) for url in settings.REDIS_URLS))
    return answers.count(False)


async def _answers(url: str) -> bool:
    client = redis.asyncio.Redis.from_url(url)
    try:
        async with asyncio.timeout(REDIS_PATIENCE):
            await client.ping()
    except (redis.RedisError, OSError) as error:
        logger.warning("Redis does not answer: %s: %s", type(error).__name__, error)
        return False
    finally:
        await client.aclose()
    return True


# Figures

metrics.REGISTRY.register(HubCollector())


async def figures(request: HttpRequest) -> HttpResponse:
    """What the process counts and measures, as Prometheus reads it."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(metrics.REGISTRY), content_type=content_type)


def _may_read_figures(request: HttpRequest) -> bool:
    """By a token alone. The address of who asks says nothing here: a proxy on this machine that passes on
    everything would make insiders of all the world."""
    given = request.headers.get("Authorization", "")
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(given, f"Bearer {token}")


# Their addresses

Probe = Callable[["HttpRequest"], Awaitable[HttpResponse]]

PROBES: dict[str, Probe] = {"/healthz": healthz, "/readyz": readyz, "/metrics": figures}


def _probe(request: HttpRequest) -> Probe | None:
    """Whoever may not read the figures finds what is at any address where nothing is."""
    probe = PROBES.get(request.path)
    return None if probe is figures and not _may_read_figures(request) else probe


async def _answer(probe: Probe, request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return await probe(request)


@sync_and_async_middleware
def ProbeMiddleware(get_response: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Answers what is asked at the addresses of `PROBES`."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: Any) -> HttpResponse:
            if probe := _probe(request):
                return await _answer(probe, request)
            response: HttpResponse = await get_response(request)
            return response

        return asynchronous

    def synchronous(request: Any) -> HttpResponse:
        if probe := _probe(request):
            return async_to_sync(_answer)(probe, request)
        response: HttpResponse = get_response(request)
        return response

    return synchronous
