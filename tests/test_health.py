"""GET /health/: what a supervisor or a monitor asks a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection

from tests.services import free_port

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, Settings

    from tests.services import RedisServer


@pytest.fixture
def no_redis(settings: Settings) -> None:
    settings.REDIS_URLS = []


@pytest.mark.usefixtures("no_redis")
def test_it_is_well_before_the_place_is_set_up_and_costs_one_query(
    client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert client.get("/").status_code == 302
    with django_assert_num_queries(1):
        answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.content == b"It serves.\n"
    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies


def test_it_is_asked_and_not_told(client: Client, db: None) -> None:
    assert client.post("/health/").status_code == 405


@pytest.mark.usefixtures("no_redis")
def test_a_check_over_plain_http_is_not_sent_to_https(
    client: Client, db: None, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/setup/").status_code == 301
    assert client.get("/health/").status_code == 200


def test_without_the_database_it_is_not(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("connection to secret-host refused")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(connection, "cursor", refuse)
        answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.content == b"The database does not answer.\n"


def test_without_redis_it_serves_and_says_so(
    client: Client, db: None, settings: Settings, redis_server: RedisServer
) -> None:
    lost = f"redis://me:hunter2@127.0.0.1:{free_port()}/0"
    settings.REDIS_URLS = [redis_server.url]
    assert client.get("/health/").content == b"It serves.\n"
    settings.REDIS_URLS = [redis_server.url, lost]
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.content == b"It serves, but 1 of 2 Redis servers do not answer.\n"
