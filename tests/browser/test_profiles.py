"""Faces, statuses and cards as people see them, in each tier."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from rooms import faces
from rooms.models import Profile, User
from rooms.models.profile import Status
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, in_thread, say
from tests.factories import give_face
from tests.files import picture

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload

    from tests.browser.conftest import Open, Watch

LOADED = "image => image.complete && image.naturalWidth"


@in_thread
def show_status(user: User, status: Status | None) -> None:
    Profile.of(user).show_status(status, timezone.now() + timedelta(hours=1))


@pytest.mark.parametrize("tier", ["no-script", "socket"])
def test_a_picture_is_chosen(tier: str, open_page: Open) -> None:
    company = Company.gather()
    say(company.room, company.bob, "said before")
    looks_on = Visitor(open_page(company.alice, "socket", company.path), "socket")
    said = looks_on.message("said before").locator(".face")
    expect(said).to_have_text("BB")
    page = open_page(company.bob, tier, "/accounts/profile/")
    own = page.locator(".self > .face")
    expect(own).to_have_text("BB")
    name = page.get_by_label("Display name")
    name.fill("Robert")
    wrong: FilePayload = {"name": "me.png", "mimeType": "image/png", "buffer": b"<svg>"}
    right: FilePayload = {
        "name": "me.jpg",
        "mimeType": "image/jpeg",
        "buffer": picture("JPEG", (500, 300)),
    }
    for chosen in (wrong, right):
        page.get_by_label("Picture").set_input_files(chosen)
        if tier == "no-script":
            page.get_by_role("button", name="Save").click()
        if chosen is wrong:
            refused = page.locator("#portrait .error")
            expect(refused).to_contain_text("no picture that can be shown")
            expect(name).to_have_value("Robert")
    expect(own).to_have_attribute("src", re.compile(rf"/people/{company.bob.pk}/face/"))
    expect(page.locator("#portrait .face")).to_have_attribute("src", re.compile("/portrait/"))
    assert own.evaluate(LOADED) == faces.SMALL
    expect(said).to_have_attribute("src", re.compile(rf"/people/{company.bob.pk}/face/"))
    expect(name).to_have_value("Robert")  # sent or not
    page.get_by_label("Use initials instead").click()  # which is drawn anew at once
    if tier == "no-script":
        page.get_by_role("button", name="Save").click()
    initials = "RO" if tier == "no-script" else "BB"
    expect(page.locator("#portrait .face")).to_have_text(initials)
    expect(said).to_have_text(initials)


def test_a_name_opens_a_card(tier: str, open_page: Open, watch: Watch) -> None:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    company = Company.gather()
    company.another_room("Bicycles")
    for number in range(30):
        say(company.room, (company.alice, company.bob)[number % 2], f"message {number}")
    page = open_page(company.bob, tier, company.path)
    visitor = Visitor(page, tier)
    expect(visitor.messages).to_have_count(30)
    name = visitor.message("message 28").get_by_role("link", name="Alice Archer")
    if tier == "no-script":
        name.click()
        expect(page).to_have_url(re.compile(rf"/people/{company.alice.pk}/$"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Alice Archer")
        expect(page.get_by_role("link", name=f"Bicycles {company.number}").last).to_be_visible()
        return
    visitor.field.fill("half a mess")
    address, place = page.url, page.locator("#scroll").evaluate("each => each.scrollTop")
    name.focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("dialog", name="Alice Archer")
    expect(card).to_contain_text(f"@alice-{company.number}")
    expect(card.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    visitor.people.filter(has_text="Bob Baker").click()
    own = page.get_by_role("dialog", name="Bob Baker")
    expect(own.get_by_role("link", name="Change your profile")).to_be_visible()
    own.get_by_role("button", name="Close").click()
    expect(own).to_be_hidden()
    expect(visitor.field).to_have_value("half a mess")
    assert page.locator("#scroll").evaluate("each => each.scrollTop") == place
    assert page.url == address
    if tier == "polling":  # as on a phone, where the face stands beside the words, too
        page.set_viewport_size({"width": 390, "height": 844})
    visitor.message("message 28").locator(".body").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    visitor.message("message 28").locator(".face").click(force=True)
    expect(card).to_be_visible()


def test_who_is_here_shows_a_face_and_a_status_as_they_change(
    tier: str, open_page: Open, watch: Watch
) -> None:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    company = Company.gather()
    page = open_page(company.alice, tier, company.path)
    visitor = Visitor(page, tier)
    bob = Visitor(open_page(company.bob, "socket", company.path), "socket")
    bob.sees_people("Alice Archer", "Bob Baker")
    visitor.sees_people("Alice Archer", "Bob Baker")
    here = visitor.live.get_by_role("list", name="People here").locator("li:visible").last
    expect(here).to_contain_text("BB")
    in_thread(give_face)(company.bob)
    show_status(company.bob, Status("🌴", "On holiday"))
    expect(here.locator("img.face")).to_be_visible()
    expect(here.locator(".status")).to_have_attribute("title", "On holiday")
    show_status(company.bob, None)
    expect(here.locator(".status")).to_have_count(0)
    say(company.room, company.bob, "with a face")
    expect(visitor.message("with a face").locator("img.face")).to_be_visible()
