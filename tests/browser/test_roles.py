"""What an open page makes of it when its reader may do less than before."""

from __future__ import annotations

from playwright.sync_api import expect

from rooms.models import Role
from rooms.models import people as verbs
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say
from tests.factories import make_user


def test_a_room_goes_from_before_who_becomes_a_guest(
    open_page: Open, tier: str, watch: Watch
) -> None:
    company = Company.gather()
    say(company.room, company.alice, "for members")
    watch.allow("404")  # what a poll is told
    watch.allow(BROKEN_SOCKET)
    page = Visitor(open_page(company.charlie, tier, company.path), tier)
    page.sees("for members")
    owner = in_thread(make_user)(f"owner-{company.number}", role=Role.OWNER)
    in_thread(verbs.change_role)(company.charlie, Role.GUEST, by=owner)
    expect(page.live.get_by_text("This room is no longer open to you")).to_be_visible()
    if tier != "no-script":
        expect(page.messages).to_have_count(0)


def test_what_is_refused_stays_and_the_header_says_why(
    open_page: Open, tier: str, watch: Watch
) -> None:
    watch.allow("409")  # to the plain form
    watch.allow(BROKEN_SOCKET)
    company = Company.gather()
    page = Visitor(open_page(company.bob, tier, company.path), tier)
    page.field.fill("just a moment")
    in_thread(company.room.change_details)(name=company.room.name, topic="", moderators_only=True)
    if tier == "no-script":
        page.page.get_by_role("button", name="Send").click()
        expect(page.page.get_by_label("What you wrote")).to_have_text("just a moment")
    else:
        expect(page.page.locator("#room-title")).to_contain_text("Only moderators write here.")
        page.field.press("Enter")
        expect(page.pending).to_have_value("just a moment")
        expect(page.waiting).to_contain_text("Only moderators write in this room now.")
        page.page.reload()  # the draft has it
        expect(page.page.get_by_label("What you wrote")).to_have_text("just a moment")
    expect(page.page.get_by_text("Only moderators write in this room.", exact=True)).to_be_visible()
    expect(page.field).to_have_count(0)
    assert company.stored() == []
