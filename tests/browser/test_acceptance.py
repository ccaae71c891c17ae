"""What a chat must do, in each tier: without JavaScript, without sockets, and with both.

Two people with a browser each. One of them is in the tier of the test, and does and sees everything
there is; the other, who is mostly in the tier with sockets, is who they talk to.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from rooms.models import Membership
from tests.browser.visitor import BROKEN_SOCKET, Company, Visitor, give_password, path_of, say
from tests.factories import PASSWORD
from tests.services import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from rooms.models import User
    from tests.browser.conftest import Open, Watch
    from tests.browser.relay import Relay
    from tests.process import Roomful

Visit = Callable[..., Visitor]

# Longer than any lease: a stream may take a while to notice that its reader has gone.
LAPSE = 45_000  # milliseconds

# Shorter than the time after which the server looks for itself whether a reader may still read.
AT_ONCE = 14_000  # milliseconds


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


@pytest.fixture
def private_company(server: Roomful) -> Company:
    return Company.gather(private=True)


@pytest.fixture
def visit(open_page: Open, watch: Watch) -> Visit:
    """`visit(user, tier, path)`: that person in a browser of their own, at that path."""

    def visit(user: User, tier: str, path: str, **options: object) -> Visitor:
        if tier == "polling":
            watch.allow(BROKEN_SOCKET)
        return Visitor(open_page(user, tier, path, **options), tier)

    return visit


# Talking


def test_what_one_says_the_other_reads(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    alice.sees()
    alice.say("The kettle is repaired")
    bob.sees("The kettle is repaired")
    bob.say("What was wrong with it?")
    alice.sees("The kettle is repaired", "What was wrong with it?")
    alice.say("A loose wire")
    for reader in (alice, bob):
        reader.sees("The kettle is repaired", "What was wrong with it?", "A loose wire")
        expect(reader.message("What was wrong").locator(".who")).to_contain_text("Bob Baker")
    expect(alice.field).to_have_value("")
    expect(alice.field).to_be_focused()


def test_markdown_code_and_emoji(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    say(company.room, company.alice, "```python\ndef mend(kettle):\n    return 'mended'\n```")
    alice.say("It is **really** _quite_ `simple`: <b>no</b>")
    bob.say("🎉🔧")
    for reader in (alice, bob):
        expect(reader.texts).to_have_count(3)
        code = reader.texts.nth(0).locator("pre code")
        expect(code).to_contain_text("def mend(kettle):\n    return 'mended'")
        expect(code.locator("span").first).to_be_attached()  # which is what colours it
        styled = reader.texts.nth(1)
        expect(styled.locator("strong")).to_have_text("really")
        expect(styled.locator("em")).to_have_text("quite")
        expect(styled.locator("code")).to_have_text("simple")
        expect(styled).to_contain_text("<b>no</b>")
        usual = styled.evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        large = reader.texts.nth(2).evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        assert large >= 1.5 * usual


def test_the_author_edits_and_both_see_it(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.alice, "first", "Tuesday at siex", "last")
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    bob.sees("first", "Tuesday at siex", "last")
    alice.choose("Edit", "Tuesday")
    new_text = alice.page.get_by_role("textbox", name="New text")
    expect(new_text).to_have_value("Tuesday at siex")
    new_text.fill("Tuesday at six")
    alice.page.get_by_role("button", name="Save").click()
    bob.sees("first", "Tuesday at six", "last")
    expect(bob.message("Tuesday")).to_contain_text("edited")
    expect(bob.message("last")).not_to_contain_text("edited")
    if tier == "no-script":  # one is led to the message, and back to the room
        expect(alice.page.get_by_role("log").locator("[aria-current]")).to_contain_text("edited")
        alice.page.get_by_role("link", name="To the present").click()
    alice.sees("first", "Tuesday at six", "last")
    expect(alice.message("Tuesday")).to_contain_text("edited")


def test_an_edit_by_another_reaches_the_page(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.bob, "Tuesday at siex")
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    alice.sees("Tuesday at siex")
    bob.choose("Edit", "Tuesday")
    bob.page.get_by_role("textbox", name="New text").fill("Tuesday at six")
    bob.page.get_by_role("button", name="Save").click()
    alice.sees("Tuesday at six")
    expect(alice.message("Tuesday")).to_contain_text("edited")


def test_an_edit_can_be_given_up(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.alice, "as it was")
    alice = visit(company.alice, tier, company.path)
    alice.choose("Edit", "as it was")
    alice.page.get_by_role("textbox", name="New text").fill("otherwise")
    alice.page.get_by_role("link", name="Cancel").click()
    expect(alice.page.get_by_role("textbox", name="New text")).to_have_count(0)
    expect(alice.page.get_by_role("log").locator(".body")).to_have_text(["as it was"])
    assert company.stored() == ["as it was"]


def test_the_author_deletes_and_it_is_gone_for_both(
    tier: str, company: Company, visit: Visit
) -> None:
    say(company.room, company.alice, "first", "My number is 555-0100", "last")
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    bob.sees("first", "My number is 555-0100", "last")
    alice.choose("Delete", "My number")
    expect(alice.page.get_by_text("My number is 555-0100").first).to_be_visible()  # asked first
    alice.page.get_by_role("button", name="Delete").click()
    gone = "This message was deleted by its author."
    bob.sees("first", gone, "last")
    if tier == "no-script":
        notice = alice.page.get_by_role("status").get_by_text("The message was deleted.")
        expect(notice).to_be_visible()
        alice.page.get_by_role("link", name="To the present").click()
    alice.sees("first", gone, "last")
    assert company.stored() == ["first", "", "last"]
    assert "555-0100" not in alice.page.content() + bob.page.content()


def test_nobody_changes_what_another_said(
    tier: str, company: Company, visit: Visit, watch: Watch
) -> None:
    say(company.room, company.alice, "by Alice")
    say(company.room, company.bob, "by Bob")
    bob = visit(company.bob, tier, company.path)
    bob.sees("by Alice", "by Bob")
    for text, times in (("by Alice", 0), ("by Bob", 1)):
        bob.ask_for_choices(text)
        for control in ("Edit", "Delete"):
            expect(bob.choices.get_by_text(control, exact=True)).to_have_count(times)
        bob.go(company.path)

    token = bob.page.locator("#csrf input").get_attribute("value") or ""
    for number, status in ((2, 200), (1, 403)):  # the first shows that it could have worked
        answer = bob.page.request.post(
            f"{company.path}{number}/edit/",
            form={"csrfmiddlewaretoken": token, "text": "forged"},
            headers={"Referer": bob.page.url},
        )
        assert answer.status == status
    answer = bob.page.request.post(
        f"{company.path}1/delete/",
        form={"csrfmiddlewaretoken": token},
        headers={"Referer": bob.page.url},
    )
    assert answer.status == 403
    assert company.stored() == ["by Alice", "forged"]


# The past

LONG = [f"message {number}" for number in range(1, 131)]


def test_all_of_a_long_past(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.bob, *LONG)
    alice = visit(company.alice, tier, company.path)
    expect(alice.texts.last).to_have_text(LONG[-1])
    expect(alice.texts.last).to_be_in_viewport()
    if tier == "no-script":
        read = by_links(alice)
    else:
        expect(alice.texts).to_have_count(50)
        bob = visit(company.bob, "socket", company.path)
        read = by_scrolling(alice)
        bob.say("and one more")
        expect(alice.texts.last).to_have_text("and one more")
        assert alice.texts.all_inner_texts() == [*LONG, "and one more"]
    assert read == LONG


def by_scrolling(visitor: Visitor) -> list[str]:
    """All messages, once the reader has come to the first by going up."""
    middle = visitor.page.locator("#scroll").bounding_box()
    assert middle
    visitor.page.mouse.move(middle["x"] + 300, middle["y"] + 200)

    def at_the_first() -> bool:
        visitor.page.mouse.wheel(0, -400)
        visitor.page.wait_for_timeout(50)  # a wheel is asynchronous
        return visitor.texts.first.inner_text() == LONG[0]

    wait_until(at_the_first, "scrolling to the first message", 40)
    expect(visitor.page.get_by_role("link", name="Older messages")).to_have_count(0)
    return visitor.texts.all_inner_texts()


def by_links(visitor: Visitor) -> list[str]:
    """All messages, page by page, back to the first and forth again: both ways must be the same."""
    older = visitor.live.get_by_role("link", name="Older messages")
    expect(older).to_be_visible()
    pages = [visitor.texts.all_inner_texts()]
    older.click()
    shown = visitor.page.get_by_role("log").locator(".message .body")
    while True:
        expect(shown.last).not_to_have_text(pages[0][-1])
        pages.insert(0, shown.all_inner_texts())
        older = visitor.page.get_by_role("link", name="Older messages")
        if not older.count():
            break
        older.click()
    back = [text for page in pages for text in page]
    forth = shown.all_inner_texts()
    while (newer := visitor.page.get_by_role("link", name="Newer messages")).count():
        newer.click()
        expect(shown.first).not_to_have_text(forth[0])
        forth += shown.all_inner_texts()
    assert forth == back
    visitor.page.get_by_role("link", name="To the present").click()
    expect(visitor.texts.last).to_have_text(back[-1])
    return back


def test_a_message_has_an_address(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.bob, *LONG)
    alice = visit(company.alice, tier, f"{company.path}40/")
    log = alice.page.get_by_role("log")
    marked = log.locator("[aria-current=true]")
    expect(marked.locator(".body")).to_have_text("message 40")
    expect(marked).to_be_in_viewport()
    shown = log.locator(".message .body")
    if tier != "no-script":
        alice.page.locator("#past").hover()

        def at_the_last() -> bool:
            alice.page.mouse.wheel(0, 400)
            alice.page.wait_for_timeout(50)
            return shown.last.inner_text() == LONG[-1]

        wait_until(at_the_last, "scrolling to the last message", 40)
        texts = shown.all_inner_texts()
        assert texts == LONG[-len(texts) :]
        assert len(texts) >= 115
    alice.page.get_by_role("link", name="To the present").click()
    expect(alice.texts.last).to_have_text("message 130")
    alice.say("and now")
    expect(alice.texts.last).to_have_text("and now")


def test_the_address_is_on_the_message(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.bob, "one", "two", "three")
    alice = visit(company.alice, tier, company.path)
    alice.choose("Address of this message", "two")
    expect(alice.page).to_have_url(re.compile(f"{company.path}2/$"))
    expect(alice.page.locator("[aria-current=true] .body")).to_have_text("two")


# People


def test_people_come_and_go(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, company.path)
    alice.sees_people("Alice Archer")
    bob = visit(company.bob, "socket", company.path)
    for reader in (alice, bob):
        reader.sees_people("Alice Archer", "Bob Baker")
    second = bob.another_tab(company.path)
    for reader in (alice, bob, second):
        reader.sees_people("Alice Archer", "Bob Baker")
    second.page.close()
    bob.sees_people("Alice Archer", "Bob Baker")
    bob.page.close()
    alice.sees_people("Alice Archer", timeout=LAPSE)


def test_coming_and_going_in_each_tier(tier: str, company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "socket", company.path)
    bob.sees_people("Bob Baker")
    alice = visit(company.alice, tier, company.path)
    bob.sees_people("Alice Archer", "Bob Baker")
    second = alice.another_tab(company.path)
    second.sees_people("Alice Archer", "Bob Baker")
    alice.page.close()
    second.sees_people("Alice Archer", "Bob Baker")
    second.page.close()
    bob.sees_people("Bob Baker", timeout=LAPSE)


def test_a_reload_is_no_going(tier: str, company: Company, visit: Visit) -> None:
    bob = visit(company.bob, "socket", company.path)
    alice = visit(company.alice, tier, company.path)
    bob.sees_people("Alice Archer", "Bob Baker")
    # Playwright sees only moments: the page itself collects what it was sent.
    bob.page.evaluate(
        """() => {
            window.fewest = 2
            new MutationObserver(() => {
                const people = document.querySelectorAll("#presence .name").length
                window.fewest = Math.min(window.fewest, people)
            }).observe(document.body, {childList: true, subtree: true})
        }"""
    )
    alice.page.reload()
    alice.sees_people("Alice Archer", "Bob Baker")
    alice.say("still here")
    bob.sees("still here")
    assert bob.page.evaluate("window.fewest") == 2


def test_the_others_writing_shows_and_lapses(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    alice.sees_people("Alice Archer", "Bob Baker")
    bob.field.press_sequentially("Well", delay=50)
    expect(alice.writing).to_have_text(["Bob Baker"])
    expect(bob.writing).to_have_count(0)
    expect(alice.writing).to_have_count(0, timeout=LAPSE)
    bob.field.press_sequentially(", then", delay=50)
    expect(alice.writing).to_have_text(["Bob Baker"])
    bob.field.press("Enter")
    alice.sees("Well, then")
    expect(alice.writing).to_have_count(0, timeout=5_500)  # sooner than it would lapse


@pytest.mark.parametrize("tier", ["polling", "socket"])
def test_own_writing_shows_to_the_other(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    bob.sees_people("Alice Archer", "Bob Baker")
    alice.field.press_sequentially("Well", delay=50)
    expect(bob.writing).to_have_text(["Alice Archer"])
    expect(alice.writing).to_have_count(0)
    expect(bob.writing).to_have_count(0, timeout=LAPSE)


# Rooms


def test_a_new_room_is_found_and_joined(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, "socket", "/rooms/new/")
    bob = visit(company.bob, tier, "/rooms/")
    name = f"Bicycles {company.number}"
    expect(bob.page.get_by_role("link", name=company.room.name).first).to_be_visible()
    expect(bob.page.get_by_role("link", name=name)).to_have_count(0)
    alice.page.get_by_role("textbox", name="Name").fill(name)
    alice.page.get_by_role("button", name="Make the room").click()
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(name)
    alice.say("Punctures on Saturdays")
    if tier == "no-script":
        bob.page.reload()
    bob.page.get_by_role("button", name=f"Join {name}").click()
    expect(bob.page.get_by_role("heading", level=1)).to_have_text(name)
    bob.sees("Punctures on Saturdays")
    alice.sees_people("Alice Archer", "Bob Baker")
    bob.say("Good to know")
    alice.sees("Punctures on Saturdays", "Good to know")
    expect(rooms_of(bob).get_by_role("link", name=name)).to_be_visible()


def rooms_of(visitor: Visitor) -> Locator:
    """The list of rooms beside every page."""
    return visitor.page.get_by_role("navigation", name="Rooms").get_by_role("list").first


def test_making_a_room_in_each_tier(tier: str, company: Company, visit: Visit) -> None:
    alice = visit(company.alice, tier, "/rooms/")
    bob = visit(company.bob, "socket", "/rooms/")
    name = f"Sewing {company.number}"
    alice.page.get_by_role("link", name="Make a room", exact=True).click()
    alice.page.get_by_role("textbox", name="Name").fill(name)
    alice.page.get_by_role("button", name="Make the room").click()
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(name)
    bob.page.get_by_role("button", name=f"Join {name}").click()
    bob.say("Is there a machine?")
    alice.sees("Is there a machine?")


def test_a_room_is_renamed_under_an_open_page(tier: str, company: Company, visit: Visit) -> None:
    bob = visit(company.bob, tier, company.path)
    alice = visit(company.alice, "socket", f"{company.path}settings/")
    expect(bob.log).to_have_accessible_name(company.room.name)  # also where nobody spoke yet
    name = f"Soldering {company.number}"
    alice.page.get_by_role("textbox", name="Name").fill(name)
    alice.page.get_by_role("textbox", name="Topic").fill("Mind the fumes")
    alice.page.get_by_role("button", name="Save").click()
    expect(bob.log).to_have_accessible_name(re.compile(name))
    if tier != "no-script":
        expect(bob.page.get_by_role("heading", level=1)).to_have_text(name)
        expect(bob.page.get_by_text("Mind the fumes")).to_be_visible()
        expect(rooms_of(bob).get_by_role("link", name=name)).to_be_visible()
        expect(bob.page).to_have_title(re.compile(name))
    bob.say("I like the new name")
    expect(bob.page.get_by_role("heading", level=1)).to_have_text(name)
    bob.sees("I like the new name")


def test_what_is_unread_elsewhere_is_marked(tier: str, company: Company, visit: Visit) -> None:
    other = company.another_room("Garden")
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", path_of(other))
    bob.say("The apples are ripe")
    bob.sees("The apples are ripe")
    if tier == "no-script":
        mark = alice.live.get_by_role("link", name=f"{other.name} 1 unread")
    else:
        mark = rooms_of(alice).get_by_role("link", name=f"{other.name} 1 unread")
        expect(alice.page).to_have_title(re.compile(r"^\(1\) "))
    expect(mark).to_be_visible()
    bob.say("Come soon")
    two = f"{other.name} 2 unread"
    if tier != "no-script":
        expect(alice.page).to_have_title(re.compile(r"^\(2\) "))
        expect(rooms_of(alice).get_by_role("link", name=two)).to_be_visible()
    alice.live.get_by_role("link", name=two).click()
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(other.name)
    alice.sees("The apples are ripe", "Come soon")
    rooms_of(alice).get_by_role("link", name=company.room.name).click()
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(company.room.name)
    expect(rooms_of(alice).get_by_role("link", name=other.name, exact=True)).to_be_visible()
    expect(alice.page).to_have_title(re.compile(rf"^{company.room.name}"))


def test_what_one_reads_as_it_comes_is_not_unread(
    tier: str, company: Company, visit: Visit
) -> None:
    """Also not afterwards, on another page."""
    other = company.another_room("Garden")
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    bob.say("Do you read this?")
    alice.sees("Do you read this?")
    read = Membership.objects.filter(user=company.alice, room=company.room, last_read=1)
    wait_until(read.exists, "marking as read what came before the reader's eyes", 10)
    alice.go(path_of(other))
    expect(rooms_of(alice).get_by_role("link", name=company.room.name, exact=True)).to_be_visible()


def test_who_is_removed_from_a_private_room_loses_it(
    tier: str, private_company: Company, visit: Visit, watch: Watch
) -> None:
    watch.allow("404")
    company = private_company
    say(company.room, company.alice, "The safe's code is 1234")
    bob = visit(company.bob, tier, company.path)
    bob.sees("The safe's code is 1234")
    alice = visit(company.alice, "socket", f"{company.path}members/")
    alice.page.get_by_role("link", name="Remove Bob Baker").click()
    alice.page.get_by_role("button", name="Remove from the room").click()
    told = bob.live.get_by_text("This room is no longer open to you")
    expect(told).to_be_visible(timeout=AT_ONCE)
    if tier != "no-script":
        expect(bob.page.get_by_text("The safe's code")).to_have_count(0)
        expect(bob.page.get_by_role("textbox", name="Message", exact=True)).to_have_count(0)
        expect(rooms_of(bob).get_by_role("link", name=company.room.name)).to_have_count(0)
    bob.live.get_by_role("link", name=re.compile("^(See all rooms|Go on)$")).click()
    expect(bob.page.get_by_role("heading", level=1)).to_have_text("Rooms")
    answer = bob.page.goto(company.path)
    assert answer
    assert answer.status == 404
    expect(bob.page.get_by_text("The safe's code")).to_have_count(0)


def test_a_room_is_archived_under_an_open_page(tier: str, company: Company, visit: Visit) -> None:
    say(company.room, company.alice, "to be kept")
    bob = visit(company.bob, tier, company.path)
    bob.sees("to be kept")
    alice = visit(company.alice, "socket", f"{company.path}archive/")
    alice.page.get_by_role("button", name="Archive the room").click()
    expect(bob.live.get_by_text(re.compile("rchived.*it can be read")).first).to_be_visible()
    bob.sees("to be kept")
    if tier != "no-script":
        expect(bob.field).not_to_be_visible()
    bob.page.reload()
    expect(bob.page.get_by_role("textbox", name="Message", exact=True)).to_have_count(0)
    bob.sees("to be kept")


# Signing out and in


def sign_out(tab: Visitor) -> None:
    tab.page.get_by_role("button", name="You and your settings").click()
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()


def sign_in_again(tab: Visitor, user: User) -> None:
    tab.page.get_by_role("textbox", name="Username").fill(user.username)
    tab.page.get_by_role("textbox", name="Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Sign in").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Rooms")


def test_signed_out_elsewhere_and_in_again(
    tier: str, company: Company, visit: Visit, watch: Watch
) -> None:
    watch.allow("40[13]")  # the answers that say so
    give_password(company.alice)
    alice = visit(company.alice, tier, company.path)
    bob = visit(company.bob, "socket", company.path)
    alice.sees_people("Alice Archer", "Bob Baker")
    alice.field.press_sequentially("half a ")
    tab = alice.another_tab("/rooms/")
    sign_out(tab)
    told = alice.live if tier == "no-script" else alice.banner
    expect(told.get_by_text("You have been signed out")).to_be_visible()
    expect(alice.field).to_have_value("half a ")
    alice.field.press_sequentially("thought")
    if tier == "no-script":
        sign_in_again(tab, company.alice)
        alice.page.get_by_role("button", name="Send").click()
        # The form is from before, and there is nothing in the page that could have renewed it. But
        # what was written in it is not lost.
        expect(alice.page.get_by_text("half a thought")).to_be_visible()
        alice.go(company.path)
        alice.say("half a thought")
    else:
        alice.field.press("Enter")
        expect(alice.page.get_by_text("Not sent yet").first).to_be_visible()
        assert company.stored() == []
        sign_in_again(tab, company.alice)
    bob.sees("half a thought")
    alice.sees("half a thought")
    if tier != "no-script":
        expect(alice.banner).to_be_empty()
        expect(alice.pending).to_have_count(0)
        bob.say("and the other half")
        alice.sees("half a thought", "and the other half")


# Connections


def test_from_the_socket_to_polling_and_back(
    company: Company, visit: Visit, relay: Relay, watch: Watch
) -> None:
    watch.allow(BROKEN_SOCKET)
    alice = visit(company.alice, "socket", company.path, base_url=relay.url)
    bob = visit(company.bob, "socket", company.path)
    live, polls = alice.page.locator("#watch.live"), alice.page.locator("#watch.poll")
    expect(live).to_be_attached()
    bob.say("by socket")
    alice.sees("by socket")
    relay.refuse_sockets = True
    relay.cut(only_sockets=True)
    expect(polls).to_be_attached()
    bob.say("by polling")
    alice.sees("by socket", "by polling")
    alice.say("also by polling")
    bob.sees("by socket", "by polling", "also by polling")
    relay.refuse_sockets = False
    expect(live).to_be_attached(timeout=70_000)  # htmx waits at random, longer with each failure
    bob.say("by socket again")
    everything = ["by socket", "by polling", "also by polling", "by socket again"]
    alice.sees(*everything)
    expect(alice.field).to_be_focused()
    assert company.stored() == everything


@pytest.mark.parametrize("tier", ["polling", "socket"])
def test_the_banner_while_the_server_is_down(
    tier: str, company: Company, visit: Visit, server: Roomful, watch: Watch
) -> None:
    watch.allow(f"{BROKEN_SOCKET}|Failed to load resource: net::|htmx:")
    alice = visit(company.alice, tier, company.path)
    alice.say("before")
    alice.sees("before")
    alice.field.press_sequentially("in the midd")
    server.kill()
    banner = alice.page.get_by_role("status").get_by_text("The connection is lost.")
    expect(banner).to_be_visible(timeout=40_000)
    server.start()
    expect(banner).to_have_count(0, timeout=40_000)
    alice.field.press_sequentially("le")
    alice.field.press("Enter")
    alice.sees("before", "in the middle")
    assert company.stored() == ["before", "in the middle"]


# A browser that shows text alone


class Fields(HTMLParser):
    """What the forms of a page would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "input" and (name := given.get("name")):
            self.found.setdefault(name, given.get("value") or "")


class TextBrowser:
    """w3m, signed in with the cookies of a page."""

    def __init__(self, page: Page, home: Path) -> None:
        program = shutil.which("w3m")
        assert program, "w3m is missing: tests/prepare.sh installs it"
        cookies = page.context.cookies(page.url)
        header = "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in cookies)
        self.home, self.origin = home, page.url.partition("/rooms/")[0]
        self.command = [program, "-header", f"Cookie: {header}", "-cols", "100", "-no-cookie"]
        self.command += ["-o", "accept_encoding=identity"]  # the source as it is, for `Fields`

    def run(self, *arguments: str, path: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments, self.origin + path],
            env={"HOME": str(self.home), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    def read(self, path: str) -> str:
        return self.run("-dump", path=path)

    def post(self, path: str, **fields: str) -> None:
        body = self.home / "form"
        body.write_text(urlencode(fields))
        self.run("-dump", "-post", str(body), path=path)


def test_a_text_browser(company: Company, visit: Visit, tmp_path: Path) -> None:
    say(company.room, company.bob, "Is anybody there?", "With **text** alone?")
    page = visit(company.alice, "no-script", company.path).page
    w3m = TextBrowser(page, tmp_path)
    fields = Fields(w3m.run("-dump_source", path=company.path)).found
    w3m.post(
        f"{company.path}send/",
        csrfmiddlewaretoken=fields["csrfmiddlewaretoken"],
        key=fields["key"],
        text="Yes, I am",
    )
    assert company.stored() == ["Is anybody there?", "With **text** alone?", "Yes, I am"]
    shown = w3m.read(company.path)
    in_order = [
        company.room.name,
        "Bob Baker",
        "Is anybody there?",
        "With text alone?",
        "Alice Archer",
        "Yes, I am",
        "Send",
        "Here now",
        "Alice Archer",
    ]
    assert re.search(".*?".join(map(re.escape, in_order)), shown, re.DOTALL), shown
