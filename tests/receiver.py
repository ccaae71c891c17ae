"""Somebody's program at the other end of a webhook, on a real server of this machine."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from rooms import webhooks
from rooms.models import OutgoingWebhook
from rooms.models.hookcursor import Event, HookCursor
from tests.elsewhere import answer

if TYPE_CHECKING:
    import socket

    from rooms.models import Bot, Room, User
    from tests.elsewhere import Internet, Says

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def status(code: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {code} So\r\nContent-Length: 0\r\n{more}\r\n".encode()


def says(text: object) -> bytes:
    """What a program answers that has something to say."""
    return answer(json.dumps({"text": text}).encode(), "application/json")


class Receiver:
    """`answers` are given one after the other, then `DONE` for ever."""

    def __init__(self, internet: Internet, host: str = "hook.example") -> None:
        self.internet, self.host = internet, host
        self.address = f"https://{host}/in?key=hidden".replace("https", "http")
        self.answers: list[Says] = []
        internet.add(f"{host}/in?key=hidden", self._answer)

    def _answer(self, connection: socket.socket) -> None:
        self.internet._say(connection, self.answers.pop(0) if self.answers else DONE)

    @property
    def got(self) -> list[dict[str, Any]]:
        pairs = zip(self.internet.requests, self.internet.bodies, strict=True)
        return [json.loads(body) for head, body in pairs if f"Host: {self.host}\r\n" in head]

    @property
    def texts(self) -> list[str]:
        return [each["message"]["text"] for each in self.got]

    @property
    def deliveries(self) -> list[str]:
        return [each["delivery"] for each in self.got]


def hook(
    bot: Bot, receiver: Receiver, by: User, *rooms: Room, event: str = Event.MENTION
) -> OutgoingWebhook:
    """A webhook of the bot; of every message where rooms are named."""
    kind = Event.MESSAGE if rooms else event
    chosen = [room.pk for room in rooms]
    return OutgoingWebhook.make(
        bot, address=receiver.address, event=kind, rooms=chosen, by=by
    ).webhook


def work() -> None:
    """As a worker does whatever is due."""
    while (found := webhooks.take()) is not None:
        found()


def pass_time() -> None:
    """Until everything that waits for a moment is due."""
    long_ago = timezone.now() - timedelta(seconds=1)
    HookCursor.objects.filter(due_at__gt=long_ago).update(due_at=long_ago)


def until_done(attempts: int = 20) -> None:
    for _each in range(attempts):
        work()
        pass_time()
