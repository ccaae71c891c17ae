"""Completing a name behind an @."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.models import Level, Room
from rooms.models.suggesting import SUGGESTED, begun_in, completed, suggested
from tests.cast import signed_in
from tests.factories import add_all, make_crowd, make_user, say
from tests.files import picture, upload
from tests.page import Page

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import User

HTMX = {"HX-Request": "true"}
KEY = "key-of-the-form"


def found(room: Room, user: User, typed: str) -> list[str]:
    return [each.insert for each in suggested(typed, room.standing_of(user), room.pk)]


# What was begun


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("@", ""),
        ("hello @bo", "bo"),
        ("hello @Bob B", "Bob B"),
        ("(@bo", "bo"),
        ("你好@bo", "bo"),
        ("@alice and @bo", "bo"),
        ("hello", None),
        ("a@b", None),
        ("x/@b", None),
        ("@bo\n", None),
        ("@" + "x" * 61, None),
        ("", None),
    ],
)
def test_a_name_is_begun_at_the_end(text: str, begun: str | None) -> None:
    assert begun_in(text) == begun


def test_completing_puts_the_name_in_its_place() -> None:
    assert completed("hello @bo", "Bob Baker") == "hello @Bob Baker "
    assert completed("@", "room") == "@room "
    assert completed("hello", "bob") == "hello @bob "
    assert completed("", "bob") == "@bob "


# Who is suggested


def test_people_are_found_by_any_part_of_their_names(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    assert found(open_room, bob, "ali") == ["Alice Archer"]
    assert found(open_room, bob, "ARCH") == ["Alice Archer"]
    assert found(open_room, bob, "alice a") == ["Alice Archer"]
    assert found(open_room, bob, "cooper") == ["Charlie Cooper"], "who may read it, too"
    assert found(open_room, bob, "bob") == [], "not oneself"
    assert found(open_room, bob, "xyzzy") == []
    assert found(open_room, bob, "!!") == []


def test_without_a_letter_it_is_those_who_belong(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    assert found(open_room, bob, "") == ["here", "room", "Alice Archer"]
    assert found(open_room, bob, "he") == ["here"]
    assert found(open_room, bob, "room") == ["room"]


def test_what_is_written_out_is_suggested_no_more(alice: User, bob: User, open_room: Room) -> None:
    assert found(open_room, bob, "Alice Archer") == ["Alice Archer"]
    assert found(open_room, bob, "Alice Archer ") == []
    assert found(open_room, bob, "Alice Archer could you") == []


def test_who_is_called_like_another_is_suggested_by_username(
    alice: User, bob: User, open_room: Room
) -> None:
    add_all(open_room, [make_user("sam-1", "Sam Smith"), make_user("sam-2", "Sam Smith")])
    make_user("mallory", "alice")
    assert found(open_room, bob, "sam") == ["sam-1", "sam-2"]
    assert found(open_room, bob, "alice") == ["Alice Archer", "mallory"]


def test_nobody_is_suggested_who_may_not_be_named(  # noqa: PLR0917
    alice: User, bob: User, charlie: User, greta: User, private_room: Room, open_room: Room
) -> None:
    assert found(private_room, bob, "charlie") == []
    assert found(open_room, bob, "greta") == []
    add_all(open_room, [greta])
    assert found(open_room, greta, "charlie") == []
    assert found(open_room, greta, "bob") == ["Bob Baker"]


def test_many_cost_as_much_as_few(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            found(open_room, bob, "")
        return len(captured)

    before = asked()
    make_crowd(open_room, 60)
    assert asked() <= before
    assert "room" not in found(open_room, bob, ""), "so many are for moderators to call"
    assert "room" in found(open_room, alice, "")
    assert len(found(open_room, alice, "")) == SUGGESTED + 2


# Beside the field


def draft(client: Client, room: Room, text: str, lines: str = "", **more: str) -> str:
    form = {"key": KEY, "text": text, "lines": lines, "reply": "", **more}
    answer = client.post(f"/rooms/{room.slug}/draft/", form, headers=HTMX)
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_the_draft_brings_names(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    page = Page(bob_client.get(f"/rooms/{open_room.slug}/").content.decode())
    page.answer(draft(bob_client, open_room, "hello @ali"))
    (button,) = page.all("#names button")
    assert "Alice Archer" in button.text
    assert draft(bob_client, open_room, "hello") == "204"
    page.answer(draft(bob_client, open_room, "hello", suggested="1"))
    assert page.one("#names").text == ""
    assert draft(bob_client, open_room, "x" * 2_000 + " @ali") == "204"
    assert draft(bob_client, open_room, "@xyzzy") == "204"
    assert open_room.memberships.get(user=bob).draft == "@xyzzy"


def pressed(client: Client, room: Room, name: str, **form: str) -> str:
    headers = {**HTMX, "HX-Trigger": f"at-{KEY}-1"}
    asked = {"key": KEY, "text": "", "lines": "", "insert": name, **form}
    answer = client.post(f"/rooms/{room.slug}/mention/", asked, headers=headers)
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_pressing_one_writes_it_out(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    names = draft(bob_client, open_room, "hello 😀 @ali")
    filler = Page(bob_client.get(f"/rooms/{open_room.slug}/").content.decode())
    filler.answer(names)
    answer = pressed(bob_client, open_room, "Alice Archer", text="hello 😀 @ali", lines="")
    assert 'value="hello 😀 @Alice Archer "' in answer
    assert f'<input id="at-{KEY}-1" class="line field"' in answer
    (overlay,) = filler.all("#names textarea")
    length = len("hello 😀 @Alice Archer ".encode("utf-16-le")) // 2
    assert len(overlay.text) == length, "where the caret is to be"
    several = pressed(bob_client, open_room, "room", text="first", lines="second @ro")
    assert "second @room </textarea>" in several
    assert f'<textarea id="at-{KEY}-1"' in several


@pytest.mark.parametrize(
    "wrong", [{"key": "x"}, {"insert": ""}, {"insert": "\0"}, {"key": "<script>alert(1)</script>"}]
)
def test_what_no_suggestion_sends_is_refused(
    wrong: dict[str, str], bob_client: Client, open_room: Room
) -> None:
    asked = {"insert": "Alice Archer", **wrong}
    name = asked.pop("insert")
    assert pressed(bob_client, open_room, name, **asked) == "400"


def test_a_name_that_is_typed_by_hand_is_escaped(bob_client: Client, open_room: Room) -> None:
    answer = pressed(bob_client, open_room, '"><script>', text="@")
    assert "<script>" not in answer


# Without JavaScript


def test_the_page_of_names_loses_nothing(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    address = f"/rooms/{open_room.slug}/mention/"
    form = {"key": KEY, "text": "hello", "lines": "and @ali", "reply": ""}
    answer = bob_client.post(address, {**form, "files": upload("cup.png", picture())})
    assert answer["Location"] == f"{address}?q=ali"
    page = Page(bob_client.get(answer["Location"]).content.decode())
    assert [each.attributes["value"] for each in page.all("button[name='insert']")] == [
        "Alice Archer"
    ]
    answer = bob_client.post(address, {"insert": "Alice Archer"})
    room = Page(bob_client.get(answer["Location"]).content.decode())
    assert room.one("textarea").text == "and @Alice Archer"
    assert room.one(".line").attributes["value"] == "hello"
    assert "cup.png" in room.one(".chips").text


@pytest.mark.parametrize("query", ["", "\0", "x" * 10_000, "<script>", "@@@"])
def test_any_search_is_answered(query: str, bob_client: Client, open_room: Room) -> None:
    answer = bob_client.get(f"/rooms/{open_room.slug}/mention/", {"q": query})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode()


def test_what_the_page_suggests_is_what_is_named(alice: User, bob: User, open_room: Room) -> None:
    """Every suggestion, sent as it is, calls whom it shows."""
    add_all(
        open_room,
        [
            make_user("sam-1", "Sam Smith"),
            make_user("sam-2", "Sam Smith"),
            make_user("li", "李晓雯"),
            make_user("odd", "a *b* `c` [d](https://e.org)"),
            make_user("dots", "Dr. K. o.O."),
            make_user("roomy", "Room"),
        ],
    )
    for each in suggested("", open_room.standing_of(bob), open_room.pk):
        if each.person is not None:
            (message,) = say(open_room, bob, f"look, @{each.insert}, at this")
            assert message.mentioned.get().user == each.person
    assert open_room.memberships.get(user=bob).level == Level.EVERYTHING


def test_visitors_are_told_to_join(charlie: User, open_room: Room) -> None:
    answer = signed_in(charlie).get(f"/rooms/{open_room.slug}/mention/")
    assert answer.status_code == 403
