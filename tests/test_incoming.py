"""Incoming webhooks: what other services post at an address becomes a bot's message."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rooms.models import Bot, Incoming, Role, people, restriction
from rooms.models.incoming import IncomingNameUsed, TooManyIncoming
from rooms.models.restriction import UNTIL_LIFTED
from rooms.views.hooks import LARGEST
from tests.cast import signed_in
from tests.factories import say

if TYPE_CHECKING:
    from pytest_django import Settings

    from rooms.models import Room, User

pytestmark = pytest.mark.django_db


class Service:
    """It knows the address and nothing else."""

    def __init__(self, secret: str) -> None:
        self.address = f"/hooks/{secret}"
        self.client = Client(enforce_csrf_checks=True)

    def post(
        self, body: str | bytes, kind: str = "text/plain", status: int = 200, *, key: str = ""
    ) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client.generic("POST", self.address, body, kind, headers=headers)
        said = answer.content.decode()
        assert answer.status_code == status, (answer.status_code, said)
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert not answer.cookies
        assert said
        assert "\n" not in said
        return answer

    def slack(self, payload: Any, status: int = 200) -> Any:
        return self.post(json.dumps(payload), "application/json", status)


@pytest.fixture
def bot(alice: User, open_room: Room) -> Bot:
    bot = Bot.make(name="Deploy", by=alice)
    bot.put_into(open_room, by=alice)
    return bot


@pytest.fixture
def made(bot: Bot, open_room: Room, alice: User) -> Any:
    return Incoming.make(bot, open_room, name="CI", by=alice)


@pytest.fixture
def service(made: Any) -> Service:
    return Service(made.secret)


def bodies(room: Room) -> list[str]:
    return [row.body for row in room.history().rows]


def test_what_is_posted_the_bot_says(service: Service, bot: Bot, open_room: Room) -> None:
    assert service.post("Deployed **v1**.\nIn 3 s.").content == b"ok"
    assert service.post("# Done", "text/markdown; charset=utf-8").content == b"ok"
    first, second = open_room.history().rows
    assert (first.author, first.body) == (bot.pk, "Deployed **v1**.\nIn 3 s.")
    assert second.body == "# Done"
    assert Incoming.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"text": "Built <https://ci.example/1|#1> &amp; &lt;done&gt;"},
         "Built [#1](https://ci.example/1) & <done>"),
        ({"text": "<!channel> and <!here>, <@bob>: *red* ~no~", "username": "root", "icon_emoji": ":x:"},
         "@room and @here, @bob: **red** ~~no~~"),
        ({"text": "", "attachments": [{"fallback": "b", "title": "T", "title_link": "https://x.example/",
          "text": "words"}, {"fallback": "alone"}]}, "[T](https://x.example/)\nwords\nalone"),
        ({"text": "old", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Head"}},
          {"type": "section", "text": {"type": "mrkdwn", "text": "a *b*"},
           "fields": [{"type": "mrkdwn", "text": "c"}]},
          {"type": "divider"}, {"type": "context", "elements": [{"type": "mrkdwn", "text": "d"}, 7]}, 8]},
         "**Head**\na **b**\nc\nd"),
    ],
)  # fmt: skip
def test_what_slack_takes_is_taken(
    service: Service, open_room: Room, payload: Any, said: str
) -> None:
    service.slack(payload)
    form = "application/x-www-form-urlencoded"
    service.post(urlencode({"payload": json.dumps(payload)}), form)
    service.post(json.dumps(payload), form)  # as `curl --data` sends it
    service.client.post(service.address, {"payload": json.dumps(payload)})
    assert bodies(open_room) == [said] * 4


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("", "text/plain", 400),
        (" \n", "text/plain", 400),
        ("\0", "text/plain", 400),
        ("x" * 4_001, "text/plain", 400),
        (b"\xff\xfe", "text/plain", 400),
        ("x" * (LARGEST + 1), "text/plain", 413),
        ("x" * (5 * LARGEST), "application/json", 413),
        ("hi", "text/plain; charset=utf-16", 415),
        ("hi", "text/html", 415),
        ("hi", "multipart/form-data", 400),
        ("hi", "multipart/form-data; boundary=x", 400),
        ("--x\r\n" * 9_000, "multipart/form-data; boundary=x", 400),
        ("{", "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ("[1]", "application/json", 400),
        ('"text"', "application/json", 400),
        ('{"text": 7}', "application/json", 400),
        ('{"text": "\\ud800"}', "application/json", 400),
        ('{"attachments": "x", "blocks": {"a": [1]}}', "application/json", 400),
        ("text=hi", "application/x-www-form-urlencoded", 400),
        ("payload=", "application/x-www-form-urlencoded", 400),
        ("&".join(f"a{number}=" for number in range(10_000)), "application/x-www-form-urlencoded", 400),
        ("payload={}" + "&payload={}" * 500, "application/x-www-form-urlencoded", 400),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_sentence(
    service: Service, open_room: Room, body: str | bytes, kind: str, status: int
) -> None:
    service.post(body, kind, status)
    assert bodies(open_room) == []


def test_an_address_that_nobody_was_given_is_none(service: Service, made: Any, bot: Bot) -> None:
    for secret in (made.secret[:-1], f"{made.secret}x", "x", "é", "x" * 5_000):
        with CaptureQueriesContext(connection) as queries:
            Service(secret).post("hi", status=404)
        assert len([each for each in queries if "incoming" in each["sql"]]) == 1
    assert made.secret not in str(list(Incoming.objects.values_list()))
    bot.incoming.all().delete()
    service.post("hi", status=404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_for_posting_alone(service: Service, method: str) -> None:
    known = service.client.generic(method, service.address)
    unknown = service.client.generic(method, "/hooks/nonsense")
    assert known.status_code == unknown.status_code == 405
    assert known.headers["Allow"] == "POST"
    assert known.content == unknown.content
    assert method == "HEAD" or b"by POST" in known.content


def test_who_is_signed_in_makes_no_difference(service: Service, bob: User, bot: Bot) -> None:
    service.client = signed_in(bob)
    service.post("hi")
    assert [row.author for row in bot.incoming.get().room.history().rows] == [bot.pk]


def test_a_key_posts_once(service: Service, open_room: Room) -> None:
    assert "Idempotency-Replayed" not in service.post("Built.", key="build-number-1").headers
    assert service.post("Built.", key="build-number-1").headers["Idempotency-Replayed"] == "true"
    service.post("Another.", status=422, key="build-number-1")
    service.post("Another.", status=400, key="short")
    assert bodies(open_room) == ["Built."]


def test_limits_hold(service: Service, open_room: Room, settings: Settings) -> None:
    settings.POSTS_PER_MINUTE, settings.POSTS_AT_ONCE = 6, 2
    for number in range(2):
        service.post(f"{number}")
    answer = service.post("2", status=429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 11
    assert len(bodies(open_room)) == 2


def test_a_bot_is_kept_from_writing_as_anybody(
    service: Service, bot: Bot, open_room: Room, alice: User
) -> None:
    restriction.mute(open_room, bot.user, by=alice, until=UNTIL_LIFTED)
    assert b"muted this bot" in service.post("hi", status=403).content
    restriction.unmute(open_room, bot.user, by=alice)
    change = partial(open_room.change_details, name=open_room.name, topic="", by=alice)
    change(moderators_only=True)
    service.post("hi", status=403)
    change(moderators_only=False, slow_mode=60)
    service.post("hi")
    assert 1 <= int(service.post("hi", status=429).headers["Retry-After"]) <= 60
    change(slow_mode=0)
    open_room.archive(by=alice)
    assert b"archived" in service.post("hi", status=403).content
    open_room.restore(by=alice)
    bot.take_out(open_room, by=alice)
    assert b"not in the room" in service.post("hi", status=403).content
    bot.put_into(open_room, by=alice)
    service.post("again")
    assert bodies(open_room) == ["hi", "again"]


def test_it_is_still_while_nobody_answers_for_the_bot(
    amir: User, alice: User, open_room: Room
) -> None:
    bot = Bot.make(name="Deploy", by=amir)
    bot.put_into(open_room, by=amir)
    service = Service(Incoming.make(bot, open_room, name="CI", by=amir).secret)
    service.post("hi")
    people.change_role(amir, Role.GUEST, by=alice)
    service.post("hi", status=403)
    people.change_role(amir, Role.MEMBER, by=alice)
    service.post("hi")
    people.deactivate(amir, by=alice)
    service.post("hi", status=403)
    bot.refresh_from_db()
    bot.take_over(by=alice)
    service.post("hi", status=404)
    assert bodies(open_room) == ["hi", "hi"]


def test_an_ended_bot_has_none(service: Service, bot: Bot, alice: User, open_room: Room) -> None:
    bot.end(by=alice)
    service.post("hi", status=404)
    with pytest.raises(PermissionDenied):
        Incoming.make(bot, open_room, name="New", by=alice)


def test_whoever_owns_the_bot_makes_them_for_its_rooms(  # noqa: PLR0917
    made: Any, bot: Bot, alice: User, bob: User, amir: User, open_room: Room, private_room: Room
) -> None:
    for by, room in ((bob, open_room), (amir, open_room), (alice, private_room)):
        with pytest.raises(PermissionDenied):
            Incoming.make(bot, room, name="Mine", by=by)
    with pytest.raises(IncomingNameUsed):
        Incoming.make(bot, open_room, name="CI", by=alice)


def test_nobody_makes_them_without_end(
    made: Any, bot: Bot, alice: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.models.incoming.MOST", 1)
    with pytest.raises(TooManyIncoming):
        Incoming.make(bot, open_room, name="Second", by=alice)


def test_the_card_says_where_it_posts(
    made: Any, bot: Bot, bob: User, alice: User, private_room: Room
) -> None:
    bot.put_into(private_room, by=alice)
    Incoming.make(bot, private_room, name="Money", by=alice)

    def card(user: User) -> str:
        return signed_in(user).get(f"/people/{bot.pk}/").content.decode()

    assert "Workbench" in card(bob)
    assert "Committee" in card(bob)
    private_room.remove(bob)
    assert "Workbench" in card(bob)
    assert "Committee" not in card(bob)


def test_posting_costs_the_same_however_long_the_room_is(
    service: Service, open_room: Room, bob: User
) -> None:
    service.post("first")
    say(open_room, bob, "hello")
    with CaptureQueriesContext(connection) as few:
        service.post("second")
    say(open_room, bob, *(f"line {number}" for number in range(20)))
    with CaptureQueriesContext(connection) as many:
        service.post("third")
    assert len(many) == len(few)
