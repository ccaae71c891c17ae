"""Roomful as one of the servers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Self

from tests.bench import machine
from tests.bench.effort import tell
from tests.bench.peers import NUMBER, SENTENCE, Chat
from tests.process import REPOSITORY, Roomful
from tests.services import PostgresServer, RedisServer

CSRF = "c" * 32  # a token is compared with the cookie, and here both are the client's own
CURSOR = re.compile(r'name="after" value="(\d+)"')
PEOPLE_HERE = re.compile(rb'innerHTML:\.here-count">(\d+)<')


class Services:
    """A database and a Redis, on the client's core."""

    def __enter__(self) -> Self:
        self.postgres, self.redis = PostgresServer(), RedisServer()
        self.postgres.start()
        self.redis.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.postgres.remove()
        self.redis.remove()


class Site(Chat):
    """A Roomful with people in it. Each client is somebody, signed in; all of them in the first room."""

    ready = b'id="watch"'  # the heartbeat with which catching up ends

    def __init__(
        self,
        services: Services | None = None,
        *,
        people: int,
        rooms: int = 1,
        messages: int = 0,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.name = "Roomful" if services is None else "Roomful, PostgreSQL and Redis"
        variables = {"PORT": str(self.port), **(variables or {})}
        if services:
            variables |= {"DATABASE_URL": services.postgres.url, "REDIS_URL": services.redis.url}
        self.roomful = Roomful(self.folder, **variables)
        self._wanted = [str(number) for number in (rooms, people, messages)]
        self.slugs: list[str] = []
        self.cookies: list[str] = []
        self.cursor = "0"

    def __enter__(self) -> Self:
        super().__enter__()
        made = json.loads(self.arrange("people", *self._wanted))
        self.slugs, self.cookies = made["slugs"], made["cookies"]
        self.path = self.path_of(self.slugs[0])
        return self

    @staticmethod
    def path_of(slug: str) -> str:
        """Where the room's socket is."""
        return f"/ws/rooms/{slug}/"

    def arrange(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.bench.arrange", *arguments],
            cwd=REPOSITORY,
            env=self.roomful.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    # As a server

    def command(self) -> Sequence[str]:
        raise NotImplementedError("tests.process knows how Roomful is started")

    @property
    def pid(self) -> int:
        assert self.roomful.process, "Roomful does not run"
        return self.roomful.process.pid

    def start(self) -> None:
        with machine.server_core():
            self.roomful.start()

    def stop(self) -> None:
        errors = self.roomful.errors()
        self.roomful.end()
        if errors:
            kept = shutil.copy(self.roomful.log, tempfile.gettempdir())
            tell(f"{self.name} logged errors, kept in {kept}, such as: {errors[0]}")
        super().stop()

    # As a chat

    def headers(self, client: int) -> dict[str, str]:
        return {"Cookie": self.cookies[client]}

    def before_connecting(self) -> None:
        self.cursor = self.cursor_of(self.slugs[0])

    def cursor_of(self, slug: str) -> str:
        request = urllib.request.Request(
            f"{self.roomful.url}/rooms/{slug}/", headers={"Cookie": self.cookies[0]}
        )
        with urllib.request.urlopen(request) as answer:
            found = CURSOR.search(answer.read().decode())
        assert found, "the page has no cursor"
        return found[1]

    def greetings(self) -> Sequence[str]:
        return [json.dumps({"type": "resume", "after": self.cursor})]

    def post(self) -> str:
        return json.dumps({"type": "message", "key": f"number-{NUMBER}", "text": SENTENCE})
