"""Draws the icons that an installed Roomful has, from static/icon.svg, which browsers show beside a tab.

    .venv/bin/python -m tests.browser.icons

It is no test: the icons are in the repository, and change only when the drawing does.
"""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright

from tests.process import REPOSITORY

GROUND = "#15624b"  # the accent of tokens.css, and what is written on it
INK = "#f9fdfa"
DRAWING = REPOSITORY / "static" / "icon.svg"

# Name, pixels of a side, how much of it the drawing takes, and how round the ground's corners are.
# Systems cut maskable ones, and Apple's, to a shape of their own: those fill the square, and leave room.
ICONS = [
    ("192", 192, 0.76, 0.2),
    ("512", 512, 0.76, 0.2),
    ("maskable-192", 192, 0.56, 0.0),
    ("maskable-512", 512, 0.56, 0.0),
    ("apple-touch", 180, 0.66, 0.0),
]


def main() -> None:
    drawing = DRAWING.read_text()
    assert "#2c8a68" in drawing
    drawing = drawing.replace("#2c8a68", INK)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, side, part, round_ in ICONS:
            page = browser.new_page(viewport={"width": side, "height": side})
            page.set_content(
                f"<style>body {{ margin: 0 }} div {{ display: grid; place-items: center;"
                f" height: 100vh; background: {GROUND}; border-radius: {round_ * side}px }}"
                f" svg {{ width: {part * side}px }}</style><div>{drawing}</div>"
            )
            path = REPOSITORY / "static" / "icons" / f"{name}.png"
            page.screenshot(path=path, omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
