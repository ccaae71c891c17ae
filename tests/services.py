"""Real servers for tests: a private Redis and a private PostgreSQL, each in a folder of its own."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

PATIENCE = 60  # seconds a server may take to start or stop on a busy machine
POSTGRES_USER = "postgres"  # PostgreSQL refuses to run as root


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {seconds} s")
        time.sleep(0.02)


class Service:
    """`start` and `stop` may be repeated, at the same address; `remove` comes last."""

    def __init__(self, name: str, user: str | None = None) -> None:
        self.name = name
        self.user = user
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"roomful-{name}-"))
        self.variables: dict[str, str] = {}  # more than this process has in its environment
        self.process: subprocess.Popen[bytes] | None = None
        if user:
            entry = pwd.getpwnam(user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)

    def command(self) -> str:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.process = self.launch(self.command())
        wait_until(self.answers, f"starting {self.name}")

    def launch(self, command: str) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C is for pytest, which then stops the service.
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env={**os.environ, **self.variables},
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, by: signal.Signals = signal.SIGKILL) -> None:
        if self.process:
            self.process.send_signal(by)
            self.process.wait(PATIENCE)
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisServer(Service):
    """Keeps nothing: after `stop` and `start` it is empty."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> str:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: tests/prepare.sh installs it"
        return (
            f"{program} --port {self.port} --bind 127.0.0.1 --dir {self.folder}"
            " --save '' --appendonly no --daemonize no"
        )

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class PostgresServer(Service):
    """A cluster with a database `roomful`; it is fast because a power cut may destroy it."""

    def __init__(self) -> None:
        super().__init__("postgres", POSTGRES_USER if os.geteuid() == 0 else None)
        self.url = f"postgres://roomful@127.0.0.1:{self.port}/roomful"
        made = self.launch(
            f"{_postgres('initdb')} --pgdata {self.folder}/data --username roomful --auth trust"
            " --encoding UTF8 --locale C.UTF-8 --no-sync"
        )
        assert made.wait(PATIENCE) == 0, (self.folder / "log").read_text()

    def command(self) -> str:
        return (
            f"{_postgres('postgres')} -D {self.folder}/data -p {self.port} -k {self.folder}"
            " -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off"
            " -c full_page_writes=off"
        )

    def answers(self) -> bool:
        try:
            server = self.url.removesuffix("/roomful") + "/postgres"
            with psycopg.connect(server, autocommit=True, connect_timeout=2) as connection:
                if not connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = 'roomful'"
                ).fetchone():
                    connection.execute("CREATE DATABASE roomful")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        super().stop(by)  # SIGINT is "fast": it drops its clients; SIGKILL would leave workers


def _postgres(name: str) -> str:
    """A program of PostgreSQL: Debian keeps those of the server out of the PATH, by version."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    found = str(newest) if newest else shutil.which(name)
    assert found, f"{name} of PostgreSQL is missing: tests/prepare.sh installs it"
    return found
