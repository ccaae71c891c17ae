"""What every test may ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import channel_layers
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from hypothesis import settings
from pytest_django import DjangoDbBlocker, Settings
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


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Threads of what was tested, such as the one that asks the database for open pages, keep their
    connections; and PostgreSQL drops no database that somebody is connected to."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """Pages name static files by their hashes, as they do in service."""
    preparation.collect_static_files()


@pytest.fixture(scope="session", autouse=True)
def static_files_are_looked_at_once(static_files: None) -> Iterator[None]:
    """Each test client builds its middlewares anew, and this one looks at each file then: most of what a
    client's first request takes."""
    found: dict[str, dict[str, Any]] = {}
    look = ServeStaticMiddleware.add_files_from_manifest

    def look_once(middleware: Any) -> None:
        root = str(django_settings.STATIC_ROOT)
        if root not in found:
            look(middleware)
            found[root] = dict(middleware.files)
        middleware.files.update(found[root])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_manifest", look_once)
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
