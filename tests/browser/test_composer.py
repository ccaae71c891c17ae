"""Nothing that is typed is lost, doubled or out of order, whatever becomes of the connection.

In the two tiers in which the composer is an outbox: it keeps what was sent until the server has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from rooms.models import Membership
from rooms.models.message import BODY_LENGTH
from tests.browser.visitor import BROKEN_SOCKET, DEADLINE, Company, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from rooms.models import User
    from tests.browser.conftest import Open, Watch
    from tests.browser.relay import Relay
    from tests.process import Roomful

Visit = Callable[..., Visitor]

# What the browser and htmx say while there is no connection, or an answer that tells of an error.
DISCONNECTED = (
    f"{BROKEN_SOCKET}|Failed to load resource|htmx:(sendError|timeout|afterRequest)|Response Status"
)

SEND = "**/send/"


@pytest.fixture(params=["polling", "socket"])
def tier(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def company(server: Roomful) -> Company:
    return Company.gather()


@pytest.fixture
def visit(open_page: Open, watch: Watch, company: Company) -> Visit:
    """`visit(user, tier)`: that person in the company's room, in a browser of their own."""

    def visit(user: User, tier: str, **options: object) -> Visitor:
        if tier == "polling":
            watch.allow(BROKEN_SOCKET)
        visitor = Visitor(open_page(user, tier, company.path, **options), tier)
        if tier != "no-script":  # the field that comes next has been fetched, too
            visitor.page.wait_for_load_state("networkidle")
        return visitor

    return visit


@pytest.fixture
def alice(visit: Visit, company: Company, tier: str) -> Visitor:
    return visit(company.alice, tier)


@pytest.fixture
def on_a_line(visit: Visit, company: Company, tier: str, relay: Relay, watch: Watch) -> Visitor:
    """Alice by way of the relay, on which the line may be cut."""
    relay.refuse_sockets = tier == "polling"
    watch.allow(DISCONNECTED)
    return visit(company.alice, tier, base_url=relay.url)


def send(visitor: Visitor, *texts: str) -> None:
    for text in texts:
        visitor.say(text)


def enter(visitor: Visitor, text: str, delay: float = 60) -> None:
    """Type a line and send it; the next may follow at once. How fast the empty field comes on a machine
    at rest is `test_every_key_arrives_where_it_was_meant`'s to say."""
    visitor.type(f"{text}\n", delay=delay)
    expect(visitor.field).to_have_value("")


def arrived(visitor: Visitor, company: Company, *texts: str) -> None:
    """Exactly these were stored, in this order."""
    expected = list(texts)
    with suppress(TimeoutError):  # the comparison says more
        visitor.wait_until(lambda: company.stored() == expected, "storing the messages")
    assert company.stored() == expected


def at_rest(visitor: Visitor, company: Company, *texts: str) -> None:
    """The page shows what was stored, nothing waits, and one can go on writing."""
    arrived(visitor, company, *texts)
    expect(visitor.pending).to_have_count(0, timeout=2 * DEADLINE)
    visitor.sees(*texts)
    expect(visitor.field).to_have_value("")
    expect(visitor.field).to_be_focused()
    assert company.stored() == list(texts)


# Typing

WORDS = ["alpha", "bravo", "c", "delta echo", "foxtrot", "golf hotel india"]


def delay_network(page: Page, milliseconds: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": milliseconds,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )


@pytest.mark.alone
@pytest.mark.parametrize("latency", [0, 150])
@pytest.mark.parametrize("gap", [40, 60, 120])
def test_every_key_arrives_where_it_was_meant(
    gap: int, latency: int, alice: Visitor, company: Company
) -> None:
    """`gap` milliseconds from key to key, also after Enter. Few type at 40, but many at 60."""
    expect(alice.field).to_be_focused()
    if latency:
        delay_network(alice.page, latency)
    alice.type("".join(f"{word}\n" for word in WORDS), delay=gap)
    at_rest(alice, company, *WORDS)


def test_the_field_keeps_the_focus(alice: Visitor, company: Company) -> None:
    for text in WORDS:
        expect(alice.field).to_be_focused()
        alice.type(f"{text}\n")
        expect(alice.field).to_have_value("")
    at_rest(alice, company, *WORDS)


def test_typing_goes_on_while_others_write(alice: Visitor, visit: Visit, company: Company) -> None:
    bob = visit(company.bob, "socket")
    alice.type("what I mea", delay=20)
    bob.say("an interruption")
    alice.sees("an interruption")
    alice.type("n to say\n", delay=20)
    at_rest(alice, company, "an interruption", "what I mean to say")


def test_a_repeated_enter_sends_once(alice: Visitor, company: Company) -> None:
    alice.type("once")
    for _ in range(3):
        alice.page.keyboard.down("Enter")  # a key held down repeats itself
    alice.page.keyboard.up("Enter")
    at_rest(alice, company, "once")
    alice.type("\n\n", delay=60)
    alice.type("twice\n\n", delay=60)
    at_rest(alice, company, "once", "twice")


def test_three_within_a_round_trip(alice: Visitor, company: Company) -> None:
    delay_network(alice.page, 1_500)
    for text in ("one", "two", "three"):
        enter(alice, text)
    expect(alice.pending.first).to_be_visible()
    at_rest(alice, company, "one", "two", "three")


def test_the_same_on_purpose_is_two(alice: Visitor, company: Company) -> None:
    send(alice, "again", "again")
    at_rest(alice, company, "again", "again")


def test_a_double_click_on_send(alice: Visitor, company: Company) -> None:
    alice.type("clicked")
    alice.page.get_by_role("button", name="Send").dblclick(no_wait_after=True)
    at_rest(alice, company, "clicked")


# Several lines


def test_the_larger_box_keeps_its_lines(alice: Visitor, company: Company) -> None:
    alice.page.get_by_text("Larger box").click()
    box = alice.page.get_by_role("textbox", name="Several lines")
    box.click()
    alice.type("- kettle\n- toaster\n\nand more")
    expect(box).to_have_value("- kettle\n- toaster\n\nand more")
    alice.page.get_by_role("button", name="Send").click()
    arrived(alice, company, "- kettle\n- toaster\n\nand more")
    expect(alice.texts.get_by_role("listitem")).to_have_text(["kettle", "toaster"])
    expect(alice.pending).to_have_count(0)


def test_a_line_and_more_lines_are_one_message(alice: Visitor, company: Company) -> None:
    alice.type("First line")
    alice.page.get_by_text("Larger box").click()
    alice.page.get_by_role("textbox", name="Several lines").fill("Second line")
    alice.field.press("Enter")
    arrived(alice, company, "First line\nSecond line")
    expect(alice.texts).to_have_text(["First line\nSecond line"], use_inner_text=True)


# What the server refuses


def test_too_long_is_refused_kept_and_can_be_shortened(alice: Visitor, company: Company) -> None:
    send(alice, "x" * (BODY_LENGTH + 5), "short enough")
    arrived(alice, company, "short enough")
    sentence = f"A message may have {BODY_LENGTH} characters. This one has 5 too many: shorten it."
    expect(alice.waiting).to_have_count(1)
    expect(alice.waiting.get_by_role("alert")).to_have_text(sentence)
    expect(alice.pending).to_have_value("x" * (BODY_LENGTH + 5))
    alice.pending.fill("x" * 10)
    alice.page.get_by_role("button", name="Try again now").click()
    arrived(alice, company, "short enough", "x" * 10)
    expect(alice.pending).to_have_count(0)
    alice.sees("short enough", "x" * 10)


def test_what_was_refused_can_be_discarded(alice: Visitor, company: Company) -> None:
    send(alice, "x" * (BODY_LENGTH + 1))
    expect(alice.waiting.get_by_role("alert")).to_contain_text("shorten it")
    alice.waiting.get_by_role("button", name="Discard").click()
    expect(alice.pending).to_have_count(0)
    send(alice, "never mind")
    at_rest(alice, company, "never mind")


# Drafts


def draft_of(company: Company) -> str:
    return Membership.objects.get(room=company.room, user=company.alice).draft


def test_a_draft_survives(alice: Visitor, visit: Visit, company: Company, tier: str) -> None:
    alice.type("half a thought", delay=20)
    alice.wait_until(lambda: draft_of(company) == "half a thought", "saving the draft")
    alice.page.reload()
    expect(alice.field).to_have_value("half a thought")
    elsewhere = visit(company.alice, tier)
    expect(elsewhere.field).to_have_value("half a thought")
    elsewhere.field.press("End")
    elsewhere.type(", completed\n")
    arrived(alice, company, "half a thought, completed")
    alice.page.reload()
    expect(alice.field).to_have_value("")
    elsewhere.page.reload()
    expect(elsewhere.field).to_have_value("")


def test_a_draft_of_several_lines_survives(alice: Visitor, company: Company) -> None:
    alice.type("first")
    alice.page.get_by_text("Larger box").click()
    alice.page.get_by_role("textbox", name="Several lines").press_sequentially("second\nthird")
    alice.wait_until(lambda: draft_of(company) == "first\nsecond\nthird", "saving the draft")
    alice.page.reload()
    expect(alice.field).to_have_value("first")
    box = alice.page.get_by_role("textbox", name="Several lines")
    expect(box).to_be_visible()
    expect(box).to_have_value("second\nthird")


def test_a_draft_that_was_sent_is_none(alice: Visitor, company: Company) -> None:
    """Its saving and its sending may overtake each other."""
    for text in ("one", "two", "three"):
        enter(alice, text, delay=30)
    at_rest(alice, company, "one", "two", "three")
    alice.page.reload()
    alice.sees("one", "two", "three")
    expect(alice.field).to_have_value("")


def test_a_reload_while_sending_doubles_nothing(alice: Visitor, company: Company) -> None:
    alice.type("once and for all", delay=20)
    alice.wait_until(lambda: draft_of(company) == "once and for all", "saving the draft")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        # It is not answered: the page goes away while it waits.

    alice.page.route(SEND, lose_the_answer)
    alice.type("\n")
    arrived(alice, company, "once and for all")
    alice.page.reload()
    alice.page.unroute(SEND)
    at_rest(alice, company, "once and for all")


def test_a_reload_before_it_was_sent_loses_nothing(alice: Visitor, company: Company) -> None:
    alice.type("not yet", delay=20)
    alice.wait_until(lambda: draft_of(company) == "not yet", "saving the draft")
    alice.page.route(SEND, lambda route: None)  # it never leaves
    alice.type("\n")
    expect(alice.pending).to_have_count(1)
    alice.page.reload()
    expect(alice.field).to_have_value("not yet")
    alice.page.unroute(SEND)
    alice.field.press("Enter")
    at_rest(alice, company, "not yet")


# Broken connections


def test_the_server_is_killed_and_comes_back(
    alice: Visitor, company: Company, server: Roomful, watch: Watch
) -> None:
    watch.allow(DISCONNECTED)
    send(alice, "before")
    at_rest(alice, company, "before")
    send(alice, "while it dies")
    server.kill()
    send(alice, "while it is dead")
    expect(alice.waiting.get_by_text("Not sent yet").first).to_be_visible()
    server.launch()
    send(alice, "while it starts")
    server.wait()
    send(alice, "after")
    at_rest(
        alice, company, "before", "while it dies", "while it is dead", "while it starts", "after"
    )


def test_the_answer_is_lost(alice: Visitor, company: Company, watch: Watch) -> None:
    """The server has it, and the page does not know."""
    watch.allow(DISCONNECTED)
    lost = []

    def lose(route: Route) -> None:
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    alice.page.route(SEND, lose, times=2)
    send(alice, "stored but not acknowledged")
    arrived(alice, company, "stored but not acknowledged")
    send(alice, "the next")
    at_rest(alice, company, "stored but not acknowledged", "the next")
    assert lost == [200, 200]


def test_the_line_is_cut_while_sending(on_a_line: Visitor, company: Company, relay: Relay) -> None:
    """Again and again, at whatever moment it is."""
    alice = on_a_line
    texts = [f"message {number}" for number in range(1, 9)]
    for text in texts:
        send(alice, text)
        relay.cut()
    at_rest(alice, company, *texts)


def test_ten_seconds_offline(on_a_line: Visitor, company: Company, relay: Relay) -> None:
    alice = on_a_line
    send(alice, "before")
    at_rest(alice, company, "before")
    relay.down = True
    relay.cut()
    began = time.monotonic()
    texts = ["said into the void", "and once more", "is anybody there, I wonder?"]
    for text in texts:
        enter(alice, text, delay=160)
    alice.type("still typing", delay=160)
    assert time.monotonic() - began >= 10
    assert company.stored() == ["before"]
    assert [field.input_value() for field in alice.pending.all()] == texts
    for row in alice.waiting.all():
        expect(row.get_by_text("Not sent yet")).to_be_visible()
    expect(alice.banner).to_contain_text("The connection is lost.")
    relay.down = False
    arrived(alice, company, "before", *texts)
    expect(alice.pending).to_have_count(0)
    alice.sees("before", *texts)
    expect(alice.field).to_have_value("still typing")
    expect(alice.field).to_be_focused()
    expect(alice.banner).to_be_empty()
    alice.type("\n")
    at_rest(alice, company, "before", *texts, "still typing")


def test_one_that_waits_is_discarded(on_a_line: Visitor, company: Company, relay: Relay) -> None:
    alice = on_a_line
    relay.down = True
    relay.cut()
    send(alice, "in anger", "in peace")
    expect(alice.pending).to_have_count(2)
    discard = alice.page.get_by_role("button", name="Discard").first
    discard.click(timeout=2 * DEADLINE)  # not while it is being tried
    expect(alice.pending).to_have_count(1)
    expect(alice.pending).to_have_value("in peace")
    relay.down = False
    arrived(alice, company, "in peace")
    expect(alice.pending).to_have_count(0)
    alice.sees("in peace")


def test_one_that_waits_can_still_be_changed(
    on_a_line: Visitor, company: Company, relay: Relay
) -> None:
    alice = on_a_line
    relay.down = True
    relay.cut()
    send(alice, "Tuesday at siex")
    expect(alice.pending).to_have_count(1)
    alice.pending.fill("Tuesday at six")
    relay.down = False
    arrived(alice, company, "Tuesday at six")
    expect(alice.pending).to_have_count(0)
    alice.sees("Tuesday at six")


def test_more_than_there_are_forms_for(
    on_a_line: Visitor, company: Company, relay: Relay, watch: Watch
) -> None:
    """What no form is left for stays in the field, and goes out by itself when there are some again."""
    watch.allow("htmx:targetError, next .slot")
    alice = on_a_line
    relay.down = True
    relay.cut()
    texts = [f"message {number}" for number in range(1, 16)]
    send(alice, *texts)
    expect(alice.pending).to_have_count(15)
    alice.type("the sixteenth\n")
    expect(alice.field).to_have_value("the sixteenth")
    relay.down = False
    at_rest(alice, company, *texts, "the sixteenth")


def test_two_errors_of_the_server(alice: Visitor, company: Company, watch: Watch) -> None:
    watch.allow(DISCONNECTED)
    answered = []

    def fail(route: Route) -> None:
        answered.append(500)
        route.fulfill(status=500, body="")

    alice.page.route(SEND, fail, times=2)
    send(alice, "at the third try", "and this one")
    at_rest(alice, company, "at the third try", "and this one")
    assert answered == [500, 500]


# Tabs and browsers


def test_two_tabs_at_once(alice: Visitor, company: Company) -> None:
    second = alice.another_tab(company.path)
    texts = []
    for number in range(1, 5):
        for name, tab in (("first", alice), ("second", second)):
            texts.append(f"{name} {number}")
            tab.say(texts[-1])
    alice.wait_until(lambda: len(company.stored()) == len(texts), "storing from both tabs")
    stored = company.stored()
    assert sorted(stored) == sorted(texts)
    for name in ("first", "second"):
        own = [text for text in stored if text.startswith(name)]
        assert own == [f"{name} {number}" for number in range(1, 5)]
    for tab in (alice, second):
        expect(tab.pending).to_have_count(0)
        tab.sees(*stored)


def key_of(visitor: Visitor) -> str | None:
    """The key of the form that one writes into."""
    return visitor.page.locator("form.c:has(.line) input[name=key]").get_attribute("value")


def test_back_after_a_plain_post_doubles_nothing(visit: Visit, company: Company) -> None:
    alice = visit(company.alice, "no-script")
    sent = key_of(alice)
    alice.say("once")
    alice.sees("once")
    alice.page.go_back()
    if key_of(alice) == sent:  # the form is as it was sent, with what it held
        alice.say("once")
    else:
        expect(alice.field).to_have_value("")
    alice.page.reload()
    alice.sees("once")
    assert company.stored() == ["once"]


@pytest.mark.parametrize("text", ["once", "something else"])
def test_a_plain_form_that_is_sent_again(
    text: str, visit: Visit, company: Company, watch: Watch
) -> None:
    """As from a page that the browser kept. With another text it is another message."""
    watch.allow("409")
    alice = visit(company.alice, "no-script")
    kept = alice.another_tab(company.path)
    for tab in (alice, kept):
        field = tab.page.locator("form.c:has(.line) input[name=key]")
        field.evaluate("element => { element.value = 'the-very-same-key' }")
    alice.say("once")
    alice.sees("once")
    kept.field.fill(text)
    with kept.page.expect_navigation():
        kept.page.get_by_role("button", name="Send").click()
    if text == "once":
        kept.sees("once")
        assert company.stored() == ["once"]
    else:
        expect(kept.banner).not_to_be_empty()
        expect(kept.field).to_have_value(text)
        with kept.page.expect_navigation():
            kept.page.get_by_role("button", name="Send").click()
        kept.sees("once", text)
        assert company.stored() == ["once", text]


def test_a_plain_post_that_is_too_long_keeps_the_text(
    visit: Visit, company: Company, watch: Watch
) -> None:
    watch.allow("409")
    alice = visit(company.alice, "no-script")
    alice.field.fill("x" * (BODY_LENGTH + 5))
    with alice.page.expect_navigation():
        alice.page.get_by_role("button", name="Send").click()
    expect(alice.banner).to_contain_text("This one has 5 too many: shorten it.")
    expect(alice.field).to_have_value("x" * (BODY_LENGTH + 5))
    alice.say("x" * 10)
    alice.sees("x" * 10)
    assert company.stored() == ["x" * 10]
