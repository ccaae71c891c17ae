"""GET /healthz, /readyz and /metrics: what a supervisor or a monitor asks a process."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from django.db import OperationalError

from project import probes
from project.server import HANDSHAKE
from tests.process import TOKEN, Roomful
from tests.programs import Program
from tests.services import PostgresServer, RedisServer, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, Settings

    from rooms.models import User

pytestmark = pytest.mark.one_stack

BOUND = probes.ANSWERED_WITHIN + 2  # seconds within which it answers, on a busy machine too
ALL = ["/healthz", "/readyz", "/metrics"]
POOL = 16  # connections that a process may have at once
INSIDER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def roomful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roomful]:
    """One behind a proxy with TLS, which nobody has set up yet."""
    process = Roomful(
        tmp_path_factory.mktemp("data"),
        SITE_URL="https://chat.example.org",
        TRUST_PROXY="1",
        METRICS_TOKEN=TOKEN,
    )
    process.start()
    yield process
    process.end()


def ask(process: Roomful, path: str, **headers: str) -> httpx.Response:
    began = time.monotonic()
    answer = httpx.get(f"{process.url}{path}", headers=headers, timeout=HANDSHAKE)
    assert time.monotonic() - began < BOUND
    return answer


def said(process: Roomful) -> tuple[int, str]:
    """What `/readyz` says."""
    answer = ask(process, "/readyz")
    return answer.status_code, answer.text.removesuffix("\n")


# Whether it lives, and whether it can serve


@pytest.mark.parametrize(
    ("path", "sentence"), [("/healthz", "It lives."), ("/readyz", "It serves.")]
)
def test_a_process_that_is_well_says_so_over_plain_http_and_under_any_name(
    roomful: Roomful, path: str, sentence: str
) -> None:
    assert httpx.get(f"{roomful.url}/setup/").status_code == 301
    answer = ask(roomful, path, Host="172.18.0.5:8000")
    assert (answer.status_code, answer.text) == (200, f"{sentence}\n")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert httpx.head(f"{roomful.url}{path}").status_code == 200


@pytest.mark.parametrize("path", ALL)
def test_they_are_asked_and_not_told(roomful: Roomful, path: str) -> None:
    assert httpx.post(f"{roomful.url}{path}", headers=INSIDER).status_code == 405


def test_whether_it_lives_is_asked_of_nobody_else(
    client: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(alice)
    with django_assert_num_queries(0):
        assert client.get("/healthz").content == b"It lives.\n"


def test_without_all_its_tables_it_can_not_serve(roomful: Roomful) -> None:
    path = roomful.log.parent / "roomful.sqlite3"
    with sqlite3.connect(path) as database:
        (last,) = database.execute(
            "SELECT name FROM django_migrations WHERE app = 'rooms' ORDER BY name DESC"
        ).fetchone()
        database.execute("UPDATE django_migrations SET name = 'later' WHERE name = ?", [last])
        database.commit()
        assert said(roomful) == (503, probes.NOT_MIGRATED)
        database.execute("UPDATE django_migrations SET name = ? WHERE name = 'later'", [last])
        database.commit()
    assert said(roomful) == (200, "It serves.")
    database.close()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test alone, which may stop it and start it again."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


def test_without_its_services_it_says_so_and_for_how_long_it_hangs_nobody_waits(
    tmp_path: Path, own_postgres: PostgresServer, own_redis: RedisServer
) -> None:
    process = Roomful(
        tmp_path,
        DATABASE_URL=own_postgres.url.replace("roomful@", "roomful:hunter2@"),
        REDIS_URL=own_redis.url,
    )
    assert own_postgres.process
    assert own_redis.process
    try:
        process.start()
        assert said(process) == (200, "It serves.")
        # Redis
        own_redis.process.send_signal(signal.SIGSTOP)
        assert said(process) == (200, "It serves, but 1 of 1 Redis servers do not answer.")
        own_redis.process.send_signal(signal.SIGCONT)
        own_redis.stop()
        assert said(process) == (200, "It serves, but 1 of 1 Redis servers do not answer.")
        own_redis.start()
        wait_until(lambda: said(process) == (200, "It serves."), "finding Redis again")
        # PostgreSQL
        own_postgres.process.send_signal(signal.SIGSTOP)
        assert said(process) == (503, probes.NO_ANSWER)
        assert ask(process, "/healthz").status_code == 200
        own_postgres.process.send_signal(signal.SIGCONT)
        wait_until(lambda: said(process) == (200, "It serves."), "serving after the pause")
        own_postgres.stop()
        assert said(process) == (503, probes.NO_ANSWER)
        own_postgres.start()
        wait_until(lambda: said(process) == (200, "It serves."), "serving again")
    finally:
        process.end()
    log = process.log.read_text()
    assert "hunter2" not in log
    assert f"{own_postgres.port} failed" in log, "it is said why"
    assert "connection timeout expired" in log, "it is not asked for ever in the background"


def test_a_look_leaves_no_connection_behind(
    tmp_path: Path, own_postgres: PostgresServer, own_redis: RedisServer
) -> None:
    process = Roomful(tmp_path, DATABASE_URL=own_postgres.url, REDIS_URL=own_redis.url)
    try:
        process.start()
        for _ in range(2 * POOL):
            assert said(process) == (200, "It serves.")
        assert httpx.get(f"{process.url}/setup/").status_code == 200
        with psycopg.connect(own_postgres.url) as database:
            (count,) = database.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchone() or (0,)
        assert count < POOL
    finally:
        process.end()


async def test_however_many_ask_one_looks_at_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def hang() -> str:
        looks.append(len(looks))
        time.sleep(0.5)
        return ""

    monkeypatch.setattr(probes, "_look", hang)
    monkeypatch.setattr(probes, "_last_look", None)
    monkeypatch.setattr(probes, "ANSWERED_WITHIN", 0.1)
    answers = await asyncio.gather(*(probes._trouble_with_database() for _ in range(20)))
    assert answers == [probes.NO_ANSWER] * 20
    assert looks == [0]
    monkeypatch.setattr(probes, "GIVEN_UP", 0)
    assert await probes._trouble_with_database() == probes.NO_ANSWER
    assert looks == [0, 1], "one that never ends is not waited for for ever"


def test_a_database_that_fails_is_no_error_of_the_probe(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def fail() -> bool:
        raise OperationalError("connection to secret-host refused")

    settings.REDIS_URLS = []
    monkeypatch.setattr(probes, "is_migrated", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.content == f"{probes.NO_ANSWER}\n".encode()


# Who may read the figures


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer ü"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "127.0.0.1, 10.0.0.1", "X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1", "Host": "localhost"},
    ],
    ids=str,
)
def test_an_outsider_finds_nothing_whatever_they_claim(
    roomful: Roomful, claims: dict[str, str]
) -> None:
    headers = {"Host": "chat.example.org", "X-Forwarded-Proto": "https", **claims}
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    found, nothing = (
        httpx.get(f"{roomful.url}{path}", headers=raw) for path in ("/metrics", "/nothing")
    )
    assert found.status_code == nothing.status_code == 302, "until it is set up, all leads there"
    assert "process_" not in found.text
    assert {*found.headers} == {*nothing.headers}
    assert httpx.get(f"{roomful.url}/metrics", headers=INSIDER).status_code == 200


@pytest.mark.parametrize("token", ["", TOKEN])
def test_without_a_token_of_its_own_there_are_no_figures(
    client: Client, alice: User, settings: Settings, token: str
) -> None:
    settings.METRICS_TOKEN = token
    client.force_login(alice)
    insider = {"authorization": f"Bearer {token}"}
    assert client.get("/metrics", headers=insider).status_code == (200 if token else 404)
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", {"token": token}).status_code == 404


# What the figures say


def test_the_figures_tell_of_what_is_open_and_of_what_happens(tmp_path: Path) -> None:
    process = Roomful(tmp_path, METRICS_TOKEN=TOKEN)
    process.start()
    alice = Program(process.url)
    try:
        alice.set_up()
        slug = str(alice.http.get("/").headers["location"]).strip("/").split("/")[-1]
        assert process.figure('roomful_connections{kind="socket"}') == 0
        pages = [alice.listen(slug), alice.listen(slug)]
        with alice.http.stream("GET", f"/rooms/{slug}/stream/") as streamed:
            pieces = streamed.iter_text()  # ends the stream when it is let go
            next(pieces)
            for page in pages:
                page.until(lambda page: bool(page.all("#watch.live")), "it is open")
            for text in ("one", "two"):
                alice.say(slug, text)
                for page in pages:
                    page.until(
                        lambda page, text=text: text in page.one("#messages").text,  # type: ignore[misc]
                        "it is read",
                    )
            expected = {
                'roomful_connections{kind="socket"}': 2,
                'roomful_connections{kind="stream"}': 1,
                "roomful_sockets": 2,
                "roomful_rooms_open": 1,
                "roomful_messages_posted_total": 2,
                "roomful_deliveries_total": 6,
                "roomful_render_seconds_count": 2,
                "roomful_fan_out_seconds_count": 2,
                "roomful_gaps_repaired_total": 0,
                "roomful_slow_connections_closed_total": 0,
                "roomful_announcements_waiting": 0,
                "roomful_announcements_dropped_total": 0,
                "roomful_changes_waiting": 0,
                "roomful_unsent_bytes": 0,
                'roomful_logged_total{level="ERROR"}': 0,
            }
            assert {name: process.figure(name) for name in expected} == expected
            assert 0 < process.figure("roomful_render_seconds_sum") < 2
            assert 0 < process.figure("roomful_fan_out_seconds_sum") < 2
            assert process.figure("process_resident_memory_bytes") > 10_000_000
            assert process.figure("process_cpu_seconds_total") > 0
            # whoever asks, and the stream
            assert process.figure("roomful_requests") == 2
        for page in pages:
            page.close()
        wait_until(lambda: process.figure("roomful_sockets") == 0, "they have left")
    finally:
        alice.close()
        process.end()
