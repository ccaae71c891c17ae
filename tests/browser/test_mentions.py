"""Being mentioned, where it shows and is heard, and writing names out."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from rooms.models import Level, User
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, path_of, say

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


def colour(element: Locator) -> str:
    return str(element.evaluate("element => getComputedStyle(element).backgroundColor"))


def test_a_mention_stands_out_for_its_reader_alone(
    tier: str, company: Company, visit: Visit
) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, tier, company.path)
    alice.say("hello all")
    alice.say(f"hello @Alice Archer and @{company.bob.username}, and `@{company.bob.username}`")
    for visitor, stands_out in ((alice, False), (bob, True)):
        names = visitor.messages.locator(".mention")
        expect(names).to_have_text(["@Alice Archer", f"@{company.bob.username}"])
        plain, named = (colour(visitor.messages.nth(number)) for number in (0, 1))
        assert (named != plain) is stands_out
        own, other = (0, 1) if visitor is alice else (1, 0)
        assert colour(names.nth(own)) != colour(names.nth(other))


def test_the_list_of_rooms_tells_of_a_mention(tier: str, company: Company, visit: Visit) -> None:
    other = company.another_room("Shed")
    in_thread(other.memberships.get(user=company.bob).change_level)(Level.MENTIONS)
    bob = visit(company.bob, tier, company.path)
    say(other, company.alice, f"@{company.bob.username}, tea?")
    if tier == "no-script":
        expect(bob.live.locator(".elsewhere .count.mention")).to_contain_text("@1")
        bob.go(company.path)
    else:
        expect(bob.page).to_have_title(re.compile(r"^\(@1\) Workbench"))
    item = bob.page.locator(f"#room-item-{other.pk}")
    expect(item.locator(".count.mention")).to_have_text("@1 1 mentions you")
    item.get_by_role("link").click()
    bob.page.get_by_role("link", name="About this room").click()
    bob.page.get_by_role("link", name="Notifications", exact=True).click()
    bob.page.get_by_role("radio", name="Hidden until I am mentioned").check()
    bob.page.get_by_role("button", name="Save").click()
    expect(item).to_be_visible()  # as long as one looks at it
    bob.go(company.path)
    expect(item).to_have_count(0)


def test_a_name_is_written_out_by_pressing_it(company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "socket", company.path)
    bob.field.focus()
    bob.type(f"Tea, @{company.alice.username}")
    names = bob.page.get_by_role("group", name="Whom to mention")
    # as a pointer does: what it hits is the field that lies over the name
    names.get_by_text(f"@{company.alice.username}", exact=True).click(force=True)
    expect(bob.field).to_have_value("Tea, @Alice Archer ")
    expect(bob.field).to_be_focused()
    expect(names.get_by_role("button")).to_have_count(0)
    bob.type("and cake?")  # the caret is where one goes on
    expect(bob.field).to_have_value("Tea, @Alice Archer and cake?")
    bob.page.keyboard.press("Enter")
    expect(bob.field).to_have_value("")
    expect(bob.messages.locator(".mention")).to_have_text(["@Alice Archer"])
    bob.type(f"@{company.alice.username}")
    names.get_by_role("button").first.focus()
    bob.page.keyboard.press("Enter")
    expect(bob.field).to_have_value("@Alice Archer ")
    expect(bob.field).to_be_focused()


def test_a_name_is_written_out_without_javascript(company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "no-script", company.path)
    bob.field.fill(f"Tea, @{company.alice.username}")
    bob.page.get_by_role("button", name="Mention somebody").click()
    bob.page.get_by_role("button", name="Alice Archer").first.click()
    expect(bob.field).to_have_value("Tea, @Alice Archer ")
    bob.page.get_by_role("button", name="Send").click()
    expect(bob.log.locator(".mention")).to_have_text(["@Alice Archer"])


@pytest.mark.parametrize("tier", ["polling", "socket"])
def test_a_sound_is_heard_by_who_chose_it(tier: str, company: Company, visit: Visit) -> None:
    other = company.another_room("Shed")
    bob = visit(company.bob, tier, "/accounts/notifications/")
    bob.page.get_by_role("radio", name="Mentions and direct messages").check()
    bob.page.get_by_role("button", name="Save").click()
    expect(bob.page.get_by_text("Saved.")).to_be_visible()
    bob.go(company.path)
    expect(
        bob.page.locator("#watch.live" if tier == "socket" else "#seen:not([value=''])")
    ).to_be_attached()
    visit(company.alice, tier, path_of(other)).say(f"@{company.bob.username}")
    sound = bob.page.locator("#sound audio")
    expect(sound).to_have_js_property("ended", True)  # it was played to its end
