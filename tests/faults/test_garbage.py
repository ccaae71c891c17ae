"""Frames and forms that no page of ours sends. They are answered, and leave nothing behind.

A failing test prints what it sent last, cut down to what makes it fail, and how to send that again.
"""

from __future__ import annotations

import json
from typing import TypeVar
from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from rooms.live.connections import FRAME_TOO_BIG, TOO_MANY_FRAMES
from tests.faults.scene import GROWTH, Scene
from tests.programs import CSRF, PATIENCE, Program

pytestmark = pytest.mark.timeout(600)

ENOUGH = 10_000  # frames and forms
INVALID_UTF8 = 1007
SLUG = "reading-room"

thoroughly = settings(
    max_examples=150,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

T = TypeVar("T")


def up_to(size: int, each: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    """Lists of which some are long; those of Hypothesis have five elements or so."""
    return st.integers(1, size).flatmap(
        lambda count: st.lists(each, min_size=count, max_size=count)
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
    / /healthz /metrics
    /setup/ /place/ /place/invitations/ /place/invitations/{}/revoke/ /join/{}/ /me.css
    /accounts/profile/ /accounts/signup/ /accounts/login/ /accounts/password/change/
    /accounts/password/reset/ /accounts/password/reset/key/{}/ /accounts/email/ /{} /static/{}
    /composer/{}/ /composer/{}/lost/ /composer/{}/pasted/ /composer/{}/poll/ /rooms/ /rooms/new/
    /rooms/{}/ /rooms/{}/changes/ /rooms/{}/typing/ /rooms/{}/draft/ /rooms/{}/send/ /rooms/{}/join/
    /rooms/{}/settings/ /rooms/{}/archive/ /rooms/{}/members/ /rooms/{}/members/remove/ /rooms/{}/{}/
    /rooms/{}/pins/ /rooms/{}/{}/edit/ /rooms/{}/{}/delete/ /rooms/{}/{}/menu/ /rooms/{}/{}/reactions/
    /rooms/{}/{}/reply/ /rooms/{}/{}/thread/ /rooms/{}/{}/pin/
""".split()  # noqa: SIM905  # shorter than a line for each
FIELDS = """
    key text lines reply emoji chip want typed to thread after viewer lost quiet name topic kind
    username display_name email password password1 login language
    time_zone user q page before at next sign_up digest seen remember
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


Form = list[tuple[bytes, bytes]]
Request = tuple[str, str, list[bytes], Form, Form, bool]


@pytest.fixture(params=["place", "shared"], ids=["SQLite", "PostgreSQL"])
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(request.param)
    return found


class Sender:
    """Bob, who belongs to a room where nobody else says anything, and owns nothing."""

    def __init__(self, scene: Scene) -> None:
        scene.visitor.submit("/rooms/new/", name="Reading room", topic="", kind="open")
        self.scene, self.bob, self.sent = scene, scene.stranger, 0
        self.bob.say(SLUG, "Hello")
        self.errors = (
            0  # that were logged so far: only what is sent next may be blamed for the next
        )

    def logs_nothing_new(self) -> bool:
        before, self.errors = self.errors, len(self.scene.errors())
        return self.errors == before

    def send_frames(self, garbage: list[str | bytes]) -> None:
        self.sent += len(garbage)
        ended = closed_with(self.bob, garbage)
        assert ended in (0, INVALID_UTF8, FRAME_TOO_BIG, TOO_MANY_FRAMES)
        assert self.logs_nothing_new()

    def send_forms(self, http: httpx.Client, garbage: list[tuple[Request, bytes]]) -> None:
        self.sent += len(garbage)
        bob = self.bob
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
        assert self.logs_nothing_new()


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


def encoded(form: Form) -> str:
    return "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in form)


def test_garbage_is_answered_and_leaves_nothing_behind(scene: Scene) -> None:
    sender = Sender(scene)
    with httpx.Client(base_url=sender.bob.url, timeout=PATIENCE) as http:

        @thoroughly
        @given(up_to(50, frames))
        def send_frames(garbage: list[str | bytes]) -> None:
            sender.send_frames(garbage)

        @thoroughly
        @given(up_to(20, st.tuples(requests, raw)))
        def send_forms(garbage: list[tuple[Request, bytes]]) -> None:
            sender.send_forms(http, garbage)

        with scene.talking(pace=1):  # there is enough to do
            send_frames()
            send_forms()
            before = scene.growth()
            scene.leave()
            while sender.sent < ENOUGH:
                send_frames()
                send_forms()
            assert scene.growth() < before + GROWTH
    assert not scene.refusals
    scene.all_is_well()
