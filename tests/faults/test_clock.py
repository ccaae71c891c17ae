"""The machine's clock is set back an hour: under the processes, under Redis and under PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from tests.browser.relay import Relay
from tests.faults.clock import Clock
from tests.faults.conftest import Serve, both, created, opened
from tests.services import PostgresServer, RedisServer, Service

pytestmark = pytest.mark.timeout(600)

HOUR = 3600  # seconds


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.remove()


def living_by(clock: Clock, service: Service, ends: ExitStack) -> None:
    ends.callback(service.remove)
    service.variables = clock.variables
    service.start()
    assert clock.governs(service.process)


def test_what_is_to_last_lasts_no_longer(clock: Clock, ends: ExitStack, serve: Serve) -> None:
    """Whoever goes at that moment without a word is gone as soon as ever: with a process that is killed,
    or because their network is."""
    redis, postgres = RedisServer(), PostgresServer()
    for service in (redis, postgres):
        living_by(clock, service, ends)
    first, second = processes = serve(2, **both(created(postgres), redis, **clock.variables))
    assert all(clock.governs(process.process) for process in processes)
    relay = Relay(second.port)
    ends.callback(relay.close)
    scene = opened(ends, processes, first.url, relay.url)
    with scene.talking(pace=1):  # more than may be told step by step would be said meanwhile
        scene.heard(2)
        clock.set(-HOUR)
        with Redis.from_url(redis.url) as client:
            assert client.time()[0] < time.time() - HOUR / 2
        first.kill()
        relay.silence_sockets()
        scene.leave(20)
        first.start(prepare=False)
        scene.read()
    scene.all_is_well()
