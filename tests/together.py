"""Several people who do something in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection

THREADS = 8
PATIENCE = 60  # seconds for what threads do on a busy machine


def together(work: Callable[[int], object]) -> None:
    """Runs `work` in several threads, all let go at the same moment."""
    gate, failures = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        try:
            gate.wait(PATIENCE)
            work(number)
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if failures:
        raise failures[0]
