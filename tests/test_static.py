"""Style sheets as they are stored."""

from __future__ import annotations

import pytest

from project.static import shortened


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("/* why */\na { color: red; }\n", "a{color: red;}"),
        (
            "@layer x {\n  .list :is(h3, p) { margin: 0 auto; }\n}",
            "@layer x{.list :is(h3,p){margin: 0 auto;}}",
        ),
        ("a { & > b { c: d; } &:hover { e: f; } }", "a{& > b{c: d;}&:hover{e: f;}}"),
        (
            'a::before { content: "/* not a comment */  "; }',
            'a::before{content: "/* not a comment */  ";}',
        ),
        ("a { width: calc(1px + 2px); b: c/**/d; }", "a{width: calc(1px + 2px);b: c/**/d;}"),
        ("a { background: url(x.svg) }", "a{background: url(x.svg)}"),
        (
            "@media (width >= 4rem) and (hover) { a { b: c } }",
            "@media (width >= 4rem) and (hover){a{b: c}}",
        ),
        ("a { transition: b 1s,\n  c 2s; --empty: ; }", "a{transition: b 1s,c 2s;--empty: ;}"),
        ("", ""),
    ],
)
def test_a_style_sheet_says_the_same_without_its_comments(written: str, stored: str) -> None:
    assert shortened(written) == stored
    assert shortened(stored) == stored
