"""The servers that are measured, each a process of its own on the server's core."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.bench import machine
from tests.process import REPOSITORY, environment
from tests.services import PATIENCE, free_port, wait_until

NUMBER = "#######"  # stands for a message's number in what is posted
SENTENCE = f"bench-{NUMBER} Somebody says what people say, in a line or so of text."
FRAME = 600  # bytes that the others are made to send for a message: what a small page fragment has


class Server(ABC):
    """A process of a server and a folder for what it keeps."""

    name: str

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="roomful-bench-"))
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    def variables(self) -> dict[str, str]:
        return {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self.process, f"{self.name} does not run"
        return self.process.pid

    def start(self) -> None:
        with machine.server_core(), (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=REPOSITORY,
                env=environment(**self.variables()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self.answers, f"starting {self.name} (its log is {self.folder}/log)")

    def answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Chat(Server):
    """A server with a room that clients enter by a WebSocket."""

    path: str
    ready = (
        b""  # is in what a client is sent once it is in the room; empty: being accepted is enough
    )
    next_number = 1  # of the next message

    def headers(self, _client: int) -> dict[str, str]:
        """What the `client`th client adds to its request for a socket."""
        return {}

    def greetings(self) -> Sequence[str]:
        """Frames with which a client enters the room."""
        return []

    @abstractmethod
    def post(self) -> str:
        """The frame that says something, with `NUMBER` for the message's number."""

    def before_connecting(self) -> None:
        """Whatever a page would ask for before it opens its socket."""


class Daphne(Server):
    """daphne as its documentation starts it, without a log of requests."""

    application: str

    def command(self) -> Sequence[str]:
        daphne = [sys.executable, "-m", "daphne", "--verbosity", "0"]
        return [*daphne, "--bind", "127.0.0.1", "--port", str(self.port), self.application]
