"""Work that nobody waits for: tasks, each asked for once, chores, done again and again, and queues of
work that waits for others, with threads of their own.

Tasks are Django's (https://docs.djangoproject.com/en/6.0/topics/tasks/, here by its backport): a function
with `@task()`, given to `later`, which stores it in the same transaction as what it is about. A worker
carries it out: a thread of the serving process or, with `WORKER=off` there, `manage.py work`. There may
be any number of workers.

A task is done at least once. While a worker is at it, it says so time and again, in `run_after`: when
others may think that it is gone. One that was killed is thus found out, and its task is begun anew; so a
task looks first at what it did already.

All tasks and chores share one thread of a worker. What may take long through nobody's fault here is a
queue's: it says what is to be done next, and some threads do that and keep nothing else waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DatabaseError, close_old_connections, connections, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks.base import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker as TaskWorker
from django_tasks_db.models import DBTaskResult, get_date_max

from .models import Chore

if TYPE_CHECKING:
    from datetime import datetime

    from django_tasks.base import Task

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # after which a worker that said nothing is thought to be gone
ATTEMPTS = 3  # at a task whose worker is lost each time, perhaps by its doing
LOOK = 5.0  # seconds between two looks for what another process left to be done

# Each is named in the log and the database by its function.
CHORES: list[_Chore] = []
QUEUES: list[Queue] = []


class _Chore(NamedTuple):
    do: Callable[[], None]
    every: timedelta

    @property
    def name(self) -> str:
        return self.do.__name__

    def may_be_due(self, due_at: datetime | None) -> bool:
        """Whether it is worth asking for it; `Chore.take` has the last word."""
        now = timezone.now()
        return due_at is None or not now < due_at <= now + 2 * self.every


def chore(every: timedelta) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Have a worker call the function that often. What it failed to do it tries again next time."""

    def register(do: Callable[[], None]) -> Callable[[], None]:
        CHORES.append(_Chore(do, every))
        return do

    return register


def later(task: Task[..., Any], *args: Any, after: datetime | None = None, **kwargs: Any) -> None:
    """Have a worker call the task, with arguments that JSON can hold, once this transaction is committed;
    not before `after`."""
    (task.using(run_after=after) if after else task).enqueue(*args, **kwargs)
    transaction.on_commit(_wake)


def unless_waiting(task: Task[..., Any], *args: Any) -> None:
    """As `later`, if it does not wait to be done already."""
    waiting = DBTaskResult.objects.ready().filter(task_path=task.module_path)
    if not any(each.args_kwargs["args"] == list(args) for each in waiting):
        later(task, *args)


class Queue(NamedTuple):
    """`take` returns what is to be done now, for the caller alone, or None; it is called by one thread of
    a process at a time. What it returns is called by one of `threads` threads."""

    name: str
    take: Callable[[], Callable[[], None] | None]
    threads: int

    def wake(self) -> None:
        """Once this transaction is committed: there may be something to take."""
        transaction.on_commit(lambda: _worker.wake_queue(self) if _worker else None)


class _Crew:
    """A worker's threads at one queue. One of them looks for work; it lets the next one look before it
    begins with what it has found."""

    def __init__(self, queue: Queue, stopped: threading.Event) -> None:
        self.queue = queue
        self.woken = threading.Event()
        self._stopped = stopped
        self._looking = threading.Lock()
        self.threads = [
            threading.Thread(target=self._run, name=queue.name, daemon=True)
            for _ in range(queue.threads)
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._looking:
                work = self._found()
            if work is not None:
                try:
                    work()
                except Exception:
                    logger.exception("%s failed and goes on", self.queue.name)
                self.woken.set()  # what waited for just this may be taken now
            close_old_connections()
        connections.close_all()

    def _found(self) -> Callable[[], None] | None:
        """None once it is stopped."""
        while True:
            self.woken.clear()
            if self._stopped.is_set():
                return None
            try:
                close_old_connections()
                work = self.queue.take()
                close_old_connections()
            except Exception:
                logger.exception("%s failed and goes on", self.queue.name)
                work = None
            if work is not None:
                return work
            self.woken.wait(LOOK)


class Worker(threading.Thread):
    """Does what is due until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="worker", daemon=True)
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._crews: list[_Crew] = []

    def wake(self) -> None:
        self._woken.set()

    def wake_queue(self, queue: Queue) -> None:
        for crew in self._crews:
            if crew.queue is queue:
                crew.woken.set()

    def stop(self, patience: float = 0) -> None:
        """Begin nothing more, and wait up to `patience` seconds for what has begun. What takes longer
        ends with the process, and is begun anew by another."""
        ends = time.monotonic() + patience
        self._stopped.set()
        self._woken.set()
        self.join(patience)
        for crew in self._crews:
            crew.woken.set()
        threads = [self, *(thread for crew in self._crews for thread in crew.threads)]
        for thread in filter(threading.Thread.is_alive, threads):
            thread.join(max(0, ends - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            logger.warning("the worker did not finish what it had begun in %s s", patience)

    def run(self) -> None:
        import_module("rooms.chores")  # which registers them, and the queues
        self._crews = [_Crew(queue, self._stopped) for queue in QUEUES]
        # All can be woken by now; what comes before their first look they see by that.
        for crew in self._crews:
            crew.start()
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                do_what_is_due()
            except Exception:
                logger.exception("the worker failed and goes on")
            self._woken.wait(LOOK)
        connections.close_all()


_worker: Worker | None = None


def start_worker() -> Worker:
    """The worker of this process, which then need not wait to be told by the database."""
    global _worker  # noqa: PLW0603  # a process has one
    _worker = Worker()
    _worker.start()
    return _worker


def _wake() -> None:
    if _worker is not None:
        _worker.wake()


def do_what_is_due() -> None:
    """All chores and tasks that are due now."""
    close_old_connections()
    due = dict(Chore.objects.values_list("name", "due_at"))
    for each in CHORES:
        if each.may_be_due(due.get(each.name)) and Chore.take(each.name, each.every):
            try:
                each.do()
            except Exception:
                logger.exception("%s failed and is tried again in %s", each.name, each.every)
    # Without a lock, unlike the library's own worker: on SQLite that would be the one for writing.
    if DBTaskResult.objects.ready().exists():
        _do_tasks()
    close_old_connections()


def begin_lost_tasks_anew() -> None:
    """Tasks whose worker is gone are ready again, up to `ATTEMPTS` times; then they have failed."""
    now = timezone.now()
    lost = DBTaskResult.objects.running().filter(
        # It may have ended before it said for the first time how long it would take.
        Q(run_after__lt=now) | Q(run_after=get_date_max()),
        started_at__lt=now - LEASE,
    )
    for task in lost:
        logger.warning(
            "task %s: its worker is gone (attempt %s)", task.task_path, len(task.worker_ids)
        )
        if len(task.worker_ids) < ATTEMPTS:
            as_found = lost.filter(pk=task.pk, run_after=task.run_after)
            as_found.update(status=TaskResultStatus.READY, run_after=now)
        else:
            task.set_failed(RuntimeError(f"its worker was lost {ATTEMPTS} times"))


class _TaskWorker(TaskWorker):
    """The library's, which shows others that it lives."""

    def run_task(self, db_task_result: DBTaskResult[..., Any]) -> None:
        done = threading.Event()
        mine = DBTaskResult.objects.filter(
            pk=db_task_result.pk, worker_ids=db_task_result.worker_ids
        )

        def renew() -> None:
            mine.update(run_after=timezone.now() + LEASE)

        def keep_renewing() -> None:
            while not done.wait(LEASE.total_seconds() / 4):
                try:
                    renew()
                except DatabaseError:
                    logger.exception("a task's lease was not renewed")
            connections.close_all()

        renew()
        keeper = threading.Thread(target=keep_renewing, name="lease of a task", daemon=True)
        keeper.start()
        try:
            super().run_task(db_task_result)
        finally:
            done.set()
            keeper.join()


def _do_tasks() -> None:
    _TaskWorker(
        queue_names=["*"],
        interval=0,
        batch=True,  # until none is left
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(32),
        excluded_queue_names=[],
    ).run()
