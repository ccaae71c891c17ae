"""Searching, in a browser: while one types, and without JavaScript by a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from rooms.models import Session
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, say

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Open, Watch


@pytest.fixture
def company() -> Company:
    company = Company.gather()
    say(company.room, company.bob, f"The blue kettle{company.number} is on", "The toaster is not")
    say(company.room, company.alice, f"Another **kettle{company.number}** has a thermostat")
    return company


def sees(page: Page, *texts: str) -> None:
    expect(page.locator("ol.found .body")).to_have_text(list(texts))


def test_results_follow_as_one_types(open_page: Open, company: Company) -> None:
    number = company.number
    page = open_page(company.bob, path="/search/")
    field = page.get_by_role("searchbox", name="Search for")
    expect(field).to_be_focused()
    page.keyboard.type(f"kettle{number}")
    sees(page, f"Another kettle{number} has a thermostat", f"The blue kettle{number} is on")
    expect(page.get_by_role("status")).to_have_text("2 messages")
    page.keyboard.type(" thermos")
    sees(page, f"Another kettle{number} has a thermostat")
    expect(page.locator("mark")).to_have_text([f"kettle{number}", "thermostat"])
    expect(field).to_be_focused()
    page.wait_for_url(f"**/search/?q=kettle{number}+thermos")
    expect(page).to_have_title(f"kettle{number} thermos · Search · Millbrook Repair Café")
    page.reload()
    sees(page, f"Another kettle{number} has a thermostat")
    field.fill("")
    expect(page.get_by_role("heading", name="What can be asked for")).to_be_visible()


def test_a_choice_narrows_what_was_found(open_page: Open, company: Company) -> None:
    number = company.number
    page = open_page(company.bob, path=f"/search/?q=kettle{number}")
    expect(page.locator("ol.found > li")).to_have_count(2)
    page.get_by_label("Written by").fill("alice")
    expect(page.get_by_role("status")).to_have_text("No message was found")
    page.get_by_label("Written by").fill(f"alice-{number}")
    sees(page, f"Another kettle{number} has a thermostat")
    page.get_by_label("From", exact=True).fill("2999-01-01")
    expect(page.get_by_role("status")).to_have_text("No message was found")
    page.get_by_label("From", exact=True).fill("")
    page.get_by_label("Room", exact=True).select_option(company.room.name)
    page.get_by_label("Order").select_option("Best first")
    sees(page, f"Another kettle{number} has a thermostat")
    page.wait_for_url("**order=best*")


def test_an_answer_that_comes_late_does_not_undo_a_newer_one(
    open_page: Open, company: Company
) -> None:
    number = company.number
    page = open_page(company.bob, path="/search/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/search/?q=kettle{number}&**", hold)
    field = page.get_by_role("searchbox", name="Search for")
    field.fill(f"kettle{number}")
    Visitor(page, "socket").wait_until(lambda: bool(held), "the first search")
    field.fill(f"kettle{number} toaster")
    field.fill(f"kettle{number} thermostat")
    # Both are to be asked for; nothing shows that before the first is answered.
    page.wait_for_timeout(500)
    held[0].continue_()
    sees(page, f"Another kettle{number} has a thermostat")
    page.wait_for_url("**thermostat")


def test_from_a_room_one_searches_in_it_and_finds_the_way_back(
    open_page: Open, company: Company, tier: str, watch: Watch
) -> None:
    watch.allow(BROKEN_SOCKET)  # by leaving the room's page while it tries again
    number = company.number
    elsewhere = company.another_room("Shed")
    say(elsewhere, company.alice, f"The kettle{number} in the shed")
    page = open_page(company.bob, tier, company.path)
    page.get_by_role("searchbox", name="Search in this room").fill(f"kettle{number} blue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?*")
    sees(page, f"The blue kettle{number} is on")
    field = page.get_by_role("searchbox", name="Search for")
    field.fill(f"kettle{number}")
    field.press("Enter")
    expect(page.locator("ol.found > li")).to_have_count(2)
    page.get_by_label("Room", exact=True).select_option("All rooms")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("ol.found > li")).to_have_count(3)
    page.locator("ol.found > li").last.locator(".at").click()
    page.wait_for_url(f"**{company.path}1/")
    expect(page.locator(".message.marked .body")).to_have_text(f"The blue kettle{number} is on")


def test_who_was_signed_out_is_told_so(open_page: Open, company: Company) -> None:
    page = open_page(company.bob, path=f"/search/?q=kettle{company.number}")
    expect(page.locator("ol.found > li")).to_have_count(2)
    Session.objects.filter(user=company.bob).delete()
    page.get_by_role("searchbox", name="Search for").fill("toaster")
    expect(page.get_by_role("alert")).to_contain_text("signed out")
    expect(page.locator("ol.found")).to_have_count(0)
    expect(page.get_by_role("searchbox", name="Search for")).to_have_value("toaster")
