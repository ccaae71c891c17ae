"""Reading: the newest messages, those before and after, one message's address, days and neighbours."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.live import fragments, presence
from rooms.live.connections import Reader
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.live.streams import Stream
from rooms.models import Room
from rooms.models.message import GROUPED, RUN
from rooms.models.room import PAGE
from tests.cast import signed_in
from tests.factories import add_all, make_crowd, make_room, make_user, say
from tests.page import Node, Page, fragment, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from rooms.models import Message, User

HTMX = {"HX-Request": "true"}
LONG = 3 * PAGE + 7  # messages of a long room
QUIET_POLL = 9  # queries: who asks, the room, what changed in it, who is here, the reader's rooms


@pytest.fixture(autouse=True)
def nobody_here() -> Iterator[None]:
    presence.store().clear()
    yield
    presence.store().clear()


@pytest.fixture
def long_room(alice: User, bob: User, open_room: Room) -> Room:
    say(open_room, alice, *(f"number {number}" for number in range(1, LONG + 1)))
    return open_room


def opened(client: Client, room: Room, query: str = "") -> Page:
    return Page(client.get(f"/rooms/{room.slug}/{query}").content.decode())


def at(client: Client, room: Room, number: int) -> Page:
    return Page(client.get(reverse("message", args=[room.slug, number])).content.decode())


def more(client: Client, room: Room, query: str) -> Node:
    """What htmx puts in the place of the link that came into view."""
    return fragment(client.get(f"/rooms/{room.slug}/{query}", headers=HTMX).content.decode())


def link(page: Page | Node, name: str) -> str:
    """Where the link to older or newer messages leads, or ""."""
    found = page.all(f"#{name} a")
    return found[0].attributes["href"].partition("/?")[2] if found else ""


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def numbers_of(part: Node) -> list[int]:
    return [int(row.attributes["id"][1:]) for row in part.all(".message")]


# Which messages


def test_a_room_shows_its_newest_messages_and_leads_to_the_older_ones(
    bob_client: Client, long_room: Room
) -> None:
    page = opened(bob_client, long_room)
    assert page.numbers == numbers(LONG - PAGE + 1, LONG)
    assert link(page, "older") == f"before={LONG - PAGE + 1}"
    assert page.cursor == LONG


def test_an_empty_room_says_that_it_is(bob_client: Client, open_room: Room) -> None:
    page = opened(bob_client, open_room)
    assert page.numbers == []
    assert "Nobody has said anything" in page.one(".empty").text
    assert page.cursor == 0


@pytest.mark.parametrize(("count", "leads_on"), [(PAGE, ""), (PAGE + 1, "before=2")])
def test_only_what_was_left_out_is_led_to(
    alice: User, bob_client: Client, open_room: Room, count: int, leads_on: str
) -> None:
    say(open_room, alice, *("x" for _ in range(count)))
    page = opened(bob_client, open_room)
    assert len(page.numbers) == PAGE
    assert link(page, "older") == leads_on


def test_one_can_read_back_to_the_first_message_and_on_to_the_last(
    bob_client: Client, long_room: Room
) -> None:
    page = opened(bob_client, long_room)
    read, query = page.numbers, link(page, "older")
    while query:
        page = opened(bob_client, long_room, f"?{query}")
        read = page.numbers + read
        query = link(page, "older")
    assert read == numbers(1, LONG)
    read, query = page.numbers, link(page, "newer")
    while query:
        page = opened(bob_client, long_room, f"?{query}")
        read += page.numbers
        query = link(page, "newer")
    assert read == numbers(1, LONG)


def test_htmx_reads_back_row_by_row_without_gap_or_repetition(
    bob_client: Client, long_room: Room
) -> None:
    page = opened(bob_client, long_room)
    while query := link(page, "older"):
        part = more(bob_client, long_room, f"?{query}")
        assert not link(part, "newer"), "there is something between these messages and the page's"
        page.one("#older").replace(*part.elements)
    assert page.numbers == numbers(1, LONG)
    whole = fragments.rows(
        [m.as_row(long_room, m.author) for m in long_room.messages.order_by("number")],
        Variant("en", "UTC"),
    )
    assert page.rows == rows_of(fragment(whole))


def test_htmx_reads_on_from_the_past_row_by_row(bob_client: Client, long_room: Room) -> None:
    page = at(bob_client, long_room, 1)
    while query := link(page, "newer"):
        part = more(bob_client, long_room, f"?{query}")
        assert not link(part, "older")
        page.one("#newer").replace(*part.elements)
    assert page.numbers == numbers(1, LONG)


EDGES = [
    ("?before=1", 1, 0),
    ("?before=2", 1, 1),
    (f"?before={PAGE + 1}", 1, PAGE),
    (f"?before={LONG + 100}", LONG - PAGE + 1, LONG),
    ("?after=0", 1, PAGE),
    (f"?after={LONG - 1}", LONG, LONG),
    (f"?after={LONG}", 1, 0),
    (f"?after={LONG + 100}", 1, 0),
    ("?before=0", 1, 0),
]


def test_numbers_at_the_edges_are_answered_with_what_there_is(
    bob_client: Client, long_room: Room
) -> None:
    for query, first, last in EDGES:
        assert opened(bob_client, long_room, query).numbers == numbers(first, last), query
        assert numbers_of(more(bob_client, long_room, query)) == numbers(first, last), query


def test_every_page_of_the_past_leads_to_the_present(bob_client: Client, long_room: Room) -> None:
    for query in ("?before=1", f"?after={LONG}", "?before=100", "?after=3"):
        page = opened(bob_client, long_room, query)
        assert page.one(".to-present a").attributes["href"] == f"/rooms/{long_room.slug}/"
        assert not page.all("main>.cursor")
        assert not page.all("#composers")


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_number_that_is_none_is_as_good_as_none(
    alice: User, bob_client: Client, open_room: Room, name: str
) -> None:
    say(open_room, alice, "one", "two")
    assert opened(bob_client, open_room, f"?{name}=2").numbers in ([1], [])
    for value in ("", "x", "-1", "1.5", "٣", "%00", "1e3", "9" * 30, "' OR 1=1"):
        answer = bob_client.get(f"/rooms/{open_room.slug}/?{name}={value}")
        assert answer.status_code == 200
        assert Page(answer.content.decode()).numbers == [1, 2], value


# One message's address


def test_a_message_s_address_shows_it_marked_among_its_neighbours(
    bob_client: Client, long_room: Room
) -> None:
    page = at(bob_client, long_room, 80)
    assert [row.attributes["id"] for row in page.all(".marked")] == ["m80"]
    assert page.one("#m80").attributes["aria-current"] == "true"
    assert page.numbers == numbers(80 - PAGE // 2 + 1, 80 + PAGE // 2)
    assert link(page, "older") == f"before={page.numbers[0]}"
    assert link(page, "newer") == f"after={page.numbers[-1]}"
    assert page.all(".to-present a")[-1].attributes["href"] == f"/rooms/{long_room.slug}/"
    assert page.all(".to-present a")[0].attributes["href"] == f"/rooms/{long_room.slug}/80/menu/"


ENDS = [
    (1, 1, 1 + PAGE // 2, False, True),
    (PAGE // 2, 1, PAGE, False, True),
    (PAGE // 2 + 1, 2, PAGE + 1, True, True),
    (LONG - PAGE // 2, LONG - PAGE + 1, LONG, True, False),
    (LONG, LONG - PAGE // 2 + 1, LONG, True, False),
]


def test_a_message_near_an_end_is_shown_with_what_there_is(
    bob_client: Client, long_room: Room
) -> None:
    for number, first, last, older, newer in ENDS:
        page = at(bob_client, long_room, number)
        assert page.numbers == numbers(first, last), number
        assert (bool(link(page, "older")), bool(link(page, "newer"))) == (older, newer), number


def test_each_row_names_its_own_address(bob_client: Client, long_room: Room) -> None:
    row = opened(bob_client, long_room).one(f"#m{LONG}")
    assert row.one(".when a").attributes["href"] == f"/rooms/{long_room.slug}/{LONG}/"
    page = Page(bob_client.get(row.one(".when a").attributes["href"]).content.decode())
    assert page.one(".marked").attributes["id"] == f"m{LONG}"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_there_is_nothing_at_a_number_that_was_never_given(
    alice: User, bob_client: Client, open_room: Room, headers: dict[str, str]
) -> None:
    say(open_room, alice, "one")
    for number, status in [(1, 200), (0, 404), (2, 404), (10**30, 404)]:
        address = reverse("message", args=[open_room.slug, number])
        assert bob_client.get(address, headers=headers).status_code == status


def test_an_outsider_finds_neither_the_room_nor_a_message_of_it(
    bob: User, bob_client: Client, charlie_client: Client, private_room: Room
) -> None:
    say(private_room, bob, "between us")
    for address in ("", "?before=2", "?after=0", "1/", "changes/"):
        for headers in ({}, HTMX):
            where = f"/rooms/{private_room.slug}/{address}"
            assert bob_client.get(where, headers=headers).status_code in (200, 204)
            answer = charlie_client.get(where, headers=headers)
            assert answer.status_code == 404
            assert b"between us" not in answer.content


# Neighbours and days


def said_at(room: Room, author: User, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> Message:
    with monkeypatch.context() as patch:
        patch.setattr("rooms.models.room.timezone.now", lambda: moment)
        return say(room, author, "hello")[0]


NOON = datetime(2026, 3, 4, 12, tzinfo=timezone.get_default_timezone())


def follows(page: Page) -> list[bool]:
    return ["follows" in row.classes for row in page.all("#messages>ol>.message")]


def days(page: Page) -> list[str]:
    """Which day each row that opens one names, and which message comes after it."""
    rows = page.one("#messages>ol").elements
    return [
        f"{day.text} {row.attributes['id']}" for day, row in pairwise(rows) if "day" in day.classes
    ]


def test_a_message_soon_after_one_by_the_same_author_continues_it(
    alice: User, bob: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon, late = GROUPED - timedelta(seconds=1), GROUPED
    moment = NOON
    for author, pause in [(alice, soon), (alice, soon), (bob, soon), (alice, soon), (alice, late)]:
        moment += pause
        said_at(open_room, author, moment, monkeypatch)
    assert follows(opened(bob_client, open_room)) == [False, True, False, False, False]


def test_a_long_run_of_one_author_names_them_again(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, *(f"number {number}" for number in range(2 * RUN + 1)))
    once = [False, *[True] * (RUN - 1)]
    assert follows(opened(bob_client, open_room)) == [*once, *once, False]


def test_a_message_still_continues_one_that_was_deleted(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    first, _second = say(open_room, alice, "one", "two")
    before = follows(opened(bob_client, open_room))
    first.delete_for_everybody(by=alice)
    assert follows(opened(bob_client, open_room)) == before == [False, True]


def test_each_day_begins_with_its_date(
    alice: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours in (0, 1, 24, 72):
        said_at(open_room, alice, NOON + timedelta(hours=hours), monkeypatch)
    assert days(opened(bob_client, open_room)) == [
        "Wednesday 4 March 2026 m1",
        "Thursday 5 March 2026 m3",
        "Saturday 7 March 2026 m4",
    ]


def test_a_day_turns_and_a_message_continues_another_in_the_reader_s_own_zone(
    alice: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight_in_tokyo = NOON.replace(hour=15)
    said_at(open_room, alice, midnight_in_tokyo - timedelta(minutes=2), monkeypatch)
    said_at(open_room, alice, midnight_in_tokyo + timedelta(minutes=2), monkeypatch)
    pages = {}
    for zone in ("UTC", "Asia/Tokyo"):
        reader = make_user(zone.replace("/", "-"))
        reader.change_profile(display_name="", time_zone=zone, language="")
        pages[zone] = opened(signed_in(reader), open_room)
    assert follows(pages["UTC"]) == [False, True]
    assert days(pages["UTC"]) == ["Wednesday 4 March 2026 m1"]
    assert follows(pages["Asia/Tokyo"]) == [False, False]
    assert days(pages["Asia/Tokyo"]) == ["Wednesday 4 March 2026 m1", "Thursday 5 March 2026 m2"]
    moments = [pages[zone].one("#m1 time").attributes["datetime"] for zone in pages]
    assert moments == ["2026-03-04T14:58:00+00:00", "2026-03-04T23:58:00+09:00"]
    assert "58" in pages["UTC"].one("#m1 time").text != pages["Asia/Tokyo"].one("#m1 time").text


def test_an_older_page_begins_with_a_day_only_where_one_begins(
    alice: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(PAGE + 15):
        said_at(open_room, alice, NOON + timedelta(minutes=minute), monkeypatch)
    assert days(opened(bob_client, open_room)) == []
    assert days(opened(bob_client, open_room, "?before=16")) == ["Wednesday 4 March 2026 m1"]
    assert follows(opened(bob_client, open_room))[0], (
        "it no longer continues what is on another page"
    )


# The same everywhere


def test_a_row_is_the_same_on_the_page_an_older_page_in_a_push_and_in_the_stream(
    alice: User, bob: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    said_at(open_room, alice, NOON, monkeypatch)
    said_at(open_room, bob, NOON + timedelta(days=1), monkeypatch)
    deleted = said_at(open_room, bob, NOON + timedelta(days=1, minutes=1), monkeypatch)
    edited = said_at(open_room, bob, NOON + timedelta(days=1, minutes=2), monkeypatch)
    deleted.delete_for_everybody(by=bob)
    edited.edit("**changed** <b>&amp;", by=bob)
    variant = Variant("en", "UTC")
    open_room.refresh_from_db()
    rows = [
        str(fragments.row(message.as_row(open_room, message.author), variant))
        for message in open_room.messages.select_related("author").order_by("number")
    ]
    assert len(rows) == 4
    together = "".join(rows)
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    older = bob_client.get(f"/rooms/{open_room.slug}/?before=5").content.decode()
    part = bob_client.get(f"/rooms/{open_room.slug}/?before=5", headers=HTMX).content.decode()
    stream = Stream(open_room.pk, open_room.slug, Reader(bob.pk, "", variant))._head(
        open_room.history(), open_room.name
    )
    too_far = "".join(catch_up(open_room.pk, 10**9, variant))
    for place in (page, older, part, stream, too_far):
        assert together in place
    (last,) = say(open_room, alice, "pushed")
    pushed = "".join(catch_up(open_room.pk, open_room.version, variant))
    assert str(fragments.row(last.as_row(open_room, alice), variant)) in pushed


def test_a_page_is_the_same_for_every_reader(
    alice_client: Client, bob_client: Client, bob: User, open_room: Room
) -> None:
    say(open_room, bob, "hello")
    opened(alice_client, open_room)
    pages = [opened(client, open_room) for client in (alice_client, bob_client)]
    assert pages[0].one("#messages").html == pages[1].one("#messages").html
    # what only its author may do is in a menu, which is asked for by one reader
    assert len(pages[0].all("#m1 .more")) == 1


def test_a_page_of_one_place_s_room_never_shows_another_s_messages(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "in the open")
    say(private_room, alice, "behind the door")
    assert b"behind the door" not in bob_client.get(f"/rooms/{open_room.slug}/").content
    assert b"behind the door" in bob_client.get(f"/rooms/{private_room.slug}/").content


# What a page costs


def queries(client: Client, address: str, headers: dict[str, str] | None = None) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, headers=headers or {}).status_code == 200
    return len(captured)


def test_a_page_takes_as_many_queries_however_much_there_is(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one")
    say(open_room, bob, "two")
    addresses = [
        f"/rooms/{open_room.slug}/",
        f"/rooms/{open_room.slug}/?before=2",
        f"/rooms/{open_room.slug}/2/",
        f"/rooms/{open_room.slug}/changes/?after=0",
    ]
    for address in addresses:
        queries(bob_client, address)  # what is read once and kept
    # Something unread, here and elsewhere, and here more than a page shows: as there is below
    say(open_room, alice, *("unread" for _ in range(PAGE + 1)))
    say(make_room("Other", alice, bob), alice, "elsewhere")
    small = {address: queries(bob_client, address) for address in addresses}

    crowd = make_crowd(open_room, 45)
    presence.store().renew("here", [(open_room.pk, person.pk) for person in crowd], "test", 60)
    for person in crowd[:10]:
        say(open_room, person, *("more" for _ in range(6)))
    for number in range(12):
        room = make_room(f"Room {number}", alice, bob)
        add_all(room, crowd[:3])
        say(room, alice, "elsewhere")

    assert {address: queries(bob_client, address) for address in addresses} == small
    assert len(opened(bob_client, open_room).numbers) == PAGE


def test_a_poll_that_finds_nothing_is_cheap(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, *("x" for _ in range(60)))
    room = f"/rooms/{open_room.slug}/changes/"
    page = opened(bob_client, open_room)
    page.answer(bob_client.get(room, {"after": page.cursor}, headers=HTMX).content.decode())
    asked: dict[str, str | int] = {
        "after": page.cursor,
        "seen": page.one("#seen").attributes["value"],
    }
    with CaptureQueriesContext(connection) as captured:
        assert bob_client.get(room, asked, headers=HTMX).status_code == 204
    assert len(captured) <= QUIET_POLL


def test_what_looks_like_a_gap_of_a_template_is_shown_as_it_was_written(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "\ue000name\ue001")
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert "<p>\ue000name\ue001</p>" in page
