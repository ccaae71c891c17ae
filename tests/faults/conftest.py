"""Places for the faults to happen to."""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg.sql import SQL, Identifier

from tests.faults.scene import Scene
from tests.process import Roomful
from tests.services import PostgresServer, RedisServer

logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each message

Serve = Callable[..., list[Roomful]]


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    """What is to be done when the test is over."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(ends: ExitStack, tmp_path: Path) -> Serve:
    """`serve(2, REDIS_URL=…)` starts two processes of a new place."""

    def serve(processes: int = 1, folder: Path | None = None, **variables: str) -> list[Roomful]:
        data_dir = folder or tmp_path
        # Hashed and compressed already, which takes longer than all else of a start.
        shutil.copytree(settings.STATIC_ROOT, data_dir / "static")
        started = [Roomful(data_dir, **variables) for _ in range(processes)]
        for process in started:
            process.log = tmp_path / process.log.name  # though the folder's disk may be full
            ends.callback(process.end)
            process.start()
        return started

    return serve


@pytest.fixture
def place(ends: ExitStack, serve: Serve) -> Scene:
    """On SQLite, in one process."""
    return opened(ends, serve())


@pytest.fixture
def shared(own_redis: RedisServer, database: str, ends: ExitStack, serve: Serve) -> Scene:
    """On PostgreSQL and Redis, in two processes."""
    return opened(ends, serve(2, **both(database, own_redis)))


def both(database: str, redis: RedisServer, **variables: str) -> dict[str, str]:
    """The environment of two processes on PostgreSQL and Redis."""
    return {"DATABASE_URL": database, "REDIS_URL": redis.url, "PROCESSES": "2", **variables}


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """The address of a new database."""
    return created(postgres_server)


def created(server: PostgresServer) -> str:
    name = f"faults_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return server.url.removesuffix("/roomful") + f"/{name}"


def opened(ends: ExitStack, processes: list[Roomful], *via: str) -> Scene:
    scene = Scene(processes, via)
    ends.callback(scene.close)
    return scene
