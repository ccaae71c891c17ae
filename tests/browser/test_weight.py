"""What the first visit to a room costs the network: the whole page, with everything that it fetches."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import Open
from tests.browser.visitor import Company, say
from tests.process import Roomful

BUDGET = 45_000  # bytes: a second on a connection of 360 kbit/s

TEXTS = (
    "Good morning! The kettle is on.",
    "Has anybody seen the small soldering iron? It was in the blue box on Saturday.",
    "It is under the sewing machine, where nobody would look for it.",
    "I looked there. Twice.",
    "The toaster is done: it was the **thermal fuse**, as you said. Two euros and ten minutes.",
    "See <https://example.org/fuses> for the ones that fit.",
    "👍",
    "Could somebody bring the `Torx` bits tomorrow?",
    "Yes, and the long extension lead as well. The socket by the door is dead again.",
    "I have written to the hall about it. They say that they will send somebody on Monday.",
)


class Traffic:
    """Every request of a page and how many bytes came for it, headers included."""

    def __init__(self, session: CDPSession) -> None:
        self.urls: dict[str, str] = {}
        self.bytes: dict[str, float] = {}
        session.on("Network.requestWillBeSent", self._on_request)
        session.on("Network.webSocketCreated", self._on_socket)
        session.on("Network.loadingFinished", self._on_finished)
        session.send("Network.enable")

    def _on_request(self, event: dict[str, dict[str, str]]) -> None:
        self.urls[str(event["requestId"])] = event["request"]["url"]

    def _on_socket(self, event: dict[str, str]) -> None:
        self.urls[event["requestId"]] = event["url"]

    def _on_finished(self, event: dict[str, float]) -> None:
        # Asked for until the socket is open: how often says how busy the machine is.
        if self.urls[str(event["requestId"])].endswith("/changes/"):
            return
        self.bytes[str(event["requestId"])] = event["encodedDataLength"]

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.urls.values() if not url.startswith("data:")}

    @property
    def total(self) -> int:
        return int(sum(self.bytes.values()))

    def parts(self) -> str:
        """The heaviest first, for whoever has to find out."""
        lines = sorted(
            ((int(size), urlsplit(self.urls[each]).path) for each, size in self.bytes.items()),
            reverse=True,
        )
        return "\n".join(
            [f"{self.total:>7} in all", *(f"{size:>7} {path}" for size, path in lines)]
        )


def test_the_first_visit_to_a_room_with_fifty_messages_is_light(
    open_page: Open, server: Roomful
) -> None:
    company = Company.gather()
    for number in range(50):
        say(company.room, (company.alice, company.bob)[number // 3 % 2], TEXTS[number % len(TEXTS)])
    page = open_page(company.bob)
    traffic = Traffic(page.context.new_cdp_session(page))
    page.goto(company.path)
    expect(page.locator("#watch.live")).to_be_attached()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".message")).to_have_count(50)
    warmed = [url for url in traffic.urls.values() if "/composer/" in url]
    assert len(warmed) >= 3, "what the page keeps for bad times counts, too"
    assert traffic.hosts == {urlsplit(server.url).netloc}
    print(traffic.parts())  # noqa: T201  # shown with -s, and if the test fails
    assert traffic.total <= BUDGET, traffic.parts()
