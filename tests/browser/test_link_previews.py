"""A preview comes to an open page, jumps nowhere, and goes when its author wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from rooms.models import Place
from tests.browser.test_pages import LINKING, previewed
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say

if TYPE_CHECKING:
    from rooms.models import Message
    from tests.browser.conftest import Open, Watch


@in_thread
def look_at_links(message: Message) -> None:
    """What a worker does, without the pages."""
    Place.objects.update(link_previews=True)
    previewed(message)
    Place.objects.update(link_previews=False)


def test_a_preview_comes_and_goes(open_page: Open, watch: Watch, tier: str) -> None:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    company = Company.gather()
    (message,) = say(company.room, company.bob, LINKING)
    alice = Visitor(open_page(company.alice, tier, company.path), tier)
    bob = Visitor(open_page(company.bob, tier, company.path), tier)
    for visitor in (alice, bob):
        expect(visitor.log.locator(".preview")).to_have_count(0)
    look_at_links(message)
    for visitor in (alice, bob):
        expect(visitor.log.locator(".preview .headline").first).to_have_text("Blue kettle")
        picture = visitor.log.locator(".preview img")
        expect(picture).to_have_js_property("naturalWidth", 288)
        expect(visitor.log.locator(".edited")).to_have_count(0)
    expect(alice.log.get_by_role("link", name="Remove this preview")).to_have_count(0)
    bob.log.get_by_role("link", name="Remove this preview").first.click()
    if tier == "no-script":
        bob.page.get_by_role("button", name="Remove").click()
        bob.go(company.path)
    for visitor in (alice, bob):
        expect(visitor.log.locator(".preview")).to_have_count(1)
    assert company.stored() == [LINKING]
