"""Pinned messages: marked in their row, counted in the header, found on a page of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import Message, MessageRefused, RoomClosed, Row
from rooms.models.room import PINS
from tests import markup
from tests.cast import signed_in
from tests.factories import make_crowd, say
from tests.page import Page
from tests.together import THREADS, together

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import Room, User

HTMX = {"HX-Request": "true"}
VARIANT = Variant("en", "UTC")


@pytest.fixture
def said(alice: User, bob: User, open_room: Room) -> list[Message]:
    return [*say(open_room, alice, "first", "second"), *say(open_room, bob, "third")]


def pin(client: Client, room: Room, number: int, to: str = "pin") -> Answer:
    return client.post(reverse("message-pin", args=[room.slug, number]), {"to": to})


def opened(client: Client, room: Room, more: str = "") -> Page:
    return Page(client.get(f"/rooms/{room.slug}/{more}").content.decode())


def pinned(client: Client, room: Room) -> list[int]:
    return opened(client, room, "pins/").numbers


def header(page: Page) -> str:
    return page.one(".bar .pins").text


def test_a_pinned_message_is_marked_and_counted_and_found(
    bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    assert header(opened(bob_client, open_room)) == ""
    assert "Nothing is pinned here" in opened(bob_client, open_room, "pins/").one("main").text
    answer = pin(bob_client, open_room, 1)
    assert answer.headers["Location"] == f"/rooms/{open_room.slug}/1/"
    page = opened(bob_client, open_room)
    assert page.one("#m1 .pin").text == "pinned"
    assert len(page.all(".message .pin")) == 1
    assert header(page) == "Pinned messages: 1"
    assert page.one(".bar .pins a").attributes["href"] == f"/rooms/{open_room.slug}/pins/"
    assert pinned(bob_client, open_room) == [1]


def test_the_newest_pin_comes_first(
    bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    for number in (2, 3, 1):
        pin(bob_client, open_room, number)
    page = opened(bob_client, open_room, "pins/")
    assert page.numbers == [1, 3, 2]
    assert not page.all(".follows")


def test_a_pin_is_taken_back(bob_client: Client, open_room: Room, said: list[Message]) -> None:
    for number in (1, 2):
        pin(bob_client, open_room, number)
    pin(bob_client, open_room, 1, to="unpin")
    page = opened(bob_client, open_room)
    assert not page.all("#m1 .pin")
    assert header(page) == "Pinned messages: 1"
    assert pinned(bob_client, open_room) == [2]


@pytest.mark.parametrize("to", ["pin", "unpin"])
def test_a_repeated_form_does_no_more(
    bob: User, bob_client: Client, open_room: Room, said: list[Message], to: str
) -> None:
    said[0].pin(by=bob)
    for _ in range(3):
        pin(bob_client, open_room, 1, to)
    open_room.refresh_from_db()
    assert open_room.pins == (to == "pin")
    assert open_room.version == len(said) + (2 if to == "pin" else 4)


def test_an_open_page_follows(
    alice: User, bob: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    page = opened(bob_client, open_room)

    def follows() -> bool:
        for html in catch_up(open_room.pk, page.cursor, VARIANT):
            page.receive(html)
            page.check()
        fresh = opened(bob_client, open_room)
        return (page.rows, page.cursor, header(page)) == (fresh.rows, fresh.cursor, header(fresh))

    said[0].pin(by=alice)
    said[1].pin(by=bob)
    assert follows()
    assert header(page) == "Pinned messages: 2"
    said[0].unpin(by=bob)
    assert follows()
    said[1].delete_for_everybody(by=alice)
    assert follows()
    assert header(page) == ""


def test_a_deleted_message_is_pinned_no_longer_and_is_not_pinned_again(
    alice: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    pin(bob_client, open_room, 1)
    said[0].delete_for_everybody(by=alice)
    assert pinned(bob_client, open_room) == []
    pin(bob_client, open_room, 1)
    assert "deleted meanwhile" in opened(bob_client, open_room).one(".notices").text
    assert pinned(bob_client, open_room) == []
    with pytest.raises(MessageRefused):
        said[0].pin(by=alice)


def test_an_edited_message_stays_pinned_in_its_new_words(
    alice: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    pin(bob_client, open_room, 1)
    said[0].edit("other words", by=alice)
    assert opened(bob_client, open_room, "pins/").one("#m1 .body").text == "other words"


def test_what_travels_between_processes_is_the_same_row(
    alice: User, open_room: Room, said: list[Message]
) -> None:
    said[0].pin(by=alice)
    row = open_room.history().rows[0]
    assert row.pinned
    assert Row.from_data(row.as_data()) == row
    assert open_room.history().rows[1].as_data().keys().isdisjoint({"pinned"})


def test_a_room_has_so_many(
    alice: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    say(open_room, alice, *("more" for _ in range(PINS - len(said) + 1)))
    Message.objects.filter(number__lte=PINS).update(pinned_at=timezone.now())
    open_room.pins = PINS
    open_room.save(update_fields=["pins"])
    assert len(pinned(bob_client, open_room)) == PINS
    open_room.refresh_from_db()
    version = open_room.version
    pin(bob_client, open_room, PINS + 1)
    notice = opened(bob_client, open_room).one(".notices").text
    assert notice == f"A room can have {PINS} pinned messages, and this one has. Unpin one first."
    where = reverse("message-pin", args=[open_room.slug, PINS + 1])
    assert f"{PINS} pinned messages" in bob_client.post(where, headers=HTMX).content.decode()
    open_room.refresh_from_db()
    assert (open_room.version, open_room.pins) == (version, PINS)
    assert open_room.messages.get(number=PINS + 1).pinned_at is None
    pin(bob_client, open_room, 1, to="unpin")
    pin(bob_client, open_room, PINS + 1)
    assert pinned(bob_client, open_room)[0] == PINS + 1


def test_from_an_open_page_it_is_left_to_the_socket_or_a_poll(
    bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    where = reverse("message-pin", args=[open_room.slug, 1])
    answer = bob_client.post(where, {"to": "pin", "after": "3"}, headers=HTMX)
    assert (answer.status_code, "changed" in answer.headers["HX-Trigger"]) == (204, True)
    page = opened(bob_client, open_room, "1/")
    answer = bob_client.post(where, {"to": "unpin"}, headers=HTMX)
    page.answer(answer.content.decode())
    assert not page.all("#m1 .pin")


def test_the_menu_offers_the_one_that_would_change_something(
    bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    where = reverse("message-menu", args=[open_room.slug, 1])
    for headers in ({}, HTMX):
        for change, offered in (("unpin", "Pin to the room"), ("pin", "Unpin")):
            pin(bob_client, open_room, 1, change)
            asked = bob_client.get(where, headers=headers).content.decode()
            assert f"{offered}</button>" in asked


def test_pins_take_as_many_queries_however_many_there_are(
    bob: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            pinned(bob_client, open_room)
        return len(captured)

    said[0].pin(by=bob)
    said[0].react("👍", by=bob)
    few = queries()
    for person in make_crowd(open_room, 10):
        for message in say(open_room, person, "a", "b"):
            message.pin(by=person)
            message.react("🎉", by=person)
    open_room.mark_read([bob.pk])  # else the list of rooms counts it
    assert queries() == few


# By whom


def test_an_outsider_pins_nothing_and_finds_nothing(
    alice: User, bob: User, charlie: User, private_room: Room
) -> None:
    (message,) = say(private_room, alice, "between us")
    for user, status in ((charlie, 404), (bob, 302)):
        assert pin(signed_in(user), private_room, 1).status_code == status
    assert pinned(signed_in(bob), private_room) == [1]
    answer = signed_in(charlie).get(reverse("pins", args=[private_room.slug]))
    assert answer.status_code == 404
    with pytest.raises(PermissionDenied):
        message.unpin(by=charlie)


def test_in_an_open_room_whoever_may_write_may_pin(
    charlie_client: Client, open_room: Room, said: list[Message]
) -> None:
    pin(charlie_client, open_room, 2)
    assert pinned(charlie_client, open_room) == [2]


def test_in_an_archived_room_pins_stay_as_they_are(
    alice: User, bob_client: Client, open_room: Room, said: list[Message]
) -> None:
    said[0].pin(by=alice)
    open_room.archive()
    pin(bob_client, open_room, 1, to="unpin")
    pin(bob_client, open_room, 2)
    assert pinned(bob_client, open_room) == [1]
    with pytest.raises(RoomClosed):
        said[0].unpin(by=alice)
    assert header(opened(bob_client, open_room)) == "Pinned messages: 1"


@pytest.mark.parametrize("number", [0, 4, 10**30])
def test_nobody_pins_what_nobody_said(
    bob_client: Client, open_room: Room, said: list[Message], number: int
) -> None:
    assert pin(bob_client, open_room, number).status_code == 404


def test_a_stranger_is_asked_to_sign_in(
    client: Client, open_room: Room, said: list[Message]
) -> None:
    for answer in (pin(client, open_room, 1), client.get(reverse("pins", args=[open_room.slug]))):
        assert answer.headers["Location"].startswith("/accounts/login/")
    assert "pinned" not in markup.text(client.get("/accounts/login/"))
    assert open_room.messages.get(number=1).pinned_at is None


def test_a_pin_is_no_mere_link(bob_client: Client, open_room: Room, said: list[Message]) -> None:
    assert bob_client.get(reverse("message-pin", args=[open_room.slug, 1])).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_of_pins_at_once_none_is_forgotten_in_the_count(alice: User, open_room: Room) -> None:
    messages = say(open_room, alice, *(f"{number}" for number in range(THREADS // 2)))
    together(lambda number: messages[number // 2].pin(by=alice))
    open_room.refresh_from_db()
    assert open_room.pins == len(messages)
    assert open_room.version == 3 * len(messages)
