"""A message's body to HTML: what it shows, what it refuses, and that it loses nothing."""

import re
import time

import html5lib
import pytest
from django.utils.safestring import SafeString
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rooms.code import COLOURED_CODE, CURLY_LANGUAGES, LANGUAGES
from rooms.text import _CLEANER, _TAGS, is_only_emoji, summary, to_html

pytestmark = pytest.mark.one_stack

LINK = 'target="_blank" rel="nofollow noopener noreferrer ugc"'
ALLOWED = "|".join(_TAGS.split())
LONGEST = 4000  # a body's limit


def text_of(html: str) -> str:
    """What a reader sees, line breaks as such."""
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parseFragment(
        html.replace("<br>", "\n")
    )
    return "".join(tree.itertext())


def visible(text: str) -> str:
    return "".join(text.split())


# --- Attacks


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><animate onbegin=alert(1)>",
        "<style>*{display:none}</style>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--><img src onerror=alert(1)>'>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<base href=//evil.example><form action=//evil.example><input name=csrf>",
        "<a href='javascript:alert(1)' onclick=alert(1)>x</a>",
        "</p></div><div id=messages hx-get=/x hx-trigger=load>",
        "<!--<script>-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "- <b>\n> <i onmouseover=alert(1)>\n\n| <u> | <s> |\n|---|---|\n| <b> | <i> |",
        "```html\n<script>alert(1)</script>\n```",
        "```<script>\nalert(1)\n```",
        '```html"><script>alert(1)</script>\nx\n```',
        "`<script>alert(1)</script>`",
        "` <script> ``",
    ],
)
def test_typed_html_is_shown_and_never_run(attack: str) -> None:
    html = to_html(attack)
    assert not re.search(rf"<(?!/?(?:{ALLOWED})\b)", html)
    assert not re.search(r"<[^>]*\s(?:on\w+|style|id|hx-\w+|src|srcdoc|action)\b", html)
    for word in ("script", "onerror", "onload", "srcdoc", "display:none", "hx-get"):
        assert text_of(html).lower().count(word) == attack.lower().count(word)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "java\\script:alert(1)",
        "javascript&colon;alert(1)",
        "\x01javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/png;base64,AAAA",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "blob:null/1",
        "//evil.example",
        "/logout/",
        "?delete",
        "#messages",
        "http:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "ftp://example.com/",
        "tel:+1",
        "https://1.2.3.4.5/",
    ],
)
@pytest.mark.parametrize("form", ["[x]({})", "[x](<{}>)", "![x]({})", "<{}>", "{}", '[x]({} "t")'])
def test_an_address_of_another_scheme_stays_text(form: str, address: str) -> None:
    typed = form.format(address)
    html = to_html(typed)
    assert "<a" not in html
    assert visible(text_of(html)) == visible(typed.replace("\x01", ""))


@pytest.mark.parametrize(
    "attack",
    [
        'https://example.com/"onmouseover="alert(1)',
        "https://example.com/'onmouseover='alert(1)",
        "https://example.com/<script>alert(1)</script>",
        '[x](https://example.com/"onmouseover=alert(1))',
        '[x](https://example.com "t" onclick=alert(1))',
        "[x](https://example.com '\"onclick=\"alert(1)')",
        '<https://example.com/"onclick=alert(1)>',
    ],
)
def test_an_address_cannot_leave_its_attribute(attack: str) -> None:
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(
        to_html(attack)
    )
    for element in tree.iter("a"):
        assert set(element.attrib) <= {"href", "title", "target", "rel"}
        assert element.attrib["href"].startswith("https://example.com")


def test_a_link_shows_no_other_address_than_the_one_typed() -> None:
    address = "https://xn--e1afmkfd.example/%D0%B0%2F"
    for typed in (address, f"<{address}>"):
        html = to_html(typed)
        assert f'href="{address}"' in html
        assert text_of(html) == address


@pytest.mark.parametrize(
    ("typed", "shown", "links"),
    [
        ("[a <https://b.example> c](https://d.example)", "a <https://b.example> c", 1),
        ("[a https://b.example c](https://d.example)", "a https://b.example c", 1),
        ("[a [b](https://b.example) c](https://d.example)", "[a b c](https://d.example)", 2),
        ("[![b](https://b.example/x.png)](https://d.example)", "[b](https://d.example)", 2),
        ("![![b](https://b.example/x.png)](https://d.example)", "![b](https://d.example)", 2),
    ],
)
def test_a_link_is_never_inside_another(typed: str, shown: str, links: int) -> None:
    html = to_html(typed)
    assert text_of(html) == shown
    assert html.count("<a") == links
    assert not re.search(r"<a\b[^>]*>(?:(?!</a>).)*<a\b", html)
    assert 'href="https://d.example"' in html


def test_typed_entities_have_no_effect() -> None:
    assert to_html("&lt;b&gt; &#60; &nbsp;") == "<p>&amp;lt;b&amp;gt; &amp;#60; &amp;nbsp;</p>"


def test_control_characters_and_half_pairs_do_no_harm() -> None:
    assert to_html("a\x00b\x0bc\x1b[31md\x7f\x85") == "<p>abc[31md</p>"
    assert to_html("x\ud83dy\udc00\uffff") == "<p>x\ufffdy\ufffd\ufffd</p>"
    assert to_html("a\r\nb\rc") == "<p>a<br>b<br>c</p>"
    assert summary("a\x00\ud800") == "a\ufffd"
    assert not is_only_emoji("\ud83d")


HEAVY = [
    ">", "> ", "[", "*", "`", "(", "![", "_", "~~", "- ", "1. ", "<", "&", "\\", "|", "\n", "\t",
    "[](", "[a](", "[a](http://b", "[a](http://b)", "[a](http://[", "![a](http://b)", "[x](http://é.",
    "*a ", "*a_ ", "*a **b ", "**a ", "~~a ", "`a``", "```\n", "```a\n", "<http://a", "<a@b",
    "http://", "https://a", "www.a)", "https://a/((", "https://a/))", ":", "::", ":a:", ":tada:",
    "> a\n- b\n", "- a\n", "- a\n\n", "2. a\n1. b\n", "- > ", "a|b\n-|-\n", "|a|\n|-|\n", "-|-\n",
    "[*", "[`", "[[a]", "🎉", "漢", " ", "a ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HEAVY)
def test_no_pattern_of_a_body_takes_long(unit: str) -> None:
    for before, after in (("", ""), ("*a [x ", "*](http://a)")):
        body = before + (unit * LONGEST)[: LONGEST - len(before) - len(after)] + after
        began = time.process_time()
        html = to_html.__wrapped__(body)
        summary(body)
        is_only_emoji(body)
        assert time.process_time() - began < 1  # the worst takes a tenth; CI may be slow
        assert len(html) < 100_000


def test_tables_cannot_grow_out_of_a_few_short_lines() -> None:
    wide = "a|" * 500 + "\n" + "-|" * 500 + "\n" + "a\n" * 900
    long = "a|" * 20 + "\n" + "-|" * 20 + "\n" + "a\n" * 1900
    for body in (wide, long):
        html = to_html(body[:LONGEST])
        assert len(html) < 3 * LONGEST
        assert "<table" not in html


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_language_takes_long(language: str) -> None:
    to_html(f"```{language}\nx\n```")  # loads the lexer
    # The third one hangs Pygments' lexer for Bash
    for unit in ("\n", "a\n", "$'" + "\\" * 100, "'\\", '"' + "\\" * 99, "{", "<", "1"):
        code = (unit * COLOURED_CODE)[:COLOURED_CODE]
        began = time.process_time()
        html = to_html.__wrapped__(f"```{language}\nx{code[:-2]}y\n```")
        assert time.process_time() - began < 1  # the worst takes a tenth; CI may be slow
        assert text_of(html) == f"x{code[:-2]}y"


# --- Syntax


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ("a *b* _c_ **d** ~~e~~", "a <em>b</em> <em>c</em> <strong>d</strong> <s>e</s>"),
        ("***a***", "<em><strong>a</strong></em>"),
        ("这是**重点**内容", "这是<strong>重点</strong>内容"),
        ("a `*b* :tada: <i>`", "a <code>*b* :tada: &lt;i&gt;</code>"),
        ("one\ntwo  \nthree\\\nfour", "one<br>two<br>three\\<br>four"),
        ("def f():\n    return 1", "def f():<br>    return 1"),
        ("    deep\n  less", "    deep<br>  less"),
        ("\\*a\\* \\_b\\_ \\`c\\`", "*a* _b_ `c`"),
        ("\\> a\n\\- b", "&gt; a<br>- b"),
    ],
)
def test_within_a_paragraph(typed: str, html: str) -> None:
    assert to_html(typed) == f"<p>{html}</p>"


@pytest.mark.parametrize(
    "typed",
    [
        "# 1",
        "#general",
        "## not a heading ##",
        "title\n===",
        "title\n---",
        "---",
        "* * *",
        "- - -",
        "-",
        "*",
        "1.",
        "+1",
        "+ 1",
        "1986. A year",
        ">_<",
        ">>> import this",
        ">",
        "2*3*4",
        "src/**/*.py",
        "__init__.py and __name__",
        "snake_case_name",
        "¯\\_(ツ)_/¯",
        "C:\\new\\table \\\\server\\share",
        "\\d+\\.\\d \\(x\\)",
        "docker run \\\n  -v x",
        "handlers[name]() x[0] [x] [x]: y",
        "[x](y) [](https://)",
        "[x]: https:",
        "a | b",
        "main.py README.md example.com a.b.c a@b.example",
        "10:30:15 std::map::key::x a:tada:b :no_such_emoji:",
        "~~~ not code ~~~",
        "~a~",
        "&amp; &copy;",
        "``` ```",
        "```",
        "````",
        "https:// www. http://- ://x xhttp://",
    ],
)
def test_what_looks_like_markup_but_is_none_stays_as_typed(typed: str) -> None:
    html = to_html(typed)
    assert re.fullmatch(r"<p>(?:[^<]|<br>)*</p>", html)
    assert text_of(html) == typed


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ("> a\n> b\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
        ("> > a", "<blockquote><blockquote><p>a</p></blockquote></blockquote>"),
        ("- a\n- b\nSo?", "<ul><li>a</li><li>b</li></ul><p>So?</p>"),
        ("- a\n  - b\n  more", "<ul><li>a<ul><li>b</li></ul>more</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("2. yes\n5. no\n6. ok", '<ol start="2"><li>yes</li><li value="5">no</li><li>ok</li></ol>'),
        ("1. a\n1. b", "<ol><li>a</li><li>b</li></ol>"),
        ("> - a\n> - b", "<blockquote><ul><li>a</li><li>b</li></ul></blockquote>"),
        ("see:\n- a", "<p>see:</p><ul><li>a</li></ul>"),
        ("```\na\n\n  b\n```\nc", '<pre tabindex="0"><code>a\n\n  b</code></pre><p>c</p>'),
        ("```\na```\nb", '<pre tabindex="0"><code>a</code></pre><p>b</p>'),
        ("```\na", '<pre tabindex="0"><code>a</code></pre>'),
        ("```hello you\na\n```", '<pre tabindex="0"><code>hello you\na</code></pre>'),
        ("```text\n*a*\n```", '<pre tabindex="0"><code>*a*</code></pre>'),
        (
            "| a | b |\n|---|--:|\n| 1 |\n| `2` | 3 | 4 | \\| |",
            (
                '<div tabindex="0"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>'
                "<tr><td>1</td><td></td></tr>"
                "<tr><td><code>2</code></td><td>3 | 4 | |</td></tr></tbody></table></div>"
            ),
        ),
        ("", ""),
        (" \n\t\n", ""),
    ],
)
def test_blocks(typed: str, html: str) -> None:
    assert to_html(typed) == html


@pytest.mark.parametrize(
    ("typed", "address", "words"),
    [
        ("https://example.com", "https://example.com", "https://example.com"),
        ("HTTPS://Example.com/A_b_C*d", "HTTPS://Example.com/A_b_C*d", "HTTPS://Example.com/A_b_C*d"),
        ("www.example.com/?a&b#c", "https://www.example.com/?a&amp;b#c", "www.example.com/?a&amp;b#c"),
        ("http://localhost:8000/x", "http://localhost:8000/x", "http://localhost:8000/x"),
        ("[a *b*](https://example.com)", "https://example.com", "a <em>b</em>"),
        ("![alt](https://example.com/x.png)", "https://example.com/x.png", "alt"),
        ("<https://example.com/a,>", "https://example.com/a,", "https://example.com/a,"),
        ("<a@example.com>", "mailto:a@example.com", "a@example.com"),
        ("[https://a.example](https://b.example)", "https://b.example", "https://a.example"),
    ],
)  # fmt: skip
def test_links(typed: str, address: str, words: str) -> None:
    assert to_html(typed) == f'<p><a href="{address}" {LINK}>{words}</a></p>'


@pytest.mark.parametrize(
    "typed",
    ["[](https://a.example)", "![ ](https://a.example)", "f[x]() https://a.example", "[x]( )"],
)
def test_a_link_without_words_or_address_stays_as_typed(typed: str) -> None:
    # The last one is a link, so that brackets are looked at
    html = to_html(f"{typed} [b](https://c.example)")
    assert text_of(html) == f"{typed} b"
    assert html.count("<a") == 1 + typed.count("https:")


@pytest.mark.parametrize("mark", ["> ", "- ", "> - ", "1. ", "* > "])
def test_quotes_and_lists_nest_so_far_and_then_stay_as_typed(mark: str) -> None:
    html = to_html(mark * 100 + "deep")
    assert 4 < html.count("<blockquote") + html.count("<li") < 14
    assert text_of(html).endswith(f"{mark}deep")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("(see https://example.com/a_(b)).", "https://example.com/a_(b)"),
        ("see https://example.com, or", "https://example.com"),
        ("**https://example.com/**", "https://example.com/"),
        ("'https://example.com'?!", "https://example.com"),
        ("看https://example.com/路。好", "https://example.com/路"),
        ("https://example.com/:tada:/x", "https://example.com/:tada:/x"),
    ],
)
def test_a_bare_link_ends_before_what_ends_the_sentence(typed: str, words: str) -> None:
    html = to_html(typed)
    assert f">{words}</a>" in html
    assert text_of(html) == typed.replace("*", "")


def test_emoji_shortcodes() -> None:
    assert to_html(":tada: a :+1::heart:!") == "<p>🎉 a 👍❤️!</p>"
    assert to_html("\\:tada:") == "<p>:tada:</p>"


def test_emphasis_ends_before_punctuation() -> None:
    assert to_html("say it *still works*.") == "<p>say it <em>still works</em>.</p>"
    assert to_html("**so**/*or*...") == "<p><strong>so</strong>/<em>or</em>...</p>"


def test_code_is_highlighted_in_a_few_classes() -> None:
    assert to_html('```python\ndef f(x=1):\n    return "a"  # b\n```') == (
        '<pre tabindex="0"><code><span class="k">def</span> <span class="nf">f</span>(x='
        '<span class="mi">1</span>):\n    <span class="k">return</span> '
        '<span class="s">"a"</span>  <span class="c"># b</span></code></pre>'
    )
    assert to_html("```diff\n-a\n+b\n```") == (
        '<pre tabindex="0"><code><span class="gd">-a</span>\n<span class="gi">+b</span></code></pre>'
    )


@pytest.mark.parametrize("language", sorted(CURLY_LANGUAGES))
def test_languages_like_c_are_highlighted(language: str) -> None:
    assert to_html(f"```{language}\n/* a\nb */ if (f('x', 0x1F)) return; // c\n```") == (
        '<pre tabindex="0"><code><span class="c">/* a\nb */</span> <span class="k">if</span> '
        '(<span class="nf">f</span>(<span class="s">\'x\'</span>, <span class="mi">0x1F</span>)) '
        '<span class="k">return</span>; <span class="c">// c</span></code></pre>'
    )


def test_shell_is_highlighted() -> None:
    assert to_html('```sh\nif test $a#b; then rm -rf "$b"; fi # c\n```') == (
        '<pre tabindex="0"><code><span class="k">if</span> <span class="k">test</span> '
        '<span class="nf">$a</span>#b; <span class="k">then</span> rm -rf '
        '<span class="s">"$b"</span>; <span class="k">fi</span> <span class="c"># c</span></code></pre>'
    )


def test_long_code_is_shown_without_colours() -> None:
    assert "span" in to_html("```py\n" + "1\n" * (COLOURED_CODE // 2) + "```")
    assert "span" not in to_html("```py\n" + "1\n" * (COLOURED_CODE // 2 + 1) + "```")


def test_the_html_is_safe_and_kept() -> None:
    assert isinstance(to_html("a"), SafeString)
    assert to_html("a kept body") is to_html("a kept body")


@pytest.mark.parametrize(
    "typed", ["🎉", " :tada: \n 👍 ", "👨‍👩‍👧‍👦❤️1️⃣🇩🇪👍🏽", ":+1::tada:", "🎉" * 12]
)
def test_a_message_of_only_emoji(typed: str) -> None:
    assert is_only_emoji(typed)


@pytest.mark.parametrize(
    "typed", ["", " ", "a🎉", "1", "#", ":nope:", "`🎉`", "\\:tada:", "🎉" * 13]
)
def test_a_message_of_more_or_less_than_emoji(typed: str) -> None:
    assert not is_only_emoji(typed)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("**a** [b](https://example.com)\n- c\n- d", "a b c d"),
        ("> q\n\n```py\nx  = 1\n```", "q x = 1"),
        ("|a|b|\n|-|-|\n|1|2|", "a b 1 2"),
        ("<b> & :tada:", "<b> & 🎉"),
        ("```\n```", "```"),
        ("", ""),
    ],
)
def test_a_summary_is_one_line_of_plain_text(typed: str, line: str) -> None:
    assert summary(typed) == line


def test_a_long_summary_is_cut_at_a_word() -> None:
    assert summary("one two three", length=9) == "one two…"
    assert summary("one two three", length=13) == "one two three"
    assert summary("a" * 200) == "a" * 139 + "…"
    assert summary("a " + "b" * 200, length=10) == "a bbbbbbb…"


# --- Properties

MARKUP = st.lists(
    st.sampled_from([
        *HEAVY, "a", "b c", "\n", "\n\n", "    ", ")", "]", "](https://a.example)", "](", ' "t")',
        "```py\n", "\n```\n", "`", "**", "| a | b |\n|---|---|\n", "| c | d | e |\n", "~", "#", "+ ",
        "¯\\_", "\x00", "\ud800", "\ufffe", "\xa0", "\u2028", "\u202e", "<b>", "</p>", "1) ", ">>",
    ]),
    max_size=40,
).map("".join)  # fmt: skip


@given(st.one_of(MARKUP, st.text(st.characters(codec=None), max_size=300)))
@example("\x85 \ufdd0 \U0001ffff")
@settings(max_examples=400, deadline=None)
def test_any_body_becomes_valid_html_of_the_allowed_tags(body: str) -> None:
    html = to_html(body)
    # Raises at the first thing that is not as the standard wants it
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(html)
    assert {element.tag for element in tree.iter()} - {"DOCUMENT_FRAGMENT"} <= set(_TAGS.split())
    assert _CLEANER.clean(html) == html
    for link in tree.iter("a"):
        assert re.match(r"https?://|mailto:", link.attrib["href"], re.IGNORECASE)
        assert visible("".join(link.itertext()))
    assert "\n" not in summary(body)
    assert len(summary(body)) <= 140
    is_only_emoji(body)


WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


@given(MARKUP, WORD)
@settings(max_examples=400, deadline=None)
def test_letters_and_digits_are_never_lost(body: str, word: str) -> None:
    typed = body + word
    # What is not shown as such: a language, a link's address, emoji's names, a list's numbers
    for hidden in ("```py", "](", ":tada:", ":a:", "1. ", "2. ", "1) "):
        typed = typed.replace(hidden, "")
    expected = [sign for sign in typed if sign.isalnum()]
    assert [sign for sign in text_of(to_html(typed)) if sign.isalnum()] == expected


@given(st.lists(WORD, min_size=1, max_size=30), st.sampled_from([" ", "\n", ", ", " - ", "\n\n"]))
@settings(max_examples=200, deadline=None)
def test_plain_words_survive_as_they_are(words: list[str], between: str) -> None:
    assert visible(text_of(to_html(between.join(words)))) == visible(between.join(words))
    assert summary(between.join(words), length=10_000) == " ".join(between.join(words).split())
