"""A room without a mouse: where Tab leads, what shows the focus, which keys lead straight there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from rooms.keys import ACCESS_KEYS
from tests.browser.visitor import Company, Visitor, say

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

    from tests.browser.conftest import Open

DESK: ViewportSize = {"width": 1440, "height": 900}
STOPS = 60  # more than the page has
ALT = 1  # as the browser's own protocol counts modifiers

# Of what has the focus: what it is called, and whether one sees that it has it. The ring may be around
# what holds it, or be drawn by what is laid over it.
FOCUS = """() => {
    const ring = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    const drawn = each => ring(getComputedStyle(each)) || ring(getComputedStyle(each, "::after"))
        || getComputedStyle(each).boxShadow.includes("1px")
    const focused = document.activeElement
    if (focused === document.body) return null
    const around = [focused, focused.parentElement, focused.closest(".frame, label")]
    const named = focused.matches("a, button") ? focused.innerText.trim() : focused.id
    const name = focused.getAttribute("aria-label") || named
    return [name, focused.checkVisibility() && around.some(each => each && drawn(each))]
}"""


def press_access_key(page: Page, name: str) -> None:
    """As a keyboard does it: Playwright's own way leaves out which letter it would be without Alt."""
    key = ACCESS_KEYS[name].key
    letter = {"key": key, "code": f"Key{key.upper()}", "windowsVirtualKeyCode": ord(key.upper())}
    chrome = page.context.new_cdp_session(page)
    for kind in ("keyDown", "keyUp"):
        press = {"type": kind, "modifiers": ALT, "text": key, "unmodifiedText": key, **letter}
        chrome.send("Input.dispatchKeyEvent", press)


def walk(page: Page) -> list[tuple[str, bool]]:
    """Where Tab leads from the beginning of the page until its end."""
    page.locator(".skip").focus()
    stops = [tuple(page.evaluate(FOCUS))]
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or tuple(stop) == stops[0]:  # a browser without bars begins again
            break
        stops.append(tuple(stop))
    return stops


def test_tab_leads_through_the_room_as_one_reads_it(open_page: Open) -> None:
    company = Company.gather()
    say(company.room, company.alice, "hello", "[a link](https://example.org)")
    page = open_page(company.bob, path=company.path, viewport=DESK)
    expect(page.locator("#watch.live")).to_be_attached()

    usable = page.locator("body a, body button, body input:not([type=hidden]), body [tabindex]")
    expect(usable.first).to_have_class("skip")
    stops = walk(page)
    names = [name for name, _seen in stops]
    milestones = [
        "Skip to the message field",
        "Millbrook Repair Café",
        "Find or make a room",
        f"Workbench {company.number}",
        "You and your settings",
        "About this room",
        "scroll",
        "a link",
        "Message",
        "Send",
        "All members",
    ]
    assert [name for name in names if name in milestones] == milestones
    assert [name for name, seen in stops if not seen] == []

    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(Visitor(page, "socket").field).to_be_focused()


def test_escape_closes_a_menu_and_leads_back(open_page: Open) -> None:
    company = Company.gather()
    page = open_page(company.bob, path=company.path, viewport=DESK)
    opener, menu = (
        page.get_by_role("button", name="You and your settings"),
        page.locator("#self-menu"),
    )
    opener.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize("tier", ["no-script", "socket"])
def test_access_keys_lead_where_the_help_says(open_page: Open, tier: str) -> None:
    company = Company.gather()
    page = open_page(company.bob, tier, company.path, viewport=DESK)
    scroller = page.locator("#scroll")
    for name, address in (("rooms", "/rooms/"), ("room", f"{company.path}settings/")):
        scroller.focus()
        with page.expect_navigation(url=f"**{address}"):
            press_access_key(page, name)
        page.goto(company.path)
    scroller.focus()
    press_access_key(page, "you")
    expect(page.get_by_role("link", name="Help")).to_be_visible()
    page.keyboard.press("Escape")
    scroller.focus()
    press_access_key(page, "search")
    expect(page.get_by_role("searchbox", name="Search all messages")).to_be_focused()
    press_access_key(page, "message")
    expect(Visitor(page, tier).field).to_be_focused()
    assert set(ACCESS_KEYS) == {"rooms", "room", "you", "search", "message"}
