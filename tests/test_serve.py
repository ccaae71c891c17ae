"""`manage.py serve` as an operator meets it: a process that starts, says little, and stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder
from django.test import override_settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from project import preparation
from project.server import SERVICE_RESTART
from tests.process import REPOSITORY, Roomful, environment, manage
from tests.services import PostgresServer, RedisServer, free_port

pytestmark = pytest.mark.one_stack


class Fresh(Roomful):
    fresh = True


@pytest.fixture(scope="module")
def roomful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roomful]:
    """One that only answers; tests that stop theirs start one of their own."""
    process = Roomful(tmp_path_factory.mktemp("data"))
    process.start()
    yield process
    process.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Roomful]:
    process = Fresh(tmp_path)
    yield process
    process.end()


def refusal(data_dir: Path, *options: str, **variables: str) -> str:
    """The one sentence with which it does not start."""
    done = manage("serve", *options, DATA_DIR=str(data_dir), **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    return done.stderr


def said_at_first(process: Roomful) -> list[str]:
    """All that is in the log of one that nothing went wrong with."""
    return [
        f"Roomful is at http://localhost:{process.port}/ (Ctrl-C stops it)",
        "Nobody has an account yet: open that address to make the first one.",
    ]


def test_a_first_start_says_where_it_is_and_what_to_do(own: Roomful) -> None:
    own.start()
    assert httpx.get(own.url).status_code < 500
    assert own.stop() == 0
    assert own.log.read_text().splitlines() == said_at_first(own)


def test_a_second_start_finds_everything_prepared(own: Roomful, tmp_path: Path) -> None:
    own.start()
    own.stop()
    manifest = tmp_path / "static" / "staticfiles.json"
    made = manifest.stat().st_mtime_ns
    own.start()
    assert manifest.stat().st_mtime_ns == made
    own.stop()
    own.start(prepare=False)
    assert httpx.get(own.url).status_code < 500


def test_prepared_by_itself_it_is_served_without_more_ado(own: Roomful, tmp_path: Path) -> None:
    assert manage("prepare", DATA_DIR=str(tmp_path)).returncode == 0
    assert (tmp_path / "static" / "staticfiles.json").is_file()
    own.start(prepare=False)
    assert httpx.get(own.url).status_code < 500


def test_a_database_without_tables_is_not_served(tmp_path: Path) -> None:
    assert "--prepare" in refusal(tmp_path)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_and_in_good_order(own: Roomful, by: signal.Signals) -> None:
    own.start()
    with (
        httpx.Client(base_url=own.url) as kept_alive,
        socket.create_connection(("127.0.0.1", own.port)) as half_a_request,
    ):
        kept_alive.get("/")
        half_a_request.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n12")
        assert own.process
        for _again in range(5):  # at least twice where make gets the signal too and passes it on
            own.process.send_signal(by)
        assert own.stop(by) == 0
    # Had it waited for the rest of the request, it would have given that up at last and said so.
    assert own.log.read_text().splitlines() == said_at_first(own)


ARRANGE = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from rooms.models import Place, User

owner = User(username="alice")
room = Place.set_up(name="Here", sign_up="closed", owner=owner, first_room="Workbench")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY] = str(owner.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = owner.get_session_auth_hash()
session.create()
print(room.slug, f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
"""


def test_it_sends_open_sockets_away_to_come_back(own: Roomful, tmp_path: Path) -> None:
    own.start()
    arranged = manage("shell", "--verbosity", "0", "-c", ARRANGE, DATA_DIR=str(tmp_path))
    slug, cookie = arranged.stdout.split()
    with connect(
        f"ws://127.0.0.1:{own.port}/ws/rooms/{slug}/",
        origin=Origin(own.url),
        additional_headers={"Cookie": cookie},
    ) as opened:
        assert own.stop() == 0
        with pytest.raises(ConnectionClosed):
            list(opened)
    assert opened.close_code == SERVICE_RESTART
    assert own.errors() == []


def test_a_port_in_use_is_said_in_a_sentence(roomful: Roomful, tmp_path: Path) -> None:
    said = refusal(tmp_path, "--prepare", PORT=str(roomful.port))
    assert f"127.0.0.1:{roomful.port}" in said
    assert "PORT" in said


def test_an_address_of_another_machine_is_said_in_a_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path, "--prepare", HOST="203.0.113.1", PORT=str(free_port()))
    assert said == "HOST is 203.0.113.1, but this machine has no such address.\n"


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("REDIS_URL", "redis://me:hunter2@127.0.0.1:{port}/0"),
        ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:{port}/chat"),
    ],
)
def test_a_service_out_of_reach_is_said_in_a_sentence(
    variable: str, url: str, tmp_path: Path
) -> None:
    said = refusal(tmp_path, "--prepare", **{variable: url.format(port=free_port())})
    assert variable in said
    assert "refused" in said
    assert "hunter2" not in said


def test_of_several_redis_it_is_said_which_is_out_of_reach(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    lost = f"redis://127.0.0.1:{free_port()}/0"
    assert refusal(tmp_path, REDIS_URL=f"{redis_server.url},{lost}").startswith("Redis 2 of ")
    assert refusal(tmp_path, REDIS_URL=f"{lost},{redis_server.url}").startswith("Redis 1 of ")


def test_port_0_takes_a_free_port_and_says_which(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--prepare"],
        cwd=REPOSITORY,
        env=environment(DATA_DIR=str(tmp_path), PORT="0"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = re.match(r"Roomful is at (http://localhost:[1-9]\d*)/ ", process.stdout.readline())
        assert said
        assert httpx.get(said[1]).status_code < 500
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def test_it_serves_on_postgresql_and_redis(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    variables = {"DATABASE_URL": postgres_server.url, "REDIS_URL": redis_server.url}
    pair = [Roomful(tmp_path, PROCESSES="2", **variables) for _ in range(2)]
    try:
        # Both at once, so that both would migrate the same empty database.
        for process in pair:
            process.launch()
        for process in pair:
            process.wait()
            assert httpx.get(process.url).status_code < 500
        assert [process.stop() for process in pair] == [0, 0]
        assert [process.errors() for process in pair] == [[], []]
    finally:
        for process in pair:
            process.end()


def test_static_files_are_collected_exactly_when_one_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a { color: red }")
    collected: list[str] = []

    def collect(command: str, **options: object) -> None:
        collected.append(command)
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / "staticfiles.json").touch()

    monkeypatch.setattr(preparation, "call_command", collect)
    with override_settings(STATIC_ROOT=tmp_path / "root", STATICFILES_DIRS=[source]):
        monkeypatch.setattr(preparation, "get_finders", lambda: [FileSystemFinder()])
        preparation.collect_static_files()
        preparation.collect_static_files()
        assert len(collected) == 1
        times = (source / "a.css").stat()
        (source / "a.css").write_text("a { color: tan }")  # as long, and as old
        os.utime(source / "a.css", ns=(times.st_atime_ns, times.st_mtime_ns))
        preparation.collect_static_files()
        assert len(collected) == 2
        (source / "b.css").touch()
        preparation.collect_static_files()
        assert len(collected) == 3


def test_static_files_are_hashed_compressed_and_kept_for_ever(roomful: Roomful) -> None:
    manifest = (Path(roomful.environment["DATA_DIR"]) / "static" / "staticfiles.json").read_text()
    name = re.search(r"(?<=\")css/base\.[0-9a-f]{12}\.css", manifest)
    assert name
    for encoding in ("br", "gzip"):
        answer = httpx.get(f"{roomful.url}/static/{name[0]}", headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == encoding
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_pages_forbid_all_scripts_but_its_own_files(roomful: Roomful) -> None:
    answer = httpx.get(roomful.url, follow_redirects=True)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_an_answer_does_not_name_the_server(roomful: Roomful) -> None:
    assert "Server" not in httpx.get(roomful.url).headers


def test_an_unknown_host_is_refused(roomful: Roomful) -> None:
    assert httpx.get(roomful.url, headers={"Host": "evil.example"}).status_code == 400
    said = roomful.log.read_text().splitlines()[-1]
    assert "evil.example" in said
    assert "ALLOWED_HOSTS" in said


def test_a_header_cannot_move_the_place_to_another_path(roomful: Roomful) -> None:
    plain = httpx.get(roomful.url)
    moved = httpx.get(roomful.url, headers={"Daphne-Root-Path": "/evil"})
    assert moved.headers.get("Location") == plain.headers.get("Location")
    assert "/evil" not in moved.text


def answer_to(port: int, head: bytes, body: Iterator[bytes]) -> bytes:
    """What a client that does not stop sending is told, and that the server hangs up."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(head)
            for part in body:
                connection.sendall(part)
        except OSError:
            pass
        try:
            while part := connection.recv(65536):
                answer += part
        except OSError:
            pass
    return answer


def test_a_request_that_announces_too_much_is_broken_off(roomful: Roomful) -> None:
    length = settings.REQUEST_MAX_SIZE + 1
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
    assert answer_to(roomful.port, head, iter(())).startswith(b"HTTP/1.1 413 ")


def test_a_request_that_does_not_end_is_broken_off(roomful: Roomful) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(chunk)
            assert sent < 32 * settings.REQUEST_MAX_SIZE, "it takes any length"
            yield chunk

    answer = answer_to(roomful.port, head, chunks())
    assert answer.startswith(b"HTTP/1.1 413 ") or answer == b""
    assert sent > settings.REQUEST_MAX_SIZE


def test_a_request_just_below_the_limit_reaches_the_application(roomful: Roomful) -> None:
    answer = httpx.post(roomful.url, content=b"x" * (settings.REQUEST_MAX_SIZE - 1))
    assert answer.status_code not in {413, 500}


def test_more_than_files_may_be_is_refused_in_words(roomful: Roomful) -> None:
    """Before it has all come, and while the client goes on sending."""
    length = settings.UPLOAD_MAX_SIZE + 1
    path = b"/rooms/workbench/files/"
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (path, length)
    answer = answer_to(roomful.port, head + b"\r\n", iter([b"x" * 100_000] * 10))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"This is too large: at most 102 MB can be sent at once.")
    answer = answer_to(roomful.port, head + b"HX-Request: true\r\n\r\n", iter(()))
    assert answer.endswith(b"can be sent at once.</span>")
    assert b"HX-Reswap: beforeend" in answer
    of_api = head.replace(b"/rooms/workbench/files/", b"/api/rooms/workbench/files")
    answer = answer_to(roomful.port, of_api + b"\r\n", iter(()))
    assert b"Content-Type: application/problem+json" in answer
    assert json.loads(answer.rpartition(b"\r\n")[2])["code"] == "too_large"


@pytest.mark.parametrize(
    "path", ["/rooms/workbench/files/", "/accounts/picture/", "/accounts/profile/"]
)
def test_a_large_upload_reaches_the_application_and_is_no_memory_of_it(
    path: str, roomful: Roomful
) -> None:
    answer = httpx.post(f"{roomful.url}{path}", content=b"x" * 20_000_000)
    assert answer.status_code not in {413, 500}
    assert list((Path(roomful.environment["DATA_DIR"]) / "files").rglob("*")) == []
