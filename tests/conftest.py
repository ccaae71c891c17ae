"""What every test may ask for."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from channels.layers import channel_layers
from django.core.cache import cache
from hypothesis import settings
from pytest_django import Settings
from servestatic.middleware import ServeStaticMiddleware

from project import preparation
from tests.services import PostgresServer, RedisServer
from tests.stack import postgres_key, redis_key

pytest_plugins = ["tests.cast", "tests.elsewhere"]

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Iterator[RedisServer]:
    """A real Redis, also where the stack itself has none."""
    if server := pytestconfig.stash.get(redis_key, None):
        yield server
        return
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A real PostgreSQL, also where the stack itself has none."""
    if server := pytestconfig.stash.get(postgres_key, None):
        yield server
        return
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis for one test alone, which may stop it and start it again."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session", autouse=True)
def static_files() -> Iterator[None]:
    """Pages name static files by their hashes, as they do in service."""
    preparation.collect_static_files()
    look_up = ServeStaticMiddleware.add_files_from_manifest
    found: dict[str, Any] = {}

    def look_up_once(middleware: ServeStaticMiddleware) -> None:
        """Else each client would, which takes longer than most of what it is made for."""
        if not found:
            look_up(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with patch.object(ServeStaticMiddleware, "add_files_from_manifest", look_up_once):
        yield


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def nothing_left_over() -> Iterator[None]:
    """Rate limits and the in-memory channel layer live as long as the process."""
    yield
    cache.clear()
    channel_layers.backends.clear()
