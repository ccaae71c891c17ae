"""The instruments themselves: a watch that sees nothing would let every other test pass."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Watch
from tests.browser.relay import Relay
from tests.process import Roomful
from tests.services import wait_until

# A page of the place's own, on which the watch may be provoked.
PAGE = "/accounts/login/"

# Tries to open a socket from the page's own origin and tells how that went.
OPEN_A_SOCKET = """path => new Promise(done => {
    const socket = new WebSocket(path)
    socket.onopen = () => done("open")
    socket.onclose = event => done("closed " + event.code)
})"""


def test_each_tier_gets_the_page(open_page: Open, tier: str) -> None:
    page = open_page(tier=tier, path=PAGE)
    expect(page.locator("body")).to_be_visible()
    assert "<noscript" not in page.title()


def test_without_script_no_script_runs(open_page: Open) -> None:
    page = open_page(tier="no-script")
    page.set_content("<p>before</p><script>document.body.textContent = 'after'</script>")
    expect(page.get_by_text("before")).to_be_visible()


@pytest.mark.parametrize(
    ("provocation", "complaint"),
    [
        ("() => console.error('deliberate')", "deliberate"),
        ("() => document.body.setAttribute('onclick', 'f()')", "Content Security Policy"),
        ("() => { document.body.innerHTML = '<p style=\"color: red\">' }", "Content Security"),
        ("() => { setTimeout(() => { throw new Error('thrown') }) }", "thrown"),
    ],
)
def test_the_watch_sees(provocation: str, complaint: str, open_page: Open, watch: Watch) -> None:
    page = open_page(path=PAGE)
    assert watch.unexpected() == []
    page.evaluate(provocation)

    def has_seen() -> bool:
        page.wait_for_timeout(50)  # lets Playwright hear of it
        return any(complaint in said for said in watch.unexpected())

    wait_until(has_seen, "seeing it")
    watch.allow(complaint)
    assert watch.unexpected() == []
    watch.complaints.clear()


def test_polling_means_that_no_socket_opens(open_page: Open, watch: Watch) -> None:
    page = open_page(tier="polling", path=PAGE)
    assert page.evaluate(OPEN_A_SOCKET, "/ws/") == "closed 1006"
    assert watch.complaints, "the browser says so, and that is expected here"


def test_a_kill_and_a_restart_keep_address_and_data(
    server: Roomful, open_page: Open, watch: Watch
) -> None:
    watch.allow("net::ERR_CONNECTION_")  # an icon that the browser asks for late
    page = open_page(path=PAGE)
    server.kill()
    server.start()
    page.reload()
    expect(page.locator("body")).to_be_visible()
    server.restart()
    page.reload()
    expect(page.locator("body")).to_be_visible()


def test_a_relay_that_is_down_is_no_network(relay: Relay, open_page: Open, watch: Watch) -> None:
    page = open_page(path=PAGE, base_url=relay.url)
    assert page.evaluate("() => fetch('/').then(() => 'there', () => 'away')") == "there"
    relay.down = True
    relay.cut()
    watch.allow("Failed to load resource: net::")
    assert page.evaluate("() => fetch('/').then(() => 'there', () => 'away')") == "away"
    relay.down = False
    assert page.evaluate("() => fetch('/').then(() => 'there', () => 'away')") == "there"
