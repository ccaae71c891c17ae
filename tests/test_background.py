"""Work that nobody waits for: what is noted with a change is done, once, whoever does it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

import httpx
import pytest
from django.db import connections, transaction
from django.utils import timezone
from django_tasks import task
from django_tasks_db.models import DBTaskResult

from rooms import background, chores
from rooms.background import CHORES, Queue, Worker, chore, do_what_is_due, later
from rooms.models import Chore, Session
from tests.process import REPOSITORY, Roomful, environment
from tests.services import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

done: list[str] = []


@task()
def note(what: str) -> None:
    done.append(what)


@task()
def fail(what: str) -> None:
    raise ValueError(what)


@task()
def die() -> None:
    """As a worker does that the machine runs out of memory for."""
    os.kill(os.getpid(), signal.SIGKILL)


@task()
def wait_and_look() -> None:
    """Take longer than a lease lasts, and be thought lost meanwhile by nobody."""
    begun = DBTaskResult.objects.get().run_after
    renewed = begun + 3 * background.LEASE
    wait_until(lambda: DBTaskResult.objects.get().run_after > renewed, "the lease is renewed")
    background.begin_lost_tasks_anew()
    done.append(DBTaskResult.objects.get().status)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """One that only looks when it is woken."""
    monkeypatch.setattr(background, "LOOK", 3600)
    started = background.start_worker()
    yield started
    started.stop(10)
    assert not started.is_alive()
    monkeypatch.setattr(background, "_worker", None)


@pytest.fixture
def own_chores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CHORES", [])


# Tasks


def test_a_task_is_done_once() -> None:
    later(note, "tea")
    assert done == []
    do_what_is_due()
    do_what_is_due()
    assert done == ["tea"]


def test_a_task_is_noted_with_what_it_is_about_or_not_at_all() -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        later(note, "of what never was")
        raise ZeroDivisionError
    later(note, "of what was")
    do_what_is_due()
    assert done == ["of what was"]


def test_a_task_for_later_waits() -> None:
    later(note, "too early", after=timezone.now() + timedelta(hours=1))
    later(note, "now", after=timezone.now() - timedelta(seconds=1))
    do_what_is_due()
    assert done == ["now"]


def test_a_task_that_fails_keeps_no_other_from_being_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    later(fail, "nobody should read this in the log")
    later(note, "all the same")
    do_what_is_due()
    assert done == ["all the same"]
    assert any("state=FAILED" in record.getMessage() for record in caplog.records)
    assert DBTaskResult.objects.failed().count() == 1


def die_at_work() -> None:
    """In a process of its own, of which only the death is waited for."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        do_what_is_due()
        os._exit(0)  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def let_leases_lapse() -> None:
    DBTaskResult.objects.update(
        started_at=timezone.now() - 2 * background.LEASE,
        run_after=timezone.now() - timedelta(seconds=1),
    )


def test_a_task_whose_worker_was_killed_is_begun_anew_and_given_up_at_last() -> None:
    later(die)
    for attempt in range(1, background.ATTEMPTS + 1):
        die_at_work()
        background.begin_lost_tasks_anew()
        task = DBTaskResult.objects.get()
        assert (task.status, len(task.worker_ids)) == ("RUNNING", attempt), "it may be at it yet"
        do_what_is_due()  # which would kill the test
        let_leases_lapse()
        background.begin_lost_tasks_anew()
        status = "READY" if attempt < background.ATTEMPTS else "FAILED"
        assert DBTaskResult.objects.get().status == status
    assert "was lost 3 times" in DBTaskResult.objects.get().traceback


def test_a_worker_that_was_killed_before_it_could_say_how_long_it_takes_is_found_out() -> None:
    later(note, "tea")
    DBTaskResult.objects.get().claim("somebody")
    DBTaskResult.objects.update(started_at=timezone.now() - 2 * background.LEASE)
    background.begin_lost_tasks_anew()
    do_what_is_due()
    assert done == ["tea"]


def test_a_task_that_takes_long_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LEASE", timedelta(seconds=0.2))
    later(wait_and_look)
    do_what_is_due()
    assert done == ["RUNNING"]


def test_a_worker_is_woken_by_the_process_it_is_in(worker: Worker) -> None:
    with transaction.atomic():
        later(note, "woken")
    wait_until(lambda: done == ["woken"], "the worker does what was noted")


def test_a_worker_that_failed_goes_on(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def break_down() -> None:
        monkeypatch.undo()
        failed.set()
        raise ConnectionError

    monkeypatch.setattr(background, "do_what_is_due", break_down)
    worker.wake()
    assert failed.wait(10)
    later(note, "after that")
    wait_until(lambda: done == ["after that"], "the worker goes on")


@pytest.mark.parametrize("workers", [4])
def test_of_several_workers_one_does_it(workers: int) -> None:
    for number in range(20):
        later(note, str(number))
    at_once = threading.Barrier(workers)

    def work() -> None:
        at_once.wait()
        do_what_is_due()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    do_what_is_due()
    assert sorted(done, key=int) == [str(number) for number in range(20)]


# Queues


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> tuple[Queue, SimpleQueue[Callable[[], None]]]:
    """A queue of two threads, and where its work comes from."""
    work: SimpleQueue[Callable[[], None]] = SimpleQueue()
    made = Queue("errands", lambda: None if work.empty() else work.get(), threads=2)
    monkeypatch.setattr(background, "QUEUES", [made])
    return made, work


def test_what_takes_long_in_a_queue_keeps_nothing_else_waiting(
    queue: tuple[Queue, SimpleQueue[Callable[[], None]]], worker: Worker
) -> None:
    errands, work = queue
    goes_on = threading.Event()

    def slow() -> None:
        goes_on.wait()
        done.append("slow")

    for each in (slow, partial(done.append, "next"), partial(done.append, "after that")):
        work.put(each)
    errands.wake()
    later(note, "a task")
    wait_until(lambda: {"next", "after that", "a task"} == set(done), "the others are done")
    goes_on.set()
    wait_until(lambda: done[-1] == "slow", "the slow one is done")


def test_a_queue_that_failed_goes_on(
    queue: tuple[Queue, SimpleQueue[Callable[[], None]]],
    worker: Worker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    errands, work = queue
    for _each in range(3):
        work.put(partial(fail.func, "it does"))
    work.put(partial(done.append, "after them"))
    errands.wake()
    wait_until(lambda: done == ["after them"], "the queue goes on")
    assert caplog.text.count("errands failed and goes on") == 3


def test_a_queue_is_woken_by_what_is_committed(
    queue: tuple[Queue, SimpleQueue[Callable[[], None]]], worker: Worker
) -> None:
    errands, work = queue
    with transaction.atomic():
        work.put(partial(done.append, "woken"))
        errands.wake()
    wait_until(lambda: done == ["woken"], "it is done")


# Chores


@pytest.mark.usefixtures("own_chores")
def test_a_chore_is_done_when_it_is_due() -> None:
    @chore(every=timedelta(hours=1))
    def sweep() -> None:
        done.append("swept")

    do_what_is_due()
    do_what_is_due()
    assert done == ["swept"]
    Chore.objects.update(due_at=timezone.now())
    do_what_is_due()
    assert done == ["swept", "swept"]


@pytest.mark.usefixtures("own_chores")
def test_a_chore_is_done_although_the_clock_was_set_back() -> None:
    @chore(every=timedelta(hours=1))
    def sweep() -> None:
        done.append("swept")

    do_what_is_due()
    Chore.objects.update(due_at=timezone.now() + timedelta(days=365))
    do_what_is_due()
    assert done == ["swept", "swept"]


@pytest.mark.usefixtures("own_chores")
def test_a_chore_that_fails_keeps_no_other_from_being_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @chore(every=timedelta(hours=1))
    def break_something() -> None:
        raise ZeroDivisionError

    @chore(every=timedelta(hours=1))
    def sweep() -> None:
        done.append("swept")

    do_what_is_due()
    assert done == ["swept"]
    assert "break_something failed" in caplog.text


def test_of_several_workers_one_takes_a_chore() -> None:
    taken: list[bool] = []
    at_once = threading.Barrier(4)

    def take() -> None:
        at_once.wait()
        taken.append(Chore.take("sweep", timedelta(hours=1)))
        connections.close_all()

    for _round in range(2):  # first there is no row, then there is one
        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert taken.count(True) == 1
        taken.clear()
        Chore.objects.update(due_at=timezone.now())


def test_what_is_over_is_tidied_away() -> None:
    old = timezone.now() - timedelta(days=8)
    Session.objects.create(session_key="over", expire_date=old)
    Session.objects.create(session_key="good", expire_date=timezone.now() + timedelta(days=1))
    later(note, "long ago")
    do_what_is_due()
    DBTaskResult.objects.update(finished_at=old)
    later(note, "just now")
    do_what_is_due()
    Chore.objects.update(due_at=old)
    do_what_is_due()
    assert [session.session_key for session in Session.objects.all()] == ["good"]
    assert [each.args_kwargs["args"] for each in DBTaskResult.objects.all()] == [["just now"]]
    assert {each.do for each in CHORES} >= {
        chores.forget_expired_sessions,
        chores.forget_finished_tasks,
    }


# As processes


def chores_done(process: Roomful) -> bool:
    """Whether a worker has looked at this process's database."""
    path = f"{process.environment['DATA_DIR']}/roomful.sqlite3"
    with closing(sqlite3.connect(path, timeout=10)) as database:
        found = database.execute("SELECT count(*) FROM rooms_chore").fetchone()
    return bool(found[0])


def test_serving_includes_a_worker_unless_told_otherwise(tmp_path: Path) -> None:
    with_one, without = tmp_path / "with", tmp_path / "without"
    for folder in (with_one, without):
        folder.mkdir()
    process, other = Roomful(with_one), Roomful(without, WORKER="off")
    try:
        process.start()
        wait_until(lambda: chores_done(process), "the worker tidies")
        other.start()
        assert httpx.get(f"{other.url}/healthz").status_code == 200
        assert not chores_done(other)
        _work_beside(other)
        assert process.stop() == 0
        assert process.errors() == []
    finally:
        process.end()
        other.end()


def _work_beside(server: Roomful) -> None:
    """`manage.py work` does what the server leaves, and ends when it is told to."""
    beside = subprocess.Popen(
        [sys.executable, "manage.py", "work"],
        cwd=REPOSITORY,
        env=environment(**{**server.environment, "WORKER": "on"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: chores_done(server), "the worker beside tidies")
        beside.send_signal(signal.SIGTERM)
        said, _none = beside.communicate(timeout=20)
        assert beside.returncode == 0
        assert re.fullmatch(r"Working \(Ctrl-C stops it\)\n", said)
    finally:
        beside.kill()
        beside.wait()
