"""Roomful as a process of its own, started as an operator starts it."""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import httpx

from tests.services import PATIENCE, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parent.parent
DATABASE = "roomful.sqlite3"  # in the data's folder, unless another one is named
TOKEN = "0123456789abcdef" * 2  # that shows that one may read the figures


def environment(**variables: str) -> dict[str, str]:
    """What a process gets that has only these settings."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "POSTS_PER_MINUTE": "0", **variables}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@cache
def _prepared() -> Path:
    """A folder as the first start leaves it, made once: it takes longer than any later start."""
    folder = Path(tempfile.mkdtemp(prefix="roomful-prepared-"))
    atexit.register(shutil.rmtree, folder)
    done = manage("prepare", DATA_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    return folder


class Roomful:
    """`start`, `stop` and `kill` may be repeated: address and data stay the same."""

    fresh = False  # else what a first start makes is there already

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.port = int(variables.setdefault("PORT", str(free_port())))
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir / f"serve-{self.port}.log"
        self.environment = environment(DATA_DIR=str(data_dir), **variables)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, prepare: bool = True) -> None:
        self.launch(prepare=prepare)
        self.wait()

    def launch(self, *, prepare: bool = True) -> None:
        """Starts it without waiting until it answers; `wait` does that."""
        assert self.process is None, "it runs already"
        if prepare and not self.fresh:
            self._copy_what_is_prepared()
        command = self.command(prepare=prepare)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _copy_what_is_prepared(self) -> None:
        folder = Path(self.environment["DATA_DIR"])
        if not (folder / "static").exists():
            shutil.copytree(_prepared() / "static", folder / "static")
        if "DATABASE_URL" not in self.environment and not (folder / DATABASE).exists():
            shutil.copy2(_prepared() / DATABASE, folder)

    def command(self, *, prepare: bool) -> list[str]:
        return [sys.executable, "manage.py", "serve", *(["--prepare"] if prepare else [])]

    def wait(self) -> None:
        wait_until(self._answers, f"starting Roomful (its log is {self.log})")

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, f"Roomful ended at once:\n{self.log.read_text()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ends it in good order and returns its exit code."""
        assert self.process, "it does not run"
        self.process.send_signal(by)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def end(self) -> None:
        if self.process:
            self.kill()

    def figure(self, name: str) -> float:
        """What `/metrics` says of this; its METRICS_TOKEN has to be set."""
        token = self.environment["METRICS_TOKEN"]
        headers = {"Authorization": f"Bearer {token}"}
        lines = httpx.get(f"{self.url}/metrics", headers=headers).text.splitlines()
        (found,) = [line for line in lines if line.startswith(f"{name} ")]
        return float(found.removeprefix(name))

    def errors(self) -> list[str]:
        """Lines of the log that tell of an error."""
        wrong = re.compile(r"\b(ERROR|CRITICAL)\b|^Traceback")
        return [line for line in self.log.read_text().splitlines() if wrong.search(line)]
