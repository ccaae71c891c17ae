"""Redis is stopped, hangs or is full. The database is the log, so nothing that was said depends on it."""

from __future__ import annotations

import signal

import pytest
import redis

from tests.faults.scene import Scene
from tests.programs import CSRF, Program
from tests.services import RedisServer

pytestmark = pytest.mark.timeout(600)

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
        shared.leave()
        shared.until(lambda: shared.logged("presence not renewed"), "missing a lease")
        shared.until(lambda: shared.logged("announcement to"), "missing a ring")
        shared.read()
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
