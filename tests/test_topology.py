"""The place as docs/scaling.md describes it: the shipped nginx with TLS before two processes, which share
a PostgreSQL and two Redis servers. Whoever comes here comes as everybody does, through nginx.

The tests that take something away come last.
"""

from __future__ import annotations

import http.client
import re
import secrets
import shutil
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import redis
from django.conf import settings
from psycopg.sql import SQL, Identifier

from tests.factories import PASSWORD
from tests.process import TOKEN, Roomful
from tests.programs import PATIENCE, Listener, Program
from tests.proxy import Proxy
from tests.services import PostgresServer, RedisServer

if TYPE_CHECKING:
    from tests.page import Page


class Place:
    """`processes` behind the `proxy`, with Redis servers of their own."""

    def __init__(
        self, proxy: Proxy, processes: list[Roomful], redis_servers: list[RedisServer]
    ) -> None:
        self.proxy, self.processes, self.redis = proxy, processes, redis_servers
        self.url = proxy.url
        self.owner = Program(proxy.url, tls=proxy.tls)

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """A stranger with an address of their own."""
        transport = httpx.HTTPTransport(verify=self.proxy.tls, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, headers={"Origin": self.url})

    def repaired(self, room: int) -> int:
        """Changes of a room that had to be looked for in the database, as no event told of them."""
        logs = "".join(process.log.read_text() for process in self.processes)
        found = re.findall(rf"room {room}: repaired (\d+) changes", logs)
        return sum(int(count) for count in found)

    def addresses(self) -> set[str]:
        return {f"127.0.0.1:{process.port}" for process in self.processes}


@pytest.fixture(scope="module")
def place(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with ExitStack() as ends:
        servers = [RedisServer(), RedisServer()]
        for server in servers:
            ends.callback(server.remove)
            server.start()
        name = f"topology_{secrets.token_hex(4)}"
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        data_dir = tmp_path_factory.mktemp("place")
        # Hashed and compressed already, which takes longer than all else of a start.
        shutil.copytree(settings.STATIC_ROOT, data_dir / "static")
        proxy = Proxy(data_dir)
        ends.callback(proxy.remove)
        variables = {
            "SITE_URL": proxy.url,
            "TRUST_PROXY": "1",
            "DATABASE_URL": postgres_server.url.removesuffix("/roomful") + f"/{name}",
            "REDIS_URL": ",".join(server.url for server in servers),
            "PROCESSES": "2",
            "METRICS_TOKEN": TOKEN,
        }
        processes = [Roomful(data_dir, **variables) for _ in range(2)]
        for process in processes:
            ends.callback(process.end)
            process.launch()
        for process in processes:
            process.wait()
        proxy.set_up(process.port for process in processes)
        proxy.start()
        place = Place(proxy, processes, servers)
        ends.callback(place.owner.close)
        place.owner.set_up()
        yield place


@pytest.fixture
def alice(place: Place) -> Program:
    """Owns the place."""
    return place.owner


@pytest.fixture
def listen() -> Iterator[Callable[[Program, str], Listener]]:
    with ExitStack() as ends:

        def opened(program: Program, slug: str) -> Listener:
            listener = program.listen(slug)
            ends.callback(listener.close)
            return listener

        yield opened


Listen = Callable[[Program, str], Listener]


def make_room(by: Program) -> str:
    """Its slug."""
    answer = by.submit("/rooms/new/", name=f"Bench {secrets.token_hex(3)}", topic="", kind="open")
    return str(answer.headers["location"].strip("/").split("/")[-1])


def shows(text: str) -> Callable[[Page], bool]:
    return lambda page: any(text in body.text for body in page.all("#messages .body"))


def listening(place: Place) -> list[dict[int, int]]:
    """For each Redis: the rooms whose events go by it, and how many processes have them open."""
    found = []
    for server in place.redis:
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            groups = client.pubsub_channels("*__group__room.*")
            counts = client.pubsub_numsub(*groups) if groups else []
        found.append({int(str(group).split(".")[1]): int(count) for group, count in counts})
    return found


def at_both(place: Place, by: Program, listen: Listen) -> list[Listener]:
    """Open pages of a new room, at least one at each process."""
    slug = make_room(by)
    by.say(slug, "hello")
    known = {room for rooms in listening(place) for room in rooms}
    opened: list[Listener] = []
    while len(opened) < 10:
        opened.append(listen(by, slug))
        opened[-1]._read(PATIENCE)  # the answer to its cursor: from here on the process listens
        if any(rooms[room] == 2 for rooms in listening(place) for room in rooms.keys() - known):
            return opened
    raise AssertionError("every socket is sent to the same process")


def said_in(program: Program, slug: str) -> list[str]:
    page = program.load(slug)
    return [body.text for body in page.all("#messages .body")]


# What is safe about it


def test_plain_http_leads_to_https_whatever_it_claims(place: Place) -> None:
    address = f"http://localhost:{place.proxy.http_port}/rooms/?find=a"
    for claims in ({}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Host": "evil.example"}):
        answer = httpx.get(address, headers=claims)
        assert answer.status_code == 301
        assert answer.headers["Location"] == "https://localhost/rooms/?find=a"


def test_pages_come_by_http_2(place: Place) -> None:
    context = ssl.create_default_context(cafile=place.proxy.folder / "fullchain.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", place.proxy.https_port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == "h2"


def test_browsers_are_told_to_stay_with_https_and_keep_the_cookies_there(place: Place) -> None:
    with place.client() as stranger:
        answer = stranger.get("/accounts/login/")
    assert answer.status_code == 200
    assert answer.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]
    assert "nginx/" not in answer.headers["Server"]
    (cookie,) = answer.headers.get_list("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-roomful_csrf=")
    assert {"Secure", "Path=/"} <= set(attributes)
    assert "domain" not in cookie.lower()


def sign_in(client: httpx.Client, username: str, password: str, **headers: str) -> httpx.Response:
    """By the form and its token, as a browser does without a script."""
    page = client.get("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    fields = {"csrfmiddlewaretoken": token[1], "login": username, "password": password}
    return client.post("/accounts/login/", data=fields, headers=headers)


def test_one_signs_in_through_it_and_no_other_site_does(place: Place) -> None:
    with place.client() as browser:
        assert sign_in(browser, "alice", PASSWORD, Origin="https://evil.example").status_code == 403
        answer = sign_in(browser, "alice", PASSWORD)
        assert answer.status_code == 302
        (cookie,) = [each for each in answer.headers.get_list("Set-Cookie") if "_session=" in each]
        assert cookie.startswith("__Host-roomful_session=")
        assert {"Secure", "HttpOnly"} <= set(cookie.split("; "))
        assert "Alice Archer" in browser.get("/rooms/").text


TOO_MANY = "Too many tries have failed"


def test_failed_sign_ins_are_counted_by_the_address_that_they_come_from(place: Place) -> None:
    def fail(client: httpx.Client) -> str:
        headers = {"X-Forwarded-For": f"10.0.0.{secrets.randbelow(250)}", "X-Real-IP": "10.1.1.1"}
        return sign_in(client, f"nobody-{secrets.token_hex(4)}", "wrong", **headers).text

    with place.client("127.0.0.2") as guesser, place.client("127.0.0.3") as neighbour:
        refused = [TOO_MANY in fail(guesser) for _ in range(11)]
        assert refused == [False] * 10 + [True]
        assert TOO_MANY not in fail(neighbour)


def test_a_flood_of_sign_ins_is_answered_by_nginx_and_reading_goes_on(place: Place) -> None:
    with place.client("127.0.0.4") as flood, place.client("127.0.0.5") as neighbour:
        answers: list[int] = []
        while 429 not in answers:
            assert len(answers) < 200, "it takes any number"
            answers.append(flood.post("/accounts/login/").status_code)
        assert answers[:30] == [403] * 30
        refusal = flood.post("/accounts/login/")
        assert refusal.headers["Retry-After"] == "10"
        assert refusal.text.startswith("Too much at once from your address.")
        assert flood.get("/accounts/login/").status_code == 200
        assert neighbour.post("/accounts/login/").status_code == 403


def test_a_link_in_a_mail_leads_here_whatever_the_visitor_claims(
    place: Place, alice: Program
) -> None:
    def linked() -> set[str]:
        logs = "".join(process.log.read_text() for process in place.processes)
        return set(re.findall(r"(https?://\S+?)/accounts/password/reset/key/", logs))

    claims = {
        "X-Forwarded-Host": "127.0.0.1",
        "X_Forwarded_Host": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=127.0.0.1",
    }
    alice.http.headers.update(claims)
    try:
        assert alice.http.get("/rooms/").status_code == 200
        alice.submit("/accounts/logout/")
        alice.submit("/accounts/password/reset/", email="alice@example.org")
        assert linked() == {"https://localhost"}
    finally:
        for name in claims:
            del alice.http.headers[name]
        alice.submit("/accounts/login/", login="alice", password=PASSWORD)
    # At the process itself the same claim would have been believed.
    believed = Program(place.processes[0].url)
    believed.http.headers.update({**claims, "X-Forwarded-Proto": "https", "Origin": place.url})
    believed.csrf_cookie = alice.csrf_cookie
    believed.submit("/accounts/password/reset/", email="alice@example.org")
    believed.close()
    assert linked() == {"https://localhost", "https://127.0.0.1"}


def test_under_another_name_it_says_nothing(place: Place) -> None:
    with place.client() as stranger:
        with pytest.raises(httpx.RemoteProtocolError):
            stranger.get("/", headers={"Host": "evil.example"})
        assert stranger.get("/accounts/login/").status_code == 200
    with place.client() as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("/", extensions={"sni_hostname": "evil.example"})


@contextmanager
def asked(
    place: Place, method: str, path: str, **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """The answer to just this, with a path as it is and no body."""
    connection = http.client.HTTPSConnection(
        "localhost", place.proxy.https_port, timeout=PATIENCE, context=place.proxy.tls
    )
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def test_what_monitors_ask_is_answered_by_the_process_and_not_from_outside(place: Place) -> None:
    insider = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/healthz", "/readyz", "/metrics"):
        for process in place.processes:
            assert httpx.get(f"{process.url}{path}", headers=insider).status_code == 200
        for way in (path, f"{path}?", f"/{path}", f"/x/..{path}", f"/%{ord(path[1]):x}{path[2:]}"):
            with asked(place, "GET", way, **insider) as answer:
                assert answer.status == 404, way
                assert b"nginx" in answer.read(), way
        assert set(place.proxy.upstreams(f"GET {path}", 5)) == {"-"}


def test_what_opens_something_is_in_no_log(place: Place) -> None:
    with place.client() as stranger:
        for door in ("/join/", "/accounts/confirm-email/", "/accounts/password/reset/key/1-"):
            stranger.get(f"{door}open-sesame/", params={"and": "open-sesame"})
            place.proxy.upstreams(f"GET {door.removesuffix('1-')}...", 1)
        stranger.get("/rooms/workbench/join/")
        place.proxy.upstreams("GET /rooms/workbench/join/", 1)
    logs = [place.proxy.access_log, *(process.log for process in place.processes)]
    assert not any("open-sesame" in log.read_text() for log in logs)


def test_what_is_too_large_is_refused_in_words_before_it_is_sent(place: Place) -> None:
    limit = settings.REQUEST_MAX_SIZE
    with asked(place, "POST", "/accounts/login/", Content_Length=str(limit + 1)) as answer:
        assert answer.status == 413
        assert answer.read().startswith(b"This is larger than Roomful takes: at most 100 MB")


# What is quick about it


def test_static_files_are_compressed_and_kept_for_ever_and_cost_no_process_anything(
    place: Place, alice: Program
) -> None:
    with place.client() as browser:
        page = alice.http.get("/rooms/").text
        names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert {name.rsplit(".", 1)[-1] for name in names} >= {"css", "js"}
        for name in names:
            answer = browser.get(name, headers={"Accept-Encoding": "gzip, br"})
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "Strict-Transport-Security" in answer.headers
            assert place.proxy.upstreams(f"GET {name}", 1) == ["-"]
            if name.endswith((".css", ".js")):
                assert answer.headers["Content-Encoding"] == "gzip"
                assert answer.headers["Vary"] == "Accept-Encoding"
                kind = "text/css" if name.endswith(".css") else "application/javascript"
                assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        plain = browser.get("/static/css/base.css")
        assert plain.status_code == 404
        assert "immutable" not in plain.headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    "path",
    [
        "/secret_key",
        "/static/../secret_key",
        "/static/..%2fsecret_key",
        "/static/%2e%2e/secret_key",
        "/static../secret_key",
        "/static/collected",
    ],
)
def test_nothing_else_of_the_data_folder_can_be_had(place: Place, path: str) -> None:
    with asked(place, "GET", path) as answer:
        assert answer.status in {400, 404}
        assert (place.proxy.data_dir / "secret_key").read_bytes().strip() not in answer.read()


def test_what_is_said_at_one_process_is_heard_at_the_other(
    place: Place, alice: Program, listen: Listen
) -> None:
    opened = at_both(place, alice, listen)
    slug = opened[0].slug
    for number in range(6):
        alice.say(slug, f"number {number}")
    for listener in opened:
        listener.until(shows("number 5"), "the last message")
        assert listener.page.numbers == list(range(1, 8))
        assert listener.opened == 1
    assert set(place.proxy.upstreams(f"POST /rooms/{slug}/send/", 7)) == place.addresses()


def test_a_streamed_page_shows_what_is_said_while_it_goes_on(place: Place, alice: Program) -> None:
    slug = make_room(alice)
    with alice.http.stream("GET", f"/rooms/{slug}/stream/") as stream:
        pieces = stream.iter_text()
        shown = next(pieces)
        for text in ("the first", "the second"):
            alice.say(slug, text)
            while text not in shown:
                shown += next(pieces)
        assert "</html>" not in shown


# What it survives


def test_with_one_process_killed_everything_goes_on_at_the_other(
    place: Place, alice: Program, listen: Listen
) -> None:
    opened = at_both(place, alice, listen)
    slug = opened[0].slug
    killed = place.processes[1]
    killed.kill()
    try:
        for number in range(10):
            assert alice.http.get("/rooms/").status_code == 200
            key = secrets.token_urlsafe(9)
            alice.submit(f"/rooms/{slug}/send/", key=key, text=f"after {number}")
        for listener in opened:
            listener.until(shows("after 9"), "what was said since")
            assert listener.page.numbers == list(range(1, 12))
        assert {listener.opened for listener in opened} == {1, 2}
    finally:
        killed.start(prepare=False)


class Mute(socketserver.ThreadingTCPServer):
    """Stands where a process stood: takes requests and hangs up without an answer."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Hangup)
        self.taken: list[str] = []


class Hangup(socketserver.StreamRequestHandler):
    server: Mute

    def handle(self) -> None:
        self.server.taken.append(self.rfile.readline().decode().partition(" ")[0])
        while self.rfile.readline().strip():
            pass


@contextmanager
def silenced(process: Roomful) -> Iterator[Mute]:
    process.kill()
    try:
        with Mute(process.port) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server
            server.shutdown()
    finally:
        process.start(prepare=False)


def test_a_post_without_an_answer_is_repeated_by_its_author_alone(
    place: Place, alice: Program
) -> None:
    def until_asked(method: str, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to the request that came to where nobody answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < deadline, "it was never asked"
            before = len(mute.taken)
            answer = ask()
            if method in mute.taken[before:]:
                assert mute.taken[before:] == [method], "nor was it asked twice"
                return answer
            assert answer.status_code in {200, 302}

    slug = make_room(alice)
    message = {"key": secrets.token_urlsafe(9), "text": "once"}
    with silenced(place.processes[1]) as mute:
        # nginx leaves a process that it could not reach alone for three seconds.
        def post() -> httpx.Response:
            return alice.http.post(f"/rooms/{slug}/send/", data=message)

        refusal = until_asked("POST", post)
        assert refusal.status_code == 503
        assert refusal.headers["Retry-After"] == "5"
        assert refusal.text.startswith("Roomful is away for a moment.")
        # Its author asks again with the same key, and whether it had been stored does not matter.
        while (answer := post()).status_code == 503:
            assert len(mute.taken) < 10
        assert answer.status_code == 302
        assert said_in(alice, slug) == ["once"]
        # To read is asked of the next process, and nobody notices.
        assert until_asked("GET", lambda: alice.http.get("/rooms/")).status_code == 200


@pytest.fixture
def rooms_by_redis(place: Place, alice: Program, listen: Listen) -> list[tuple[int, Listener]]:
    """For each Redis an open room whose events go by it: the room's id and a page in it."""

    found: dict[int, tuple[int, Listener]] = {}
    for _ in range(20):
        before = listening(place)
        listener = listen(alice, make_room(alice))
        alice.say(listener.slug, "hello")
        listener.until(shows("hello"), "a first message")
        for index, (known, now) in enumerate(zip(before, listening(place), strict=True)):
            for room in now.keys() - known.keys():
                found[index] = room, listener
        if len(found) == len(place.redis):
            return [found[index] for index in range(len(place.redis))]
    raise AssertionError("every room goes by the same Redis")


def test_a_lost_redis_slows_its_own_rooms_and_no_others(
    place: Place, alice: Program, rooms_by_redis: list[tuple[int, Listener]]
) -> None:
    (_, staying), (_, losing) = rooms_by_redis
    kept = rooms_by_redis[0][0]
    place.redis[1].stop()
    try:
        before = place.repaired(kept)
        for number in range(10):
            alice.say(losing.slug, f"number {number}")
            alice.say(staying.slug, f"number {number}")
        for listener in (staying, losing):
            listener.until(shows("number 9"), "a message while a Redis is away")
            assert listener.page.numbers == list(range(1, 12))
            assert listener.opened == 1
        # A sweep may just then look at the database; if all had come by it, none came by an event.
        assert place.repaired(kept) - before < 5
        assert [each.text for each in losing.page.all("#presence .name")] == ["Alice Archer"]
        for path in ("/rooms/", f"/rooms/{losing.slug}/"):
            assert alice.http.get(path).status_code == 200
        said = [httpx.get(f"{process.url}/readyz").text for process in place.processes]
        assert said == ["It serves, but 1 of 2 Redis servers do not answer.\n"] * 2
    finally:
        place.redis[1].start()
