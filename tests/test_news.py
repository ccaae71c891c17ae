"""What is new in the rooms that one is not looking at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

from rooms.live import elsewhere
from rooms.live import hub as hub_module
from rooms.models import Room, announcements
from tests.factories import make_room, say, unread_of
from tests.page import Page
from tests.sockets import Socket, in_db, new_process, socket, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.test import Client

    from rooms.models import User

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
async def one_process(place: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(announcements, "STIR_INTERVAL", 0.05)
    monkeypatch.setattr(elsewhere, "READ_DELAY", 0.1)
    monkeypatch.setattr(elsewhere, "NEWS_DELAY", 0.2)
    async with new_process():
        yield


def opened(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


def poll(page: Page, client: Client, room: Room) -> bool:
    """Whether there was anything."""
    asked: dict[str, str | int] = {
        "after": page.cursor,
        "seen": page.one("#seen").attributes["value"],
    }
    answer = client.get(f"/rooms/{room.slug}/changes/", asked, headers=HTMX)
    page.answer(answer.content.decode())
    page.check()
    return answer.status_code == 200


def listed(page: Page) -> dict[str, str]:
    """The rooms in the list and how many unread messages each is said to have."""
    items = page.all("#room-list>li")
    counts = {item.one(".name").text: [each.text for each in item.all(".count")] for item in items}
    return {
        name: count[0].removesuffix(" unread") if count else "" for name, count in counts.items()
    }


def title(page: Page) -> str:
    return page.one("head>title").text


# On a page that is loaded, and in a poll


def test_each_room_tells_how_much_of_it_is_unread(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    third = make_room("Shed", alice)
    say(open_room, alice, "one", "two", "three")
    say(private_room, alice, "one")
    say(third, alice, "bob is not in there")
    page = opened(bob_client, private_room)
    assert listed(page) == {"Committee": "", "Workbench": "3"}
    assert title(page) == "(3) Committee · Millbrook Repair Café"


def test_a_great_many_are_not_counted_out(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, *("x" for _ in range(100)))
    assert listed(opened(bob_client, private_room))["Workbench"] == "99+"


def test_looking_at_a_room_reads_it_and_no_other(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one")
    say(private_room, alice, "one", "two")
    assert listed(opened(bob_client, open_room)) == {"Committee": "2", "Workbench": ""}
    assert (unread_of(open_room, bob), unread_of(private_room, bob)) == (0, 2)
    assert listed(opened(bob_client, private_room)) == {"Committee": "", "Workbench": ""}
    assert title(opened(bob_client, private_room)) == "Committee · Millbrook Repair Café"


def test_reading_is_each_one_s_own(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(private_room, bob, "one")
    opened(bob_client, private_room)
    assert (unread_of(private_room, bob), unread_of(private_room, alice)) == (0, 1)


def test_a_disk_without_room_can_be_read(
    alice: User, bob: User, bob_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(bob_client, open_room)
    say(open_room, alice, "one")

    def full(*_marked: object, **_how: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("rooms.models.Room.mark_read", full)
    assert opened(bob_client, open_room).numbers == [1]
    assert poll(page, bob_client, open_room)
    assert page.numbers == [1]
    assert unread_of(open_room, bob) == 1


def test_what_was_said_before_one_joined_is_read(
    alice: User, charlie: User, open_room: Room
) -> None:
    say(open_room, alice, "before")
    open_room.join(charlie)
    assert unread_of(open_room, charlie) == 0
    say(open_room, alice, "after")
    assert unread_of(open_room, charlie) == 1


def test_a_page_of_the_past_reads_nothing(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two", "three")
    bob_client.get(f"/rooms/{open_room.slug}/?before=2")
    bob_client.get(f"/rooms/{open_room.slug}/1/")
    assert unread_of(open_room, bob) == 3
    opened(bob_client, open_room)
    assert unread_of(open_room, bob) == 0


def test_a_poll_brings_news_once(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    page = opened(bob_client, private_room)
    poll(page, bob_client, private_room)
    assert not poll(page, bob_client, private_room)
    say(open_room, alice, "one")
    assert poll(page, bob_client, private_room)
    assert listed(page) == {"Committee": "", "Workbench": "1"}
    assert title(page) == "(1) Committee · Millbrook Repair Café"
    assert not poll(page, bob_client, private_room)


def test_a_poll_reads_the_room_that_it_is_for_and_no_other(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    page = opened(bob_client, private_room)
    say(open_room, alice, "one")
    say(private_room, alice, "two")
    assert poll(page, bob_client, private_room)
    assert page.numbers == [1]
    assert (unread_of(open_room, bob), unread_of(private_room, bob)) == (1, 0)


def test_the_list_follows_rooms_that_are_made_renamed_archived_and_left(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    page = opened(bob_client, open_room)
    made = make_room("Attic", alice, bob)
    poll(page, bob_client, open_room)
    assert list(listed(page)) == ["Attic", "Committee", "Workbench"]
    made.change_details(name="Zoo", topic="")
    poll(page, bob_client, open_room)
    assert list(listed(page)) == ["Committee", "Workbench", "Zoo"]
    made.archive()
    private_room.remove(bob)
    poll(page, bob_client, open_room)
    assert list(listed(page)) == ["Workbench"]


def test_the_list_names_the_room_that_one_is_in(
    bob_client: Client, open_room: Room, private_room: Room
) -> None:
    current = opened(bob_client, open_room).all("#room-list [aria-current='page']")
    assert [link.text for link in current] == ["Workbench"]


def test_a_poll_of_a_page_that_one_was_removed_from_is_told_so(
    bob: User, bob_client: Client, private_room: Room
) -> None:
    page = opened(bob_client, private_room)
    poll(page, bob_client, private_room)
    private_room.remove(bob)
    answer = bob_client.get(f"/rooms/{private_room.slug}/changes/?after=0", headers=HTMX)
    assert answer.status_code == 404


# Over the socket


async def news(opened: Socket) -> str:
    return await opened.until('id="room-list"')


@pytest.mark.django_db(transaction=True)
async def test_a_message_elsewhere_is_counted_on_an_open_page(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    def load() -> Page:
        return Page(bob_client.get(f"/rooms/{private_room.slug}/").content.decode())

    page = await in_db(load)()
    async with watching(bob_client, private_room) as there:
        there.page = page
        await in_db(say)(open_room, alice, "one")
        await news(there)
        assert listed(page) == {"Committee": "", "Workbench": "1"}
        assert title(page) == "(1) Committee · Millbrook Repair Café"
        await in_db(say)(open_room, alice, "two", "three")
        while listed(page)["Workbench"] != "3":
            await news(there)
        fresh = await in_db(load)()
        assert listed(page) == listed(fresh)
        assert page.one("#room-list").text == fresh.one("#room-list").text


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_a_room_that_one_is_not_in_keeps_the_room_s_name(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    shed = await in_db(make_room)("Shed", alice)
    page = await in_db(opened)(bob_client, shed)
    async with watching(bob_client, shed) as there:
        there.page = page
        await in_db(say)(open_room, alice, "elsewhere")
        await news(there)
        assert title(page) == "(1) Shed · Millbrook Repair Café"


@pytest.mark.django_db(transaction=True)
async def test_sitting_in_a_room_reads_it_and_never_another(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    async with watching(bob, private_room):
        await in_db(say)(open_room, alice, "elsewhere")
        await in_db(say)(private_room, alice, "here")

        async def read() -> bool:
            return bool(await in_db(unread_of)(private_room, bob) == 0)

        await until(read, "bob has read what he looks at")
        assert await in_db(unread_of)(open_room, bob) == 1


@pytest.mark.django_db(transaction=True)
async def test_open_pages_follow_rooms_that_are_made_renamed_and_left(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    async with watching(bob, open_room) as there:
        made = await in_db(make_room)("Attic", alice, bob)
        assert "Attic" in await news(there)
        await in_db(made.change_details)(name="Cellar", topic="")
        frame = await news(there)
        assert "Cellar" in frame
        assert "Attic" not in frame
        await in_db(made.remove)(bob)
        assert "Cellar" not in await news(there)
        await in_db(open_room.change_details)(name="Werkbank", topic="")
        while "Werkbank</span>" not in await news(there):
            pass


# Several pages of one reader


@pytest.mark.django_db(transaction=True)
async def test_what_is_deleted_is_uncounted_on_an_open_page(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    page = await in_db(opened)(bob_client, private_room)
    async with watching(bob_client, private_room) as there:
        there.page = page
        first, _second = await in_db(say)(open_room, alice, "one", "two")
        while listed(page)["Workbench"] != "2":
            await news(there)
        await in_db(first.delete_for_everybody)(by=alice)
        while listed(page)["Workbench"] != "1":
            await news(there)
        assert title(page).startswith("(1) ")
        assert page.one("#catch-up .count").text == "1 unread"


@pytest.mark.django_db(transaction=True)
async def test_opening_a_room_tells_the_reader_s_other_pages(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    await in_db(say)(open_room, alice, "one")
    page = await in_db(opened)(bob_client, private_room)
    assert listed(page)["Workbench"] == "1"
    async with watching(bob_client, private_room) as there, watching(alice, private_room) as alices:
        there.page = page
        await in_db(opened)(bob_client, open_room)
        await news(there)
        assert listed(page)["Workbench"] == ""
        assert title(page).startswith("Committee")
        await in_db(say)(private_room, alice, "nothing to do with it")
        await alices.until("nothing to do")
        assert 'id="room-list"' not in alices.words


@pytest.mark.django_db(transaction=True)
async def test_marking_as_unread_and_as_read_tells_all_pages(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    await in_db(say)(open_room, alice, "one", "two")
    here = await in_db(opened)(bob_client, open_room)
    elsewhere = await in_db(opened)(bob_client, private_room)
    async with (
        watching(bob_client, open_room) as first,
        watching(bob_client, private_room) as second,
    ):
        first.page, second.page = here, elsewhere
        await in_db(bob_client.post)(f"/rooms/{open_room.slug}/2/unread/")
        await news(first)
        await news(second)
        assert listed(here) == listed(elsewhere) == {"Committee": "", "Workbench": "1"}
        assert title(here).startswith("(1) Workbench")
        await in_db(bob_client.post)("/unread/read/", {"read": f"{open_room.pk}-2"})
        await news(first)
        await news(second)
        assert listed(here) == listed(elsewhere) == {"Committee": "", "Workbench": ""}


@pytest.mark.django_db(transaction=True)
async def test_opening_a_room_that_is_held_unread_tells_its_own_pages_too(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    await in_db(say)(open_room, alice, "one")
    page = await in_db(opened)(bob_client, open_room)
    async with watching(bob_client, open_room) as there:
        there.page = page
        await in_db(bob_client.post)(f"/rooms/{open_room.slug}/1/unread/")
        await news(there)
        assert listed(page) == {"Workbench": "1"}
        await in_db(opened)(bob_client, open_room)
        await news(there)
        assert listed(page) == {"Workbench": ""}


@pytest.mark.django_db(transaction=True)
async def test_an_open_page_leaves_unread_what_is_held_so(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    await in_db(say)(open_room, alice, "one")
    await in_db(opened)(bob_client, open_room)
    async with watching(bob_client, open_room), watching(alice, open_room):
        await in_db(bob_client.post)(f"/rooms/{open_room.slug}/1/unread/")
        await in_db(say)(open_room, bob, "two")
        await in_db(say)(open_room, bob, "three")

        async def read() -> bool:
            return bool(await in_db(unread_of)(open_room, alice) == 0)

        await until(read, "alice, who looks on, has read it")
        assert await in_db(unread_of)(open_room, bob) == 1


@pytest.mark.django_db(transaction=True)
async def test_what_a_page_catches_up_with_is_read_and_told_to_the_others(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    """As when a train leaves a tunnel: nothing more is said then."""
    late = await in_db(opened)(bob_client, open_room)
    async with watching(bob_client, private_room) as there:
        there.page = await in_db(opened)(bob_client, private_room)
        await in_db(say)(open_room, alice, "one")
        while listed(there.page)["Workbench"] != "1":
            await news(there)
        await until(lambda: not hub_module.hub().elsewhere._stirred, "the hub is done with it")
        async with socket(bob_client, open_room, page=late) as back:
            await back.resume(late.cursor)
            assert late.numbers == [1]
            while listed(there.page)["Workbench"]:
                await news(there)
        assert await in_db(unread_of)(open_room, bob) == 0


@pytest.mark.django_db(transaction=True)
async def test_what_only_the_look_at_the_database_finds_is_read_and_told_as_well(
    *,
    alice: User,
    bob: User,
    charlie: User,
    open_room: Room,
    private_room: Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With Redis away nothing is heard of what another process stores."""
    await in_db(private_room.add)(charlie)
    await in_db(open_room.add)(charlie)
    async with watching(bob, open_room) as there, watching(charlie, private_room) as elsewhere:
        monkeypatch.setattr(announcements, "_send", lambda _group, _event: None)
        await in_db(say)(open_room, alice, "unheard")
        await hub_module.hub()._sweep()
        await there.until("unheard")
        while '<span class="count">1' not in await news(elsewhere):
            pass

        async def read() -> bool:
            return bool(await in_db(unread_of)(open_room, bob) == 0)

        await until(read, "bob, who looks on, has read it")


@pytest.mark.django_db(transaction=True)
async def test_a_room_that_could_not_be_marked_is_marked_later(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_read, failures = Room.mark_read, 0

    def full(*arguments: Any, **how: Any) -> Any:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise OperationalError("database or disk is full")
        return mark_read(*arguments, **how)

    monkeypatch.setattr(Room, "mark_read", full)
    async with watching(bob, open_room):
        await in_db(say)(open_room, alice, "one")

        async def read() -> bool:
            return bool(await in_db(unread_of)(open_room, bob) == 0)

        await until(read, "it was tried until it was done")
    assert failures == 3


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_was_told_nothing_learns_of_it_in_the_end(
    *,
    alice: User,
    bob_client: Client,
    open_room: Room,
    private_room: Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With Redis away, of a room that nobody has open in this process."""
    page = await in_db(opened)(bob_client, private_room)
    async with watching(bob_client, private_room) as there:
        there.page, hub = page, hub_module.hub()
        monkeypatch.setattr(announcements, "_send", lambda _group, _event: None)
        await in_db(say)(open_room, alice, "unheard")
        await hub.elsewhere.check()
        await news(there)
        assert listed(page)["Workbench"] == "1"
        frames = there.words.count('id="room-list"')
        await hub.elsewhere.check()
        await in_db(say)(private_room, alice, "before bob's eyes")
        await hub.elsewhere.check()
        await in_db(opened)(bob_client, open_room)
        await hub.elsewhere.check()
        await news(there)
        assert listed(page)["Workbench"] == ""
        assert there.words.count('id="room-list"') == frames + 1


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_was_told_is_not_told_again(
    alice: User,
    bob_client: Client,
    open_room: Room,
    private_room: Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = await in_db(opened)(bob_client, private_room)
    async with watching(bob_client, private_room) as there:
        there.page, hub = page, hub_module.hub()
        await in_db(say)(open_room, alice, "heard")
        while listed(page)["Workbench"] != "1":
            await news(there)
        await until(lambda: not hub.elsewhere._stirred, "the hub is done with it")
        pushed: list[object] = []
        monkeypatch.setattr(hub, "reach", lambda *how: pushed.append(how))
        await hub.elsewhere.check()
        assert hub.elsewhere._marks, "there was something to look at"
        await hub.elsewhere._tell(
            {open_room.pk}
        )  # as after each message, until nothing is heard for a while
        assert pushed == []
