"""One's data in a browser: messages that grow old, copies to take along, accounts that are deleted."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from rooms.models import Export, Message, User
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, give_password, in_thread, say
from tests.factories import PASSWORD, say_with_files
from tests.files import HTML, picture
from tests.services import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

    from tests.browser.conftest import Open, Watch
    from tests.process import Roomful


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


@in_thread
def age(company: Company, upto: int) -> None:
    old = Message.objects.filter(room=company.room, number__lte=upto)
    old.update(created_at=timezone.now() - timedelta(days=40))


def test_what_is_too_old_goes_from_pages_that_are_open(
    company: Company, tier: str, open_page: Open, watch: Watch
) -> None:
    if tier == "polling":
        watch.allow(BROKEN_SOCKET)
    say(company.room, company.alice, "one", "two", "three", "four")
    bob = Visitor(open_page(company.bob, tier, company.path), tier)
    bob.sees("one", "two", "three", "four")
    age(company, 2)
    alice = open_page(company.alice, "no-script", f"{company.path}settings/")
    alice.get_by_role("link", name="How long messages are kept").click()
    alice.get_by_role("radio", name="For so many days:").check()
    alice.get_by_label("Days", exact=True).fill("30")
    alice.get_by_role("button", name="Save").click()
    expect(alice.get_by_role("alert")).to_contain_text("Messages older than 30 days")
    alice.get_by_label("Remove older messages").check()
    alice.get_by_role("button", name="Save").click()
    bob.sees("three", "four")
    # The first that is left stands below its day, and under its author's name.
    expect(bob.log.locator(".day")).to_have_count(1)
    expect(bob.message("three").locator(".name")).to_be_visible()
    say(company.room, company.alice, "five")
    bob.sees("three", "four", "five")
    bob.page.reload()
    bob.sees("three", "four", "five")
    expect(bob.live.get_by_text("Messages older than 30 days are removed.")).to_be_visible()


@in_thread
def is_ready(user: User) -> bool:
    return Export.objects.filter(user=user, state=Export.State.READY).exists()


@pytest.mark.parametrize("tier", ["no-script", "socket"])
def test_a_room_is_taken_along_and_read_without_a_server(
    company: Company,
    tier: str,
    open_page: Open,
    new_context: Callable[..., BrowserContext],
    tmp_path: Path,
) -> None:
    say(company.room, company.bob, "**Hello** <b>there</b>")
    files = {"a cup.png": picture(), "page.html": HTML}
    in_thread(say_with_files)(company.room, company.alice, "look", files)
    alice = open_page(company.alice, tier, f"{company.path}settings/")
    alice.get_by_role("link", name="Copy").click()
    alice.get_by_role("button", name="Make a copy").click()
    if tier == "no-script":
        wait_until(lambda: is_ready(company.alice), "the copy to be made")
        alice.reload()
    link = alice.get_by_role("link", name="Download")
    expect(link).to_be_visible()
    with alice.expect_download() as download:
        link.click()
    assert download.value.suggested_filename.startswith(f"workbench-{company.number}-")
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)  # made by us a moment ago
    page: Page = new_context(offline=True).new_page()
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_role("heading", name=company.room.name)).to_be_visible()
    page.locator(".pages a").click()
    expect(page.locator(".body").first).to_have_text("Hello <b>there</b>")
    expect(page.locator(".message")).to_have_count(2)
    # The sheet and the picture come from the disk, whatever else is forbidden.
    expect(page.locator(".message").first).to_have_css("display", "grid")
    assert page.locator("img").evaluate("each => each.naturalWidth") > 100
    expect(page.get_by_role("link", name="page.html")).to_have_attribute(
        "href", f"../files/{in_thread(html_of)(company)}-page.html.txt"
    )


def html_of(company: Company) -> int:
    return company.room.attachments.get(name="page.html").pk


@pytest.mark.parametrize("tier", ["no-script", "socket"])
def test_an_account_is_deleted(company: Company, tier: str, open_page: Open) -> None:
    in_thread(give_password)(company.charlie)
    page = open_page(company.charlie, tier, "/accounts/data/")
    page.get_by_role("link", name="Delete your account").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Write your username").fill(company.charlie.username)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
