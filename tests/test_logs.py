"""The log: one line per event, and nothing in it that people wrote or prove themselves by."""

from __future__ import annotations

import io
import json
import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.urls import URLPattern, URLResolver, get_resolver
from twisted.python.failure import Failure

from project import logs
from project.logs import JSONFormatter, TextFormatter
from rooms.models import Message
from rooms.models.searching.query import parsed
from rooms.models.searching.search import Filters, search
from tests.factories import say
from tests.process import REPOSITORY, Roomful, environment
from tests.programs import CSRF, PATIENCE, Program
from tests.services import PostgresServer, RedisServer, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from rooms.models import Room, User

pytestmark = pytest.mark.one_stack

SECRET = "what Alice told Bob"
EVENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: \S.*")


class Log:
    """A logger whose lines are kept."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter)
        self.logger = logging.Logger("tests")  # noqa: LOG001  # known to nobody else
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def events(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def text() -> Log:
    return Log(TextFormatter())


@pytest.fixture
def in_json() -> Log:
    return Log(JSONFormatter())


def failed(act: Callable[[], object]) -> BaseException:
    """What comes of it, as who catches it has it."""
    try:
        act()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("it did not fail")


def both_ways(log: Log, error: BaseException) -> None:
    """As an exception that is logged, and as one that is spoken of."""
    log.logger.error("it failed", exc_info=error)
    log.logger.warning("it failed: %s: %s", type(error).__name__, error)


# What is not in it


def insert(room: Room, author: User, **wrong: object) -> None:
    sound: dict[str, Any] = {"room": room, "author": author, "number": 1, "key": "k" * 12}
    Message(**{**sound, "version": 1, "posted_version": 1, "body": SECRET, **wrong}).save()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_database_refuses_is_not_told(
    text: Log, in_json: Log, open_room: Room, bob: User
) -> None:
    error = failed(lambda: insert(open_room, bob, version=None))
    assert isinstance(error, IntegrityError)
    if connection.vendor == "postgresql":
        assert SECRET in str(error), "PostgreSQL quotes it, and this looks in vain"
    for log in (text, in_json):
        both_ways(log, error)
        assert SECRET not in log.text
        assert log.text.count("version") >= 2, "it is said which column was wrong"
        assert "django.db.utils.IntegrityError: " in log.text


@pytest.mark.django_db(transaction=True)
def test_nor_is_a_key_that_is_there_already_or_a_value_that_is_none(
    text: Log, open_room: Room, bob: User
) -> None:
    insert(open_room, bob, key=SECRET.replace(" ", "-"))
    again = failed(lambda: insert(open_room, bob, key=SECRET.replace(" ", "-"), number=2))
    assert isinstance(again, IntegrityError)
    both_ways(text, again)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            wrong = failed(lambda: cursor.execute("SELECT %s::integer", [SECRET]))
            assert isinstance(wrong, DataError)
        else:
            wrong = failed(lambda: cursor.execute(f"SELECT 1 x '{SECRET}'"))
    assert SECRET in str(wrong)
    both_ways(text, wrong)
    assert "Alice" not in text.text
    assert text.text.count("it failed") == 4


def test_nor_is_what_somebody_searches_for(
    text: Log, in_json: Log, bob: User, open_room: Room
) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE rooms_search")
        asked = parsed(f'"{SECRET}"')
        error = failed(lambda: search(bob, asked, Filters()))
        transaction.set_rollback(True)
    assert isinstance(error, DatabaseError)
    for log in (text, in_json):
        both_ways(log, error)
        assert "rooms_search" in log.text, "it is said what is missing"
        for word in SECRET.lower().split():
            assert f"{word} " not in log.text.lower()
            assert f"'{word}'" not in log.text.lower()


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"invalid literal for int() with base 10: {SECRET!r}"),
        KeyError(SECRET),
        TypeError(f"expected a number but got {SECRET!r}"),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
        FileNotFoundError(2, "No such file or directory", SECRET),
        redis.ResponseError(f"unknown command, with args beginning with: '{SECRET}'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_told_by_its_type_and_place_where_its_text_may_quote(
    text: Log, in_json: Log, error: BaseException
) -> None:
    def fail() -> None:
        try:
            raise RuntimeError(SECRET)  # noqa: TRY301
        except RuntimeError:
            raise error from ValueError(SECRET)

    for log in (text, in_json):
        both_ways(log, failed(fail))
        assert SECRET not in log.text
        assert type(error).__name__ in log.text
        assert "raise error from" in log.text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (sqlite3.OperationalError("database is locked"), "database is locked"),
        (sqlite3.OperationalError("no such table: rooms_room"), "no such table: rooms_room"),
        (psycopg.OperationalError("connection timeout expired"), "connection timeout expired"),
        (redis.ConnectionError("Error 111 connecting to redis:6379."), "Error 111 connecting"),
        (AttributeError("'NoneType' object has no attribute 'pk'"), "no attribute 'pk'"),
        (TimeoutError(), "it failed: TimeoutError"),
        (failed(lambda: say(1)), "say() missing 1 required"),  # type: ignore[call-arg,arg-type]
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_helps_and_quotes_nothing_is_told(text: Log, error: Exception, told: str) -> None:
    text.logger.error("it failed: %s: %s", type(error).__name__, error)
    assert told in text.text


def parameters(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, set[str]]]:
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from parameters(pattern, address)
        elif isinstance(pattern, URLPattern):
            named = re.findall(r"\(\?P<(\w+)>|<(?:\w+:)?(\w+)>", address)
            yield address, {one or other for one, other in named}


def test_whatever_opens_something_by_standing_in_an_address_is_left_out(text: Log) -> None:
    doors = [
        re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]+>", "opens", address).strip("^$")
        for address, names in parameters(get_resolver())
        if names & {"token", "key", "uidb36", "uidb64", "secret"}
    ]
    assert len(doors) == 5
    for door in doors:
        text.logger.warning("Not Found: %s", f"/{door}".replace("^", ""))
    text.logger.warning("for <WebRequest method=GET uri=/rooms/?find=opens clientproto=HTTP/1.1>")
    text.logger.warning("Not Found: %s", "/rooms/workbench/join/")
    assert "opens" not in text.text
    assert text.lines[-2].endswith("uri=/rooms/?… clientproto=HTTP/1.1>")
    assert text.lines[-1].endswith("Not Found: /rooms/workbench/join/")


def test_what_libraries_put_below_the_first_line_is_left_out(text: Log) -> None:
    text.logger.error("Task exception was never retrieved\nfuture: <… ValueError('%s')>", SECRET)
    text.logger.error(Failure(ValueError(SECRET)))  # type: ignore[no-untyped-call]
    try:
        raise ValueError(SECRET)  # noqa: TRY301
    except ValueError as error:
        text.logger.error("Traceback (most recent call last):\n  …\nValueError: %s", error)  # noqa: TRY400
    assert SECRET not in text.text
    assert text.text.count("ValueError: its text is not logged") == 3
    assert "raise ValueError(SECRET)" in text.text


# How it is written


def test_an_event_is_one_line_whatever_is_in_it(text: Log, in_json: Log) -> None:
    for log in (text, in_json):
        log.logger.warning(
            "Not Found: %s", "/a\n2026-01-01 00:00:00,000 ERROR x: forged\r\x1b[2J\u2028b"
        )
        log.logger.warning("%s", "long " * 10_000)
        log.logger.warning("%s and %s", "too few")  # noqa: PLE1206
        assert len(log.lines) == 3
        assert len(log.lines[1]) < 3_000
    assert all(EVENT.fullmatch(line) for line in text.lines)
    assert text.lines[0].endswith("Not Found: /a …")
    text.logger.warning("Not Found: %s", "/a\x1b[2J\tb")
    assert text.lines[3].endswith(r"/a\x1b[2J\tb")
    assert in_json.events()[2]["message"] == "%s and %s"


def test_for_programs_it_is_an_object_a_line(in_json: Log) -> None:
    in_json.logger.error("it failed", exc_info=failed(lambda: 1 / 0))
    (event,) = in_json.events()
    assert set(event) == {"time", "level", "logger", "message", "exception"}
    assert (event["level"], event["logger"], event["message"]) == ("ERROR", "tests", "it failed")
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}\+00:00", event["time"])
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith("\nZeroDivisionError: its text is not logged")
    in_json.logger.info("well")
    assert "exception" not in in_json.events()[1]


def test_the_same_traceback_is_shown_once_a_minute(
    text: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    def forbidden() -> None:
        raise PermissionError(13, "Permission denied")

    for _ in range(3):
        text.logger.error("not stored", exc_info=failed(full))
    assert text.text.count("Traceback") == 1
    first, second = text.lines[-2:]
    assert first[24:] == second[24:]
    assert EVENT.fullmatch(first)
    assert "not stored (OSError: [Errno 28] No space left on device, at " in first
    text.logger.error("not stored", exc_info=failed(forbidden))
    assert text.text.count("Traceback") == 2, "another is another"
    monkeypatch.setattr(logs, "AGAIN", 0.0)
    text.logger.error("not stored", exc_info=failed(full))
    assert text.text.count("Traceback") == 3


def taken_over(act: str, data_dir: Path) -> str:
    """What a process writes that does this. (In a traceback its source has no text: it is in no file.)"""
    code = f"import django; django.setup(); from project import logs; logs.take_over()\n{act}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=environment(
            DATA_DIR=str(data_dir), DJANGO_SETTINGS_MODULE="project.settings", LOG_FORMAT="json"
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


@pytest.mark.parametrize(
    "act",
    [
        "raise ValueError('SECRET')",
        "import threading; t = threading.Thread(target=lambda: int('SECRET')); t.start(); t.join()",
        "class A:\n  def __del__(self): int('SECRET')\nA()",
    ],
    ids=["the process", "a thread", "an object"],
)
def test_what_nobody_catches_is_logged_too(act: str, tmp_path: Path) -> None:
    written = taken_over(act, tmp_path)
    (event,) = [json.loads(line) for line in written.splitlines()]
    assert event["exception"].endswith("ValueError: its text is not logged")
    assert "SECRET" not in written


def test_what_cannot_be_written_is_not_printed_instead(tmp_path: Path) -> None:
    broken = "import logging; logging.getLogger().handlers[0].stream = None"
    assert taken_over(f"{broken}; logging.warning('%s', 'SECRET')", tmp_path) == ""


# In a process that serves


@pytest.fixture(params=["sqlite", "postgresql"])
def refusing(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> Iterator[Callable[..., Roomful]]:
    """Starts a place whose database refuses every message."""
    started: list[Roomful] = []
    variables = {}
    if request.param == "postgresql":
        with psycopg.connect(postgres_server.url, autocommit=True) as database:
            database.execute("DROP DATABASE IF EXISTS refusing WITH (FORCE)")
            database.execute("CREATE DATABASE refusing")
        variables["DATABASE_URL"] = postgres_server.url.removesuffix("/roomful") + "/refusing"

    def start(**more: str) -> Roomful:
        process = Roomful(tmp_path, **variables, **more)
        started.append(process)
        process.start()
        if request.param == "postgresql":
            with psycopg.connect(variables["DATABASE_URL"], autocommit=True) as database:
                database.execute(
                    "ALTER TABLE rooms_message ADD CONSTRAINT silence CHECK (number < 0)"
                )
        else:
            with closing(sqlite3.connect(tmp_path / "roomful.sqlite3")) as database:
                database.execute(
                    "CREATE TRIGGER silence BEFORE INSERT ON rooms_message"
                    " BEGIN SELECT RAISE(ABORT, 'silence'); END"
                )
        return process

    yield start
    for process in started:
        process.end()


def test_no_message_and_no_key_gets_into_the_log_of_a_process_that_fails(
    refusing: Callable[..., Roomful],
) -> None:
    process = refusing(LOG_FORMAT="json", LOG_LEVEL="DEBUG", DEBUG="true")
    alice = Program(process.url)
    try:
        alice.set_up()
        slug = str(alice.http.get("/").headers["location"]).strip("/").split("/")[-1]
        for _ in range(4):
            with pytest.raises(AssertionError, match="500 "):
                alice.submit(f"/rooms/{slug}/send/", key="k" * 12, text=SECRET)
        page = alice.listen(slug)
        page.until(lambda page: bool(page.all("#watch.live")), "it is open")
        page.send(page.socket, type="message", key="l" * 12, text=SECRET)
        wait_until(
            lambda: "Exception inside application" in process.log.read_text(), "failing", PATIENCE
        )
        page.close()
        alice.http.get("/join/opens-the-door/")
        alice.http.post("/hooks/opens-the-door", content=b"hi")
        alice.http.get("/rooms/", params={"find": SECRET})
        assert alice.http.get("/search/", params={"q": SECRET}).status_code == 200
        session = alice.session
    finally:
        alice.close()
        process.stop()
    text = process.log.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    for secret in (SECRET, session, CSRF, "correct horse", "opens-the-door", "k" * 12, "l" * 12):
        assert secret not in text
    failures = [event for event in events if "silence" in event.get("exception", event["message"])]
    assert [event["message"].split()[0] for event in failures] == [*["Internal"] * 4, "Exception"]
    assert ["exception" in event for event in failures] == [True, False, False, False, True]
    assert events[0]["message"].startswith("Roomful is at ")


def test_a_redis_that_hangs_does_not_fill_the_log(tmp_path: Path, own_redis: RedisServer) -> None:
    process = Roomful(tmp_path, REDIS_URL=own_redis.url)
    process.start()
    alice = Program(process.url)
    try:
        alice.set_up()
        slug = str(alice.http.get("/").headers["location"]).strip("/").split("/")[-1]
        page = alice.listen(slug)
        page.until(lambda page: bool(page.all("#watch.live")), "it is open")
        own_redis.stop()
        for number in range(20):
            alice.say(slug, f"number {number}")
        page.until(lambda page: "number 19" in page.one("#messages").text, "the sweep brings them")
        page.close()
    finally:
        alice.close()
        process.end()
    text = process.log.read_text()
    assert "redis.exceptions.ConnectionError" in text
    shown = re.findall(r"(\S+ \S+): .*\nTraceback", text)
    assert len(shown) < 10, "each place shows its own once"
    assert len(text) < 100_000
