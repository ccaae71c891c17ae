"""What is unread, marking it as read and as unread again, and the page where all of it stands."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.models import Membership, Message, Room, unread
from tests.cast import signed_in
from tests.factories import make_room, say, unread_of
from tests.markup import parse, text
from tests.page import Page, fragment

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from rooms.models import User

HTMX = {"HX-Request": "true"}
UNREAD = "/unread/"


def page_of(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


def catch_up(client: Client) -> Page:
    return Page(client.get(UNREAD).content.decode())


def membership(room: Room, user: User) -> Membership:
    return room.memberships.get(user=user)


def sections(page: Page) -> dict[str, list[str]]:
    """The rooms of the page and what stands in each."""
    return {
        each.one("h2>a").text: [body.text for body in each.all(".body")]
        for each in page.all(".unread-room")
    }


def everything(page: Page) -> str:
    """What the button that marks everything says is read."""
    return page.one(".done>[name='read']").attributes["value"]


# What counts


def test_what_one_says_oneself_is_never_unread(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    assert unread_of(open_room, bob) == 2
    say(open_room, bob, "said by a program, without looking")
    assert (unread_of(open_room, bob), unread_of(open_room, alice)) == (0, 1)
    say(open_room, alice, "three")
    form = {"key": "a-key-of-a-form", "text": "said by a form"}
    bob_client.post(f"/rooms/{open_room.slug}/send/", form, headers=HTMX)
    assert unread_of(open_room, bob) == 0
    say(open_room, alice, "four")
    assert unread_of(open_room, bob) == 1


def test_who_joins_by_writing_has_read_what_stands_above(
    alice: User, charlie: User, open_room: Room
) -> None:
    say(open_room, alice, "one")
    say(open_room, charlie, "may I?")
    assert unread_of(open_room, charlie) == 0
    assert membership(open_room, charlie).last_read == 2


def test_a_form_that_comes_twice_reads_nothing_that_came_in_between(
    alice: User, bob: User, open_room: Room
) -> None:
    open_room.post(bob, "once", "key-of-the-form")
    say(open_room, alice, "in between")
    open_room.post(bob, "once", "key-of-the-form")
    assert unread_of(open_room, bob) == 1


def test_what_is_deleted_is_not_unread_any_more(alice: User, bob: User, open_room: Room) -> None:
    messages = say(open_room, alice, "one", "two", "three")
    messages[1].delete_for_everybody(by=alice)
    assert unread_of(open_room, bob) == 2
    messages[0].edit("reworded", by=alice)
    assert unread_of(open_room, bob) == 2
    messages[0].delete_for_everybody(by=alice)
    messages[2].delete_for_everybody(by=alice)
    assert unread_of(open_room, bob) == 0


def test_nobody_counts_further_than_a_hundred(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, *map(str, range(99)))
    assert unread_of(open_room, bob) == 99
    say(open_room, alice, *map(str, range(10)))
    assert unread_of(open_room, bob) == 100


def test_archived_rooms_and_those_that_one_left_count_nothing(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one")
    say(private_room, alice, "one")
    assert unread.counts([bob.pk, alice.pk]) == {
        bob.pk: {open_room.pk: 1, private_room.pk: 1},
        alice.pk: {},
    }
    open_room.archive()
    private_room.remove(bob)
    assert unread.counts([bob.pk]) == {bob.pk: {}}
    assert unread.counts([]) == {}


@pytest.mark.parametrize("address", ["/rooms/{}/", "/rooms/", UNREAD, "/rooms/{}/?before=2"])
def test_however_many_rooms_have_something_unread_it_is_as_many_queries(
    address: str, alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    client = signed_in(bob)
    address = address.format(open_room.slug)

    def asked() -> int:
        client.get(address)  # so that what can be kept is
        Membership.objects.filter(user=bob).update(last_read=0)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    few_rooms = [make_room(f"Few {number}", alice, bob) for number in range(2)]
    for room in few_rooms:
        say(room, alice, "hello")
    few = asked()
    for number in range(6):
        room = make_room(f"Many {number}", alice, bob)
        say(room, alice, *map(str, range(25)))
    assert asked() == few


def test_where_nothing_is_unread_nothing_is_counted(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(private_room, alice, "one")
    with CaptureQueriesContext(connection) as captured:
        bob_client.get(f"/rooms/{open_room.slug}/")
    assert any("COUNT(*) FROM (SELECT 1" in query["sql"] for query in captured)
    private_room.mark_read([bob.pk])
    with CaptureQueriesContext(connection) as captured:
        bob_client.get(f"/rooms/{open_room.slug}/")
    assert not any("COUNT(*) FROM (SELECT 1" in query["sql"] for query in captured)


def test_posting_takes_as_few_statements_as_ever(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one")
    with CaptureQueriesContext(connection) as captured:
        open_room.post(bob, "two", "key-of-two")
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    # on SQLite, which is in the process, two more: its author has read it, and it can be searched for
    assert len(statements) == (4 if connection.vendor == "postgresql" else 6)


# Marked as read


def test_only_what_was_shown_is_marked_as_read(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "one", "two", "three")
    assert open_room.mark_read([bob.pk, alice.pk], 2) == {bob.pk}
    assert unread_of(open_room, bob) == 1
    assert open_room.mark_read([bob.pk], 1) == set(), "nothing becomes unread by it"
    assert membership(open_room, bob).last_read == 2
    assert open_room.mark_read([], 3) == set()


def test_what_comes_while_a_page_is_made_stays_unread(
    alice: User, bob: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(open_room, alice, "one")
    mark_read = Room.mark_read

    def late(*arguments: Any, **how: Any) -> Any:
        say(open_room, alice, "came just now")
        return mark_read(*arguments, **how)

    monkeypatch.setattr(Room, "mark_read", late)
    assert page_of(bob_client, open_room).numbers == [1]
    assert unread_of(open_room, bob) == 1


def test_a_poll_marks_what_it_brings_and_no_more(
    alice: User, bob: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(bob_client, open_room)
    say(open_room, alice, "one")
    mark_read = Room.mark_read

    def late(*arguments: Any, **how: Any) -> Any:
        say(open_room, alice, "came just now")
        return mark_read(*arguments, **how)

    monkeypatch.setattr(Room, "mark_read", late)
    changes = f"/rooms/{open_room.slug}/changes/"
    page.answer(bob_client.get(changes, {"after": page.cursor}, headers=HTMX).content.decode())
    assert page.numbers == [1]
    assert unread_of(open_room, bob) == 1


# Marked as unread


def address(room: Room, number: int) -> str:
    return reverse("message-unread", args=[room.slug, number])


def test_from_a_message_on_it_is_unread_again(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two", "three")
    page_of(bob_client, open_room)
    asked = bob_client.get(address(open_room, 2))
    assert "two" in text(asked)
    assert unread_of(open_room, bob) == 0, "asking changes nothing"
    answer = bob_client.post(address(open_room, 2), follow=True)
    assert answer.redirect_chain == [(UNREAD, 302)]
    assert unread_of(open_room, bob) == 2
    assert sections(Page(answer.content.decode())) == {"Workbench": ["two", "three"]}


def test_it_stays_unread_until_the_room_is_opened_anew(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    page = page_of(bob_client, open_room)
    membership(open_room, bob).mark_unread(1)
    say(open_room, alice, "two")
    open_room.mark_read([bob.pk])  # as the hub does while a page is open
    changes = f"/rooms/{open_room.slug}/changes/"
    bob_client.get(changes, {"after": page.cursor}, headers=HTMX)
    say(open_room, bob, "three")
    bob_client.get(f"/rooms/{open_room.slug}/1/")
    assert unread_of(open_room, bob) == 2
    page_of(bob_client, open_room)
    assert unread_of(open_room, bob) == 0
    assert not membership(open_room, bob).held_unread
    say(open_room, alice, "four")
    open_room.mark_read([bob.pk])
    assert unread_of(open_room, bob) == 0


def test_the_page_of_a_room_that_is_held_unread_says_so(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    page = page_of(bob_client, open_room)
    membership(open_room, bob).mark_unread(2)
    asked: dict[str, str | int] = {"after": page.cursor, "seen": ""}
    answer = bob_client.get(f"/rooms/{open_room.slug}/changes/", asked, headers=HTMX)
    page.answer(answer.content.decode())
    assert page.one("#room-list .count").text == "1 unread"
    assert page.one("head>title").text.startswith("(1) Workbench")
    again = page_of(bob_client, open_room)
    assert not again.all("#room-list .count")
    assert again.one("head>title").text.startswith("Workbench")


def test_where_only_oneself_spoke_nothing_becomes_unread_and_that_is_said(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "to myself")
    answer = bob_client.post(address(open_room, 1), follow=True)
    assert "nothing is unread" in text(answer)
    assert unread_of(open_room, bob) == 0


@pytest.mark.parametrize("method", ["get", "post"])
def test_only_a_member_marks_and_only_a_message_that_is_there(
    *,
    method: str,
    alice: User,
    bob_client: Client,
    charlie_client: Client,
    open_room: Room,
    private_room: Room,
) -> None:
    say(open_room, alice, "one")
    say(private_room, alice, "one", "two")

    def ask(client: Client, address: str) -> Any:
        return client.get(address) if method == "get" else client.post(address)

    assert ask(bob_client, address(private_room, 2)).status_code in {200, 302}
    for client, room, number, status in [
        (bob_client, open_room, 2, 404),
        (bob_client, open_room, 0, 404),
        (bob_client, open_room, 10**12, 404),
        (charlie_client, private_room, 2, 404),
        (charlie_client, open_room, 1, 403),
    ]:
        assert ask(client, address(room, number)).status_code == status
    answer = ask(charlie_client, address(open_room, 1))
    assert "Join it first" in text(answer)


def test_a_message_s_own_page_marks_from_there_on(
    alice: User, bob: User, bob_client: Client, charlie_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    page = Page(bob_client.get(f"/rooms/{open_room.slug}/2/").content.decode())
    form = page.one(".to-present>form")
    bob_client.post(f"/rooms/{open_room.slug}/2/{form.attributes['action']}")
    assert membership(open_room, bob).last_read == 1
    past = Page(bob_client.get(f"/rooms/{open_room.slug}/?before=2").content.decode())
    assert not past.all(".to-present>form")
    outside = Page(charlie_client.get(f"/rooms/{open_room.slug}/2/").content.decode())
    assert not outside.all(".to-present>form")


# The line


def line(page: Page) -> str:
    """What stands right after the line."""
    rows = page.one("#messages>ol").elements
    places = [place for place, row in enumerate(rows) if row.attributes.get("id") == "new"]
    if not places:
        return ""
    (place,) = places
    following = [row for row in rows[place:] if "message" in row.classes]
    return following[0].one(".body").text


def test_a_line_stands_before_what_is_new(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    assert line(page_of(bob_client, open_room)) == "", "nothing stands above it"
    say(open_room, alice, "three", "four")
    page = page_of(bob_client, open_room)
    assert line(page) == "three"
    assert page.one("#new").text == "New since you were here"
    assert page.one("#new>span").attributes["role"] == "separator"
    assert line(page_of(bob_client, open_room)) == "", "that was read"


def test_the_line_looks_over_one_s_own_and_what_was_deleted(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    say(open_room, bob, "two")
    deleted, *_ = say(open_room, alice, "three", "four")
    deleted.delete_for_everybody(by=alice)
    Membership.objects.filter(user=bob).update(last_read=1)
    assert line(page_of(bob_client, open_room)) == "four"


def test_the_line_is_the_reader_s_own(
    alice: User, bob: User, bob_client: Client, charlie: User, open_room: Room
) -> None:
    open_room.add(charlie)
    say(open_room, alice, "one", "two", "three")
    open_room.mark_read([bob.pk], 1)
    open_room.mark_read([charlie.pk], 2)
    assert line(page_of(signed_in(alice), open_room)) == ""
    assert line(page_of(bob_client, open_room)) == "two"
    assert line(page_of(signed_in(charlie), open_room)) == "three"


def test_the_line_stands_above_the_day_that_the_first_new_message_opens(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    first, second = say(open_room, alice, "one", "two")
    Message.objects.filter(pk=second.pk).update(previous_at=first.created_at.replace(year=2020))
    open_room.mark_read([bob.pk], 1)
    rows = page_of(bob_client, open_room).one("#messages>ol").elements
    assert [row.classes[0] for row in rows[-4:]] == ["message", "new", "day", "message"]


def test_a_bar_leads_to_the_first_new_message_that_is_not_on_the_page(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "read")
    open_room.mark_read([bob.pk])
    say(open_room, alice, *map(str, range(70)))
    page = page_of(bob_client, open_room)
    assert page.one(".behind>span").text == "70 new messages since you were here"
    assert page.one(".behind>a").attributes["href"] == f"/rooms/{open_room.slug}/2/"
    assert not page.all("#new")
    assert not page_of(bob_client, open_room).all(".behind")


def test_a_bar_that_counts_no_further(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, *map(str, range(120)))
    page = page_of(bob_client, open_room)
    assert page.one(".behind>span").text == "More than 99 new messages since you were here"


def test_a_page_that_just_holds_all_that_is_new_has_the_line_on_top(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "read")
    open_room.mark_read([bob.pk])
    say(open_room, alice, *map(str, range(50)))
    page = page_of(bob_client, open_room)
    assert (line(page), page.all(".behind")) == ("0", [])


def test_the_page_without_script_is_told_where_the_new_begin(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    open_room.mark_read([bob.pk], 1)
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert f'src="/rooms/{open_room.slug}/stream/?wait=1&amp;new=2"' in page
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert f'src="/rooms/{open_room.slug}/stream/?wait=1&amp;new="' in page


# Catching up


def test_all_that_is_unread_stands_together(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one")
    say(open_room, bob, "my own")
    gone, *_ = say(open_room, alice, "two", "three")
    gone.delete_for_everybody(by=alice)
    say(private_room, alice, "money")
    archived = make_room("Archived", alice, bob)
    say(archived, alice, "long ago")
    archived.archive()
    left = make_room("Left", alice, bob)
    say(left, alice, "without bob")
    left.remove(bob)
    say(make_room("Never in", alice), alice, "not for bob")
    page = catch_up(bob_client)
    assert list(sections(page).items()) == [("Committee", ["money"]), ("Workbench", ["three"])]
    assert page.one("#catch-up-link .count").text == "2 unread"
    assert page.one("head>title").text == "(2) Catch up · Millbrook Repair Café"
    assert page.one("#catch-up-link").attributes["aria-current"] == "page"
    assert unread_of(private_room, bob) == 1, "looking at it here leaves it unread"
    assert catch_up(bob_client).one("#unread").html.count("money") == 1


def test_each_message_says_who_spoke_and_the_first_of_a_room_when(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    for room in (open_room, private_room):
        say(room, alice, "read", "first", "next", "gone", "after it")
        room.mark_read([bob.pk], 1)
        room.messages.get(number=4).delete_for_everybody(by=alice)
    assert "follows" in page_of(signed_in(alice), open_room).one("#m2").classes
    page = catch_up(bob_client)
    for part in page.all(".unread-room"):
        rows = part.one("ol").elements
        kinds = [(row.classes[0], "follows" in row.classes) for row in rows]
        assert kinds == [
            ("day", False),
            ("message", False),
            ("message", True),
            ("message", False),
        ]
    ids = [node.attributes["id"] for node in page.root.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))


def test_of_many_the_first_and_a_way_to_the_others(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, *map(str, range(57)))
    page = catch_up(bob_client)
    assert sections(page)["Workbench"] == [*map(str, range(20))]
    more = page.one(".rest>a")
    assert (more.text, more.attributes["href"]) == ("and 37 more", f"/rooms/{open_room.slug}/21/")
    say(open_room, alice, *map(str, range(50)))
    assert catch_up(bob_client).one(".rest>a").text == "and many more"


def test_of_very_many_rooms_the_names(alice: User, bob: User, bob_client: Client) -> None:
    for number in range(23):
        say(make_room(f"Room {number:02}", alice, bob), alice, "hello")
    page = catch_up(bob_client)
    assert len(sections(page)) == 20
    names = [link.text for link in page.all(".waiting a")]
    assert names == ["Room 20", "Room 21", "Room 22"]
    bob_client.post("/unread/read/", {"read": everything(page)})
    assert unread.counts([bob.pk])[bob.pk] == {}


def test_who_has_read_everything_is_told_so(bob_client: Client, open_room: Room) -> None:
    page = catch_up(bob_client)
    assert page.one("#unread h2").text == "You have read everything"
    assert not page.all("#unread form")


def test_a_room_is_marked_as_read_and_no_other(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    say(private_room, alice, "one")
    page = catch_up(bob_client)
    form = page.one(f"#unread-{open_room.pk} form")
    field = form.one("[name='read']").attributes["value"]
    say(open_room, alice, "came after the page")
    answer = bob_client.post(form.attributes["action"], {"read": field})
    assert (answer.status_code, answer.headers["Location"]) == (302, UNREAD)
    assert (unread_of(open_room, bob), unread_of(private_room, bob)) == (1, 1)


def test_everything_is_marked_as_read(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    say(private_room, alice, *map(str, range(30)))
    membership(private_room, bob).mark_unread(3)
    page = catch_up(bob_client)
    bob_client.post("/unread/read/", {"read": everything(page)})
    assert (unread_of(open_room, bob), unread_of(private_room, bob)) == (0, 0)
    assert not membership(private_room, bob).held_unread


def marked_by_htmx(client: Client, page: Page, target: str, field: str) -> Page:
    headers = {**HTMX, "HX-Target": target}
    answer = client.post("/unread/read/", {"read": field}, headers=headers)
    assert answer.status_code == 200
    received = fragment(answer.content.decode())
    swaps = [each for each in received.elements if "hx-swap-oob" in each.attributes]
    for each in swaps:
        page._swap(each.attributes["hx-swap-oob"], each)
        each.replace()
    target = answer.headers.get("HX-Retarget", f"#{target}").removeprefix("#")
    place = page.one(f"#{target}")
    if target == "unread":
        place.children = []
        for each in received.elements:
            place.append(each)
    else:
        place.replace(*received.elements)
    return page


def test_by_htmx_the_section_goes(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    say(private_room, alice, "one")
    page = catch_up(bob_client)
    first, second = everything(page).split()
    marked_by_htmx(bob_client, page, f"unread-{private_room.pk}", first)
    assert list(sections(page)) == ["Workbench"]
    assert page.one("#catch-up .count").text == "2 unread"
    assert page.one("head>title").text.startswith("(2) Catch up")
    marked_by_htmx(bob_client, page, f"unread-{open_room.pk}", second)
    assert page.one("#unread h2").text == "You have read everything"
    assert not page.all("#catch-up .count")
    assert page.one("head>title").text.startswith("Catch up")


def test_by_htmx_what_came_meanwhile_takes_its_place(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    page = catch_up(bob_client)
    say(open_room, alice, "meanwhile")
    marked_by_htmx(bob_client, page, f"unread-{open_room.pk}", everything(page))
    assert sections(page) == {"Workbench": ["meanwhile"]}
    marked_by_htmx(bob_client, page, "unread", f"{open_room.pk}-2")
    assert sections(page) == {}


@pytest.mark.parametrize(
    "field",
    [
        "",
        "x",
        "1",
        "1-",
        "-1--1",
        "1-\0",
        "٣-٣",
        "9" * 18 + "-" + "9" * 18,
        "room-0 " * 10_000,
        "9" * 5_000,
    ],
)
def test_nonsense_marks_nothing(
    field: str, alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    field = field.replace("room", str(open_room.pk))
    assert bob_client.post("/unread/read/", {"read": field}).status_code == 302
    assert bob_client.post("/unread/read/").status_code == 302
    assert unread_of(open_room, bob) == 1


def test_nobody_reads_ahead_or_for_another(
    alice: User, bob: User, bob_client: Client, charlie_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    charlie_client.post("/unread/read/", {"read": f"{open_room.pk}-1"})
    assert unread_of(open_room, bob) == 1
    bob_client.post("/unread/read/", {"read": f"{open_room.pk}-{10**17}"})
    assert membership(open_room, bob).last_read == 1
    say(open_room, alice, "two")
    assert unread_of(open_room, bob) == 1


def test_it_is_for_who_is_signed_in(client: Client, place: object, bob_client: Client) -> None:
    assert client.get(UNREAD).headers["Location"].startswith("/accounts/login/")
    assert client.post("/unread/read/").headers["Location"].startswith("/accounts/login/")
    assert bob_client.get("/unread/read/").status_code == 405
    assert parse(bob_client.get(UNREAD)) is not None


# Pages that are no room's


def test_other_pages_ask_now_and_then(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    settings = f"/rooms/{open_room.slug}/settings/"
    page = Page(bob_client.get(settings).content.decode())
    say(private_room, alice, "one")

    def asked() -> bool:
        poll = page.one("#follow").attributes["hx-get"]
        answer = bob_client.get(poll, headers=HTMX)
        if answer.status_code == 204:
            return False
        received = fragment(answer.content.decode())
        for each in [each for each in received.elements if "hx-swap-oob" in each.attributes]:
            page._swap(each.attributes["hx-swap-oob"], each)
            each.replace()
        page.one("#follow").replace(*received.elements)
        return True

    assert asked()
    assert page.one("#catch-up .count").text == "1 unread"
    assert page.one("#room-list [aria-current='page']>.name").text == "Workbench"
    assert (
        page.one("head>title").text
        == Page(bob_client.get(settings).content.decode()).one("head>title").text
    )
    assert not asked()
    say(private_room, alice, "two")
    assert asked()
    assert page.one("#room-list .count").text == "2 unread"
    for nonsense in ("x", "9" * 40, "%00", ""):
        assert bob_client.get(f"/unread/news/?room={nonsense}&seen={nonsense}").status_code == 200


def test_who_was_signed_out_is_told_nothing(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    bob_client.logout()
    answer = bob_client.get("/unread/news/", headers=HTMX)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/rooms/{}/", "/rooms/", UNREAD, "/accounts/profile/", "/rooms/{}/1/"]
)
def test_every_page_has_the_link_with_the_same_total(
    path: str, alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one")
    page_of(bob_client, open_room)
    say(private_room, alice, "one", "two")
    page = Page(bob_client.get(path.format(open_room.slug)).content.decode())
    assert page.one("#catch-up-link .count").text == "2 unread"
    assert len(page.all("#follow")) == (0 if path in {"/rooms/{}/", "/rooms/"} else 1)


# At once


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Two connections to a database that locks rows; SQLite takes one writer after the other."""

    def at_once(self, *calls: Callable[[], object]) -> None:
        start = threading.Barrier(len(calls))

        def run(call: Callable[[], object]) -> None:
            start.wait()
            try:
                call()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as threads:
            for done in [threads.submit(run, call) for call in calls]:
                done.result()

    def test_what_is_said_while_it_is_marked_is_read_or_counted(
        self, alice: User, bob: User, open_room: Room
    ) -> None:
        """Whatever the order: marking up to a number says nothing of what comes after it."""
        for number in range(1, 21):
            said = Message.objects.filter(room=open_room).count()
            self.at_once(
                lambda: say(open_room, alice, "now"),
                partial(open_room.mark_read, [bob.pk], said),
            )
            assert unread_of(open_room, bob) == 1
            assert membership(open_room, bob).last_read == number - 1

    def test_reading_never_goes_back(self, alice: User, bob: User, open_room: Room) -> None:
        say(open_room, alice, *map(str, range(30)))
        for number in range(1, 30, 2):
            self.at_once(
                partial(open_room.mark_read, [bob.pk], number),
                partial(open_room.mark_read, [bob.pk], number + 1, anew=True),
                partial(unread.mark_done, bob.pk, {open_room.pk: number}),
            )
            assert membership(open_room, bob).last_read == number + 1

    def test_one_s_own_messages_from_two_places_leave_nothing_unread(
        self, alice: User, bob: User, open_room: Room
    ) -> None:
        say(open_room, alice, "one")
        for _ in range(10):
            self.at_once(
                lambda: say(open_room, bob, "from a tab"),
                lambda: say(open_room, bob, "from a program"),
                lambda: open_room.mark_read([bob.pk]),
            )
            assert unread_of(open_room, bob) == 0
        assert membership(open_room, bob).last_read == open_room.messages.count()

    def test_marking_as_unread_wins_over_a_page_that_is_open(
        self, alice: User, bob: User, open_room: Room
    ) -> None:
        say(open_room, alice, *map(str, range(5)))
        for number in (2, 4, 3, 5, 1) * 4:
            Membership.objects.filter(user=bob).update(held_unread=False, last_read=0)
            belonging = membership(open_room, bob)
            self.at_once(
                partial(belonging.mark_unread, number),
                lambda: open_room.mark_read([bob.pk]),
                lambda: say(open_room, bob, "posted meanwhile"),
            )
            found = membership(open_room, bob)
            assert (found.last_read, found.held_unread) == (number - 1, True)

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="one writer at a time")
    def test_the_hub_waits_for_a_hold_and_then_respects_it(
        self, alice: User, bob: User, open_room: Room
    ) -> None:
        say(open_room, alice, "one", "two")
        held, begun = threading.Event(), threading.Event()

        def hold() -> None:
            with transaction.atomic():
                membership(open_room, bob).mark_unread(1)
                held.set()
                begun.wait(10)

        def hub() -> None:
            held.wait(10)
            threading.Timer(0.2, begun.set).start()
            assert open_room.mark_read([bob.pk]) == set()

        self.at_once(hold, hub)
        assert unread_of(open_room, bob) == 2


def test_nothing_of_the_page_is_kept_for_another(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    open_room.add(charlie)
    say(open_room, alice, "one", "two")
    open_room.mark_read([charlie.pk], 1)
    for _ in range(2):
        assert sections(catch_up(signed_in(bob))) == {"Workbench": ["one", "two"]}
        assert sections(catch_up(signed_in(charlie))) == {"Workbench": ["two"]}
        tokens = re.findall(
            r'middlewaretoken" value="(\w+)"', str(signed_in(bob).get(UNREAD).content)
        )
        assert len(set(tokens)) == 1


def test_the_page_and_the_lists_beside_it_read_what_is_unread_once(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    say(Room.direct_with([bob], by=alice), alice, "and one directly")
    with CaptureQueriesContext(connection) as captured:
        page = bob_client.get("/unread/").content.decode()
    assert "Alice Archer" in page
    lists = [query["sql"] for query in captured if '"held_unread"' in query["sql"]]
    assert len(lists) == 1
