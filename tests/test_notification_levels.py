"""What somebody wants to be told of a room, and where that shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.live import elsewhere
from rooms.models import Level, Room, announcements
from tests.cast import signed_in
from tests.factories import make_room, make_user, say
from tests.page import Page
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import User

HTMX = {"HX-Request": "true"}


def choose(room: Room, user: User, level: Level) -> None:
    room.memberships.get(user=user).change_level(level)


def opened(client: Client, address: str) -> Page:
    return Page(client.get(address).content.decode())


def beside(page: Page) -> dict[str, str]:
    """The rooms beside the page, and what each is said to have."""
    items = page.all("#room-list>li") + page.all("#direct-list>li")
    return {
        item.one(".name").text: " ".join(
            each.text for name in ("count", "stirs", "quiet") for each in item.all(f".{name}")
        )
        for item in items
    }


def title(page: Page) -> str:
    return page.one("head>title").text.partition(" · ")[0]


def catching_up(client: Client) -> dict[str, list[str]]:
    page = opened(client, "/unread/")
    return {
        each.one("h2>a").text: [body.text for body in each.all(".body")]
        for each in page.all(".unread-room")
    }


@pytest.fixture
def elsewhere_address(private_room: Room) -> str:
    """Where bob looks on meanwhile."""
    return f"/rooms/{private_room.slug}/"


def test_a_mention_is_counted_by_itself(
    alice: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    say(open_room, alice, "one", "@bob two", "three")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == "@1 1 mentions you, 3 unread"
    assert title(page) == "(@1) Committee"
    assert "mention" in page.one("#catch-up .count").classes
    assert catching_up(bob_client) == {"Workbench": ["one", "@bob two", "three"]}
    opened(bob_client, f"/rooms/{open_room.slug}/")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == ""
    assert title(page) == "Committee"


def test_of_mentions_alone_the_others_are_a_dot(
    alice: User, bob: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    choose(open_room, bob, Level.MENTIONS)
    assert beside(opened(bob_client, elsewhere_address))["Workbench"] == "quiet"
    say(open_room, alice, "one", "two")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == "something new"
    assert title(page) == "Committee"
    assert catching_up(bob_client) == {}
    say(open_room, alice, "@bob", "@room", "four")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == "@2 2 mention you, 5 unread"
    assert title(page) == "(@2) Committee"
    assert catching_up(bob_client) == {"Workbench": ["@bob", "@room"]}


def test_of_nothing_there_is_no_sign(
    alice: User, bob: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    choose(open_room, bob, Level.NOTHING)
    say(open_room, alice, "@bob and @room", "two")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == "quiet"
    assert title(page) == "Committee"
    assert catching_up(bob_client) == {}


def test_a_hidden_room_comes_back_while_it_calls(
    alice: User, bob: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    choose(open_room, bob, Level.HIDDEN)
    say(open_room, alice, "one")
    assert "Workbench" not in beside(opened(bob_client, elsewhere_address))
    assert "Workbench" in opened(bob_client, "/rooms/").one("main").text, "it can be found"
    settings = opened(bob_client, "/accounts/notifications/")
    assert "Workbench" in settings.one(".rows").text
    say(open_room, alice, "@bob")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"] == "@1 1 mentions you, 2 unread"
    page = opened(bob_client, f"/rooms/{open_room.slug}/")
    assert "Workbench" in beside(page), "as long as one looks at it"
    assert page.one("head>title").text.startswith("Workbench")
    assert "Workbench" not in beside(opened(bob_client, elsewhere_address))


def test_where_new_messages_begin_is_shown_all_the_same(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "read")
    choose(open_room, bob, Level.NOTHING)
    say(open_room, alice, "new")
    assert len(opened(bob_client, f"/rooms/{open_room.slug}/").all(".new")) == 1


def test_what_is_said_directly_counts_like_a_mention(
    bob: User, charlie: User, bob_client: Client, elsewhere_address: str
) -> None:
    talk = Room.direct_with([bob], by=charlie)
    say(talk, charlie, "one", "two")
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Charlie Cooper"] == "2 unread"
    assert "mention" in page.one("#direct-list .count").classes
    assert title(page) == "(@2) Committee"
    choose(talk, bob, Level.MENTIONS)
    assert beside(opened(bob_client, elsewhere_address))["Charlie Cooper"] == "something new"
    choose(talk, bob, Level.HIDDEN)
    assert beside(opened(bob_client, elsewhere_address))["Charlie Cooper"] == "2 unread"
    opened(bob_client, f"/rooms/{talk.slug}/")
    assert "Charlie Cooper" not in beside(opened(bob_client, elsewhere_address))


def test_many_are_not_counted_out(
    alice: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    say(open_room, alice, *["@bob"] * 101)
    page = opened(bob_client, elsewhere_address)
    assert beside(page)["Workbench"].startswith("@99+")
    assert title(page) == "(@99+) Committee"


def test_marking_a_quiet_room_as_read_reads_all_of_it(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    choose(open_room, bob, Level.MENTIONS)
    say(open_room, alice, *["x"] * 30, "@bob", "last")
    page = opened(bob_client, "/unread/")
    assert [each.text for each in page.all(".unread-room .body")] == ["@bob"]
    read = page.one(".done>[name='read']").attributes["value"]
    bob_client.post("/unread/read/", {"read": read})
    assert open_room.memberships.get(user=bob).last_read == 32


def test_of_many_mentions_the_first_are_shown(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    choose(open_room, bob, Level.MENTIONS)
    say(open_room, alice, *["x", "@bob and @room"] * 25)
    page = opened(bob_client, "/unread/")
    assert len(page.all(".unread-room .body")) == 20
    assert page.one(".rest>a").attributes["href"] == f"/rooms/{open_room.slug}/42/"
    assert page.one(".rest").text == "and 5 more"


def test_levels_are_each_one_s_own_and_cost_no_query(
    alice: User, bob: User, bob_client: Client, open_room: Room, elsewhere_address: str
) -> None:
    say(open_room, alice, "@bob @room")

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            bob_client.get(elsewhere_address)
        return len(captured)

    before = [asked(), asked()][-1]
    for level in (Level.MENTIONS, Level.HIDDEN, Level.EVERYTHING):
        choose(open_room, bob, level)
        assert asked() == before
    assert open_room.memberships.get(user=alice).level == Level.EVERYTHING


# The page where it is chosen


def address(room: Room) -> str:
    return f"/rooms/{room.slug}/notifications/"


def test_a_level_is_chosen_on_a_page(bob: User, bob_client: Client, open_room: Room) -> None:
    page = opened(bob_client, address(open_room))
    assert page.one("input[checked='']").attributes["value"] == "everything"
    answer = bob_client.post(address(open_room), {"level": "mentions"})
    assert answer["Location"] == f"/rooms/{open_room.slug}/"
    assert open_room.memberships.get(user=bob).level == Level.MENTIONS
    assert opened(bob_client, address(open_room)).one("input[checked='']").attributes["value"] == (
        "mentions"
    )


@pytest.mark.parametrize("level", [None, "", "loud", "x" * 10_000, "\0"])
def test_what_is_no_level_changes_nothing(
    level: str | None, bob: User, bob_client: Client, open_room: Room
) -> None:
    answer = bob_client.post(address(open_room), {} if level is None else {"level": level})
    assert answer.status_code == 200
    assert "Nothing was saved yet" in answer.content.decode()
    assert open_room.memberships.get(user=bob).level == Level.EVERYTHING


def test_a_direct_conversation_has_the_page_too(bob: User, charlie: User) -> None:
    talk = Room.direct_with([bob], by=charlie)
    page = signed_in(bob).get(address(talk)).content.decode()
    assert "Hidden until something is said" in page
    assert signed_in(make_user("dora")).get(address(talk)).status_code == 404


# Open pages


@pytest.mark.django_db(transaction=True)
async def test_open_pages_follow(
    alice: User, bob: User, open_room: Room, private_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "STIR_INTERVAL", 0.05)
    monkeypatch.setattr(elsewhere, "READ_DELAY", 0.1)
    monkeypatch.setattr(elsewhere, "NEWS_DELAY", 0.2)
    async with (
        new_process(),
        watching(bob, private_room) as page,
        watching(bob, private_room) as other,
    ):
        (message,) = await in_db(say)(open_room, alice, "hello")
        assert 'class="count"' in await page.until('id="room-list"')
        await in_db(message.edit)("@bob", by=alice)
        assert "(@1) Committee" in await page.until("count mention")
        assert "(@1) Committee" in await other.until("count mention")
        await in_db(choose)(open_room, bob, Level.NOTHING)
        assert "(@1)" not in await page.until("i-bell-off")
        await other.until("i-bell-off")


def test_a_poll_follows(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    page = opened(bob_client, f"/rooms/{private_room.slug}/")

    def poll() -> int:
        seen = page.one("#seen").attributes["value"]
        asked: dict[str, str | int] = {"after": page.cursor, "seen": seen}
        answer = bob_client.get(f"/rooms/{private_room.slug}/changes/", asked, headers=HTMX)
        page.answer(answer.content.decode())
        return answer.status_code

    poll()
    assert poll() == 204
    say(open_room, alice, "@bob")
    assert poll() == 200
    assert title(page) == "(@1) Committee"
    assert poll() == 204
    choose(open_room, bob, Level.HIDDEN)
    choose(private_room, bob, Level.HIDDEN)
    poll()
    assert beside(page) == {
        "Committee": "quiet",
        "Workbench": "@1 1 mentions you",
    }


def test_many_quiet_rooms_are_as_many_queries(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bob_client.get("/unread/").status_code == 200
        return len(captured)

    choose(open_room, bob, Level.MENTIONS)
    say(open_room, alice, "@bob")
    few = asked()
    for number in range(5):
        room = make_room(f"Room {number}", alice, bob)
        choose(room, bob, Level.HIDDEN if number % 2 else Level.MENTIONS)
        say(room, alice, *["@bob"] * 5)
    assert asked() == few
