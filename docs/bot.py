"""A bot that answers whoever begins a message with "!": !time, !dice.

    ROOMFUL=https://chat.example.org TOKEN=roomful_... python3 bot.py lobby

It keeps the version that it has seen in a file. Cut off or restarted, it goes on behind that; and as each
answer is posted under a key made of the question's number, nobody is answered twice.
"""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

SEEN = Path(f"seen-{sys.argv[1]}.txt")
ANSWERS = {
    "!time": lambda: f"It is {datetime.now(UTC):%H:%M} UTC.",
    "!dice": lambda: f"You rolled {random.randint(1, 6)}.",
}
room = httpx.Client(
    base_url=f"{os.environ['ROOMFUL']}/api/rooms/{sys.argv[1]}/",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=httpx.Timeout(10, read=30),  # seconds; the server says something every ten
)


def events() -> Iterator[tuple[int, dict[str, Any]]]:
    """Everything that is said, with the version to go on from."""
    headers = {"Last-Event-ID": SEEN.read_text()} if SEEN.exists() else {}
    with room.stream("GET", "events", headers=headers) as stream:
        stream.raise_for_status()
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _colon, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            if not line:  # the end of an event
                if "id" in fields and "data" in fields:
                    yield int(fields["id"]), json.loads(fields["data"])
                fields = {}


def answer(message: dict[str, Any]) -> None:
    reply = ANSWERS.get(message["text"].split(" ")[0])
    if reply and not message["deleted"]:
        key = {"Idempotency-Key": f"answer-to-{message['number']}"}
        said = {"text": reply(), "reply_to": message["number"]}
        posted = room.post("messages", json=said, headers=key)
        if posted.status_code != 422:  # else it was answered before, in other words
            posted.raise_for_status()


while True:
    try:
        for version, event in events():
            if event.get("type") == "posted":
                answer(event["message"])
            SEEN.write_text(str(version))
    except httpx.HTTPError as error:
        print("again in a second:", error, file=sys.stderr)
    time.sleep(1)
