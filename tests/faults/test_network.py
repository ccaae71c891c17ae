"""What is between the people and the server: cuts that both sides hear of, and one that neither does."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.browser.relay import Relay
from tests.faults.conftest import Serve, opened
from tests.faults.scene import Scene

pytestmark = pytest.mark.timeout(600)


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
    assert scene.refusals, "no author was cut off"
    assert all(reader.opened > 5 for reader in scene.sitting)
    scene.all_is_well()


def test_a_network_is_gone_without_a_word(relayed: tuple[Scene, Relay]) -> None:
    scene, relay = relayed
    with scene.talking(pace=1):  # more than may be told step by step would be said meanwhile
        scene.heard(2)
        relay.silence_sockets()
        scene.leave()
        scene.read()
    assert not scene.refusals
    assert all(reader.opened == 2 for reader in scene.sitting)
    scene.all_is_well()
