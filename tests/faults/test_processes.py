"""A process is killed or told to stop, and processes are restarted one after the other."""

from __future__ import annotations

import signal

import pytest

from tests.faults.scene import Scene

pytestmark = pytest.mark.timeout(600)


def test_a_process_ends_while_people_talk(place: Scene) -> None:
    (process,) = place.processes
    with place.talking():
        for by, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
            place.heard(5)
            assert process.stop(by) == code
            place.leave()
            process.start(prepare=False)
            place.read()
    assert place.refusals, "nobody talked while it was away"
    assert all(reader.opened >= 3 for reader in place.sitting)
    place.all_is_well()
    place.reads_as_a_page_does()


def test_a_killed_process_of_two_leaves_nobody_behind(shared: Scene) -> None:
    with shared.talking():
        shared.heard(5)
        shared.processes[0].kill()
        shared.leave(20)
        shared.read()
        shared.processes[0].start(prepare=False)
        shared.heard(5)
    shared.all_is_well()


def test_processes_are_restarted_one_after_the_other(shared: Scene) -> None:
    with shared.talking():
        for process in shared.processes:
            shared.heard(5)
            assert process.stop() == 0
            shared.leave()
            shared.read()
            process.start()
            shared.read()
    assert all(reader.opened >= 2 for reader in shared.sitting)
    shared.all_is_well()
