"""Style sheets name no side of a page by hand: what begins a line stands where the reader's language
begins one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

SHEETS = sorted((settings.BASE_DIR / "static" / "css").glob("*.css"))
PHYSICAL = re.compile(
    r"\b(?:(?:scroll-)?(?:margin|padding)|border)-(?:left|right)\b"
    r"|(?<=[{;\s])(?:left|right)(?=\s*:)"
    r"|\bborder-(?:top|bottom)-(?:left|right)-radius\b"
    r"|\b(?:float|clear|text-align)\s*:\s*(?:left|right)\b"
)
# Of four values the second and the fourth are the sides'.
FOUR = re.compile(r"\b(?:margin|padding|inset|border-width)\s*:\s*([^;{}]+)")
# Code is written from the left in every language.
ALLOWED = {"text-align: left"}


def physical(css: str) -> list[str]:
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    found = [each.group() for each in PHYSICAL.finditer(css) if each.group() not in ALLOWED]
    for each in FOUR.finditer(css):
        values = re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", "()", each.group(1)).split()
        if len(values) == 4 and values[1] != values[3]:
            found.append(each.group())
    return found


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_a_style_sheet_names_no_side(sheet: Path) -> None:
    assert physical(sheet.read_text()) == []


def test_sides_are_seen() -> None:
    css = """
        .a { margin-left: 1px; padding: 0 1px 2px 3px; left: 0 }
        .b { float: right; text-align: right; border-top-left-radius: 2px }
        .c { margin: 1px 2px 3px 2px; inset-inline-start: 0; padding-inline: 1px; text-align: left }
    """
    assert physical(css) == [
        "margin-left",
        "left",
        "float: right",
        "text-align: right",
        "border-top-left-radius",
        "padding: 0 1px 2px 3px",
    ]
