"""Files as people send and see them, in each tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor
from tests.files import HTML, picture

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.browser.conftest import Open, Watch
    from tests.process import Roomful

BENCH: Any = {"name": "bench.png", "mimeType": "image/png", "buffer": picture("PNG", (900, 600))}
RADIO: Any = {"name": "radio.jpg", "mimeType": "image/jpeg", "buffer": picture("JPEG", (400, 700))}
NOTES: Any = {"name": "notes.html", "mimeType": "image/png", "buffer": HTML}


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


def visit(open_page: Open, watch: Watch, company: Company, who: Any, tier: str) -> Visitor:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    visitor = Visitor(open_page(who, tier, company.path), tier)
    if tier != "no-script":
        visitor.page.wait_for_load_state("networkidle")
    return visitor


def choose(visitor: Visitor, *files: Any) -> None:
    visitor.page.locator(".c:has(.line) input[type=file]").last.set_input_files(list(files))


def test_two_pictures_and_a_caption(
    open_page: Open, watch: Watch, company: Company, tier: str
) -> None:
    alice = visit(open_page, watch, company, company.alice, tier)
    bob = visit(open_page, watch, company, company.bob, tier)
    choose(alice, BENCH, RADIO)
    if tier != "no-script":
        expect(alice.page.locator(".chip")).to_have_count(2)
    alice.say("The bench, and the radio on it")
    row = bob.message("The bench, and the radio on it")
    pictures = row.locator(".picture img")
    expect(pictures).to_have_count(2)
    expect(pictures.first).to_have_js_property("naturalWidth", 640)
    expect(pictures.first).to_have_js_property("width", 320)
    if tier != "no-script":
        expect(alice.page.locator(".chip")).to_have_count(0)
    row.get_by_role("button", name="Picture: bench.png").click()
    large = bob.live.locator(".lightbox:popover-open img")
    expect(large).to_have_js_property("naturalWidth", 900)
    bob.page.keyboard.press("Escape")
    expect(large).to_have_count(0)
    assert company.stored() == ["The bench, and the radio on it"]


@pytest.mark.parametrize("tier", ["socket"])
def test_enter_before_the_upload_is_over(
    open_page: Open, watch: Watch, company: Company, tier: str
) -> None:
    """The message waits for its file and nothing else waits for that; a cut line is tried again."""
    watch.allow("Failed to load resource|htmx:(sendError|afterRequest)")
    alice = visit(open_page, watch, company, company.alice, tier)
    held: list[Route] = []
    alice.page.route("**/files/", lambda route: held.append(route))  # noqa: PLW0108  # Playwright marks what it is given
    choose(alice, BENCH)
    alice.wait_until(lambda: len(held) == 1, "the upload")
    alice.say("with a picture")
    alice.say("meanwhile")
    alice.sees("meanwhile")
    expect(alice.waiting.get_by_text("Uploading…")).to_be_visible()
    held[0].abort("connectionreset")
    alice.wait_until(lambda: len(held) == 2, "the upload once more")
    alice.say("and this")
    alice.sees("meanwhile", "and this")
    held[1].continue_()
    alice.sees("meanwhile", "and this", "with a picture")
    expect(alice.message("with a picture").locator(".picture")).to_have_count(1)
    expect(alice.waiting).to_have_count(0)
    assert company.stored() == ["meanwhile", "and this", "with a picture"]


@pytest.mark.parametrize("tier", ["socket"])
def test_what_is_refused_says_why_and_keeps_the_rest(
    open_page: Open, watch: Watch, company: Company, tier: str
) -> None:
    alice = visit(open_page, watch, company, company.alice, tier)
    alice.type("look at these")
    choose(alice, {**BENCH, "name": "empty.png", "buffer": b""}, NOTES)
    expect(alice.page.get_by_role("alert").filter(has_text="empty.png")).to_have_text(
        "empty.png There is nothing in it."
    )
    expect(alice.field).to_have_value("look at these")
    alice.page.get_by_role("button", name="Go on without it").click()
    expect(alice.page.locator(".chip")).to_have_count(1)
    choose(alice, BENCH)
    expect(alice.page.locator(".chip")).to_have_count(2)
    alice.page.get_by_role("button", name="Remove bench.png").click()
    expect(alice.page.locator(".chip")).to_have_count(1)
    alice.page.reload()
    expect(alice.page.locator(".chip")).to_contain_text("notes.html")
    expect(alice.field).to_have_value("look at these")
    alice.field.press("Enter")
    expect(alice.message("look at these").get_by_role("link", name="notes.html")).to_be_visible()
    with alice.page.expect_download() as download:
        alice.message("look at these").get_by_role("link", name="notes.html").click()
    assert download.value.suggested_filename == "notes.html"
    assert company.stored() == ["look at these"]


@pytest.mark.parametrize("tier", ["socket"])
def test_too_large_for_the_server(
    open_page: Open, watch: Watch, company: Company, tier: str, server: Roomful
) -> None:
    """The server refuses it before it has all come, and the page says so."""
    watch.allow("Failed to load resource")
    alice = visit(open_page, watch, company, company.alice, tier)
    alice.page.route(
        "**/files/",
        lambda route: route.fulfill(
            status=413,
            headers={"HX-Reswap": "beforeend", "Content-Type": "text/html"},
            body='<span class="chip failed" role="alert">This is too large.</span>',
        ),
        times=1,
    )
    choose(alice, BENCH)
    expect(alice.page.get_by_role("alert").filter(has_text="too large")).to_be_visible()
    alice.page.get_by_role("button", name="Go on without it").click()
    expect(alice.page.get_by_role("alert").filter(has_text="too large")).to_have_count(0)
    alice.say("without it")
    alice.sees("without it")
