"""What is unread, in two tabs and two rooms, in each tier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, path_of, say

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import Open, Watch
    from tests.process import Roomful


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


@pytest.fixture
def alice(company: Company, tier: str, open_page: Open, watch: Watch) -> Visitor:
    """In a room, with nothing unread."""
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    return Visitor(open_page(company.alice, tier, company.path), tier)


def rooms_of(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("navigation", name="Rooms")


def marks(visitor: Visitor) -> Locator:
    """The rooms that are said to have something unread, where that is followed."""
    if visitor.tier == "no-script":
        return visitor.live.locator(".elsewhere").last.get_by_role("link")
    return rooms_of(visitor).locator("#room-list .unread")


def test_tabs_agree_on_what_is_unread(alice: Visitor, company: Company, open_page: Open) -> None:
    garden, shed = company.another_room("Garden"), company.another_room("Shed")
    say(shed, company.alice, "the last that alice knew")
    other = alice.another_tab(path_of(garden))
    bob = Visitor(open_page(company.bob, "socket", path_of(shed)), "socket")
    bob.say("new")
    bob.say("and newer")
    for tab in (alice, other):
        expect(marks(tab)).to_have_text([re.compile(rf"{shed.name}\s*2 unread")])
    if alice.tier != "no-script":
        expect(other.page).to_have_title(re.compile(r"^\(2\) Garden"))
    alice.go(path_of(shed))
    alice.sees("the last that alice knew", "new", "and newer")
    expect(alice.live.get_by_role("separator", name="New since you were here")).to_be_visible()
    expect(marks(other)).to_have_count(0)
    bob.go(path_of(garden))
    bob.say("over here")
    other.sees("over here")
    bob.go(company.path)
    bob.say("and here")
    for tab in (alice, other):  # what one of them has just shown is read
        expect(marks(tab)).to_have_text([re.compile(rf"{company.room.name}\s*1 unread")])


def test_a_room_is_marked_unread_and_caught_up_with(alice: Visitor, company: Company) -> None:
    say(company.room, company.bob, "one", "two", "three")
    alice.sees("one", "two", "three")
    alice.go(f"{company.path}2/")
    alice.page.get_by_role("button", name="Mark unread from here").click()
    page = alice.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Catch up")
    section = page.get_by_role("region", name=company.room.name)
    expect(section.locator(".body")).to_have_text(["two", "three"])
    link = rooms_of(alice).get_by_role("link", name="Catch up")
    expect(link).to_have_text(re.compile("2 unread"))
    page.reload()
    expect(section.locator(".body")).to_have_text(["two", "three"])
    section.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_role("heading", name="You have read everything")).to_be_visible()
    expect(link).to_have_text("Catch up")
    expect(page).to_have_title(re.compile("^Catch up"))
