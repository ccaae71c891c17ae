"""How much one person's programs may ask for within a minute."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache
from rest_framework.permissions import SAFE_METHODS
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

MINUTE = 60  # seconds
SIGN_INS = 30  # with a password, from one address: each takes a good part of a second of a core


class PerMinute(BaseThrottle):
    """Counts by the minute of the clock: one step of the cache, whatever the limit."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        reading = request.method in SAFE_METHODS
        limit = settings.API_READS_PER_MINUTE if reading else settings.API_WRITES_PER_MINUTE
        who = f"{'reads' if reading else 'writes'}-{request.user.pk}"
        return not limit or _counted(who) <= limit

    def wait(self) -> float:
        return MINUTE - time.time() % MINUTE + 1


class PerAddress(PerMinute):
    """Of those who show a password."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        address = get_adapter().get_client_ip(request._request)  # noqa: SLF001  # which DRF's wraps
        return _counted(f"sign-ins-{address}") <= SIGN_INS


def _counted(who: str) -> int:
    key = f"api-{who}-{int(time.time() // MINUTE)}"
    cache.add(key, 0, 2 * MINUTE)
    with suppress(ValueError):  # a cache that was emptied this moment
        return cache.incr(key)
    return 0
