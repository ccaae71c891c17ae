"""A bot from the form that makes it to what it says in an open room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from rooms.models import Place
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Open, Watch


@in_thread
def bots_by_members(wanted: bool) -> None:
    Place.objects.update(bots_by_members=wanted)


@pytest.fixture
def company() -> Iterator[Company]:
    company = Company.gather()
    bots_by_members(True)
    yield company
    bots_by_members(False)


def test_a_service_speaks_by_a_bot(
    tier: str, company: Company, open_page: Open, watch: Watch
) -> None:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    say(company.room, company.alice, "said before")
    reader = Visitor(open_page(company.bob, tier, company.path), tier)
    expect(reader.message("said before")).to_be_visible()

    page = open_page(company.alice, tier, "/accounts/bots/")
    page.get_by_label("Name", exact=True).fill("Deploy")
    page.get_by_role("button", name="Make the bot").click()
    page.get_by_label("Room", exact=True).first.select_option(company.room.name)
    page.get_by_role("button", name="Put it into this room").click()
    page.get_by_text("Make an incoming webhook", exact=True).click()
    page.get_by_label("What posts there").fill("CI")
    page.get_by_role("button", name="Make the webhook").click()
    address = page.locator("#hook-address").inner_text()

    answer = httpx.post(address, json={"text": "Build *1* is <https://ci.example.org/1|done>"})
    assert (answer.status_code, answer.text) == (200, "ok")
    row = reader.message("Build 1 is done")
    expect(row.get_by_role("link", name="done")).to_have_attribute(
        "href", "https://ci.example.org/1"
    )
    expect(row.locator(".bot-badge")).to_have_text("bot")
    face = row.locator(".face.bot")
    expect(face).to_have_text("DE")
    corner = "face => parseFloat(getComputedStyle(face).borderRadius) / face.offsetWidth"
    assert face.evaluate(corner) < 0.25  # others are circles
    assert reader.message("said before").locator(".face").evaluate(corner) > 0.4
