"""The list of rooms is alive under the hands of who reads, types and searches in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from playwright.sync_api import Route, expect

from rooms.models import Place, Session
from tests.browser.conftest import PATIENCE
from tests.factories import make_room, make_user

if TYPE_CHECKING:
    from rooms.models import Room, User
    from tests.browser.conftest import Open

POLL = 5_000  # milliseconds between two polls of the list

Make = Callable[..., "Room"]


@pytest.fixture
def tag() -> str:
    """Tells this test's names from those that others left behind."""
    return secrets.token_hex(4)


@pytest.fixture
def reader(tag: str) -> User:
    Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
    return make_user(f"reader-{tag}")


@pytest.fixture
def make(tag: str) -> Make:
    """Makes a room of somebody else's, from a thread without the loop that Playwright runs in."""
    host = make_user(f"host-{tag}")

    def make(name: str, *members: User, private: bool = False) -> Room:
        def elsewhere() -> Room:
            try:
                return make_room(f"{name} {tag}", host, *members, private=private)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(elsewhere).result()

    return make


def test_a_new_room_comes_into_the_list_while_somebody_types_elsewhere(
    open_page: Open, reader: User, make: Make
) -> None:
    page = open_page(reader, path="/rooms/")
    page.get_by_role("link", name="Make a room", exact=True).click()
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    page.keyboard.type("Half a na")
    room = make("Kitchen", reader, private=True)
    expect(page.locator(f"#entry-{room.pk}")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(f"#room-item-{room.pk}")).to_be_attached()
    page.keyboard.type("me")
    expect(name).to_have_value("Half a name")


def test_the_focus_stays_on_the_button_that_the_list_moves(
    open_page: Open, reader: User, make: Make
) -> None:
    room = make("Workbench")
    page = open_page(reader, path="/rooms/")
    page.locator(f"#entry-join-{room.pk}").focus()
    other = make("Allotment")
    expect(page.locator(f"#entry-{other.pk}")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(f"#entry-join-{room.pk}")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/rooms/{room.slug}/")


def test_the_list_follows_the_search_and_the_address_too(
    open_page: Open, reader: User, make: Make, tag: str
) -> None:
    kitchen, railway = make("Kitchen"), make("Railway")
    page = open_page(reader, path="/rooms/")
    field = page.get_by_role("searchbox", name="Find a room")
    field.press_sequentially(f"kitchen {tag}", delay=30)
    expect(page.locator(f"#entry-{railway.pk}")).to_have_count(0)
    expect(page.locator(f"#entry-{kitchen.pk}")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("1 room matches")
    expect(field).to_be_focused()
    page.wait_for_url(f"**/rooms/?q=kitchen+{tag}")
    page.reload()
    expect(page.locator(".directory > li")).to_have_count(1)


@pytest.mark.parametrize("slow", ["poll", "search"])
def test_a_slow_poll_and_a_search_do_not_undo_each_other(
    open_page: Open, reader: User, make: Make, tag: str, slow: str
) -> None:
    room = make("Workbench")
    page = open_page(reader, path="/rooms/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        is_poll = not route.request.url.endswith("seen=")
        if is_poll == (slow == "poll"):
            held.append(route)
        else:
            route.continue_()

    page.route("**/rooms/?*seen=*", hold)
    make("Kitchen")
    if slow == "poll":
        page.wait_for_event("request", lambda request: "seen=" in request.url)
    page.get_by_role("searchbox", name="Find a room").fill(f"workbench {tag}")
    page.wait_for_timeout(1_000 if slow == "poll" else POLL + 1_000)
    assert len(held) == 1, "either waits for the other"
    held[0].continue_()
    expect(page.locator(".directory > li")).to_have_count(1)
    expect(page.locator(f"#entry-{room.pk}")).to_be_visible()


def test_who_was_signed_out_is_told_so_and_keeps_what_was_typed(
    open_page: Open, reader: User, make: Make
) -> None:
    make("Workbench", reader)
    page = open_page(reader, path="/rooms/")
    page.get_by_role("link", name="Make a room", exact=True).click()
    page.get_by_label("Name").fill("Kitchen")
    Session.objects.all().delete()
    expect(page.get_by_role("alert")).to_contain_text("signed out", timeout=PATIENCE)
    expect(page.locator("#room-list li")).to_have_count(0)
    expect(page.get_by_label("Name")).to_have_value("Kitchen")


def test_without_javascript_rooms_are_found_made_and_joined(
    open_page: Open, reader: User, make: Make, tag: str
) -> None:
    room = make("Workbench")
    page = open_page(reader, "no-script", "/rooms/")
    page.get_by_role("searchbox", name="Find a room").fill(f"workbench {tag}")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".directory > li")).to_have_count(1)
    page.get_by_role("button", name="Join").click()
    page.wait_for_url(f"**/rooms/{room.slug}/")
    page.goto("/rooms/")
    page.get_by_role("link", name="Make a room", exact=True).click()
    page.wait_for_url("**/rooms/new/")
    page.get_by_label("Name").fill(f"Kitchen {tag}")
    page.get_by_label("Private").check()
    page.get_by_role("button", name="Make the room").click()
    page.wait_for_url(f"**/rooms/kitchen-{tag}-*/")
