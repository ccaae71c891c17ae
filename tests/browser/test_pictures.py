"""The pictures of the documentation, which cannot go stale.

Beside each picture lies what its page says to a screen reader, where the picture is about it. The tests
walk the same pages and compare; `make pictures` takes all of them anew. Pixels are not compared: another
machine has other fonts.
"""

from __future__ import annotations

import calendar
import difflib
import io
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.community import PEOPLE, Community, gather
from tests.browser.visitor import path_of
from tests.process import REPOSITORY, Roomful
from tests.programs import Listener, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.conftest import Open, Watch

FOLDER = REPOSITORY / "docs" / "pictures"
RETAKE = os.environ.get("PICTURES") == "retake"
SHARP = 1.5  # device pixels for each of the page's
LARGEST = 60_000  # bytes
COLOURS = (256, 128, 64, 48, 32, 24)  # the first that makes a picture small enough
HERE = ("ines", "ruth", "tomasz", "priya", "noor", "xiaowen")

DESK = {"viewport": {"width": 1200, "height": 760}}
PAGE = {"viewport": {"width": 1000, "height": 720}}
PHONE = {
    "viewport": {"width": 390, "height": 760},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}

# What differs between two runs and between two machines.
MONTHS = "|".join(calendar.month_name[1:])
MASKS = (
    (r"^ *- /url: .*\n", ""),
    (r"https?://[\w.:]+/", "https://…/"),
    (rf"(?<=\d )({MONTHS})( \d{{4}})?(, \d\d:\d\d)?", "…"),
    (r"until \d+", "until …"),
)


def nothing(_page: Page) -> None:
    """The page as it comes."""


@dataclass(frozen=True)
class Shot:
    """A page and how it is seen. `about` is the part of it that must be as it was."""

    name: str
    path: str
    about: str
    who: str = "ines"
    do: Callable[[Page], None] = nothing
    options: dict[str, Any] = field(default_factory=lambda: PAGE)
    tier: str = "socket"


def with_everybody(page: Page) -> None:
    expect(page.locator("#watch.live")).to_be_attached()
    expect(page.locator("#presence .name")).to_have_count(len(HERE))
    page.locator(".line").last.fill("Kettle's on from")


def connected(page: Page) -> None:
    expect(page.locator("#watch.live")).to_be_attached()


def streamed(page: Page) -> None:
    live = page.frame_locator("#live")
    expect(live.locator(".message", has_text="with the sewing machine")).to_be_visible()
    expect(live.locator(".people").last).to_be_visible()


def unfolded_code(page: Page) -> None:
    page.locator("details.qr summary").first.click()
    expect(page.locator("details.qr img").first).to_have_js_property("complete", value=True)
    # Where the tests' own server is, is nobody's business.
    page.locator("input[readonly]").first.evaluate(
        "link => link.value = link.value.replace(location.origin, 'https://chat.millbrook.example')"
    )


def found(page: Page) -> None:
    expect(page.locator("main mark").first).to_be_visible()


SHOTS = [
    Shot("room", "{bench}", "#messages .message:nth-last-child(-n+6)", do=with_everybody, options=DESK),
    Shot("room-phone-dark", "{bench}", "main > header", do=connected, options=PHONE),
    Shot("room-without-script", "{bench}", "main > header", do=streamed, tier="no-script"),
    Shot("direct", "{talk}", "#messages", do=connected),
    Shot("thread", "{bench}{radio}/thread/", "#messages"),
    Shot("files", "{bench}files/", "main .file-list"),
    Shot("catch-up", "/unread/", "main", who="jonah"),
    Shot("search", "/search/?q=capacitors", "#found", do=found),
    Shot("invitation", "/place/invitations/", "main .rows > li", do=unfolded_code),
    Shot("room-settings", "{bench}settings/", "main form"),
    Shot("place-settings", "/place/", "main form"),
    Shot("help", "/help/", "main .examples"),
]  # fmt: skip


@pytest.fixture(scope="session")
def community(server: Roomful) -> Community:
    return gather()


@pytest.fixture(scope="session")
def company(server: Roomful, community: Community) -> Iterator[list[Listener]]:
    """Those who have the room open, one of whom is writing."""
    programs = [Program.of(community[name], server.url) for name in HERE if name != "ines"]
    listeners = [program.listen(community.bench.slug) for program in programs]
    yield listeners
    for listener in listeners:
        listener.close()
    for program in programs:
        program.close()


def taken(page: Page) -> bytes:
    """A PNG of the page of at most so many bytes: what it shows are flat colours."""
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    for colours in COLOURS:
        file = io.BytesIO()
        shot.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def said(page: Page, about: str) -> str:
    """What the part of the page says, without what differs between two runs."""
    parts = page.locator(about)
    expect(parts.first).to_be_visible()
    words = "".join(f"{part.aria_snapshot()}\n" for part in parts.all())
    for pattern, instead in MASKS:
        words = re.sub(pattern, instead, words, flags=re.MULTILINE)
    return words


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_picture(
    shot: Shot, community: Community, company: list[Listener], open_page: Open, watch: Watch
) -> None:
    # Playwright takes pictures with a style of its own, which the page's policy refuses.
    watch.allow("Content Security Policy.*style|style.*Content Security Policy")
    places = {
        "bench": path_of(community.bench),
        "talk": path_of(community.talk),
        "radio": community.radio.number,
    }
    options = {"color_scheme": "light", "device_scale_factor": SHARP, **shot.options}
    page = open_page(community[shot.who], shot.tier, shot.path.format_map(places), **options)
    shot.do(page)
    now = said(page, shot.about)
    stored, picture = FOLDER / f"{shot.name}.yml", FOLDER / f"{shot.name}.png"
    if RETAKE:
        if shot.name == "room":
            company[1].typing()
            expect(page.locator("#typing b:visible")).to_have_count(1)
        picture.write_bytes(taken(page))
        stored.write_text(now)
    before = stored.read_text()
    differs = "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), lineterm=""))
    assert before == now, (
        f"{shot.name}.png shows what is so no longer. Run: make pictures\n{differs}"
    )
    assert picture.stat().st_size <= LARGEST


def test_the_comparison_sees(community: Community, open_page: Open) -> None:
    """A changed word is a difference; another address or day is none."""
    page = open_page(community["ines"], path="/place/")
    before = said(page, "main")
    page.locator("main a").first.evaluate("link => link.href = '/elsewhere/'")
    assert said(page, "main") == before
    page.locator("main form button").first.evaluate("button => button.textContent = 'Keep'")
    assert said(page, "main") != before


def test_each_picture_is_in_the_documentation_with_words_for_it() -> None:
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    shown = {}
    for page in pages:
        for words, address in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text()):
            picture = (page.parent / address).resolve()
            assert picture.is_file(), f"{page.name} shows {address}, which is not there"
            shown[picture.name] = words
    assert all(len(words) > 10 for words in shown.values())
    there = {path.name for path in FOLDER.iterdir() if path.suffix != ".yml"}
    assert there == set(shown)
    assert {path.stem for path in FOLDER.glob("*.yml")} == {shot.name for shot in SHOTS}
    assert {path.stem for path in FOLDER.glob("*.png")} == {shot.name for shot in SHOTS}


def test_everybody_in_the_pictures_has_a_name_of_their_own() -> None:
    assert len(set(PEOPLE.values())) == len(PEOPLE)
