"""Rooms, their people and their files over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.live import presence
from rooms.models import Attachment, Place, Room, User
from tests import files
from tests.api.caller import Caller
from tests.factories import make_crowd, make_room, say, say_with_files, unread_of

if TYPE_CHECKING:
    import pytest
    from pytest_django import Settings


def slugs(page: dict[str, Any]) -> set[str]:
    return {each["slug"] for each in page["rooms"]}


def test_the_rooms_that_one_sees(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    assert slugs(Caller.of(bob).get("rooms")) == {open_room.slug, private_room.slug}
    assert slugs(Caller.of(charlie).get("rooms")) == {open_room.slug}
    assert slugs(Caller.of(charlie).get("rooms?mine=true")) == set()
    private_room.archive()
    assert slugs(Caller.of(bob).get("rooms")) == {open_room.slug}
    assert slugs(Caller.of(bob).get("rooms?archived=1")) == {private_room.slug}


def test_a_direct_conversation_is_called_by_its_others(alice: User, bob: User) -> None:
    room = Room.direct_with([alice], by=bob)
    caller = Caller.of(bob)
    (listed,) = caller.get("rooms")["rooms"]
    assert (listed["name"], listed["direct"]) == ("Alice Archer", True)
    assert caller.get(f"rooms/{room.slug}")["name"] == "Alice Archer"


def test_many_rooms_are_read_page_by_page_by_as_many_queries(alice: User, bob: User) -> None:
    caller = Caller.of(bob)
    for number in range(3):
        make_room(f"Room {number}", alice)
    caller.get("rooms")
    with CaptureQueriesContext(connection) as few:
        caller.get("rooms")
    for number in range(3, 25):
        make_room(f"Room {number}", alice)
    with CaptureQueriesContext(connection) as many:
        page = caller.get("rooms?limit=10")
    assert len(many) == len(few)
    found = [*page["rooms"]]
    while page["next"]:
        page = caller.get(page["next"])
        found += page["rooms"]
    assert len({each["slug"] for each in found}) == len(found) == page["total"] == 25


def test_making_a_room(bob: User) -> None:
    caller = Caller.of(bob)
    made = caller.post("rooms", {"name": " The  Shed ", "topic": "Tools", "private": True})
    assert (made["name"], made["private"], made["moderator"]) == ("The Shed", True, True)
    assert caller.get(caller.answer.headers["Location"]) == made
    problem = caller.post("rooms", {"name": "\u200b"}, 400)
    assert "name" in problem["errors"]
    Place.objects.update(rooms_by_admins=True)
    caller.post("rooms", {"name": "Another"}, 403)


def test_joining_and_leaving(charlie: User, greta: User, open_room: Room) -> None:
    caller = Caller.of(charlie)
    assert not caller.get(f"rooms/{open_room.slug}")["member"]
    for _again in range(2):
        assert caller.post(f"rooms/{open_room.slug}/join", status=200)["member"]
    for _again in range(2):
        caller.post(f"rooms/{open_room.slug}/leave", status=204)
    assert not open_room.membership_of(charlie)
    Caller.of(greta).post(f"rooms/{open_room.slug}/join", status=404)


def test_nobody_leaves_a_direct_conversation(alice: User, bob: User) -> None:
    room = Room.direct_with([alice], by=bob)
    Caller.of(bob).post(f"rooms/{room.slug}/leave", status=404)


def test_an_outsider_of_a_private_room_finds_nothing(
    bob: User, charlie: User, private_room: Room
) -> None:
    say(private_room, bob, "hello")
    for path in (
        "",
        "/messages",
        "/messages/1",
        "/members",
        "/online",
        "/files",
        "/changes?after=0",
    ):
        Caller.of(bob).get(f"rooms/{private_room.slug}{path}")
        there = Caller.of(charlie).get(f"rooms/{private_room.slug}{path}", 404)
        nowhere = Caller.of(charlie).get(f"rooms/no-such-room{path}", 404)
        assert there == nowhere


def test_its_members_page_by_page(alice: User, bob: User, open_room: Room) -> None:
    make_crowd(open_room, 8)
    caller = Caller.of(bob)
    caller.get("me")
    page = caller.get(f"rooms/{open_room.slug}/members?limit=4")
    with CaptureQueriesContext(connection) as few:
        caller.get(f"rooms/{open_room.slug}/members?limit=4")
    with CaptureQueriesContext(connection) as many:
        caller.get(f"rooms/{open_room.slug}/members")
    assert len(few) == len(many)
    found = [*page["members"]]
    while page["next"]:
        page = caller.get(page["next"])
        found += page["members"]
    assert len({each["id"] for each in found}) == len(found) == 10
    assert [each["username"] for each in found if each["moderator"]] == ["alice"]


def test_who_is_there_and_who_is_writing(alice: User, bob: User, open_room: Room) -> None:
    presence.store().clear()
    presence.renew("here", [(open_room.pk, alice.pk)], "test", 30)
    presence.renew("typing", [(open_room.pk, bob.pk)], "test", 30)
    found = Caller.of(bob).get(f"rooms/{open_room.slug}/online")
    assert found == {
        "total": 1,
        "here": [{"id": alice.pk, "name": "Alice Archer", "bot": False}],
        "writing": [{"id": bob.pk, "name": "Bob Baker", "bot": False}],
    }
    presence.store().clear()


# What concerns the one who asks


def test_who_one_is(bob: User, open_room: Room) -> None:
    found = Caller.of(bob, "read", rooms=[open_room]).get("me")
    assert (found["username"], found["name"], found["role"]) == ("bob", "Bob Baker", "member")
    assert found["token"]["scopes"] == ["read"]
    assert found["token"]["rooms"] == [open_room.slug]


def test_what_is_unread_and_marking_it_read(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "one", "two", "three")
    caller = Caller.of(bob)
    (found,) = caller.get("unread")["rooms"]
    assert (found["slug"], found["unread"]) == (open_room.slug, 3)
    caller.post(f"rooms/{open_room.slug}/read", {"number": 2}, 204)
    assert unread_of(open_room, bob) == 1
    caller.post(f"rooms/{open_room.slug}/read", {"number": 10**15}, 204)
    assert unread_of(open_room, bob) == 0
    say(open_room, alice, "four")
    assert unread_of(open_room, bob) == 1
    caller.post(f"rooms/{open_room.slug}/read", {}, 204)
    assert unread_of(open_room, bob) == 0


def test_search(alice: User, bob: User, charlie: User, open_room: Room, private_room: Room) -> None:
    first = say(private_room, alice, "the blue kettle")[0]
    private_room.post(bob, "a kettle, really", "the-key-1", reply=first.number)
    say(open_room, alice, "kettle in the open")
    found = Caller.of(bob).get("search?q=kettle")
    assert (found["total"], len(found["messages"])) == (3, 3)
    assert found["messages"][1]["reply_to"]["text"] == "the blue kettle"
    say_with_files(open_room, bob, "a kettle to look at", {"kettle.png": files.picture()})
    assert Caller.of(bob).get("search?q=kettle&files=true")["total"] == 1
    assert Caller.of(bob).get("search?q=has:file")["total"] == 1
    assert Caller.of(bob).get("search?files=true")["total"] == 1
    assert Caller.of(charlie).get("search?q=kettle")["total"] == 2
    assert Caller.of(bob).get(f"search?q=kettle&room={private_room.slug}&by=bob")["total"] == 1
    narrow = Caller.of(bob, rooms=[open_room])
    assert narrow.get("search?q=kettle")["total"] == 2
    narrow.get(f"search?q=kettle&room={private_room.slug}", 400)
    for query in ("", "q=", "q=kettle&since=yesterday", "q=kettle&room=nowhere", "order=x&q=y"):
        Caller.of(bob).get(f"search?{query}", 400)


def test_search_by_pages_and_without_a_query_for_each(
    alice: User, bob: User, open_room: Room
) -> None:
    numbered = [f"kettle {number}" for number in range(60)]
    first = say(open_room, alice, "kettle")[0]
    for text in numbered:
        open_room.post(bob, text, f"the-key-{text.replace(' ', '-')}", reply=first.number)
    caller = Caller.of(bob)
    caller.get("search?q=kettle")  # what a process keeps from its first request
    with CaptureQueriesContext(connection) as for_one:
        page = caller.get("search?q=kettle&limit=1")
    with CaptureQueriesContext(connection) as for_many:
        found = caller.get("search?q=kettle")["messages"]
    assert len(for_many) == len(for_one)
    while page["next"]:
        page = caller.get(page["next"])
        found += page["messages"]
    assert len({each["number"] for each in found}) == len(found) == 61


# Files


def upload(caller: Caller, room: Room, name: str, content: bytes, status: int = 201) -> Any:
    answer: Any = caller.client.post(
        f"/api/rooms/{room.slug}/files",
        {"file": SimpleUploadedFile(name, content)},
        headers=caller.headers,
    )
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_file_is_sent_with_a_message(alice: User, bob: User, open_room: Room) -> None:
    caller = Caller.of(bob)
    file = upload(caller, open_room, "cup.png", files.picture())
    Caller.of(alice).get(file["url"], 404)  # until it is sent
    said = caller.post(f"rooms/{open_room.slug}/messages", {"files": [file["id"]]})
    assert said["files"] == [file]
    Caller.of(alice).get(file["url"])
    Caller.of(alice).get(file["thumbnail_url"])
    (listed,) = Caller.of(alice).get(f"rooms/{open_room.slug}/files")["files"]
    assert (listed["id"], listed["message"]) == (file["id"], said["number"])


def test_its_content_is_what_was_sent(bob: User, open_room: Room) -> None:
    say_with_files(open_room, bob, "", {"a.txt": b"some text"})
    caller = Caller.of(bob)
    caller.get(caller.get(f"rooms/{open_room.slug}/files")["files"][0]["url"])
    assert caller.content == b"some text"
    assert "attachment" in caller.answer.headers["Content-Disposition"]


def test_files_are_listed_page_by_page(bob: User, open_room: Room) -> None:
    for number in range(45):
        say_with_files(open_room, bob, "", {f"{number}.txt": b"text"})
    caller = Caller.of(bob)
    page = caller.get(f"rooms/{open_room.slug}/files")
    found = [*page["files"], *caller.get(page["next"])["files"]]
    assert [each["name"] for each in found] == [f"{number}.txt" for number in range(44, -1, -1)]


def test_a_file_that_cannot_be_taken_is_refused_with_a_sentence(
    bob: User, open_room: Room, settings: Settings
) -> None:
    settings.FILE_LIMIT = 10
    caller = Caller.of(bob)
    assert upload(caller, open_room, "big.txt", b"x" * 11, 400)["detail"]
    assert not Attachment.objects.exists()
    caller.post(f"rooms/{open_room.slug}/files", {"file": "text"}, 415)
    open_room.archive()
    assert upload(caller, open_room, "small.txt", b"x", 409)["code"] == "archived"


def test_another_rooms_file_is_not_here(bob: User, open_room: Room, private_room: Room) -> None:
    say_with_files(private_room, bob, "", {"a.txt": b"text"})
    pk = Attachment.objects.get().pk
    caller = Caller.of(bob)
    caller.get(f"rooms/{private_room.slug}/files/{pk}")
    caller.get(f"rooms/{open_room.slug}/files/{pk}", 404)
    caller.get(f"rooms/{private_room.slug}/files/{pk}/thumbnail", 404)
    caller.get(f"rooms/{private_room.slug}/files/{10**30}", 404)


# All of it


def test_an_address_that_ends_with_a_slash_leads_to_the_other(bob: User, open_room: Room) -> None:
    caller = Caller.of(bob)
    caller.ask("GET", "rooms/?mine=1", status=308)
    assert caller.answer.headers["Location"] == "/api/rooms?mine=1"
    caller.ask("POST", f"rooms/{open_room.slug}/messages/", {"text": "hi"}, status=308)
    assert caller.answer.headers["Location"] == f"/api/rooms/{open_room.slug}/messages"


def test_what_is_no_address_is_a_problem_too(bob: User) -> None:
    caller = Caller.of(bob)
    caller.get("nothing/of/the/kind", 404)
    caller.ask("DELETE", "rooms", status=405)
    assert "GET" in caller.answer.headers["Allow"]
    caller.ask("OPTIONS", "rooms", status=405)


def test_before_the_place_is_set_up(db: None) -> None:
    assert Caller().get("rooms", 503)["code"] == "not_set_up"


def test_too_many_questions_within_a_minute(bob: User, settings: Settings) -> None:
    settings.API_READS_PER_MINUTE, settings.API_WRITES_PER_MINUTE = 3, 1
    caller, other = Caller.of(bob), Caller.of(bob)
    seconds = []
    for _each in range(8):  # the minute of the clock may turn meanwhile
        answer = caller.client.get("/api/me", headers=caller.headers)
        if answer.status_code == 429:
            seconds.append(int(answer.headers["Retry-After"]))
    assert seconds
    assert all(0 < each <= 61 for each in seconds)
    # they are one person's, whichever token is used
    assert other.client.get("/api/me", headers=other.headers).status_code == 429
    settings.API_READS_PER_MINUTE = 0
    caller.get("me")


def test_an_error_of_ours_is_a_problem_too(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("as a test wants it")

    monkeypatch.setattr("rooms.api.rooms.rooms_visible_to", broken)
    caller = Caller.of(bob)
    caller.client.raise_request_exception = False
    problem = caller.get("rooms", 500)
    assert "as a test wants it" not in str(problem)
