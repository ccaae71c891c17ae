"""One core for the server and one for everything else, and what each of them does."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import wait_until

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
CPUCLOCK_SCHED = 2  # Linux's clock of a process, all its threads together, in nanoseconds

QUIET = 0.03  # of a core: a server with nothing to do, its heartbeats included
QUIET_FOR = 0.4  # seconds
SETTLING = 40.0  # seconds after which a server that is still busy is taken as it is


def prepare() -> None:
    """This process, and what it starts from now on, goes to the client's core."""
    if SERVER_CORE == CLIENT_CORE:
        raise SystemExit("The measurements need two cores, and this process may use just one.")
    os.sched_setaffinity(0, {CLIENT_CORE})


@contextmanager
def server_core() -> Iterator[None]:
    """What is started within runs on the server's core."""
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used."""
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)


def memory(pid: int) -> int:
    """Bytes of the process that are in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def core_ticks(core: int) -> tuple[int, int]:
    """How long the core was busy since the machine started, and how long in all."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            ticks = [int(number) for number in line.split()[1:9]]
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    raise ProcessLookupError(core)


class Watch:
    """What a process, this client and both cores did since the watch was started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._started = time.monotonic()
        self._cpu, self._own = cpu(pid), time.process_time()
        self._cores = [core_ticks(core) for core in (SERVER_CORE, CLIENT_CORE)]

    def read(self) -> Use:
        seconds = time.monotonic() - self._started
        busy = [
            (after[0] - before[0]) / max(1, after[1] - before[1])
            for before, after in zip(
                self._cores,
                [core_ticks(core) for core in (SERVER_CORE, CLIENT_CORE)],
                strict=True,
            )
        ]
        own = time.process_time() - self._own
        return Use(seconds, cpu(self.pid) - self._cpu, own / seconds, busy[0], busy[1])


class Use:
    """`server` in seconds of CPU; the others are shares of a core. Where the server's core was busier
    than its process, somebody else was on it, and the figure is worth little."""

    def __init__(
        self, seconds: float, server: float, client: float, server_core: float, client_core: float
    ) -> None:
        self.seconds, self.server = seconds, server
        self.client, self.server_core, self.client_core = client, server_core, client_core

    @property
    def foreign(self) -> float:
        """What others took of the server's core."""
        return max(0.0, self.server_core - self.server / self.seconds)


def settle(pid: int) -> None:
    """Waits until the process has done what there was to do."""

    def is_quiet() -> bool:
        before = cpu(pid)
        time.sleep(QUIET_FOR)
        return cpu(pid) - before < QUIET * QUIET_FOR

    try:
        wait_until(is_quiet, "becoming quiet", SETTLING)
    except TimeoutError:
        print(f"process {pid} is still busy after {SETTLING} s", file=sys.stderr)  # noqa: T201


def describe() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _processor(),
        "cores": f"{SERVER_CORE} for the server, {CLIENT_CORE} for client, database and Redis",
        "system": platform.platform(),
        "python": platform.python_version(),
        "node": _said("node", "--version"),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _colon, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
