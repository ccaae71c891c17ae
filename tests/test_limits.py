"""How often one person may do something, and what becomes of the rest."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.urls import reverse

from rooms import limits
from rooms.limits import Memory, Pace, Shared, TooFast
from rooms.models import Report
from rooms.saying import say as say_within_limits
from tests import files
from tests.factories import make_room, say
from tests.markup import text
from tests.page import Page
from tests.sockets import new_process, watching
from tests.together import THREADS, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room, User
    from tests.services import RedisServer

HTMX = {"HX-Request": "true"}
PACE = Pace(per_minute=6, at_once=3)  # ten seconds each


class Clock:
    """The process's, which is put on by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


@pytest.fixture
def limited(settings: Settings) -> Iterator[None]:
    """Three messages at once and then one in a minute, counted by this process from nothing on."""
    settings.POSTS_PER_MINUTE, settings.POSTS_AT_ONCE, settings.REDIS_URLS = 1, 3, []
    limits._counter.cache_clear()
    yield
    limits._counter.cache_clear()


def key() -> str:
    return secrets.token_urlsafe(12)


def bodies(room: Room) -> list[str]:
    return list(room.messages.order_by("number").values_list("body", flat=True))


# Counting


def taken(counter: Memory | Shared, times: int, name: str = "one") -> list[bool]:
    return [counter.take(name, PACE) == 0 for _ in range(times)]


def test_some_at_once_and_then_as_many_as_time_allows(clock: Clock) -> None:
    counter = Memory()
    assert taken(counter, 5) == [True, True, True, False, False]
    assert counter.take("one", PACE) == pytest.approx(10)
    assert taken(counter, 1, "another") == [True]
    clock.now += 10
    assert taken(counter, 2) == [True, False]
    clock.now += 1_000
    assert taken(counter, 4) == [True, True, True, False]
    counter.give_back("one", PACE)
    assert taken(counter, 2) == [True, False]


def test_a_process_remembers_only_so_many(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT", 3)
    counter = Memory()
    for name in "abcdefg":
        counter.take(name, PACE)
        clock.now += 4
    assert len(counter._even_at) <= 3


def test_processes_count_together(redis_server: RedisServer) -> None:
    one, other = Shared(redis_server.url), Shared(redis_server.url)
    name = key()
    assert taken(one, 2, name) == [True, True]
    assert taken(other, 2, name) == [True, False]
    assert other.take(name, PACE) == pytest.approx(10, abs=1)
    other.give_back(name, PACE)
    assert taken(one, 2, name) == [True, False]
    left = one._redis.ttl(f"{settings.REDIS_PREFIX}:pace:{name}")
    assert 0 < left <= 32


def test_threads_count_together(redis_server: RedisServer) -> None:
    for counter in (Shared(redis_server.url), Memory()):
        found: list[bool] = []
        name = key()
        together(lambda _number: found.extend(taken(counter, 1, name)))  # noqa: B023
        assert sorted(found) == [False] * (THREADS - 3) + [True] * 3


def test_while_redis_is_away_each_process_counts_by_itself(own_redis: RedisServer) -> None:
    counter = Shared(own_redis.url)
    assert taken(counter, 3) == [True] * 3
    own_redis.stop()
    assert taken(counter, 4) == [True, True, True, False]
    counter.give_back("one", PACE)
    assert taken(counter, 1) == [True]
    own_redis.start()
    assert taken(counter, 1) == [False], "it is not asked again at once"
    counter._away_until = 0
    assert taken(counter, 3) == [True] * 3, "it has forgotten, as it keeps nothing"


# Posting


def test_too_many_messages_are_refused_whichever_room_they_are_for(
    bob: User, open_room: Room, private_room: Room, alice: User, limited: None
) -> None:
    for room in (open_room, private_room, open_room):
        say_within_limits(room, bob, "hello", key())
    for room in (open_room, private_room):
        with pytest.raises(TooFast) as refused:
            say_within_limits(room, bob, "hello", key())
        assert 58 <= refused.value.seconds <= 61
    say_within_limits(open_room, alice, "others are not counted with them", key())


def test_the_same_form_twice_is_one_message(bob: User, open_room: Room, limited: None) -> None:
    form = key()
    for _ in range(5):
        say_within_limits(open_room, bob, "once", form)
    for number in range(2):
        say_within_limits(open_room, bob, f"{number}", key())
    with pytest.raises(TooFast):
        say_within_limits(open_room, bob, "too much", key())
    assert say_within_limits(open_room, bob, "once", form).number == 1
    assert bodies(open_room) == ["once", "0", "1"]


def test_a_plain_form_is_given_back_with_its_text(
    bob_client: Client, open_room: Room, limited: None
) -> None:
    address = reverse("send", args=[open_room.slug])
    for _ in range(3):
        assert bob_client.post(address, {"key": key(), "text": "hello"}).status_code == 302
    answer = bob_client.post(address, {"key": key(), "text": "my long text"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 50
    page = Page(answer.content.decode())
    assert "That was a lot at once. Try again in" in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "my long text"


def test_what_was_kept_through_an_outage_is_all_stored_in_its_order(
    bob: User, bob_client: Client, open_room: Room, limited: None
) -> None:
    address = reverse("send", args=[open_room.slug])
    waiting = {f"key-number-{number}": f"{number}" for number in range(8)}
    answers = 0
    while waiting:
        data = {"key": [*waiting], "text": [*waiting.values()]}
        swaps = bob_client.post(address, data, headers=HTMX).content.decode()
        stored = set(open_room.messages.values_list("key", flat=True))
        assert stored & set(waiting), "each answer brings it on"
        waiting = {form: words for form, words in waiting.items() if form not in stored}
        assert swaps.count('hx-trigger="load delay:') == bool(waiting), "one asks again for all"
        limits.give_back("post", bob)  # time goes by
        limits.give_back("post", bob)
        answers += 1
    assert bodies(open_room) == [f"{number}" for number in range(8)]
    assert answers > 1


@pytest.mark.django_db(transaction=True)
async def test_a_program_is_told_when_it_may(bob: User, open_room: Room, limited: None) -> None:
    async with new_process(), watching(bob, open_room) as program:
        for number in range(4):
            await program.send({"type": "message", "key": f"key-{number}-xx", "text": "hello"})
        answers = [await program.answer() for _ in range(4)]
        assert [answer["type"] for answer in answers] == ["stored"] * 3 + ["refused"]
        assert answers[3]["seconds"] > 50


def test_without_limits_nobody_is_stopped(
    bob: User, open_room: Room, limited: None, settings: Settings
) -> None:
    settings.POSTS_PER_MINUTE = 0
    for number in range(20):
        say_within_limits(open_room, bob, f"{number}", key())
    assert len(bodies(open_room)) == 20


# All else


@pytest.fixture
def slowly(limited: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each."""
    once = {kind: Pace(1, 1) for kind in limits.PACES}
    monkeypatch.setattr(limits, "PACES", once)


def test_edits_reactions_files_and_reports_are_limited_too(
    alice: User, bob: User, bob_client: Client, open_room: Room, slowly: None
) -> None:
    say(open_room, bob, "mine")
    for _ in range(2):
        say(open_room, alice, "hers")
    said = "That was a lot at once."
    room = f"/rooms/{open_room.slug}"
    edit, react, upload = f"{room}/1/edit/", f"{room}/1/reactions/", f"{room}/files/"
    assert bob_client.post(edit, {"text": "changed"}).status_code == 302
    answer = bob_client.post(edit, {"text": "once more"})
    assert said in text(answer)
    assert "once more" in answer.content.decode()
    assert bob_client.post(react, {"emoji": "👍"}).status_code == 302
    assert said in text(bob_client.post(react, {"emoji": "🎉"}))
    answer = bob_client.post(react, {"emoji": "🎉"}, headers=HTMX)
    assert said in answer.content.decode()
    two = [files.upload(f"{name}.png", files.picture()) for name in ("cup", "plan")]
    shown = bob_client.post(upload, {"key": key(), "files": two}, headers=HTMX).content.decode()
    assert "cup.png" in shown
    assert said in shown
    assert bob_client.post(f"{room}/2/report/", {"reason": "rude"}).status_code == 302
    answer = bob_client.post(f"{room}/3/report/", {"reason": "rude, too"})
    assert said in text(answer)
    assert "rude, too" in answer.content.decode()
    assert Report.objects.count() == 1


def test_of_one_s_own_pace_each_kind_has_its_own(bob: User, alice: User, limited: None) -> None:
    room = make_room("Shed", alice, bob)
    for _ in range(3):
        say_within_limits(room, bob, "hello", key())
    limits.spend("react", bob)
    with pytest.raises(TooFast):
        limits.spend("post", bob)
