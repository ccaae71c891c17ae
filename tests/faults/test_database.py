"""The database goes away, is locked, or has no room. What could not be stored is not said to be."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import Serve, opened
from tests.faults.scene import Scene
from tests.process import Roomful
from tests.services import PostgresServer

pytestmark = pytest.mark.timeout(600)

AWAY = r"psycopg|django\.db\.utils\.(OperationalError|InterfaceError)"
LOCKED = "database is locked"
FULL = "database or disk is full|disk I/O error"
DISK = 24  # MiB
HELD = 10.0  # seconds for which another program writes


def test_postgresql_cuts_its_connections(shared: Scene, postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url, autocommit=True) as connection, shared.talking():
        for _ in range(5):
            shared.heard(3)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'faults%'"
            )
        shared.leave()
        shared.read()
    shared.all_is_well(AWAY)


def test_postgresql_is_restarted(shared: Scene, postgres_server: PostgresServer) -> None:
    with shared.talking():
        shared.heard(5)
        postgres_server.stop()
        shared.leave()
        shared.until(lambda: bool(shared.refusals), "being refused")
        postgres_server.start()
        shared.heard(5)
        shared.read()
    shared.all_is_well(AWAY)


@contextmanager
def locked(process: Roomful) -> Iterator[None]:
    """Another program writes to the database and takes its time."""
    file = Path(process.environment["DATA_DIR"]) / "roomful.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield
        writer.execute("ROLLBACK")


def test_who_writes_waits_for_another_writer(place: Scene) -> None:
    (process,) = place.processes
    with place.talking():
        place.heard(5)
        with locked(process):
            began = time.monotonic()
            beats = {reader: reader.beats for reader in place.sitting}
            place.until(
                lambda: all(reader.beats > beats[reader] for reader in place.sitting), "beating"
            )
            place.until(lambda: time.monotonic() > began + HELD, "writing")
            place.leave()
        place.read()
    assert not place.refusals
    place.all_is_well()


def test_another_writer_takes_too_long(place: Scene) -> None:
    (process,) = place.processes
    with place.talking():
        place.heard(5)
        with locked(process):
            place.until(lambda: all(author.refusals for author in place.authors), "giving up")
            place.leave()
        place.read()
    assert set(place.refusals) <= {"500"}
    place.all_is_well(LOCKED)


@pytest.fixture
def disk(ends: ExitStack, tmp_path: Path) -> Path:
    """A small one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK}m"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "roomful-faults", str(folder)]
    if os.geteuid() or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting takes root")
    ends.callback(lambda: subprocess.run(["umount", "--lazy", folder], check=True))
    return folder


def test_the_disk_is_full(ends: ExitStack, serve: Serve, disk: Path) -> None:
    scene = opened(ends, serve(folder=disk))
    ballast = disk / "ballast"
    with scene.talking():
        scene.heard(5)
        fill(ballast)
        scene.until(lambda: all(author.refusals for author in scene.authors), "being refused")
        scene.page()
        scene.leave()
        ballast.unlink()
        scene.heard(5)
        scene.read()
    assert set(scene.refusals) == {"500"}
    scene.all_is_well(FULL)


def fill(ballast: Path) -> None:
    """With a file that takes all that is left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
