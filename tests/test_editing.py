"""Changing what one said, and taking it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from rooms.models.message import BODY_LENGTH
from tests.cast import signed_in
from tests.factories import say
from tests.page import Page

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import Message, Room, User

HTMX = {"HX-Request": "true"}
CHANGES = ["message-edit", "message-delete"]


@pytest.fixture
def message(bob: User, open_room: Room) -> Message:
    """The second of three messages of bob's."""
    return say(open_room, bob, "before", "what I said", "after")[1]


def address(name: str, room: Room, number: int = 2) -> str:
    return reverse(name, args=[room.slug, number])


def opened(client: Client, where: str) -> Page:
    return Page(client.get(where).content.decode())


def in_room(client: Client, room: Room) -> Page:
    return opened(client, f"/rooms/{room.slug}/")


def edit(client: Client, room: Room, text: str) -> Answer:
    """From the page of its own, without JavaScript."""
    return client.post(address("message-edit", room), {"text": text})


def change(page: Page, client: Client, where: str, **data: object) -> Answer:
    """From the form in the row of an open page, which sends its cursor too."""
    cursors = page.all("main>.cursor")
    more = {"after": page.cursor} if cursors else {}
    answer = client.post(where, {**data, **more}, headers=HTMX)
    page.answer(answer.content.decode())
    if "HX-Trigger" in answer.headers:  # it asks for what has changed, as it does every few seconds
        assert json.loads(answer.headers["HX-Trigger"]) == {"changed": {"target": "#watch"}}
        watch = page.one("#watch")
        assert "changed" in watch.attributes["hx-trigger"]
        where = f"{where.rsplit('/', 3)[0]}/{watch.attributes['hx-get']}"
        page.answer(client.get(where, {"after": page.cursor}, headers=HTMX).content.decode())
    page_is_clean(page)
    return answer


def page_is_clean(page: Page) -> None:
    assert page.one("#bin").html == Page.clean_bin


# Without JavaScript


def test_an_edited_message_has_its_new_text_and_a_mark(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    form = opened(bob_client, address("message-edit", open_room)).one("[name='text']")
    assert form.text == "what I said"
    answer = edit(bob_client, open_room, "what I *meant*")
    assert answer.headers["Location"] == address("message", open_room)
    rows = in_room(bob_client, open_room)
    assert rows.one("#m2 .body").text == "what I meant"
    assert rows.one("#m2 .edited").text == "edited"
    assert not rows.all("#m1 .edited")


def test_a_change_is_the_next_version_of_the_room_and_of_that_message_alone(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    edit(bob_client, open_room, "other")
    assert list(open_room.messages.order_by("number").values_list("version", flat=True)) == [
        1,
        4,
        3,
    ]
    bob_client.post(address("message-delete", open_room))
    assert list(open_room.messages.order_by("number").values_list("version", flat=True)) == [
        1,
        5,
        3,
    ]
    open_room.refresh_from_db()
    assert open_room.version == 5
    assert open_room.last_number == 3


@pytest.mark.parametrize("text", ["what I said", "what I said\r\n", "\n\nwhat I said  "])
def test_the_same_text_changes_nothing(
    bob_client: Client, open_room: Room, message: Message, text: str
) -> None:
    assert edit(bob_client, open_room, text).status_code == 302
    open_room.refresh_from_db()
    assert open_room.version == 3
    assert not in_room(bob_client, open_room).all(".edited")


def test_a_repeated_edit_counts_once(bob_client: Client, open_room: Room, message: Message) -> None:
    for _ in range(3):
        edit(bob_client, open_room, "other")
    open_room.refresh_from_db()
    assert open_room.version == 4


def test_a_deleted_message_leaves_a_tombstone_without_its_text(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    asked = opened(bob_client, address("message-delete", open_room))
    assert "what I said" in asked.one("main").text
    answer = bob_client.post(address("message-delete", open_room))
    assert answer.headers["Location"] == address("message", open_room)
    page = in_room(bob_client, open_room)
    assert page.numbers == [1, 2, 3]
    assert page.one("#m2 .body").text == "This message was deleted by its author."
    assert "removed" in page.one("#m2").classes
    assert not page.all("#m2 .more")
    message.refresh_from_db()
    assert message.body == ""


def test_deleting_twice_deletes_once(bob_client: Client, open_room: Room, message: Message) -> None:
    for _ in range(2):
        assert bob_client.post(address("message-delete", open_room)).status_code == 302
    open_room.refresh_from_db()
    assert open_room.version == 4


def test_a_deleted_message_that_was_edited_is_not_called_edited(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    edit(bob_client, open_room, "other")
    assert in_room(bob_client, open_room).all("#m2 .edited")
    bob_client.post(address("message-delete", open_room))
    assert not in_room(bob_client, open_room).all("#m2 .edited")


def test_a_deleted_message_is_not_edited_back_to_life(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    bob_client.post(address("message-delete", open_room))
    answer = edit(bob_client, open_room, "I insist")
    assert answer.status_code == 400
    page = Page(answer.content.decode())
    assert page.one(".error").text == "This message was deleted meanwhile."
    assert page.one("[name='text']").text == "I insist"
    message.refresh_from_db()
    assert message.body == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" \r\n ", "Write something."),
        ("x" * (BODY_LENGTH + 1), f"{BODY_LENGTH} characters. This one has 1 too many"),
    ],
)
def test_a_text_that_cannot_be_stored_is_given_back_with_a_sentence(
    bob_client: Client, open_room: Room, message: Message, text: str, sentence: str
) -> None:
    answer = edit(bob_client, open_room, text)
    assert answer.status_code == 400
    page = Page(answer.content.decode())
    assert sentence in page.one(".error").text
    assert page.one("[name='text']").text == text.strip()
    message.refresh_from_db()
    assert message.body == "what I said"


def test_nothing_changes_in_an_archived_room(
    bob_client: Client, open_room: Room, message: Message
) -> None:
    open_room.archive()
    answer = edit(bob_client, open_room, "other")
    assert answer.status_code == 400
    page = Page(answer.content.decode())
    assert "archived" in page.one(".error").text
    assert page.one("[name='text']").text == "other"
    answer = bob_client.post(address("message-delete", open_room))
    assert answer.status_code == 400
    assert "archived" in Page(answer.content.decode()).one(".error").text
    message.refresh_from_db()
    assert message.body == "what I said"


# By whom


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_changes_what_another_said_not_even_the_owner(
    *, alice: User, bob: User, charlie: User, message: Message, name: str, method: str
) -> None:
    # To remove it is for those who moderate, see test_moderation.py.
    other = charlie if name == "message-delete" else alice
    message.room.add(charlie)

    def status(user: User, headers: dict[str, str]) -> int:
        ask = getattr(signed_in(user), method)
        answer: Answer = ask(address(name, message.room), {"text": "other"}, headers=headers)
        return answer.status_code

    for headers in ({}, HTMX):
        assert status(other, headers) == 403
    message.refresh_from_db()
    assert message.body == "what I said"
    assert status(bob, {}) in (200, 302)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_outsider_finds_no_message_to_change(
    bob: User, charlie: User, private_room: Room, name: str, method: str
) -> None:
    say(private_room, bob, "one", "two")

    def status(user: User) -> int:
        ask = getattr(signed_in(user), method)
        found: int = ask(address(name, private_room), {"text": "mine"}).status_code
        return found

    assert status(charlie) == 404
    assert status(bob) in (200, 302)


def test_who_was_removed_from_a_private_room_changes_nothing_there_any_more(
    bob: User, bob_client: Client, private_room: Room
) -> None:
    say(private_room, bob, "one", "two")
    assert edit(bob_client, private_room, "changed").status_code == 302
    private_room.remove(bob)
    assert edit(bob_client, private_room, "changed again").status_code == 404
    assert private_room.messages.get(number=2).body == "changed"


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("number", [0, 4, 10**30])
def test_there_is_no_message_of_another_number(
    bob_client: Client, open_room: Room, message: Message, name: str, number: int
) -> None:
    assert bob_client.get(address(name, open_room, 3)).status_code == 200
    assert bob_client.get(address(name, open_room, number)).status_code == 404
    assert bob_client.post(address(name, open_room, number), {"text": "x"}).status_code == 404


@pytest.mark.parametrize("name", CHANGES)
def test_a_stranger_is_asked_to_sign_in(
    client: Client, open_room: Room, message: Message, name: str
) -> None:
    answer = client.post(address(name, open_room), {"text": "x"})
    assert answer.headers["Location"].startswith(reverse("account_login"))
    message.refresh_from_db()
    assert message.body == "what I said"


@pytest.mark.parametrize("name", CHANGES)
def test_other_methods_are_refused(
    bob_client: Client, open_room: Room, message: Message, name: str
) -> None:
    assert bob_client.put(address(name, open_room)).status_code == 405
    assert bob_client.delete(address(name, open_room)).status_code == 405


# In the row of an open page


@pytest.fixture(params=["the room", "the past"])
def view(
    request: pytest.FixtureRequest, bob_client: Client, open_room: Room, message: Message
) -> Page:
    """An open page with the message on it: of the present, or around the message's address."""
    if request.param == "the past":
        return opened(bob_client, address("message", open_room))
    return in_room(bob_client, open_room)


def test_the_form_to_edit_takes_the_place_of_the_text(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    view.answer(bob_client.get(address("message-edit", open_room), headers=HTMX).content.decode())
    assert view.one("#m2 [name='text']").text == "what I said"
    assert view.one("#m1 .body").text == "before"
    assert not view.all("#m2 .body")


def test_an_edit_given_up_puts_the_message_back(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    row = view.one("#m2 .what").html
    view.answer(bob_client.get(address("message-edit", open_room), headers=HTMX).content.decode())
    assert view.one("#m2 .what").html != row
    view.answer(bob_client.get(address("message", open_room), headers=HTMX).content.decode())
    assert view.one("#m2 .what").html == row


def test_an_edit_in_the_row_shows_the_new_text_there(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    view.answer(bob_client.get(address("message-edit", open_room), headers=HTMX).content.decode())
    change(view, bob_client, address("message-edit", open_room), text="what I meant")
    assert view.one("#m2 .body").text == "what I meant"
    assert len(view.all("#m2 .edited")) == 1
    assert [row.text for row in view.all(".message .body")] == ["before", "what I meant", "after"]


def test_the_same_text_puts_the_message_back_too(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    row = view.one("#m2 .what").html
    view.answer(bob_client.get(address("message-edit", open_room), headers=HTMX).content.decode())
    change(view, bob_client, address("message-edit", open_room), text="what I said")
    assert view.one("#m2 .what").html == row


def test_an_edit_that_was_given_up_after_the_message_changed_elsewhere_shows_the_change(
    bob: User, bob_client: Client, open_room: Room, message: Message, view: Page
) -> None:
    view.answer(bob_client.get(address("message-edit", open_room), headers=HTMX).content.decode())
    message.edit("changed in another tab", by=bob)
    view.answer(bob_client.get(address("message", open_room), headers=HTMX).content.decode())
    assert view.one("#m2 .body").text == "changed in another tab"


def test_a_refused_edit_keeps_the_form_with_the_text_in_it(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    text = "x" * (BODY_LENGTH + 1)
    answer = change(view, bob_client, address("message-edit", open_room), text=text)
    assert answer.status_code == 200  # htmx swaps nothing that it takes for an error
    assert view.one("#m2 [name='text']").text == text
    assert f"{BODY_LENGTH} characters" in view.one("#m2 .error").text


def test_a_message_is_deleted_from_its_row_after_a_question(
    bob_client: Client, open_room: Room, view: Page
) -> None:
    view.answer(bob_client.get(address("message-delete", open_room), headers=HTMX).content.decode())
    assert "Delete this message for everybody?" in view.one("#m2 .what").text
    change(view, bob_client, address("message-delete", open_room))
    assert "removed" in view.one("#m2").classes
    assert view.one("#m2 .what").text == "This message was deleted by its author."
    assert not view.all("#m2 .more")


def test_an_edit_brings_what_came_meanwhile(
    alice: User, bob_client: Client, open_room: Room, message: Message
) -> None:
    page = in_room(bob_client, open_room)
    say(open_room, alice, "something new")
    change(page, bob_client, address("message-edit", open_room), text="what I meant")
    fresh = in_room(bob_client, open_room)
    assert (page.rows, page.cursor) == (fresh.rows, fresh.cursor)
