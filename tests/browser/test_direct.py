"""Talking directly: how people choose whom to talk to, and where the others see it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from rooms.models import Room, User
from tests import factories
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, path_of

NEW = "/direct/new/"

Visit = Callable[[User, str, str], Visitor]


@pytest.fixture
def company() -> Company:
    return Company.gather()


@pytest.fixture
def visit(open_page: Open, watch: Watch) -> Visit:
    def opened(user: User, tier: str, path: str) -> Visitor:
        if tier == "polling":
            watch.allow(BROKEN_SOCKET)
        return Visitor(open_page(user, tier, path), tier)

    return opened


def list_of(visitor: Visitor) -> Locator:
    """The direct conversations beside every page."""
    return visitor.page.locator("#direct-list")


def heading(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("heading", level=1)


def field(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("textbox", name="To")


def chosen(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("list", name="Chosen").locator(".name")


def test_two_people_begin_to_talk(tier: str, company: Company, visit: Visit) -> None:
    charlie = visit(company.charlie, tier, company.path)
    alice = visit(company.alice, "socket", company.path)
    bob = visit(company.bob, tier, company.path)
    bob.page.get_by_role("link", name="New message").click()
    field(bob).fill(f"@{company.charlie.username}")
    bob.page.get_by_role("button", name="Go to the conversation").click()
    expect(heading(bob)).to_have_text("Charlie Cooper")
    expect(list_of(bob).get_by_role("link", name="Charlie Cooper")).to_be_visible()
    expect(list_of(charlie).get_by_role("link")).to_have_count(0)

    bob.say("Between you and me")
    bob.sees("Between you and me")
    where = charlie.live if tier == "no-script" else list_of(charlie)
    where.get_by_role("link", name="Bob Baker 1 unread").click()
    expect(heading(charlie)).to_have_text("Bob Baker")
    charlie.sees("Between you and me")
    charlie.say("Nobody else")
    bob.sees("Between you and me", "Nobody else")
    expect(bob.page).to_have_title(re.compile("^Charlie Cooper"))
    expect(list_of(alice).get_by_role("link")).to_have_count(0)


def test_people_are_chosen_with_the_keyboard_as_their_names_are_typed(
    company: Company, visit: Visit
) -> None:
    bob = visit(company.bob, "socket", NEW)
    number, page = company.number, bob.page
    expect(field(bob)).to_be_focused()
    bob.type(f"alice {number}")
    result = page.get_by_role("button", name=f"@alice-{number}")
    expect(result).to_be_visible()
    page.keyboard.press("Enter")  # there is just one
    expect(chosen(bob)).to_have_text(["Alice Archer"])
    expect(field(bob)).to_be_focused()
    expect(field(bob)).to_have_value("")
    bob.type(f"cooper {number}")
    page.get_by_role("button", name=f"@charlie-{number}").focus()
    page.keyboard.press("Enter")
    expect(chosen(bob)).to_have_text(["Alice Archer", "Charlie Cooper"])
    expect(field(bob)).to_be_focused()
    page.get_by_role("button", name="Take Alice Archer out").focus()
    page.keyboard.press("Enter")
    expect(chosen(bob)).to_have_text(["Charlie Cooper"])
    expect(field(bob)).to_be_focused()
    bob.type("nobody at all")
    expect(page.get_by_role("status")).to_have_text("Nobody is called “nobody at all”.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nobody here is called “nobody at all”")
    expect(field(bob)).to_have_value("nobody at all")
    field(bob).fill("")
    page.keyboard.press("Enter")
    expect(heading(bob)).to_have_text("Charlie Cooper")
    expect(bob.field).to_be_focused()


def test_people_are_chosen_without_javascript(company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "no-script", NEW)
    number, page = company.number, bob.page
    field(bob).fill(f"alice {number}")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name=f"@alice-{number}").click()
    expect(chosen(bob)).to_have_text(["Alice Archer"])
    field(bob).fill(f"charlie-{number}, nobody at all")
    field(bob).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nobody here is called “nobody at all”")
    expect(field(bob)).to_have_value("nobody at all")
    expect(chosen(bob)).to_have_text(["Alice Archer", "Charlie Cooper"])
    field(bob).fill("")
    page.get_by_role("button", name="Go to the conversation").click()
    expect(heading(bob)).to_have_text("Alice Archer, Charlie Cooper")


@pytest.mark.parametrize("tier", ["polling", "socket"])
def test_a_name_that_changes_is_followed_on_the_open_page(
    tier: str, company: Company, visit: Visit
) -> None:
    talk = in_thread(Room.direct_with)([company.charlie], by=company.bob)
    in_thread(factories.say)(talk, company.bob, "hello")
    charlie = visit(company.charlie, tier, path_of(talk))
    expect(heading(charlie)).to_have_text("Bob Baker")
    bob = visit(company.bob, "socket", "/accounts/profile/")
    bob.page.get_by_role("textbox", name="Display name").fill("Robert")
    bob.page.get_by_role("button", name="Save").click()
    expect(heading(charlie)).to_have_text("Robert")
    expect(list_of(charlie).get_by_role("link")).to_have_accessible_name("Robert")
    expect(charlie.page).to_have_title(re.compile("^Robert"))


def test_a_list_of_members_leads_there(company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "socket", f"{company.path}members/")
    bob.page.get_by_role("button", name="Write to Alice Archer alone").click()
    expect(heading(bob)).to_have_text("Alice Archer")
    bob.say("hello")
    bob.sees("hello")
