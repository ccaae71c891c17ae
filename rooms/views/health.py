"""What a supervisor or a monitor asks a process: can it serve?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

REDIS_PATIENCE = 1  # seconds


@never_cache
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """200 if this process can serve pages, else 503, either with a sentence.

    Without Redis it can, only slower, and so can no other: taking it out of service would help nobody.
    """
    if not _database_answers():
        return _sentence("The database does not answer.", status=503)
    silent = sum(not _answers(url) for url in settings.REDIS_URLS)
    if silent:
        of = len(settings.REDIS_URLS)
        return _sentence(f"It serves, but {silent} of {of} Redis servers do not answer.")
    return _sentence("It serves.")


def _sentence(sentence: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("the database does not answer: %s: %s", type(error).__name__, error)
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(
            url, socket_timeout=REDIS_PATIENCE, socket_connect_timeout=REDIS_PATIENCE
        ) as client:
            client.ping()
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s: %s", type(error).__name__, error)
        return False
    return True
