"""Two people in one room who read in two languages, and pages that are read from the right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from project.pseudo_language import CODE as BACKWARDS
from rooms.models import Message, User
from tests.browser.conftest import Open, Watch
from tests.browser.test_pages import (
    CASES,
    DESK,
    OVERFLOWS,
    PHONE,
    Scene,
    assert_valid,
    scene,
    violations,
)
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say
from tests.process import Roomful

__all__ = ["scene"]  # a fixture

CHINESE = "zh-hans"
TOO_LONG = "x" * 4_001
SHOWN = (
    *("sign-in", "room", "room in another direction", "rooms", "help", "invitations"),
    *("search with results", "profile", "settings", "reactions"),
)

Visit = Callable[..., Visitor]


@pytest.fixture
def company() -> Company:
    company = Company.gather()
    in_thread(User.objects.filter(pk=company.bob.pk).update)(language=CHINESE)
    return company


@pytest.fixture
def visit(open_page: Open, watch: Watch) -> Visit:
    def opened(user: User, tier: str, path: str) -> Visitor:
        if tier == "polling":
            watch.allow(BROKEN_SOCKET)
        return Visitor(open_page(user, tier, path), tier)

    return opened


@in_thread
def edit(message: Message) -> None:
    message.edit("hello again", by=message.author)


@in_thread
def delete(message: Message) -> None:
    message.delete_for_everybody(by=message.author)


@in_thread
def archive(company: Company) -> None:
    company.room.archive()


def test_each_is_shown_what_happens_in_their_own_language(
    tier: str, company: Company, visit: Visit
) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, tier, company.path)
    expect(bob.page.locator("html")).to_have_attribute("lang", CHINESE)
    elsewhere = company.another_room("Shed")

    (message,) = say(company.room, company.alice, "hello")
    expect(alice.log.get_by_text("More", exact=True)).to_have_count(1)
    expect(bob.log.get_by_text("更多", exact=True)).to_have_count(1)
    edit(message)
    expect(alice.log.get_by_text("edited", exact=True)).to_be_visible()
    expect(bob.log.get_by_text("已编辑", exact=True)).to_be_visible()
    say(elsewhere, company.alice, "over here")
    where = bob.live if tier == "no-script" else bob.page.locator("#room-list")
    expect(where.get_by_role("link", name="1 条未读")).to_be_visible()
    delete(message)
    expect(alice.log.get_by_text("deleted by its author")).to_be_visible()
    expect(bob.log.get_by_text("已被作者删除")).to_be_visible()

    if tier != "no-script":
        bob.page.get_by_role("textbox", name="消息", exact=True).last.fill(TOO_LONG)
        bob.page.keyboard.press("Enter")
        expect(bob.page.get_by_text("这条多了 1 个：请缩短一些。")).to_be_visible()
        archive(company)
        expect(alice.page.get_by_text("Archived:")).to_be_visible()
        expect(bob.page.get_by_text("已归档：")).to_be_visible()


def test_a_language_is_chosen_before_one_signs_in(open_page: Open) -> None:
    page = open_page(None, "no-script", "/accounts/login/?next=/rooms/")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", CHINESE)
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    expect(page.locator("form.form [name=next]")).to_have_value("/rooms/")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def sides(page: Page, selector: str) -> tuple[float, float]:
    """How far it is from it to the left and to the right edge of the window."""
    box = page.locator(selector).first.bounding_box()
    assert box
    width = page.viewport_size["width"] if page.viewport_size else 0
    return box["x"], width - box["x"] - box["width"]


@pytest.mark.parametrize("language", [CHINESE, BACKWARDS])
def test_pages_fit_in_every_language(
    language: str, scene: Scene, open_page: Open, server: Roomful
) -> None:
    found: dict[str, list[str]] = {}
    for case in (case for case in CASES if case.name in SHOWN):
        page = open_page(scene[case.who] if case.who else None, viewport=DESK, locale=language)
        response = page.goto(case.path.format_map(scene))
        assert response
        html, direction = response.text(), "rtl" if language == BACKWARDS else "ltr"
        assert f'<html lang="{language}" dir="{direction}">' in html
        assert_valid(html)
        for width, viewport in {"desk": DESK, "phone": PHONE}.items():
            page.set_viewport_size(viewport)
            found[f"{case.name}, {width}"] = page.evaluate(OVERFLOWS)
        found[f"{case.name}, axe"] = violations(page, "html-has-lang", "html-lang-valid")
        page.context.close()
    assert len(found) == 3 * len(SHOWN)
    assert {what: faults for what, faults in found.items() if faults} == {}


def test_what_stands_on_the_left_stands_on_the_right(scene: Scene, open_page: Open) -> None:
    """The rooms, the axis that words begin at, the times at the end of their line, and the arrow back."""
    at = f"/rooms/{scene['full']}/"
    parts = ("#rooms", ".message .who", ".message .when")
    found = {}
    for language in ("en", BACKWARDS):
        page = open_page(scene["tomasz"], path=at, viewport=DESK, locale=language)
        found[language] = {part: sides(page, part) for part in parts}
        page.goto(f"{at}{scene['mine']}/thread/")
        arrow = page.locator(".bar .directed")
        expect(arrow).to_have_css("scale", "-1 1" if language == BACKWARDS else "none")
    for part in parts:
        left, right = found["en"][part]
        to_left, to_right = found[BACKWARDS][part]
        assert (left < right) == (to_right < to_left), part
