"""What a browser needs to install Roomful as an app."""

from __future__ import annotations

import json
import math
import re
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from rooms.views import installing
from tests.process import REPOSITORY

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Place

TOKENS = (REPOSITORY / "static/css/tokens.css").read_text()
BASE = (REPOSITORY / "templates/base.html").read_text()


def test_the_manifest_describes_the_place(client: Client, place: Place) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.cookies == {}
    manifest = json.loads(answer.content)
    assert manifest["name"] == place.name
    assert manifest["display"] == "standalone"
    for address in ("start_url", "scope", "id"):
        assert manifest[address] == "/"
    for shortcut in manifest["shortcuts"]:
        assert client.get(shortcut["url"]).status_code == 302  # to sign in
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} == {
        (size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")
    }


@pytest.mark.django_db
def test_there_is_one_before_there_is_a_place(client: Client) -> None:
    assert json.loads(client.get("/manifest.webmanifest").content)["name"] == "Roomful"


def test_it_is_named_on_every_page(client: Client, place: Place) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    assert (
        "manifest-src 'self'" in client.get("/accounts/login/").headers["Content-Security-Policy"]
    )


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("192", 192),
        ("512", 512),
        ("maskable-192", 192),
        ("maskable-512", 512),
        ("apple-touch", 180),
    ],
)
def test_the_icons_are_what_they_say(name: str, side: int) -> None:
    content = (REPOSITORY / f"static/icons/{name}.png").read_bytes()
    icon = Image.open(BytesIO(content)).convert("RGBA")
    assert icon.size == (side, side)
    assert len(content) < 20_000
    ground = icon.getpixel((side // 2, side // 20))
    assert ground == (*bytes.fromhex(colours("accent")[0][1:]), 255)
    if name in {"192", "512"}:
        assert icon.getpixel((0, 0)) == (0, 0, 0, 0)
        return
    # Systems cut a circle out of these, of four fifths of the side: nothing is drawn outside of it.
    outside = [
        (x, y)
        for x in range(0, side, 3)
        for y in range(0, side, 3)
        if math.hypot(x - side / 2, y - side / 2) > side * 0.4 + 1
    ]
    if name != "apple-touch":  # Apple rounds corners only
        assert {icon.getpixel(point) for point in outside} == {ground}
    assert icon.getchannel("A").getextrema() == (255, 255)


# One colour, written in three languages


def colours(token: str) -> list[str]:
    """A token in light and dark, as sRGB."""
    found = re.search(rf"--{token}: light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))\)", TOKENS)
    assert found
    return [_srgb(*map(float, re.findall(r"[\d.]+", each))) for each in found.groups()]


def _srgb(lightness: float, chroma: float, hue: float) -> str:
    """By the formulas of CSS Color 4."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    curved = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear)
    return "#" + "".join(f"{round(255 * min(1, max(0, c))):02x}" for c in curved)


def test_the_colours_are_those_of_the_sheet() -> None:
    light, dark = colours("paper")
    assert light == installing.PAPER
    for scheme, colour in (("light", light), ("dark", dark)):
        assert f'content="{colour}" media="(prefers-color-scheme: {scheme})"' in BASE
