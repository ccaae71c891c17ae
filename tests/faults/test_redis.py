"""Redis is stopped, hangs, is full, or passes on badly what it is told. The database is the log, so
nothing that was said depends on it."""

from __future__ import annotations

import os
import secrets
import signal
import time
from contextlib import ExitStack

import pytest
import redis

from tests.faults.conftest import Serve, both, opened
from tests.faults.scene import Scene
from tests.programs import CSRF, Program
from tests.services import RedisServer

pytestmark = pytest.mark.timeout(600)

PAUSE = 30.0  # seconds
AWAY = r"redis\.exceptions\.(Connection|Timeout)Error"
FULL = r"redis\.exceptions\.OutOfMemoryError"


def test_redis_is_stopped_and_comes_back_empty(shared: Scene, own_redis: RedisServer) -> None:
    with shared.talking():
        shared.heard(5)
        own_redis.stop()
        shared.leave()
        shared.heard(5)
        shared.read()
        own_redis.start()
        shared.read(10)
    assert not shared.refusals
    shared.all_is_well(AWAY)


def test_redis_hangs(shared: Scene, own_redis: RedisServer) -> None:
    assert own_redis.process
    with shared.talking():
        shared.heard(5)
        own_redis.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        shared.leave()
        shared.until(lambda: shared.logged("presence not renewed"), "missing a lease")
        shared.until(lambda: shared.logged("announcement to"), "missing a ring")
        shared.read()
        shared.until(lambda: time.monotonic() > began + PAUSE, "hanging")
        own_redis.process.send_signal(signal.SIGCONT)
        shared.read(10)
    assert not shared.refusals
    shared.all_is_well(AWAY)


def test_redis_is_out_of_memory(shared: Scene, own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client, shared.talking():
        shared.heard(5)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")
        shared.leave()
        shared.until(lambda: shared.logged("presence not renewed"), "missing a lease")
        assert sign_in_is_refused_in_words(shared)
        shared.page()
        shared.read()
        client.config_set("maxmemory", "0")
        shared.read(10)
    assert not shared.refusals
    shared.all_is_well(FULL)


def sign_in_is_refused_in_words(scene: Scene) -> bool:
    """Tries are counted in Redis."""
    stranger = Program(scene.processes[0].url)
    stranger.http.cookies.set(stranger.csrf_cookie, CSRF)
    fields = {"login": "person-1", "password": "not theirs"}
    answer = stranger.http.post("/accounts/login/", data=fields)
    stranger.close()
    return answer.status_code == 200 and "password" in answer.text


def test_events_are_dropped_doubled_delayed_and_reordered(
    own_redis: RedisServer, database: str, ends: ExitStack, serve: Serve
) -> None:
    """SEED=… in the environment chooses what a test that failed had chosen."""
    seed = os.environ.get("SEED") or str(secrets.randbelow(10**6))
    print(f"SEED={seed}")  # noqa: T201  # pytest shows it when the test fails
    settings = {"DJANGO_SETTINGS_MODULE": "tests.faults.settings", "SEED": seed}
    scene = opened(ends, serve(2, **both(database, own_redis, **settings)))
    with scene.talking():
        scene.heard(20)
        scene.leave()
        scene.heard(20)
        faults = [f"layer fault: {fault}" for fault in ("dropped", "doubled", "late")]
        scene.until(lambda: all(map(scene.logged, faults)), "going wrong")
        scene.read()
    assert not scene.refusals
    scene.all_is_well()
