"""What people do with a message: its menu, reactions, replies and pins, as a browser shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_composer import DISCONNECTED, SEND
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

    from rooms.models import User
    from tests.browser.conftest import Open, Watch
    from tests.process import Roomful

Visit = Callable[..., Visitor]


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


@pytest.fixture
def visit(open_page: Open, watch: Watch, company: Company) -> Visit:
    def visit(user: User, tier: str = "socket", **options: object) -> Visitor:
        if tier == "polling":
            watch.allow(BROKEN_SOCKET)
        visitor = Visitor(open_page(user, tier, company.path, **options), tier)
        if tier != "no-script":
            visitor.page.wait_for_load_state("networkidle")
        return visitor

    return visit


def chips(visitor: Visitor, text: str) -> Locator:
    return visitor.message(text).locator(".reactions button")


def colour(chip: Locator) -> str:
    found: str = chip.evaluate("element => getComputedStyle(element).backgroundColor")
    return found


def test_one_reacts_and_the_other_joins_in(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.bob, "the kettle works", "and the radio")
    alice, bob = visit(company.alice, tier), visit(company.bob)
    bob.choose("👍", "the kettle")
    expect(chips(alice, "the kettle")).to_have_text(["👍 1"])
    expect(chips(alice, "the kettle")).to_have_attribute("title", "Bob Baker")
    others = colour(chips(alice, "the kettle"))
    chips(alice, "the kettle").click()
    if tier == "no-script":  # it leads to a page, as a row is the same for all and bears no token
        alice.page.get_by_role("button", name="Me too").click()
        alice.page.get_by_role("link", name="To the present").click()
    for reader in (alice, bob):
        expect(chips(reader, "the kettle")).to_have_text(["👍 2"])
        expect(chips(reader, "and the radio")).to_have_count(0)
        assert colour(chips(reader, "the kettle")) != others  # it is one's own now


def test_one_replies_and_the_quote_follows_its_original(
    tier: str, company: Company, visit: Visit
) -> None:
    say(company.room, company.bob, "who has a spare fuse?", "or a bulb")
    alice, bob = visit(company.alice, tier), visit(company.bob)
    alice.choose("Reply", "spare fuse")
    expect(alice.page.locator(".replying")).to_contain_text("Replying to Bob Baker: who has")
    if tier != "no-script":
        expect(alice.field).to_be_focused()
    alice.say("I have two")
    quote = bob.message("I have two").locator(".quoted")
    expect(quote).to_have_text("Bob Baker who has a spare fuse?")
    expect(bob.message("who has").first.locator(".replies")).to_have_text("1 reply")
    expect(alice.page.locator(".replying")).to_have_count(0)
    bob.choose("Edit", "or a bulb")  # something else, whose row has no part in it
    bob.page.get_by_role("textbox", name="New text").fill("or a lamp")
    bob.page.get_by_role("button", name="Save").click()
    expect(bob.texts.nth(1)).to_have_text("or a lamp")
    in_thread(company.room.messages.get(number=1).delete_for_everybody)(by=company.bob)
    for reader in (alice, bob):
        quote = reader.message("I have two").locator(".quoted")
        expect(quote).to_have_text("Bob Baker This message was deleted.")
        reader.message("deleted by its author").get_by_role("link", name="1 reply").click()
        texts = reader.page.locator("#messages .body")
        expect(texts).to_have_text(["This message was deleted by its author.", "I have two"])


def test_the_menu_is_used_by_keyboard(company: Company, visit: Visit) -> None:
    say(company.room, company.alice, "the kettle works", "and the radio")
    alice = visit(company.alice)
    more, menu = alice.message("the kettle").locator(".more"), alice.page.locator("#menu")
    more.focus()
    alice.page.keyboard.press("Enter")
    expect(menu.get_by_role("button").first).to_be_focused()
    alice.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(more).to_be_focused()
    alice.page.keyboard.press("Enter")
    # else that would follow, and take it away
    expect(menu.get_by_role("button").first).to_be_focused()
    menu.get_by_role("button", name="Any emoji").focus()
    alice.page.keyboard.press("Enter")
    expect(menu.get_by_role("textbox")).to_be_focused()
    alice.type("octop")
    expect(menu.locator("#emoji-grid")).to_have_text("🐙")
    alice.page.keyboard.press("Enter")
    expect(chips(alice, "the kettle")).to_have_text(["🐙 1"])
    expect(menu).to_be_hidden()


def test_the_menu_is_used_by_touch(company: Company, visit: Visit) -> None:
    say(company.room, company.bob, *(f"message {number}" for number in range(30)))
    phone = {"width": 390, "height": 700}
    alice = visit(company.alice, viewport=phone, has_touch=True, is_mobile=True)
    for text in ("message 29", "message 25"):  # the last stands at the scroller's edge
        row = alice.message(text)
        expect(row.locator(".more")).to_have_css("opacity", "0")
        row.locator(".body").tap()
        expect(row.locator(".more")).to_have_css("opacity", "1")
        row.locator(".more").tap()
        alice.choices.get_by_role("button", name="🎉").tap()
        expect(chips(alice, text)).to_have_text(["🎉 1"])


def test_a_menu_that_does_not_come_never_shows_another_message_s(
    company: Company, visit: Visit, watch: Watch
) -> None:
    watch.allow(DISCONNECTED)
    say(company.room, company.alice, "mine, to keep", "mine, to go")
    alice = visit(company.alice)
    menu = alice.page.locator("#menu")
    alice.ask_for_choices("mine, to keep")
    expect(menu.get_by_role("button", name="Delete")).to_be_visible()
    alice.page.keyboard.press("Escape")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    alice.page.route("**/2/menu/", hold)
    more = alice.message("mine, to go").locator(".more")
    alice.message("mine, to go").hover()
    more.click()
    alice.wait_until(lambda: bool(held), "asking for the choices")
    expect(menu).to_be_visible()
    expect(menu.get_by_role("button", name="Delete")).to_be_hidden()
    held[0].abort()
    expect(menu).to_have_text("The choices did not arrive. Close this and try again.")
    alice.page.unroute("**/2/menu/")
    alice.page.keyboard.press("Escape")
    alice.choose("Delete", "mine, to go")
    alice.page.get_by_role("button", name="Delete").click()
    alice.sees("mine, to keep", "This message was deleted by its author.")


def test_each_message_that_waits_to_be_sent_keeps_what_it_replies_to(
    company: Company, visit: Visit, watch: Watch
) -> None:
    watch.allow(DISCONNECTED)
    say(company.room, company.bob, "who has a fuse?", "who has a bulb?")
    alice = visit(company.alice)
    alice.page.route(SEND, lambda route: route.abort())
    for text, answer in (("fuse", "two fuses"), ("bulb", "one bulb")):
        alice.choose("Reply", f"who has a {text}")
        expect(alice.page.locator(".replying").last).to_contain_text(f"who has a {text}")
        expect(alice.field).to_be_focused()
        alice.say(answer)
    alice.say("and neither of them is new")
    expect(alice.waiting).to_have_count(3)
    alice.page.unroute(SEND)
    expect(alice.waiting).to_have_count(0)
    rows = company.room.history().rows
    assert {row.body: row.quote.number if row.quote else None for row in rows[2:]} == {
        "two fuses": 1,
        "one bulb": 2,
        "and neither of them is new": None,
    }
    expect(alice.message("one bulb").locator(".quoted")).to_contain_text("who has a bulb?")


def test_a_pin_is_counted_in_the_header_of_every_open_page(company: Company, visit: Visit) -> None:
    say(company.room, company.bob, "the key is under the mat", "good night")
    alice, bob = visit(company.alice), visit(company.bob)
    alice.choose("Pin to the room", "the key")
    for reader in (alice, bob):
        expect(reader.message("the key").locator(".pin")).to_have_text("pinned")
        expect(reader.page.locator(".bar .pins")).to_have_text("Pinned messages: 1")
    bob.page.get_by_role("link", name="Pinned messages: 1").click()
    expect(bob.page.locator("#messages .body")).to_have_text(["the key is under the mat"])
