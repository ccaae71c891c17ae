"""Reacting to a message with an emoji, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms import emojis
from rooms.live import fragments
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import Message, MessageRefused, RoomClosed, Row
from rooms.models.reactions import KINDS, LISTED
from tests import markup
from tests.cast import signed_in
from tests.factories import make_crowd, say
from tests.page import Node, Page
from tests.together import THREADS, together

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import Room, User

HTMX = {"HX-Request": "true"}
VARIANT = Variant("en", "UTC")
MANY = [each.emoji for each in emojis.search("face")][: KINDS + 1]


@pytest.fixture
def message(alice: User, open_room: Room) -> Message:
    return say(open_room, alice, "the kettle works")[0]


def address(message: Message) -> str:
    return reverse("reactions", args=[message.room.slug, message.number])


def react(client: Client, message: Message, **fields: str) -> Answer:
    """As a browser without JavaScript does."""
    return client.post(address(message), fields)


def opened(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


def chips(page: Page) -> list[str]:
    return [chip.text for chip in page.all("#m1 .reactions button")]


def stored(message: Message) -> list[Any]:
    message.refresh_from_db()
    return message.reactions or []


def press(client: Client, message: Message, chip: Node, **more: object) -> Answer:
    """A reaction's button in a row of an open page."""
    attributes = chip.attributes
    data = {attributes["name"]: attributes["value"], **more}
    return client.post(address(message), data, headers=HTMX)


# Under the message


def test_a_reaction_stands_under_the_message_with_who_chose_it(
    alice: User, bob: User, bob_client: Client, message: Message
) -> None:
    assert not opened(bob_client, message.room).all("#m1 .reactions")
    react(bob_client, message, emoji="👍")
    message.react("👍", by=alice)
    message.react("🎉", by=alice)
    page = opened(bob_client, message.room)
    assert chips(page) == ["👍 2", "🎉 1"]
    first, second = page.all("#m1 .reactions button")
    assert first.attributes["title"] == "Bob Baker and Alice Archer"
    assert first.attributes["value"] == f"👍 {bob.pk} {alice.pk}"
    assert second.attributes["title"] == "Alice Archer"


@pytest.mark.parametrize(
    ("size", "title"),
    [
        (3, "workbench-0, workbench-1 and workbench-2"),
        (4, "workbench-0, workbench-1 and 2 more"),
        (30, "workbench-0, workbench-1 and 28 more"),
    ],
)
def test_of_many_the_first_are_named(
    bob_client: Client, message: Message, size: int, title: str
) -> None:
    for person in make_crowd(message.room, size):
        message.react("👍", by=person)
    (chip,) = opened(bob_client, message.room).all("#m1 .reactions button")
    assert (chip.text, chip.attributes["title"]) == (f"👍 {size}", title)


def test_of_very_many_a_row_carries_the_first(bob_client: Client, message: Message) -> None:
    crowd = make_crowd(message.room, LISTED + 5)
    Message.objects.update(reactions=[["👍", [person.pk for person in crowd]]])
    (chip,) = opened(bob_client, message.room).all("#m1 .reactions button")
    assert chip.text == f"👍 {LISTED + 5}"
    assert len(chip.attributes["value"].split()) == 1 + LISTED
    last = signed_in(crowd[-1])  # whom the row does not know presses in vain, and does no harm
    press(last, message, chip)
    assert len(stored(message)[0][1]) == LISTED + 5
    react(last, message, emoji="👍", want="remove")
    assert len(stored(message)[0][1]) == LISTED + 4


def test_one_s_own_is_marked_by_one_s_own_sheet(bob: User, bob_client: Client) -> None:
    assert f'.reactions [value~="{bob.pk}"]' in bob_client.get("/me.css").content.decode()


def test_a_button_adds_for_whoever_is_not_in_it_and_takes_back_for_whoever_is(
    alice_client: Client, bob: User, bob_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    (chip,) = opened(bob_client, message.room).all("#m1 .reactions button")
    press(alice_client, message, chip)
    assert len(stored(message)[0][1]) == 2
    press(bob_client, message, chip)
    assert len(stored(message)[0][1]) == 1


def test_a_button_pressed_twice_does_no_more_than_pressed_once(
    bob: User, alice: User, alice_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    (chip,) = opened(alice_client, message.room).all("#m1 .reactions button")
    version = 0
    for attempt in range(3):
        assert press(alice_client, message, chip).status_code == 200
        assert stored(message) == [["👍", [bob.pk, alice.pk]]]
        message.room.refresh_from_db()
        assert message.room.version == (version or message.room.version), attempt
        version = message.room.version


def test_an_emoji_nobody_chooses_any_more_goes(
    bob: User, bob_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    react(bob_client, message, emoji="👍", want="remove")
    assert Message.objects.get().reactions is None
    assert not opened(bob_client, message.room).all("#m1 .reactions")


def test_the_same_emoji_written_otherwise_is_the_same(
    alice: User, bob: User, message: Message
) -> None:
    message.react("❤", by=alice)
    message.react(":heart:", by=bob)
    assert stored(message) == [["❤️", [alice.pk, bob.pk]]]


# How it reaches a page


def test_a_reaction_is_a_change_of_the_room_that_reaches_every_page(
    bob: User, bob_client: Client, message: Message
) -> None:
    page = opened(bob_client, message.room)
    message.react("👍", by=bob)
    for html in catch_up(message.room.pk, page.cursor, VARIANT):
        page.receive(html)
    fresh = opened(bob_client, message.room)
    assert chips(page) == ["👍 1"]
    assert (page.rows, page.cursor) == (fresh.rows, fresh.cursor)


def test_a_button_of_an_open_page_leaves_the_change_to_the_socket_or_a_poll(
    bob: User, alice_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    page = opened(alice_client, message.room)
    answer = press(alice_client, message, page.one("#m1 .reactions button"), after=page.cursor)
    assert (answer.status_code, "changed" in answer.headers["HX-Trigger"]) == (204, True)


def test_a_button_on_a_page_of_the_past_puts_the_row_there(
    bob: User, alice_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    page = Page(alice_client.get(f"/rooms/{message.room.slug}/1/").content.decode())
    answer = press(alice_client, message, page.one("#m1 .reactions button"))
    page.answer(answer.content.decode())
    assert chips(page) == ["👍 2"]


def test_what_travels_between_processes_is_the_same_row(
    alice: User, bob: User, message: Message
) -> None:
    message.react("👍", by=bob)
    message.refresh_from_db()
    row = message.as_row(message.room, alice)
    assert Row.from_data(row.as_data()) == row
    assert row.reactions[0].who == (bob.pk,)
    assert "reactions" not in say(message.room, bob, "plain")[0].as_row(message.room, bob).as_data()


def test_a_new_name_is_shown_at_once(bob: User, alice_client: Client, message: Message) -> None:
    message.react("👍", by=bob)
    page = opened(alice_client, message.room)
    assert page.one("#m1 .reactions button").attributes["title"] == "Bob Baker"
    bob.change_profile(display_name="Robert", time_zone="", language="")
    page = opened(alice_client, message.room)
    assert page.one("#m1 .reactions button").attributes["title"] == "Robert"


def test_names_and_emoji_are_written_so_that_nothing_else_is_read_into_them(
    bob: User, alice_client: Client, message: Message
) -> None:
    bob.change_profile(display_name='"><b>x', time_zone="", language="")
    message.react("👍", by=bob)
    page = opened(alice_client, message.room)
    assert page.one("#m1 .reactions button").attributes["title"] == '"><b>x'


def test_reactions_take_one_query_however_many_there_are(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    def queries(where: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bob_client.get(where).status_code == 200
        return len(captured)

    page, changes = f"/rooms/{open_room.slug}/", f"/rooms/{open_room.slug}/changes/?after=0"
    plain = say(open_room, alice, *(f"message {number}" for number in range(30)))
    for where in (page, changes):
        queries(where)
    say(open_room, alice, "one more, so that the page is made anew")
    without = {where: queries(where) for where in (page, changes)}
    plain[0].react("👍", by=bob)
    one = {where: queries(where) for where in (page, changes)}
    assert all(one[where] <= without[where] + 1 for where in one)
    crowd = make_crowd(open_room, 20)
    for number, message in enumerate(plain):
        for person in crowd[: number % 20]:
            message.react(MANY[number % 5], by=person)
    many = {where: queries(where) for where in (page, changes)}
    assert many[page] == one[page]
    assert len(opened(bob_client, open_room).all(".reactions")) == 29  # each but the 21st


# Choosing one


def test_a_page_says_who_reacted_and_takes_any_emoji(
    alice: User, bob_client: Client, message: Message
) -> None:
    message.react("👍", by=alice)
    shown = bob_client.get(address(message))
    assert "Alice Archer" in markup.text(shown)
    answer = react(bob_client, message, emoji=":octopus:")
    assert answer.headers["Location"] == f"/rooms/{message.room.slug}/1/"
    text = markup.text(bob_client.get(address(message)))
    assert "🐙 1 Bob Baker Take mine back" in text
    assert "👍 1 Alice Archer Me too" in text


def test_the_beginning_of_one_name_is_enough(
    bob: User, bob_client: Client, message: Message
) -> None:
    react(bob_client, message, emoji="octo")
    assert stored(message) == [["🐙", [bob.pk]]]


@pytest.mark.parametrize("typed", ["", "two words", "👍👍", "\0", "x" * 10_000, "face"])
def test_what_is_no_emoji_is_given_back_with_a_sentence_and_a_choice(
    bob_client: Client, message: Message, typed: str
) -> None:
    answer = react(bob_client, message, emoji=typed)
    assert answer.status_code == 400
    page = Page(answer.content.decode())
    assert page.one(".error").text == "That is not one emoji. Choose one, or write its name."
    assert page.one("#emoji").attributes["value"] == typed[: emojis.TYPED].strip("\0")
    assert len(page.all("main .palette button")) > 5
    assert stored(message) == []


def test_a_field_in_the_menu_finds_emoji_by_their_names(
    bob: User, bob_client: Client, message: Message
) -> None:
    page = opened(bob_client, message.room)
    where = address(message)
    page.answer(bob_client.get(where, headers=HTMX).content.decode())
    assert len(page.all("#emoji-grid button")) == len(emojis.COMMON)
    found = bob_client.get(where, {"emoji": "octo"}, headers=HTMX).content.decode()
    assert "🐙" in found
    assert "👍" not in found
    data = {"typed": "1", "emoji": "face", "after": page.cursor}
    page.answer(bob_client.post(where, data, headers=HTMX).content.decode())
    assert "not one emoji" in page.one("#menu .error").text
    answer = bob_client.post(where, {**data, "emoji": "octopus"}, headers=HTMX)
    page.answer(answer.content.decode())
    assert not page.one("#menu").children  # a fresh one, so that it is closed
    assert stored(message) == [["🐙", [bob.pk]]]


def test_the_menu_offers_a_few_and_knows_which_are_one_s_own(
    bob: User, bob_client: Client, message: Message
) -> None:
    message.react("🎉", by=bob)
    menu = reverse("message-menu", args=[message.room.slug, 1])
    page = opened(bob_client, message.room)
    page.answer(bob_client.get(menu, headers=HTMX).content.decode())
    pressed = {
        button.text: button.attributes["aria-pressed"]
        for button in page.all("#menu .palette button")
        if "aria-pressed" in button.attributes
    }
    assert pressed == {each: str(each == "🎉").lower() for each in emojis.QUICK}
    plain = Page(bob_client.get(menu).content.decode())
    for button in plain.all("main .palette button"):
        react(bob_client, message, **{button.attributes["name"]: button.attributes["value"]})
    assert {each for each, _users in stored(message)} == set(emojis.QUICK) - {"🎉"}


# Bounds


def test_a_message_bears_so_many_different_ones(
    alice: User, bob: User, bob_client: Client, message: Message
) -> None:
    for each in MANY[:KINDS]:
        message.react(each, by=alice)
    answer = react(bob_client, message, emoji=MANY[KINDS])
    assert answer.status_code == 400
    assert f"{KINDS} different reactions" in markup.text(answer)
    answer = bob_client.post(address(message), {"emoji": MANY[KINDS]}, headers=HTMX)
    assert f"{KINDS} different reactions" in answer.content.decode()
    react(bob_client, message, emoji=MANY[0])  # one of those that are there
    assert len(stored(message)) == KINDS
    assert stored(message)[0][1] == [alice.pk, bob.pk]


def test_a_deleted_message_loses_its_reactions_and_bears_none(
    alice: User, bob: User, bob_client: Client, message: Message
) -> None:
    message.react("👍", by=bob)
    message.delete_for_everybody(by=alice)
    assert not opened(bob_client, message.room).all("#m1 .reactions")
    assert Message.objects.get().reactions is None
    answer = react(bob_client, message, emoji="👍")
    assert answer.status_code == 400
    assert "deleted meanwhile" in markup.text(answer)


def test_nobody_reacts_in_an_archived_room(bob: User, bob_client: Client, message: Message) -> None:
    message.room.archive()
    with pytest.raises(RoomClosed):
        message.react("👍", by=bob)
    answer = react(bob_client, message, emoji="👍")
    assert answer.status_code == 400
    assert "archived" in markup.text(answer)


def test_an_outsider_neither_sees_nor_adds_any(
    alice: User, bob: User, charlie: User, private_room: Room
) -> None:
    (message,) = say(private_room, alice, "between us")
    message.react("👍", by=alice)
    for user, status in ((bob, 200), (charlie, 404)):
        client = signed_in(user)
        for headers in ({}, HTMX):
            assert client.get(address(message), headers=headers).status_code == status
        client.post(address(message), {"emoji": "👍"}, headers=HTMX)
    assert stored(message) == [["👍", [alice.pk, bob.pk]]]
    with pytest.raises(PermissionDenied):
        message.react("👍", by=charlie)


def test_in_an_open_room_whoever_may_write_may_react(
    charlie: User, charlie_client: Client, message: Message
) -> None:
    react(charlie_client, message, emoji="👍")
    assert stored(message) == [["👍", [charlie.pk]]]


def test_a_stranger_is_asked_to_sign_in(client: Client, message: Message) -> None:
    assert react(client, message, emoji="👍").headers["Location"].startswith("/accounts/login/")
    assert stored(message) == []


@pytest.mark.parametrize("number", [0, 2, 10**30])
def test_there_are_none_to_what_nobody_said(
    bob_client: Client, message: Message, number: int
) -> None:
    where = reverse("reactions", args=[message.room.slug, number])
    assert bob_client.get(where).status_code == 404
    assert bob_client.post(where, {"emoji": "👍"}).status_code == 404


@pytest.mark.parametrize(
    "chip", [" ", "xy", "👍 x y", "👍 " + "1 " * 10_000, "👍 -1", "12 12", "\0", "👍\0"]
)
def test_a_forged_button_breaks_nothing(bob_client: Client, message: Message, chip: str) -> None:
    for headers in ({}, HTMX):
        answer = bob_client.post(address(message), {"chip": chip}, headers=headers)
        assert answer.status_code < 500
    with pytest.raises(MessageRefused):
        message.react(chip, by=message.author)


@pytest.mark.django_db(transaction=True)
def test_of_one_person_s_reactions_at_once_one_counts_and_nobody_else_s_is_lost(
    alice: User, open_room: Room
) -> None:
    (message,) = say(open_room, alice, "cake?")
    crowd = make_crowd(open_room, THREADS // 2)
    clients = [signed_in(crowd[number % len(crowd)]) for number in range(THREADS)]

    together(lambda number: react(clients[number], message, emoji="🍰"))
    ((emoji, users),) = stored(message)
    assert (emoji, sorted(users)) == ("🍰", sorted(person.pk for person in crowd))
    open_room.refresh_from_db()
    assert open_room.version == 1 + len(crowd)


def test_the_page_and_the_push_are_the_same_bytes(bob: User, message: Message) -> None:
    message.react("👍", by=bob)
    (row,) = message.room.history().rows
    step = message.room.__class__.objects.get().steps_after(0)
    assert step
    assert step[0].row == step[1].row == row
    assert "👍" in fragments.row(row, VARIANT)
