"""Messages over the API: reading them, saying something once, changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.models import Message, User
from tests import files
from tests.api.caller import Caller
from tests.factories import make_crowd, say, say_with_files, unread_of

if TYPE_CHECKING:
    from pytest_django import Settings

    from rooms.models import Room


def texts(page: dict[str, Any]) -> list[str]:
    return [each["text"] for each in page["messages"]]


def numbered(room: Room, author: User, count: int) -> None:
    say(room, author, *(f"message {number}" for number in range(1, count + 1)))


# Reading


def test_the_newest_messages_come_oldest_first(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one", "two")
    page = Caller.of(bob).get(f"rooms/{open_room.slug}/messages")
    assert texts(page) == ["one", "two"]
    assert page["older"] is page["newer"] is None
    open_room.refresh_from_db()
    assert page["version"] == open_room.version
    first = page["messages"][0]
    assert first["author"] == {"id": bob.pk, "name": "Bob Baker", "bot": False}
    assert first["posted_at"].endswith("Z")


def test_history_is_read_page_by_page_in_both_directions(bob: User, open_room: Room) -> None:
    numbered(open_room, bob, 120)
    caller = Caller.of(bob)
    page = caller.get(f"rooms/{open_room.slug}/messages?limit=50")
    pages = [page]
    while page["older"]:
        page = caller.get(page["older"])
        pages.insert(0, page)
    assert [len(each["messages"]) for each in pages] == [20, 50, 50]
    everything = [number for each in pages for number in map(_number, each["messages"])]
    assert everything == list(range(1, 121))
    page = caller.get(f"rooms/{open_room.slug}/messages?after=0&limit=7")
    forth = list(map(_number, page["messages"]))
    while page["newer"]:
        page = caller.get(page["newer"])
        forth += map(_number, page["messages"])
    assert forth == everything


def _number(message: dict[str, Any]) -> int:
    return int(message["number"])


def test_what_is_around_a_message(bob: User, open_room: Room) -> None:
    numbered(open_room, bob, 80)
    caller = Caller.of(bob)
    for asked, expected in {40: range(38, 43), 1: range(1, 6), 80: range(76, 81)}.items():
        page = caller.get(f"rooms/{open_room.slug}/messages?around={asked}&limit=5")
        assert list(map(_number, page["messages"])) == list(expected)
        assert (page["older"] is None, page["newer"] is None) == (asked == 1, asked == 80)


@pytest.mark.parametrize(
    "query",
    ["before=x", "before=-1", "limit=0", "limit=51", f"after={'9' * 40}", "before=1&after=1"],
)
def test_a_question_that_makes_no_sense_is_told_so(bob: User, open_room: Room, query: str) -> None:
    problem = Caller.of(bob).get(f"rooms/{open_room.slug}/messages?{query}", status=400)
    assert problem["code"] == "invalid"
    assert problem["errors"]


def test_one_message_with_all_that_it_has(alice: User, bob: User, open_room: Room) -> None:
    said = say_with_files(open_room, bob, "see", {"cup.png": files.picture()})
    say(open_room, alice, "hello")
    answer = open_room.post(alice, "nice", "the-key-1", reply=said.number)
    said.react("🎉", by=alice)
    caller = Caller.of(bob)
    found = caller.get(f"rooms/{open_room.slug}/messages/{said.number}")
    assert found["reactions"] == [{"emoji": "🎉", "total": 1, "people": [alice.pk]}]
    assert found["replies"] == 1
    (file,) = found["files"]
    assert (file["name"], file["type"]) == ("cup.png", "image/png")
    reply = caller.get(f"rooms/{open_room.slug}/messages/{answer.number}")
    assert reply["reply_to"]["number"] == said.number
    assert reply["reply_to"]["text"] == "see"
    caller.get(f"rooms/{open_room.slug}/messages/99", status=404)
    caller.get(f"rooms/{open_room.slug}/messages/{10**30}", status=404)


def test_reading_here_marks_nothing_as_read(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "news")
    Caller.of(bob).get(f"rooms/{open_room.slug}/messages")
    assert unread_of(open_room, bob) == 1


def test_whoever_reads_again_is_told_that_nothing_changed(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one")
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    caller.get(path)
    etag = caller.answer.headers["ETag"]
    assert caller.get(path, 304, **{"If-None-Match": etag}) == ""
    bob.change_profile(display_name="Robert", time_zone="", language="")
    assert caller.get(path, 200, **{"If-None-Match": etag})["messages"]


def test_no_query_grows_with_what_is_read(alice: User, bob: User, open_room: Room) -> None:
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            caller.get(path)
        return len(queries)

    first = say(open_room, alice, "one")[0]
    open_room.post(bob, "two", "the-key-1", reply=first.number)
    first.react("🎉", by=bob)
    caller.get(path)  # which notes that the token is in use
    few = asked()
    for author in make_crowd(open_room, 15):
        for message in say(open_room, author, "again"):
            message.react("🎉", by=bob)
            open_room.post(bob, "yes", f"the-key-of-{author.pk}", reply=message.number)
    assert asked() == few


# Saying


def test_saying_something(bob: User, open_room: Room) -> None:
    caller = Caller.of(bob)
    said = caller.post(f"rooms/{open_room.slug}/messages", {"text": "hello"})
    assert (said["number"], said["text"]) == (1, "hello")
    assert caller.answer.headers["Location"] == said["url"]
    assert caller.get(said["url"]) == said
    reply = caller.post(f"rooms/{open_room.slug}/messages", {"text": "yes", "reply_to": 1})
    assert reply["reply_to"]["text"] == "hello"


def test_the_same_key_gives_the_same_message_and_says_so(bob: User, open_room: Room) -> None:
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    key = {"Idempotency-Key": "one-and-the-same"}
    first = caller.post(path, {"text": "hello"}, 201, **key)
    assert "Idempotency-Replayed" not in caller.answer.headers
    again = caller.post(path, {"text": "hello"}, 200, **key)
    assert caller.answer.headers["Idempotency-Replayed"] == "true"
    assert again == first
    problem = caller.post(path, {"text": "something else"}, 422, **key)
    assert problem["code"] == "key_used"
    assert open_room.messages.count() == 1
    caller.post(path, {"text": "hello"})
    assert open_room.messages.count() == 2


def test_of_a_reply_and_files_too(bob: User, open_room: Room) -> None:
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    caller.post(path, {"text": "first"})
    body, key = {"text": "hello", "reply_to": 1}, {"Idempotency-Key": '"quoted-as-rfc-8941"'}
    first = caller.post(path, body, 201, **key)
    assert caller.post(path, body, 200, **key) == caller.get(first["url"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n "}, "empty"),
        ({}, "empty"),
        ({"text": "x" * 4_001}, "too_long"),
        ({"text": "half \ud83d"}, "invalid"),
        ({"text": 5, "reply_to": "x"}, "invalid"),
        ({"text": "hi", "reply_to": 7}, "no_original"),
        ({"text": "hi", "files": [10**17]}, "refused"),
        ({"text": "hi", "files": [10**30]}, "invalid"),
        ([], "invalid"),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_sentence(
    bob: User, open_room: Room, body: Any, code: str
) -> None:
    problem = Caller.of(bob).post(f"rooms/{open_room.slug}/messages", body, 400)
    assert problem["code"] == code
    assert not open_room.messages.exists()


def test_a_key_of_another_form_is_refused(bob: User, open_room: Room) -> None:
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    for key in ("short", "x" * 65, "with spaces in"):
        problem = caller.post(path, {"text": "hi"}, 400, **{"Idempotency-Key": key})
        assert problem["code"] == "bad_key"


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "\0", '{"text": NaN}', "9" * 5_000])
def test_what_is_no_json_is_told_so(bob: User, open_room: Room, body: str) -> None:
    caller = Caller.of(bob)
    answer = caller.client.post(
        f"/api/rooms/{open_room.slug}/messages",
        body,
        content_type="application/json",
        headers=caller.headers,
    )
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_saying_takes_as_many_queries_as_by_the_page(bob: User, open_room: Room) -> None:
    """And the two that say whose token it is and which room."""
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    caller.post(path, {"text": "warm"})
    with CaptureQueriesContext(connection) as verb:
        say(open_room, bob, "by hand")
    with CaptureQueriesContext(connection) as whole:
        caller.post(path, {"text": "by the API"})
    assert len(whole) == len(verb) + 2


# Changing


def test_editing_and_deleting(alice: User, bob: User, charlie: User, open_room: Room) -> None:
    caller = Caller.of(bob)
    path = caller.post(f"rooms/{open_room.slug}/messages", {"text": "helo"})["url"]
    edited = caller.ask("PATCH", path, {"text": "hello"})
    assert (edited["text"], edited["edited"]) == ("hello", True)
    Caller.of(alice).ask("PATCH", path, {"text": "bye"}, status=403)
    Caller.of(charlie).ask("DELETE", path, status=403)
    for _again in range(2):
        caller.ask("DELETE", path, status=204)
    gone = caller.get(path)
    assert (gone["text"], gone["deleted"]) == ("", True)
    problem = caller.ask("PATCH", path, {"text": "hello"}, status=409)
    assert problem["code"] == "deleted"


def test_a_moderator_removes_what_somebody_said(alice: User, bob: User, open_room: Room) -> None:
    path = Caller.of(bob).post(f"rooms/{open_room.slug}/messages", {"text": "spam"})["url"]
    Caller.of(alice).ask("DELETE", f"{path}?reason=Spam", status=204)
    gone = Caller.of(bob).get(path)
    assert (gone["text"], gone["deleted"], gone["removal"]) == ("", True, "Spam")


def test_too_much_at_once_says_when_to_go_on(
    bob: User, open_room: Room, settings: Settings
) -> None:
    settings.POSTS_PER_MINUTE, settings.POSTS_AT_ONCE = 1, 2
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    key = {"Idempotency-Key": "the-first-of-them"}
    caller.post(path, {"text": "one"}, 201, **key)
    caller.post(path, {"text": "two"})
    assert caller.post(path, {"text": "three"}, 429)["code"] == "too_fast"
    assert int(caller.answer.headers["Retry-After"]) > 0
    caller.post(path, {"text": "one"}, 200, **key)  # which is no further one


def test_reacting(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "hello")
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages/1/reactions"
    for _again in range(2):
        found = caller.ask("PUT", f"{path}/🎉")
        assert found["reactions"] == [{"emoji": "🎉", "total": 1, "people": [bob.pk]}]
    assert caller.ask("DELETE", f"{path}/%F0%9F%8E%89")["reactions"] == []
    caller.ask("PUT", f"{path}/no-emoji", status=400)
    caller.ask("PUT", f"rooms/{open_room.slug}/messages/7/reactions/🎉", status=404)


def test_an_archived_room_can_be_read_and_not_written_in(bob: User, open_room: Room) -> None:
    say(open_room, bob, "hello")
    open_room.archive()
    caller, path = Caller.of(bob), f"rooms/{open_room.slug}/messages"
    assert texts(caller.get(path)) == ["hello"]
    problem = caller.post(path, {"text": "more"}, 409)
    assert problem["code"] == "archived"
    assert Message.objects.count() == 1
