"""What docs/api.md shows, run as it stands against a Roomful that runs as a process of its own; and many
programs at once, while that process is restarted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.factories import PASSWORD
from tests.process import REPOSITORY, Roomful
from tests.programs import Program
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.one_stack

TEXT = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
PATIENCE = 90.0  # seconds for what takes a few
BOT_LINES = 66
RECEIVER = free_port()  # of the program at the other end of an outgoing webhook


@pytest.fixture(scope="module")
def roomful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roomful]:
    process = Roomful(
        tmp_path_factory.mktemp("api"),
        API_READS_PER_MINUTE="0",
        API_WRITES_PER_MINUTE="0",
        POSTS_PER_MINUTE="0",
        ALLOW_PRIVATE_ADDRESSES="on",
        FETCH_PORTS=f"80,{RECEIVER}",
    )
    process.start()
    yield process
    process.end()


@pytest.fixture(scope="module")
def surroundings(roomful: Roomful) -> dict[str, str]:
    """What the examples are told."""
    owner = Program(roomful.url)
    owner.set_up()
    form = {"username": "alice", "password": PASSWORD}
    found = httpx.post(f"{roomful.url}/api-token-auth/", data=form, timeout=PATIENCE)
    token = found.raise_for_status().json()["token"]
    made = httpx.post(
        f"{roomful.url}/api/rooms",
        json={"name": "Examples"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    )
    hook, secret = hooks_of(owner)
    owner.close()
    return {
        "PATH": os.environ["PATH"],
        "ROOMFUL": roomful.url,
        "TOKEN": token,
        "NAME": "alice",
        "PASSWORD": PASSWORD,
        "ROOM": made.raise_for_status().json()["slug"],
        "HOOK": hook,
        "SECRET": secret,
    }


def hooks_of(owner: Program) -> tuple[str, str]:
    """The address of an incoming webhook of a new bot in the first room, and the secret of an outgoing
    one."""
    bot = owner.submit("/accounts/bots/", name="Builds").headers["Location"]
    room = re.findall(r'<option value="(\d+)"', owner.http.get(bot).text)[0]
    owner.submit(f"{bot}rooms/", room=room, to="in")
    made = owner.http.post(f"{bot}hooks/", data={"name": "CI", "room": room}).text
    (address,) = re.findall(r'<code id="hook-address" dir="ltr">([^<]+)<', made)
    form = {"address": f"http://127.0.0.1:{RECEIVER}/", "event": "mention"}
    made = owner.http.post(f"{bot}outgoing/", data=form).text
    (secret,) = re.findall(r'<code id="outgoing-secret" dir="ltr">([^<]+)<', made)
    return str(address), str(secret)


def room_of(surroundings: dict[str, str]) -> httpx.Client:
    return httpx.Client(
        base_url=f"{surroundings['ROOMFUL']}/api/rooms/{surroundings['ROOM']}/",
        headers={"Authorization": f"Bearer {surroundings['TOKEN']}"},
        timeout=PATIENCE,
    )


def everything(room: httpx.Client) -> list[dict[str, Any]]:
    """The whole history, page by page."""
    page = room.get("messages", params={"after": 0}).raise_for_status().json()
    found: list[dict[str, Any]] = page["messages"]
    while page["newer"]:
        address = str(room.base_url.copy_with(raw_path=page["newer"].encode()))
        page = room.get(address).json()
        found += page["messages"]
    return found


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"never so: {what}"
        time.sleep(0.1)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(
    ("kind", "example"), EXAMPLES, ids=[str(place) for place in range(len(EXAMPLES))]
)
def test_an_example_runs_as_it_stands(
    surroundings: dict[str, str], tmp_path: Path, kind: str, example: str
) -> None:
    command = ["sh", "-e", "-c"] if kind == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*command, example],
        env=surroundings,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if kind == "sh":
        assert done.stdout.strip().startswith(("{", "ok"))


def test_the_bot_answers_each_once_through_a_restart(
    roomful: Roomful, surroundings: dict[str, str], tmp_path: Path
) -> None:
    file = REPOSITORY / "docs" / "bot.py"
    assert file.read_text(encoding="utf-8").count("\n") <= BOT_LINES
    room = room_of(surroundings)

    def answers() -> list[int]:
        return [each["reply_to"]["number"] for each in everything(room) if each["reply_to"]]

    def ask(text: str) -> int:
        return int(room.post("messages", json={"text": text}).raise_for_status().json()["number"])

    version = room.get("messages").json()["version"]
    (tmp_path / f"seen-{surroundings['ROOM']}.txt").write_text(str(version))
    asked = [ask("!dice"), ask("nothing")]
    bot = subprocess.Popen(
        [sys.executable, str(file), surroundings["ROOM"]],
        env=surroundings,
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: asked[0] in answers(), "the bot answers")
        roomful.restart()
        asked += [ask("!time"), ask("!dice once more")]
        until(lambda: set(asked[2:]) <= set(answers()), "it goes on after a restart")
        assert sorted(answers()) == [asked[0], *asked[2:]]
    finally:
        bot.kill()
        bot.wait()
        room.close()


def test_a_program_answers_by_a_webhook(surroundings: dict[str, str]) -> None:
    """It is started after it was first called, and nobody but Roomful can call it."""
    room = room_of(surroundings)
    asked = room.post("messages", json={"text": "@Builds tea?"}).raise_for_status().json()

    def answers() -> list[str]:
        replies = [each for each in everything(room) if each["reply_to"]]
        return [each["text"] for each in replies if each["reply_to"]["number"] == asked["number"]]

    command = [sys.executable, str(REPOSITORY / "docs" / "receiver.py"), str(RECEIVER)]
    receiver = subprocess.Popen(command, env=surroundings, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers() == ["Heard: @Builds tea?"], "the bot answers")
        forged = httpx.post(f"http://127.0.0.1:{RECEIVER}/", json={"type": "test"})
        assert forged.status_code == 401
    finally:
        receiver.kill()
        receiver.wait()
        room.close()


POSTERS, POSTS, FOLLOWERS = 12, 10, 3


def post(surroundings: dict[str, str], poster: int) -> None:
    """Each of its messages twice, however often the server has to be asked."""
    with room_of(surroundings) as program:
        for number in range(POSTS):
            text, times = f"{poster}-{number}", 0
            key = {"Idempotency-Key": f"program-{poster}-{number}"}
            while times < 2:
                with suppress(httpx.TransportError):
                    answer = program.post("messages", json={"text": text}, headers=key)
                    assert answer.status_code in {200, 201}, answer.text
                    times += 1


def follow(
    surroundings: dict[str, str], mine: list[tuple[int, str]], version: int, last: int
) -> None:
    """What is posted from the version on until the last number, from where it was cut each time."""
    while not mine or mine[-1][0] < last:
        with suppress(httpx.TransportError), room_of(surroundings) as program:
            for at, kind, data in events(program, version):
                version = at
                if kind == "posted":
                    mine.append((data["message"]["number"], data["message"]["text"]))
                    if mine[-1][0] >= last:
                        return
        time.sleep(0.1)


def events(program: httpx.Client, after: int) -> Iterator[tuple[int, str, Any]]:
    headers = {"Last-Event-ID": str(after)}
    with program.stream("GET", "events", headers=headers) as stream:
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _colon, value = line.partition(":")
            fields[name] = value.strip()
            if not line:
                if "id" in fields and "data" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


def test_each_message_once_and_in_order_while_the_server_restarts(
    roomful: Roomful, surroundings: dict[str, str]
) -> None:
    """Programs that post each message twice, and others that follow from where they were cut."""
    room = room_of(surroundings)
    first = len(everything(room)) + 1
    start = room.get("messages").json()["version"]
    last = first + POSTERS * POSTS - 1
    told: list[list[tuple[int, str]]] = [[] for _each in range(FOLLOWERS)]

    threads = [
        *(
            threading.Thread(target=follow, args=[surroundings, mine, start, last], daemon=True)
            for mine in told
        ),
        *(
            threading.Thread(target=post, args=[surroundings, poster], daemon=True)
            for poster in range(POSTERS)
        ),
    ]
    for thread in threads:
        thread.start()
    until(lambda: len(told[0]) > POSTERS, "some were posted")
    roomful.restart()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    history = [(each["number"], each["text"]) for each in everything(room)][first - 1 :]
    assert [number for number, _text in history] == list(range(first, last + 1))
    expected = {f"{poster}-{number}" for poster in range(POSTERS) for number in range(POSTS)}
    assert sorted(text for _number, text in history) == sorted(expected)
    for mine in told:
        assert mine == history
    assert roomful.errors() == []
    room.close()
