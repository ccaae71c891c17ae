"""What open pages make of moderation: of those whom it concerns, and of all others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from rooms.models import Report, restriction
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say

MUTED = "A moderator muted you here"


@pytest.fixture
def company(watch: Watch) -> Company:
    watch.allow(BROKEN_SOCKET)
    return Company.gather()


def muting(open_page: Open, company: Company) -> Page:
    """Where alice mutes bob, or lets him write again."""
    address = f"{company.path}members/mute/?user={company.bob.pk}"
    return open_page(company.alice, "socket", address)


def test_who_is_muted_finds_what_they_typed_when_it_is_over(
    open_page: Open, tier: str, company: Company
) -> None:
    bob = Visitor(open_page(company.bob, tier, company.path), tier)
    alice = muting(open_page, company)
    if tier != "no-script":
        bob.field.fill("as I was saying")
    alice.get_by_label("Until somebody lifts it").check()
    alice.get_by_label("Why").fill("too loud")
    alice.get_by_role("button", name="Mute", exact=True).click()
    expect(alice.get_by_text("Bob Baker is muted in this room.")).to_be_visible()
    if tier == "no-script":
        bob.page.reload()
    expect(bob.page.get_by_text(MUTED)).to_be_visible()
    expect(bob.page.get_by_text("too loud")).to_be_visible()
    expect(bob.field).to_be_hidden()
    alice.get_by_role("button", name="Let them write").click()
    expect(alice.get_by_text("Bob Baker can write again.")).to_be_visible()
    if tier == "no-script":
        bob.page.reload()
    else:
        expect(bob.field).to_have_value("as I was saying")
    expect(bob.field).to_be_visible()
    expect(bob.page.get_by_text(MUTED)).to_have_count(0)
    bob.say("thank you")
    bob.sees("thank you")


def test_a_mute_ends_by_itself(open_page: Open, company: Company) -> None:
    until = timezone.now() + timedelta(seconds=8)
    in_thread(restriction.mute)(company.room, company.bob, by=company.alice, until=until)
    bob = Visitor(open_page(company.bob, "socket", company.path), "socket")
    expect(bob.page.get_by_text(MUTED)).to_have_count(0)
    bob.say("patience")
    bob.sees("patience")


def test_a_moderator_removes_a_message_and_everybody_sees_that_and_why(
    open_page: Open, tier: str, company: Company
) -> None:
    say(company.room, company.bob, "buy my watches", "cheap")
    alice = Visitor(open_page(company.alice, tier, company.path), tier)
    bob = Visitor(open_page(company.bob, tier, company.path), tier)
    bob.sees("buy my watches", "cheap")
    alice.choose("Remove", "buy my watches")
    alice.page.get_by_role("textbox", name="Why").fill("no adverts")
    alice.page.get_by_role("button", name="Remove", exact=True).click()
    if tier == "no-script":
        expect(alice.page.get_by_text("The message was deleted.")).to_be_visible()
    said = "This message was removed by a moderator. Reason: no adverts"
    bob.sees(said, "cheap")


def test_in_a_slow_room_what_came_too_soon_is_sent_by_itself(
    open_page: Open, company: Company
) -> None:
    room = company.room
    in_thread(room.change_details)(name=room.name, topic="", slow_mode=5)
    bob = Visitor(open_page(company.bob, "socket", company.path), "socket")
    for text in ("one", "two", "three"):
        bob.say(text)
    expect(bob.waiting.first).to_contain_text("This room is slow: you can write again in")
    bob.sees("one", "two", "three")
    expect(bob.waiting).to_have_count(0)
    assert company.stored() == ["one", "two", "three"]


def test_one_reports_a_message_out_of_its_row_and_the_moderator_s_page_counts_it(
    open_page: Open, company: Company
) -> None:
    say(company.room, company.bob, "you are a kettle")
    alice = Visitor(open_page(company.alice, "socket", company.path), "socket")
    charlie = Visitor(open_page(company.charlie, "socket", company.path), "socket")
    expect(alice.page.locator("#reports")).to_have_text("Reports")
    charlie.choose("Report to the moderators", "you are a kettle")
    charlie.page.get_by_role("textbox", name="What is wrong with it?").fill("rude")
    charlie.page.get_by_role("button", name="Report", exact=True).click()
    expect(charlie.banner).to_contain_text("Thank you.")
    charlie.sees("you are a kettle")
    expect(alice.page.locator("#reports .count")).to_contain_text("1")
    alice.page.get_by_role("link", name="Reports").click()
    alice.page.get_by_role("button", name="Remove the message").click()
    expect(alice.page.get_by_text("The report is closed.")).to_be_visible()
    charlie.sees("This message was removed by a moderator.")
    assert Report.objects.filter(room=company.room).count() == 1
