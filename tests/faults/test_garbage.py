"""Frames and forms that no page of ours sends. They are answered, and leave nothing behind.

A failing test prints what it sent last, cut down to what makes it fail, and how to send that again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote_from_bytes

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from rooms.live.connections import FRAME_TOO_BIG, TOO_MANY_FRAMES
from tests.bench.machine import memory
from tests.factories import PASSWORD
from tests.process import Roomful
from tests.programs import CSRF, PATIENCE, Program
from tests.services import PostgresServer

pytestmark = pytest.mark.timeout(600)

GROWTH = 40 * 1024**2  # bytes; what is sent is more
INVALID_UTF8 = 1007
SLUG = "reading-room"

thoroughly = settings(
    max_examples=300,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

# Likely to be taken for something, and to break it.
ODD = st.sampled_from(
    [
        "\0",
        "\ud800",
        "'",
        "%00",
        "../",
        "NaN",
        "1" * 30,
        "-1",
        "٣",
        "\u202e",
        "${7*7}",
        "<b>",
        "\r\n",
    ]
)
words = st.one_of(st.text(max_size=50), ODD, st.text("ab\n`*_[]()<>#|~", max_size=200))
raw = st.one_of(
    words.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=50)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
data = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=5,
)
sound = st.fixed_dictionaries(
    {"type": st.sampled_from(["resume", "typing", "message"])},
    optional={"after": data, "key": data, "text": data},
)
frames = st.one_of(
    sound.map(json.dumps),
    data.map(json.dumps),
    st.integers(1, 5_000).map(lambda depth: "[" * depth),
    st.text(max_size=100),
    st.binary(max_size=100),
)

PATHS = """
    / /healthz /readyz /metrics
    /setup/ /place/ /place/invitations/ /place/invitations/{}/revoke/ /join/{}/ /me.css
    /accounts/profile/ /accounts/signup/ /accounts/login/ /accounts/password/change/
    /accounts/password/reset/ /accounts/password/reset/key/{}/ /accounts/email/ /{} /static/{}
    /composer/{}/ /composer/{}/lost/ /composer/{}/pasted/ /composer/{}/poll/ /rooms/ /rooms/new/
    /rooms/{}/ /rooms/{}/changes/ /rooms/{}/typing/ /rooms/{}/draft/ /rooms/{}/send/ /rooms/{}/join/
    /rooms/{}/settings/ /rooms/{}/archive/ /rooms/{}/members/ /rooms/{}/members/remove/ /rooms/{}/{}/
    /rooms/{}/{}/edit/ /rooms/{}/{}/delete/
""".split()  # noqa: SIM905  # shorter than a line for each
FIELDS = """
    key text lines after viewer lost quiet name topic kind username display_name email password
    password1 login language time_zone user q page before at next sign_up digest seen remember
""".split()  # noqa: SIM905
names = st.sampled_from(FIELDS).map(str.encode) | raw
slugs = st.sampled_from([SLUG.encode(), b"1"]) | raw
forms = st.lists(st.tuples(names, raw), max_size=5)
requests = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(PATHS),
    st.lists(slugs, min_size=2, max_size=2),
    forms,
    forms,
    st.booleans(),
)


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Roomful]:
    variables = {}
    if request.param == "PostgreSQL":
        name = f"garbage_{secrets.token_hex(4)}"
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        variables["DATABASE_URL"] = postgres_server.url.removesuffix("/roomful") + f"/{name}"
    server = Roomful(tmp_path_factory.mktemp("garbage"), **variables)
    with ExitStack() as ends:
        ends.callback(server.end)
        server.start()
        yield server


@pytest.fixture(scope="module")
def bob(server: Roomful) -> Iterator[Program]:
    """Belongs to a room, and owns nothing."""
    owner = Program(server.url)
    owner.submit(
        "/setup/",
        name="Millbrook Repair Café",
        username="alice",
        display_name="Alice Archer",
        email="alice@example.org",
        password=PASSWORD,
        sign_up="open",
    )
    owner.submit("/rooms/new/", name="Reading room", topic="", kind="open")
    owner.close()
    program = Program(server.url)
    program.submit(
        "/accounts/signup/", username="bob", display_name="Bob", email="", password1=PASSWORD
    )
    program.say(SLUG, "Hello")
    yield program
    program.close()


def closed_with(bob: Program, garbage: list[str | bytes]) -> int:
    """Sends these frames, and one that is answered. The code with which the server closed, or 0."""
    try:
        with connect(
            f"{bob.url.replace('http', 'ws', 1)}/ws/rooms/{SLUG}/",
            origin=Origin(bob.url),
            additional_headers={"Cookie": f"{bob.session_cookie}={bob.session}"},
            compression=None,
            max_size=None,
        ) as socket:
            for frame in garbage:
                socket.send(frame)
            socket.send(json.dumps({"type": "resume", "after": "0"}))
            while 'id="watch"' not in str(socket.recv(PATIENCE)):
                pass
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006
    return 0


def test_frames(server: Roomful, bob: Program) -> None:
    assert server.process
    pid = server.process.pid

    @thoroughly
    @given(st.lists(frames, max_size=40))
    def send(garbage: list[str | bytes]) -> None:
        errors = len(server.errors())
        assert closed_with(bob, garbage) in (0, INVALID_UTF8, FRAME_TOO_BIG, TOO_MANY_FRAMES)
        assert len(server.errors()) == errors

    send()
    before = memory(pid)
    send()
    assert memory(pid) < before + GROWTH


def test_forms(server: Roomful, bob: Program) -> None:
    assert server.process
    pid = server.process.pid
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:

        @thoroughly
        @given(st.lists(st.tuples(requests, raw), max_size=10))
        def send(
            garbage: list[tuple[tuple[str, str, list[bytes], Form, Form, bool], bytes]],
        ) -> None:
            errors = len(server.errors())
            for (method, path, slugs, query, form, htmx), session in garbage:
                address = path.format(*(quote_from_bytes(slug, safe="") for slug in slugs))
                # Half of them are Bob's; quoted octal codes are how a cookie holds any byte.
                mine = htmx or not session
                octal = "".join(f"\\{byte:03o}" for byte in session)
                headers = {
                    "Cookie": f"{bob.csrf_cookie}={CSRF}; {bob.session_cookie}="
                    + (bob.session if mine else f'"{octal}"'),
                    "X-CSRFToken": CSRF,
                    "Content-Type": "application/x-www-form-urlencoded",
                } | ({"HX-Request": "true"} if htmx else {})
                answer = http.request(
                    method, f"{address}?{encoded(query)}", content=encoded(form), headers=headers
                )
                assert answer.status_code < 500
            assert len(server.errors()) == errors

        send()
        before = memory(pid)
        send()
        assert memory(pid) < before + GROWTH


Form = list[tuple[bytes, bytes]]


def encoded(form: Form) -> str:
    return "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in form)
