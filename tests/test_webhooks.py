"""Outgoing webhooks: what a bot reads is sent in order, nothing lost and nothing twice."""

from __future__ import annotations

import hashlib
import hmac
import runpy
import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import background, webhooks
from rooms.models import (
    AuditEntry,
    Bot,
    Message,
    OutgoingWebhook,
    Role,
    delivering,
    hookcursor,
    people,
)
from rooms.models.audit import Kind
from rooms.models.delivering import ATTEMPTS, Claim, following
from rooms.models.hookcursor import HookCursor
from rooms.models.restriction import UNTIL_LIFTED, mute
from tests.elsewhere import PUBLIC, Internet, answer, redirect
from tests.factories import make_room, make_user, say
from tests.process import REPOSITORY
from tests.receiver import DONE, Receiver, hook, pass_time, says, status, until_done, work
from tests.services import PATIENCE, wait_until
from tests.test_fetch import endless, endless_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.mail import EmailMessage
    from pytest_django import Settings

    from rooms.models import Room, User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that a test is in does not outlive its connection."""
    monkeypatch.setattr(webhooks, "close_old_connections", lambda: None)


class Here(NamedTuple):
    """A bot of Alice's in a room where Bob talks, and its receiver."""

    internet: Internet
    receiver: Receiver
    bot: Bot
    alice: User
    bob: User
    room: Room

    def hook(self, *rooms: Room) -> OutgoingWebhook:
        return hook(self.bot, self.receiver, self.alice, *rooms)

    def say(self, *texts: str) -> list[Message]:
        return say(self.room, self.bob, *texts)


@pytest.fixture
def here(internet: Internet, alice: User, bob: User, open_room: Room) -> Here:
    bot = Bot.make(name="Echo", by=alice)
    bot.put_into(open_room, by=alice)
    return Here(internet, Receiver(internet), bot, alice, bob, open_room)


def said_by(bot: Bot) -> list[str]:
    return list(
        Message.objects.filter(author=bot.user).order_by("pk").values_list("body", flat=True)
    )


# What is sent, and what is not


def test_a_mention_is_sent_with_all_that_the_api_would_tell_of_it(here: Here) -> None:
    here.say("@Echo before there was a webhook")
    made = here.hook()
    here.say("nothing for it", "@Echo tea?", "@room everybody")
    work()
    (got,) = here.receiver.got
    number = here.room.messages.get(body="@Echo tea?").number
    message = got.pop("message")
    assert got == {
        "type": "mention",
        "webhook": made.pk,
        "delivery": f"{made.pk}-{here.room.pk}-{number}",
        "room": {"slug": here.room.slug, "name": "Workbench"},
    }
    assert (message["number"], message["text"]) == (number, "@Echo tea?")
    assert message["author"]["name"] == "Bob Baker"
    head = here.internet.requests[0].lower()
    assert head.startswith("post /in?key=hidden http/1.1\r\n")
    for line in ("user-agent: roomful (webhook)", f"roomful-delivery: {got['delivery']}"):
        assert f"{line}\r\n" in head


def test_it_is_signed_with_the_moment_at_which_it_was_sent(here: Here) -> None:
    address = here.receiver.address
    made = OutgoingWebhook.make(here.bot, address=address, event="mention", by=here.alice)
    here.say("@Echo é")
    work()
    lines = dict(
        line.split(": ", 1) for line in here.internet.requests[0].split("\r\n") if ": " in line
    )
    timestamp, body = lines["Roomful-Timestamp"], here.internet.bodies[0]
    assert abs(int(timestamp) - timezone.now().timestamp()) < 120
    key, signed = made.secret.encode(), f"{timestamp}.".encode() + body
    expected = hmac.new(key, signed, hashlib.sha256).hexdigest()
    assert lines["Roomful-Signature"] == f"v1={expected}"
    assert made.secret not in OutgoingWebhook.objects.get().sealed_secret
    renewed = made.webhook.renew_secret(by=here.alice).secret
    assert OutgoingWebhook.objects.get().secret == renewed != made.secret


@pytest.fixture
def example() -> Any:
    """The program that the documentation shows."""
    file = REPOSITORY / "docs" / "receiver.py"
    assert file.read_text(encoding="utf-8").count("\n") <= 40
    return SimpleNamespace(**runpy.run_path(str(file)))


def test_the_example_of_the_documentation_knows_what_is_genuine(
    here: Here, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = here.receiver.address
    made = OutgoingWebhook.make(here.bot, address=address, event="mention", by=here.alice)
    monkeypatch.setenv("SECRET", made.secret)
    here.say("@Echo tea?")
    work()
    head, body = here.internet.requests[0], here.internet.bodies[0]
    headers = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
    assert example.genuine(headers, body)
    assert not example.genuine(headers, body + b" ")
    later = {**headers, "Roomful-Timestamp": str(int(headers["Roomful-Timestamp"]) + 1)}
    assert not example.genuine(later, body)
    assert not example.genuine({}, body)
    monkeypatch.setattr(time, "time", lambda: int(headers["Roomful-Timestamp"]) + 301)
    assert not example.genuine(headers, body), "an old one, sent once more by somebody else"
    monkeypatch.setenv("SECRET", "another")
    assert not example.genuine(headers, body)


def test_every_message_of_the_chosen_rooms_is_sent_in_order(here: Here) -> None:
    other, unchosen = [make_room(name, here.alice, here.bob) for name in ("Other", "Unchosen")]
    for room in (other, unchosen):
        here.bot.put_into(room, by=here.alice)
    here.hook(here.room, other)
    texts = [str(number) for number in range(webhooks.ROUND + 5)]
    here.say(*texts)
    say(other, here.bob, "other")
    say(unchosen, here.bob, "@Echo unchosen")
    work()
    assert here.receiver.texts == [*texts[: webhooks.ROUND], "other", *texts[webhooks.ROUND :]]
    here.say("and on")
    work()
    assert here.receiver.texts[-1] == "and on"
    work()
    assert len(here.receiver.texts) == len(set(here.receiver.texts))


def test_what_bots_say_and_what_was_deleted_or_edited_before_is_not_sent_as_it_was(
    here: Here,
) -> None:
    here.hook(here.room)
    other = Bot.make(name="Parrot", by=here.alice)
    other.put_into(here.room, by=here.alice)
    _one, gone, changed = here.say("one", "gone", "changed")
    say(here.room, other.user, "@Echo loop")
    say(here.room, here.bot.user, "loop")
    gone.delete_for_everybody(by=here.bob)
    changed.edit("in other words", by=here.bob)
    work()
    assert here.receiver.texts == ["one", "in other words"]
    changed.edit("@Echo once more", by=here.bob)
    work()
    assert len(here.receiver.texts) == 2


def test_who_left_or_has_nobody_who_answers_for_it_is_sent_nothing(here: Here) -> None:
    here.hook(here.room)
    here.hook()
    here.say("before", "@Echo too")
    here.bot.take_out(here.room, by=here.alice)
    here.say("while it is away")
    work()
    here.say("still away")
    here.bot.put_into(here.room, by=here.alice)
    work()
    assert here.receiver.got == []
    here.say("back @Echo")
    work()
    assert here.receiver.texts == ["back @Echo"] * 2


def test_a_webhook_sleeps_while_its_owner_is_away_and_does_not_tell_what_was_said_then(
    here: Here, amir: User
) -> None:
    here.room.add(amir)
    here.room.appoint(amir, moderator=True)
    bot = Bot.make(name="Echo", by=amir)
    bot.put_into(here.room, by=amir)
    hook(bot, here.receiver, amir, here.room)
    people.deactivate(amir, by=here.alice)
    here.say("while closed")
    work()
    people.reactivate(amir, by=here.alice)
    work()
    assert here.receiver.got == []
    here.say("open again")
    work()
    assert here.receiver.texts == ["open again"]
    people.change_role(amir, Role.GUEST, by=here.alice)
    bot.take_over(by=here.alice)
    here.say("under another owner")
    work()
    assert len(here.receiver.texts) == 1
    assert not OutgoingWebhook.objects.exists()


def test_rooms_that_it_comes_into_later_count_for_mentions(here: Here) -> None:
    here.hook()
    later = make_room("Later", here.alice, here.bob)
    say(later, here.bob, "@Echo not here")
    here.bot.put_into(later, by=here.alice)
    say(later, here.bob, "@Echo here")
    work()
    assert here.receiver.texts == ["@Echo here"]


# What it costs


def statements(room: Room, author: User, text: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        say(room, author, text)
    return len(captured)


def test_a_message_costs_a_statement_more_only_where_it_may_be_sent(here: Here) -> None:
    other = make_room("Other", here.alice, here.bob)
    here.bot.put_into(other, by=here.alice)
    here.say("first")
    say(other, here.bob, "first")
    plain = statements(here.room, here.bob, "plain")
    naming = statements(here.room, here.bob, "@Echo tea?")
    mentions = here.hook()
    assert statements(here.room, here.bob, "plain") == plain
    assert statements(here.room, here.bob, "@Echo tea?") == naming + 1
    hooked = here.hook(here.room)
    assert statements(here.room, here.bob, "plain") == plain + 1
    assert statements(other, here.bob, "plain") == plain
    hooked.remove(by=here.alice)
    here.say("which finds nobody there")
    assert statements(here.room, here.bob, "plain") == plain
    mentions.remove(by=here.alice)
    assert AuditEntry.objects.filter(kind__in=[Kind.HOOK_MADE, Kind.HOOK_GONE]).count() == 4


@pytest.mark.parametrize("event", hookcursor.Event)
def test_to_deliver_asks_no_more_of_a_long_history(here: Here, event: str) -> None:
    rooms = [here.room] if event == hookcursor.Event.MESSAGE else []
    here.hook(*rooms)
    asked = []
    for before in (1, 40):
        here.say(*["@Echo before"] * before)
        work()
        here.say("@Echo now")
        with CaptureQueriesContext(connection) as captured:
            work()
        asked.append(len(captured))
    assert asked[0] == asked[1]


# Receivers that fail


def half_way(length: int = 50) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nshort".encode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (status(500), "500"),
        (status(404), "404"),
        (redirect("http://127.0.0.1/"), "302"),
        (redirect("http://hook.example/in?key=hidden", 307), "307"),
        (b"\0\xff" * 1000, "failed"),
        (b"", "failed"),
        (half_way(), "failed"),
    ],
    ids=["500", "404", "elsewhere", "back here", "no HTTP", "nothing", "half of it"],
)
def test_what_failed_is_sent_again_and_all_behind_it_waits(
    here: Here, wrong: bytes, said: str
) -> None:
    made = here.hook(here.room)
    here.receiver.answers = [DONE, wrong, wrong]
    here.say("one", "two", "three")
    work()
    assert here.receiver.texts == ["one", "two"]
    here.say("four")
    work()
    assert here.receiver.texts == ["one", "two"], "it is not tried again at once"
    pass_time()
    work()
    made.refresh_from_db()
    assert [each.said for each in made.last] == [said, said, "204"]
    pass_time()
    work()
    assert here.receiver.texts == ["one", "two", "two", "two", "three", "four"]
    assert len(set(here.receiver.deliveries)) == 4
    assert here.receiver.deliveries[1] == here.receiver.deliveries[2] == here.receiver.deliveries[3]
    assert here.internet.looked_up == ["hook.example"] * 6
    made.refresh_from_db()
    assert made.enabled
    assert not made.failure


def test_nobody_there_and_then_somebody(here: Here) -> None:
    made = here.hook(here.room)
    name = here.internet.names.pop("hook.example")
    here.say("one", "two")
    work()
    made.refresh_from_db()
    assert made.failure
    assert made.failure.said == "failed"
    here.internet.names["hook.example"] = name
    pass_time()
    work()
    assert here.receiver.texts == ["one", "two"]


@pytest.mark.parametrize("body", [endless, endless_chunks])
def test_an_answer_without_end_is_cut_and_the_message_is_delivered(here: Here, body: Any) -> None:
    here.hook(here.room)
    here.receiver.answers = [body]
    here.say("one", "two")
    work()
    assert here.receiver.texts == ["one", "two"]


def test_a_name_that_leads_inside_is_sent_nothing(here: Here) -> None:
    made = here.hook(here.room)
    here.internet.names["hook.example"] = [["10.0.0.1"]]
    here.say("one")
    work()
    made.refresh_from_db()
    assert (made.last[0].said, here.internet.dialled) == ("private", [])
    here.internet.names["hook.example"] = [[PUBLIC]]
    pass_time()
    work()
    assert here.receiver.texts == ["one"]


def seconds_until_due() -> float:
    due_at = HookCursor.objects.exclude(room=None).get().due_at
    assert due_at
    return (due_at - timezone.now()).total_seconds()


def test_pauses_grow_and_a_receiver_may_ask_for_longer_ones(here: Here) -> None:
    here.hook(here.room)
    here.receiver.answers = [
        status(500),
        status(500),
        status(503, "Retry-After: 600\r\n"),
        status(429, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
        status(429, "Retry-After: " + "9" * 5000 + "\r\n"),
        status(429, "Retry-After: soon\r\n"),
        status(500, "Retry-After: 0\r\n"),
    ]
    here.say("one")
    pauses = []
    for _each in range(ATTEMPTS - 1):
        work()
        pauses.append(seconds_until_due())
        pass_time()
    about = [5, 15, 600, 3600, 3600, 1215, 3600]
    for pause, expected in zip(pauses, about, strict=True):
        assert 0.75 * expected < pause <= 1.2 * expected
    assert max(pauses) <= webhooks.LONGEST_PAUSE
    work()
    assert here.receiver.texts == ["one"] * ATTEMPTS


# Turned off, and on again


@pytest.fixture
def reachable(alice: User, settings: Settings) -> None:
    settings.MAIL_IS_SENT = True
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True, primary=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reachable")
def test_after_many_failures_it_is_turned_off_and_its_owner_told(
    here: Here, mailoutbox: list[EmailMessage]
) -> None:
    made = here.hook(here.room)
    here.receiver.answers = [status(500)] * ATTEMPTS
    here.say("one", "two")
    until_done(ATTEMPTS + 2)
    assert here.receiver.texts == ["one"] * ATTEMPTS
    made.refresh_from_db()
    assert not made.enabled
    background.do_what_is_due()
    (mail,) = mailoutbox
    assert mail.to == ["alice@example.org"]
    assert "hook.example" in mail.body
    assert "hidden" not in f"{mail.body}{mail.subject}", "what the address may open"
    assert AuditEntry.objects.get(kind=Kind.HOOK_OFF).data == {"host": "hook.example"}
    here.say("three")
    work()
    assert made.enable(by=here.alice)
    work()
    assert here.receiver.texts == [*["one"] * ATTEMPTS, "one", "two", "three"]
    assert len(set(here.receiver.deliveries)) == 3


def test_a_receiver_that_is_gone_is_asked_once(here: Here) -> None:
    made = here.hook(here.room)
    here.receiver.answers = [status(410)]
    here.say("one")
    until_done(3)
    made.refresh_from_db()
    assert (made.enabled, here.receiver.texts) == (False, ["one"])


@pytest.mark.parametrize("event", hookcursor.Event)
def test_of_too_much_that_waits_nothing_is_sent_after_all(
    here: Here, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    rooms = [here.room] if event == hookcursor.Event.MESSAGE else []
    made = here.hook(*rooms)
    monkeypatch.setattr(hookcursor, "MOST_BEHIND", 2)
    for texts, everything in ((["@Echo 1", "@Echo 2"], True), (["@Echo"] * 3, False)):
        OutgoingWebhook.objects.update(enabled=False)
        made.refresh_from_db()
        here.say(*texts)
        assert made.enable(by=here.alice) is everything
        work()
        assert here.receiver.texts == ["@Echo 1", "@Echo 2"]
    here.say("@Echo from now on")
    work()
    assert here.receiver.texts[-1] == "@Echo from now on"
    assert len(here.receiver.texts) == 3


# Answers


def test_what_is_answered_is_said_in_reply(here: Here) -> None:
    here.hook()
    here.receiver.answers = [says("**tea** it is")]
    (asked,) = here.say("@Echo tea?")
    work()
    reply = Message.objects.get(author=here.bot.user)
    assert (reply.body, reply.reply_to) == ("**tea** it is", asked)
    work()
    assert said_by(here.bot) == ["**tea** it is"]


@pytest.mark.parametrize(
    "silent",
    [
        DONE,
        says(""),
        says(None),
        says(["a"]),
        says({"text": "a"}),
        says("   "),
        answer(b'{"text": "a"}', "text/plain"),
        answer(b"not JSON", "application/json"),
        answer(b"[" * 60_000, "application/json"),
        answer(b'"text"', "application/json"),
        answer(b'{"text": "' + b"a" * 70_000 + b'"}', "application/json"),
        says("a" * 4001),
        says("\0"),
        answer(b'{"text": "\\ud800"}', "application/json").replace(b"200", b"201"),
    ],
)
def test_what_is_no_message_is_none(here: Here, silent: bytes) -> None:
    here.hook()
    here.receiver.answers = [silent]
    here.say("@Echo one", "@Echo two")
    work()
    assert said_by(here.bot) == []
    assert here.receiver.texts == ["@Echo one", "@Echo two"]


def test_half_a_character_in_an_answer_breaks_nothing(here: Here) -> None:
    here.hook()
    here.receiver.answers = [answer(b'{"text": "a\\ud800\\u0000b"}', "application/json")]
    here.say("@Echo one")
    work()
    assert said_by(here.bot) == ["a?b"]


def test_an_answer_is_posted_once_however_often_workers_are_lost(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.hook()
    here.receiver.answers = [says("once"), says("twice")]
    here.say("@Echo one", "@Echo two")

    def lost(*_args: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(Claim, "step", lost)  # after it was posted
        with pytest.raises(SystemExit):
            work()
    assert said_by(here.bot) == ["once"]
    work()
    assert len(here.receiver.got) == 1, "it may be at it yet"
    pass_time()
    work()
    assert here.receiver.texts == ["@Echo one", "@Echo two"]
    assert said_by(here.bot) == ["once", "twice"]

    here.receiver.answers = [says("first"), says("second")]
    here.say("@Echo three")
    with monkeypatch.context() as patched:
        patched.setattr(Claim, "keep_answer", lost)  # before it is known
        with pytest.raises(SystemExit):
            work()
    pass_time()
    work()
    assert said_by(here.bot) == ["once", "twice", "second"]
    assert here.receiver.deliveries[-1] == here.receiver.deliveries[-2]


def test_an_answer_waits_for_the_bots_turn_or_is_dropped_and_that_is_noted(here: Here) -> None:
    made = here.hook()
    here.room.change_details(name="Workbench", topic="", slow_mode=30, by=here.alice)
    here.receiver.answers = [says("one"), says("two")]
    (first,) = say(here.room, here.alice, "@Echo one")
    say(here.room, here.alice, "@Echo two")
    work()
    assert said_by(here.bot) == ["one"]
    assert len(here.receiver.got) == 2
    here.room.change_details(name="Workbench", topic="", slow_mode=0, by=here.alice)
    pass_time()
    work()
    assert said_by(here.bot) == ["one", "two"]
    assert len(here.receiver.got) == 2, "the receiver is not asked again"
    mute(here.room, here.bot.user, by=here.alice, until=UNTIL_LIFTED)
    here.receiver.answers = [says("muted")]
    say(here.room, here.alice, "@Echo three")
    work()
    made.refresh_from_db()
    assert [each.reply for each in made.last] == ["refused", "posted", "posted"]
    assert first.number


# Workers


def test_what_is_said_while_a_worker_finds_nothing_more_is_sent_all_the_same(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.hook(here.room)
    here.say("one")
    looks = iter([None, "in between"])

    def look(cursor: HookCursor) -> Message | None:
        found = following(cursor)
        if found is None and (text := next(looks, None)):
            here.say(text)
        return found

    monkeypatch.setattr(webhooks, "following", look)
    work()
    here.say("two")
    work()
    assert here.receiver.texts == ["one", "two", "in between"]


def test_what_a_lost_worker_had_is_done_by_the_next(here: Here) -> None:
    here.hook(here.room)
    here.say("one", "two")
    lost = Claim.take()
    assert lost
    work()
    assert here.receiver.got == [], "it may be at it yet"
    pass_time()
    work()
    assert here.receiver.texts == ["one", "two"]
    assert lost.renew() is None, "who was thought lost finds that another has it"
    assert not webhooks.deliver(lost)
    assert here.receiver.texts == ["one", "two"]


def test_of_two_workers_that_see_it_at_once_one_has_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.hook(here.room)
    here.say("one")
    quicker: list[Claim | None] = []

    def meanwhile(length: int) -> str:
        """Between the look and the grip of the other."""
        monkeypatch.undo()
        quicker.append(Claim.take())
        return "another"

    monkeypatch.setattr(delivering, "get_random_string", meanwhile)
    assert Claim.take() is None
    assert quicker[0] is not None


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[background.Worker]:
    """One that only looks when it is woken."""
    monkeypatch.setattr(background, "LOOK", 3600)
    started = background.start_worker()
    yield started
    started.stop(30)
    monkeypatch.setattr(background, "_worker", None)


@pytest.mark.django_db(transaction=True)
def test_who_takes_long_keeps_nobody_else_waiting(
    here: Here, worker: background.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many webhooks of one owner take long."""
    monkeypatch.setattr(webhooks, "SECONDS", 2.0 * PATIENCE)
    goes_on = threading.Event()

    def wait(connection: Any) -> None:
        goes_on.wait(PATIENCE)
        connection.sendall(DONE)

    slow = [Receiver(here.internet, f"slow{number}.example") for number in range(5)]
    for each in slow:
        each.answers = [wait] * 3
        hook(here.bot, each, here.alice, here.room)
    owner = make_user("olga", role=Role.OWNER)
    here.room.add(owner)
    quick = Bot.make(name="Quick", by=owner)
    quick.put_into(here.room, by=owner)
    hook(quick, here.receiver, owner, here.room)
    here.say("one", "two", "three")
    wait_until(lambda: here.receiver.texts == ["one", "two", "three"], "the quick one has them all")
    busy = webhooks.OF_OWNER
    wait_until(lambda: sum(bool(each.got) for each in slow) == busy, "the others are asked")
    goes_on.set()
    wait_until(lambda: all(len(each.texts) == 3 for each in slow), "the slow ones have them, too")
    for each in slow:
        assert each.texts == ["one", "two", "three"]


def test_a_test_is_sent_once_whatever_comes_of_it(here: Here) -> None:
    made = here.hook(here.room)
    OutgoingWebhook.objects.update(enabled=False)
    here.receiver.answers = [status(500), says("not to be posted")]
    made.ask_for_test(by=here.alice)
    made.ask_for_test(by=here.alice)
    assert made.is_tested
    until_done(3)
    assert [(each["type"], "message" in each) for each in here.receiver.got] == [("test", False)]
    made = OutgoingWebhook.objects.get()
    assert (made.is_tested, made.last[0].said, made.failure) == (False, "500", None)
    made.ask_for_test(by=here.alice)
    work()
    assert here.receiver.deliveries == [f"{made.pk}-test-1", f"{made.pk}-test-2"]
    assert said_by(here.bot) == []


def test_another_secret_key_is_told(here: Here, settings: Settings) -> None:
    made = here.hook(here.room)
    settings.SECRET_KEY = "another"
    here.say("one")
    work()
    made.refresh_from_db()
    assert (made.last[0].said, here.receiver.got) == ("secret", [])
    made.renew_secret(by=here.alice)
    pass_time()
    work()
    assert here.receiver.texts == ["one"]


def test_a_room_has_its_own_order_and_one_that_fails_keeps_no_other_from_going_on(
    here: Here,
) -> None:
    other = make_room("Other", here.alice, here.bob)
    here.bot.put_into(other, by=here.alice)
    here.hook(here.room, other)
    here.receiver.answers = [status(500)]
    here.say("one", "two")
    HookCursor.objects.filter(room=here.room).update(due_at=timezone.now() - timedelta(hours=1))
    say(other, here.bob, "other one", "other two")
    work()
    assert here.receiver.texts == ["one", "other one", "other two"]
    pass_time()
    work()
    assert here.receiver.texts == ["one", "other one", "other two", "one", "two"]
