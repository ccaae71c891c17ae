"""The cache that processes share, with a real Redis that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache, caches

from project.cache import SharedCache
from tests.factories import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import Settings

    from rooms.models import User
    from tests.services import RedisServer


@pytest.fixture(autouse=True)
def on_redis(settings: Settings, own_redis: RedisServer) -> Iterator[None]:
    settings.CACHES = {
        "default": {"BACKEND": "project.cache.SharedCache", "LOCATION": own_redis.url}
    }
    yield
    kept = caches["default"]
    assert isinstance(kept, SharedCache)
    kept._meanwhile.clear()


def sign_in(client: Client, password: str) -> str:
    answer = client.post("/accounts/login/", {"login": "bob", "password": password})
    return "signed in" if answer.status_code == 302 else answer.content.decode()


def test_it_is_shared_while_redis_is_there() -> None:
    here, elsewhere = caches.create_connection("default"), caches.create_connection("default")
    here.set("tries", 1)
    assert elsewhere.incr("tries") == 2
    assert here.get("tries") == 2
    assert not elsewhere.add("tries", 7)
    elsewhere.delete("tries")
    assert here.get("tries") is None


def test_without_redis_it_remembers_for_itself(own_redis: RedisServer) -> None:
    cache.set("tries", 1)
    own_redis.stop()
    assert cache.get("tries") is None
    assert cache.add("tries", 5)
    assert cache.incr("tries") == 6
    cache.set("tries", 8)
    assert cache.get("tries") == 8
    assert cache.delete("tries")
    own_redis.start()
    assert cache.get("tries") is None


def test_without_redis_one_signs_in(client: Client, bob: User, own_redis: RedisServer) -> None:
    own_redis.stop()
    assert sign_in(client, PASSWORD) == "signed in"


def test_without_redis_tries_are_still_counted(
    client: Client, bob: User, own_redis: RedisServer
) -> None:
    own_redis.stop()
    said = [sign_in(client, "wrong") for _ in range(6)]
    assert ["Too many tries" in answer for answer in said] == [False] * 5 + [True]
