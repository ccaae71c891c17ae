"""The site for operators, with Django's own scripts, under the policy that all pages have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from rooms.models import Role, User
from tests.browser.visitor import Company, Visitor, in_thread, say

if TYPE_CHECKING:
    from tests.browser.conftest import Open


@in_thread
def make_operator(user: User) -> None:
    User.objects.filter(pk=user.pk).update(role=Role.OWNER, is_staff=True)


def test_what_an_operator_changes_is_shown_by_open_pages(open_page: Open) -> None:
    company = Company.gather()
    make_operator(company.alice)
    say(company.room, company.bob, "to be deleted")
    bob = Visitor(open_page(company.bob, path=company.path), "socket")
    bob.sees("to be deleted")

    page = open_page(company.alice, path="/admin/")
    page.get_by_role("link", name="Rooms", exact=True).last.click()
    page.get_by_role("link", name=company.room.name, exact=True).click()
    page.get_by_label("Topic:").fill("What is on the bench")
    page.get_by_label("Name:").fill(f"Bench {company.number}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("list").get_by_text("was changed successfully")).to_be_visible()
    expect(bob.page.get_by_role("heading", level=1)).to_have_text(f"Bench {company.number}")

    page.goto("/admin/rooms/membership/add/")
    for label, typed in (("room", company.room.slug), ("user", company.charlie.username)):
        page.locator(f".field-{label} .select2-selection").click()
        page.locator(".select2-search__field").fill(typed)
        page.locator(".select2-results__option--highlighted").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("list").get_by_text("was added successfully")).to_be_visible()

    page.goto(f"/admin/rooms/message/?q={company.room.slug}")
    page.get_by_role("checkbox").last.check()
    page.get_by_label("Action:").select_option("delete_selected")
    page.get_by_role("button", name="Go", exact=True).click()
    page.get_by_role("button", name="Yes").click()
    expect(bob.message("removed by a moderator")).to_have_count(1)
    expect(bob.message("to be deleted")).to_have_count(0)
