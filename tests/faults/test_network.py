"""What is between the people and the server: cuts that both sides hear of, one that neither does, a line
that is slow and loses packets, and people who do not take what they are sent."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.browser.relay import Relay
from tests.faults.conftest import Serve, opened
from tests.faults.line import Line
from tests.faults.scene import GROWTH, Scene

pytestmark = pytest.mark.timeout(600)

LIFETIME = 15.0  # seconds that a proxy lets a connection live
DEAF = 50  # people who do not read what they are sent
FILLING = 400.0  # seconds; it takes some twenty on a machine with nothing else to do


@pytest.fixture
def relayed(ends: ExitStack, serve: Serve) -> tuple[Scene, Relay]:
    (process,) = serve()
    relay = Relay(process.port)
    ends.callback(relay.close)
    return opened(ends, [process], relay.url), relay


def test_connections_are_cut_again_and_again(relayed: tuple[Scene, Relay]) -> None:
    scene, relay = relayed
    with scene.talking():
        for _ in range(5):
            relay.cut()
            scene.leave()
            scene.read(5)

        # A post is under way for a few milliseconds only: one is met sooner or later.
        def author_is_cut_off() -> bool:
            relay.cut()
            return bool(scene.refusals)

        scene.until(author_is_cut_off, "cutting an author off")
        scene.read(5)
    assert all(reader.opened > 5 for reader in scene.sitting)
    scene.all_is_well()


def test_a_proxy_breaks_every_connection_after_a_while(ends: ExitStack, serve: Serve) -> None:
    (process,) = serve()
    line = Line(process.port, lifetime=LIFETIME)
    ends.callback(line.close)
    scene = opened(ends, [process], line.url)
    with scene.talking():
        scene.leave()
        scene.until(lambda: all(reader.opened > 3 for reader in scene.sitting), "being cut off")
        scene.read()
    assert line.broken >= 3 * len(scene.sitting)
    scene.all_is_well()


def test_a_network_is_gone_without_a_word(relayed: tuple[Scene, Relay]) -> None:
    scene, relay = relayed
    with scene.talking(pace=1):  # more than may be told step by step would be said meanwhile
        scene.heard(2)
        before = {reader: reader.opened for reader in scene.sitting}
        relay.silence_sockets()
        scene.leave()
        scene.read()
    assert not scene.refusals
    anew = [reader.opened - before[reader] for reader in scene.sitting]
    # Each comes back, and not time and again: a few may have to twice on a busy machine.
    assert min(anew) == 1
    assert sum(anew) <= 1.1 * len(anew)
    scene.all_is_well()


def test_the_line_is_slow_and_loses_packets(ends: ExitStack, serve: Serve) -> None:
    """300 ms each way and a loss of 5%, by a relay: netem, which would do it in the kernel, is not in
    every kernel. A lost packet and all behind it come when TCP would have sent it again."""
    (process,) = serve()
    line = Line(process.port, delay=0.3, loss=0.05)
    ends.callback(line.close)
    scene = opened(ends, [process], line.url)
    with scene.talking(pace=1):
        scene.heard(10)
        scene.leave()
        scene.read(10)
    assert line.lost > 100
    assert not scene.refusals
    assert all(reader.opened == 1 for reader in scene.sitting)
    scene.all_is_well()


def test_some_do_not_read(place: Scene) -> None:
    """The server keeps little for them and sends them away; when they read again they come back, and are
    given the newest messages, since they missed more than is told step by step."""
    (process,) = place.processes
    deaf = place.readers[-DEAF - 10 : -10]
    for author in place.authors:
        author.more = "http://a.io " * 320  # as links they are many times as long
    with place.talking(pace=0.25):  # more, so that every buffer is full sooner
        place.heard(1)
        place.stop_reading(deaf)

        def are_sent_away() -> bool:
            assert place.growth() < GROWTH, "everything is kept for them"
            return process.log.read_text().count("does not take what it is sent") >= DEAF

        # Each takes some 7 MB until every buffer is full, in the kernel most of all.
        place.until(are_sent_away, "being sent away", FILLING)
        place.leave()
        for author in place.authors:
            author.more = ""
        place.heard(20)
        place.read_again(deaf)
        place.read()
    assert not place.refusals
    assert all(reader.opened > 1 for reader in deaf)
    place.all_is_well()
