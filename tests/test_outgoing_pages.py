"""A bot's page as it shows and changes the bot's outgoing webhooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import webhooks
from rooms.models import AuditEntry, Bot, OutgoingWebhook, hookcursor
from rooms.models import outgoing as model
from rooms.models.audit import Kind
from rooms.models.delivering import ATTEMPTS
from tests.factories import make_room, say
from tests.receiver import Receiver, hook, says, status, until_done, work

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room, User
    from tests.elsewhere import Internet

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that a test is in does not outlive its connection."""
    monkeypatch.setattr(webhooks, "close_old_connections", lambda: None)


@pytest.fixture
def receiver(internet: Internet) -> Receiver:
    return Receiver(internet)


@pytest.fixture
def bot(alice: User, open_room: Room) -> Bot:
    made = Bot.make(name="Echo", by=alice)
    made.put_into(open_room, by=alice)
    return made


def page_of(bot: Bot) -> str:
    return f"/accounts/bots/{bot.pk}/"


def add(client: Client, bot: Bot, wanted: int = 200, **form: Any) -> str:
    answer = client.post(f"{page_of(bot)}outgoing/", {"event": "mention", **form})
    assert answer.status_code == wanted
    return answer.content.decode()


def press(client: Client, made: OutgoingWebhook, button: str) -> str:
    """Whatever page comes of it."""
    address = f"{page_of(made.bot)}outgoing/{made.pk}/"
    return client.post(address, {"to": button}, follow=True).content.decode()


def secret_in(page: str) -> str | None:
    found = re.search(r'id="outgoing-secret" dir="ltr">([^<]+)<', page)
    return found and found.group(1)


def test_a_webhook_is_added_and_its_secret_shown_once(
    alice_client: Client, receiver: Receiver, bot: Bot, bob: User, open_room: Room
) -> None:
    page = add(alice_client, bot, address=receiver.address)
    made = OutgoingWebhook.objects.get()
    assert secret_in(page) == made.secret
    page = alice_client.get(page_of(bot)).content.decode()
    assert made.secret not in page
    assert receiver.address.replace("&", "&amp;") in page
    say(open_room, bob, "@Echo tea?")
    work()
    assert receiver.texts == ["@Echo tea?"]
    again = add(alice_client, bot, 409, address=receiver.address)
    assert "Remove that one first" in again
    assert receiver.address in again
    renewed = secret_in(press(alice_client, made, "secret"))
    assert renewed
    assert renewed != made.secret
    press(alice_client, made, "remove")
    press(alice_client, made, "remove")
    assert not OutgoingWebhook.objects.exists()
    kinds = AuditEntry.objects.filter(kind__startswith="hook").order_by("pk")
    assert [each.kind for each in kinds] == [Kind.HOOK_MADE, Kind.HOOK_GONE]


def test_every_message_is_sent_of_rooms_of_the_bot_that_were_chosen(
    alice_client: Client, receiver: Receiver, bot: Bot, alice: User, open_room: Room
) -> None:
    foreign = make_room("Foreign", alice)
    address = receiver.address
    for rooms in ([], [foreign.pk], [open_room.pk, foreign.pk], ["x"], ["9" * 100], ["\0"]):
        page = add(alice_client, bot, 400, address=address, event="message", rooms=rooms)
        assert address in page
    add(alice_client, bot, address=address, event="message", rooms=[open_room.pk] * 3)
    say(open_room, alice, "one")
    say(foreign, alice, "another")
    work()
    assert receiver.texts == ["one"]
    assert ">Workbench</bdi>" in alice_client.get(page_of(bot)).content.decode()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "required"),
        ("example.org", "Give a whole address"),
        ("ftp://example.org/", "Give a whole address"),
        ("javascript:alert(1)", "Give a whole address"),
        ("https://name:password@example.org/", "Give a whole address"),
        ("https://example.org:22/", "80, 443"),
        ("http://127.0.0.1/", "private network"),
        ("http://[::1]/", "private network"),
        ("http://169.254.169.254/latest", "private network"),
        ("https://example.org/" + "a" * 1000, "1000"),
        ("https://example.org/\0", "Null"),
        ("https://" + "a" * 100_000, "1000"),
    ],
)
def test_no_such_address_is_taken(
    alice_client: Client, bot: Bot, internet: Internet, address: str, says: str
) -> None:
    assert says in add(alice_client, bot, 400, address=address)
    assert internet.looked_up == []
    assert not OutgoingWebhook.objects.exists()


def test_the_form_takes_anything_and_never_breaks(alice_client: Client, bot: Bot) -> None:
    for form in ({}, {"event": "x"}, {"address": ["https://a.example/"] * 10_000, "event": "\0"}):
        add(alice_client, bot, 400, **{"event": "", **form})
    made = f"{page_of(bot)}outgoing/{10**18}/"
    assert alice_client.post(made, {"to": "test"}).status_code == 302
    assert alice_client.get(made).status_code == 302
    for wrong in ({}, {"to": "x"}, {"to": "\0"}):
        assert alice_client.post(made, wrong).status_code == 400
    assert alice_client.post(f"{page_of(bot)}outgoing/{10**30}/", {"to": "test"}).status_code in {
        302,
        404,
    }


def test_a_bot_has_so_many_and_no_more(
    alice_client: Client, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "MOST", 1)
    add(alice_client, bot, address="https://one.example/")
    page = add(alice_client, bot, 409, address="https://two.example/")
    assert "Remove those that it needs no more" in page


def test_what_came_of_deliveries_stands_on_the_page(
    alice_client: Client, receiver: Receiver, bot: Bot, alice: User, open_room: Room
) -> None:
    made = hook(bot, receiver, alice, open_room)
    receiver.answers = [says("thanks"), says("a" * 5000), status(410)]
    say(open_room, alice, "one", "two", "three")
    until_done(3)
    page = alice_client.get(page_of(bot)).content.decode()
    assert "the answer was posted" in page
    assert "the answer could not be posted" in page
    assert "Failed: 410" in page
    assert "It has been off since" in page
    assert "Enable again" in page
    press(alice_client, made, "enable")
    work()
    assert receiver.texts == ["one", "two", "three", "three"]
    press(alice_client, made, "disable")
    say(open_room, alice, "four")
    work()
    assert len(receiver.texts) == 4
    press(alice_client, made, "enable")
    work()
    assert receiver.texts[4:] == ["four"]
    page = alice_client.get(page_of(bot)).content.decode()
    assert "It has been off since" not in page


def test_of_too_much_that_was_said_meanwhile_the_page_says_so(
    alice_client: Client,
    receiver: Receiver,
    bot: Bot,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = bot.user.memberships.get().room
    made = hook(bot, receiver, alice, room)
    receiver.answers = [status(500)] * ATTEMPTS
    say(room, alice, "one", "two")
    until_done(ATTEMPTS)
    monkeypatch.setattr(hookcursor, "MOST_BEHIND", 1)
    assert "from now: more than" in press(alice_client, made, "enable")
    work()
    assert receiver.texts == ["one"] * ATTEMPTS


def test_a_test_is_sent_by_its_button(
    alice_client: Client, receiver: Receiver, bot: Bot, alice: User
) -> None:
    made = hook(bot, receiver, alice)
    assert "A test is on its way" in press(alice_client, made, "test")
    press(alice_client, made, "test")
    work()
    assert [each["type"] for each in receiver.got] == ["test"]
    page = alice_client.get(page_of(bot)).content.decode()
    assert "Delivered: 204" in page
    assert "a test" in page


def test_another_bots_webhook_is_none_of_this_one(
    alice_client: Client, amir_client: Client, receiver: Receiver, bot: Bot, amir: User
) -> None:
    theirs = Bot.make(name="Theirs", by=amir)
    made = hook(theirs, receiver, amir)
    wrong = f"{page_of(bot)}outgoing/{made.pk}/"
    for button in ("secret", "test", "remove"):
        assert (
            secret_in(alice_client.post(wrong, {"to": button}, follow=True).content.decode())
            is None
        )
    assert (
        alice_client.post(f"{page_of(theirs)}outgoing/{made.pk}/", {"to": "remove"}).status_code
        == 403
    )
    assert OutgoingWebhook.objects.get().secret == made.secret
    assert receiver.address not in alice_client.get(page_of(theirs)).content.decode()


def test_the_page_asks_no_more_for_more_webhooks(
    alice_client: Client, bot: Bot, alice: User, internet: Internet, settings: Settings
) -> None:
    asked = []
    for number in range(4):
        hook(bot, Receiver(internet, f"hook{number}.example"), alice)
        with CaptureQueriesContext(connection) as captured:
            alice_client.get(page_of(bot))
        asked.append(len(captured))
    assert asked[1] == asked[-1]
