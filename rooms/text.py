"""A message's body, Markdown as typed, to safe HTML.

The Markdown is CommonMark made tame for chat: what people type without a thought of markup
(`# 1`, `2*3*4`, `__init__.py`, `C:\\new`, a pasted `&nbsp;`) stays as typed, and no construct may
swallow words. nh3 has the last word: whatever the parser makes, only the tags and attributes listed
at the end come out.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator

import emoji
import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock, blockquote, list_block, make_fence_rule, paragraph
from markdown_it.rules_block.table import escapedSplit, getLine, table
from markdown_it.rules_inline import StateInline, autolink, emphasis, link
from markdown_it.token import Token

from rooms.code import CLASSES, LANGUAGES, highlight

CACHED_BODIES = 4096  # some hundred rooms' newest pages; most bodies are far below a kilobyte
LARGE_EMOJI = 12  # about a line of them at the large size
NESTING = 12  # quotes count one, lists two; markdown-it's own limit, 20, would drop what is below
TABLE_CELLS = 1000  # GFM fills short rows up, so a few short lines could ask for 65,000 cells
SUMMARY_LENGTH = 140

# Not typed by anyone and not allowed in HTML: C0 but tab and newline, DEL, C1
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Halves of surrogate pairs cannot be encoded; the noncharacters are errors to an HTML parser
_NOT_CHARACTERS = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


# --- Links


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Whether nh3 will keep it, so that a bad address stays readable as text."""
        if not re.match(r"https?://|mailto:.", url, re.IGNORECASE):
            return False
        return "href" in _HREF.clean(f'<a href="{escapeHtml(url)}">')

    def normalizeLinkText(self, url: str) -> str:  # noqa: N802 - markdown-it's name
        return url  # as typed: decoding it would show another address than the one opened


# A host's name is short, and no brackets, so that nothing is searched far and in vain. Full-width
# punctuation ends an address too: Chinese and Japanese put no space after it.
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9_@/.-])(?:https?://|www\.)[^\W_][\w.-]{0,250}(?::\d{1,5})?"
    r"(?:[/?#][^\s<>\"`\[\]\u3000-\u303f\uff00-\uffef]*)?",
    re.IGNORECASE,
)
_AFTER_ADDRESS = "?!.,:;*_~'’”»…"
_BRACKETS = {")": "(", "}": "{"}


def _bare_link(state: StateInline, silent: bool) -> bool:
    """`https://…` and `www.…`, without what ends the sentence or bracket around it."""
    found = None if state.linkLevel else _ADDRESS.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    address = found.group()
    unopened = {end: address.count(end) - address.count(start) for end, start in _BRACKETS.items()}
    length = len(address)
    while (last := address[length - 1]) in _AFTER_ADDRESS or unopened.get(last, 0) > 0:
        unopened[last] = unopened.get(last, 0) - 1
        length -= 1
    address = address[:length]
    url = state.md.normalizeLink(f"https://{address}" if address[:4].lower() == "www." else address)
    if not silent and not state.md.validateLink(url):
        state.append_pending(address)
    elif not silent:
        state.push("link_open", "a", 1).attrs = {"href": url}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos += length
    return True


_TARGET = re.compile(r"\]\([ \t\n]*<?(?:https?://|mailto:)", re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def _last_target(source: str) -> int:
    """Where the last address of a written link is; after it every bracket is only a bracket."""
    return max((found.start() for found in _TARGET.finditer(source)), default=-1)


_NO_LABEL = re.compile(r"\[\s*\]")
_NO_TARGET = re.compile(r"\(\s*\)$")


def _link(state: StateInline, silent: bool) -> bool:
    """`[words](address)`; without words or an address it stays as typed: `handlers[name]()`."""
    start = state.pos
    if _last_target(state.src) < start or not link(state, True):
        return False
    typed = state.src[start : state.pos]
    state.pos = start
    if _NO_LABEL.match(typed) or _NO_TARGET.search(typed):
        return False
    return link(state, silent)


def _image(state: StateInline, silent: bool) -> bool:
    """`![words](address)` is a link: a picture would tell its server who reads the room.

    Fails when looked ahead, so that the brackets count as a link's and none is put inside another.
    """
    if silent or not state.src.startswith("![", state.pos):
        return False
    state.pos += 1
    if _link(state, silent):
        return True
    state.pos -= 1
    return False


def _autolink(state: StateInline, silent: bool) -> bool:
    return not state.linkLevel and autolink(state, silent)


# --- Other things within a line

_SHORTCODES = re.compile(r"(?<![\w:])(?::[\w+&.’-]{1,80}:)+(?![\w:])")


def _shortcodes(state: StateInline, silent: bool) -> bool:
    """`:tada:`, alone or several in a row; not in `10:30:15` nor in `std::map::key`."""
    found = _SHORTCODES.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.append_pending(_emojize(found.group()))
    state.pos = found.end()
    return True


def _emojize(text: str) -> str:
    return _SHORTCODES.sub(lambda found: emoji.emojize(found.group(), language="alias"), text)


def _newline(state: StateInline, silent: bool) -> bool:
    """Line breaks stay, and white space after them, which CSS shows: pasted code keeps its look."""
    if state.src[state.pos] != "\n":
        return False
    if not silent:
        state.pending = state.pending.rstrip(" ")
        state.push("softbreak", "br", 0)
    state.pos += 1
    return True


def _escape(state: StateInline, silent: bool) -> bool:
    """A backslash hides only before marks that mean something here: paths, patterns keep theirs."""
    if state.src[state.pos] != "\\" or state.pos + 1 >= state.posMax:
        return False
    before, after = state.src[state.pos - 1 : state.pos], state.src[state.pos + 1]
    if after not in "*_~`[:<" and not (after in "->" and before in ("", "\n")):
        return False
    if not silent:
        # ¯\_(ツ)_/¯ has an arm to lose
        state.append_pending("\\" + after if before == "¯" else after)
    state.pos += 2
    return True


# Sums, paths, Python's names. `*` between letters of other scripts does count: some have no spaces.
_NOT_EMPHASIS = re.compile(r"(?<=[A-Za-z0-9])\*+(?=[A-Za-z0-9])|(?<=/)\*+(?=[/.])|_{2,}")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """`*`, `**` and `_`; `2*3*4`, `src/**/*.py` and `__init__` stay as typed."""
    found = None if silent else _NOT_EMPHASIS.match(state.src, state.pos)
    if not found:
        return emphasis.tokenize(state, silent)
    state.append_pending(found.group())
    state.pos = found.end()
    return True


# --- Blocks


def _no_lazy_line(state: StateBlock, start: int, _end: int, silent: bool) -> bool:
    """Ends a quote or a list where its marks end: the next line is the answer to it."""
    return silent and (state.parentType == "blockquote" or state.sCount[start] < state.blkIndent)


_QUOTE = re.compile(r">[ \t]+\S")


def _quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`> words`, with the space: `>_<` and `>>> import this` are none."""
    return (
        state.level < NESTING
        and _QUOTE.match(getLine(state, start)) is not None
        and blockquote(state, start, end, silent)
    )


_LIST_ITEM = re.compile(r"(?:[-*]|\d{1,3}[.)])[ \t]+(?![-*+\s]*$)")


def _list(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`- words`, `* words`, `1. words`; no empty lists, so that a lone `-` or `* * *` stays.

    Numbers stay as typed ("2. yes", "5. no"), unless all are the same, which asks to be counted.
    """
    if state.level >= NESTING or not _LIST_ITEM.match(getLine(state, start)):
        return False
    first = len(state.tokens)
    if not list_block(state, start, end, silent):
        return False
    if not silent and state.tokens[first].type == "ordered_list_open":
        level = state.tokens[first].level + 1
        items = [
            token
            for token in itertools.islice(state.tokens, first, None)
            if token.type == "list_item_open" and token.level == level
        ]
        numbers = [int(token.info) for token in items]
        if len(set(numbers)) > 1:
            for item, before, number in zip(items[1:], numbers, numbers[1:], strict=False):
                if number != before + 1:
                    item.attrSet("value", str(number))
    return True


_backtick_fence = make_fence_rule(markers=("`",))


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Code between ``` lines; as people do in chat, the end may also stand behind the last words.

    What follows the first ``` is a language if it is a known one, else the code's first line.
    """
    if not _backtick_fence(state, start, end, silent):
        return False
    if silent:
        return True
    token = state.tokens[-1]
    lines = token.content.removesuffix("\n").split("\n") if token.content else []
    if state.line == start + 1 + len(lines):  # no line of its own ends it
        for number, line in enumerate(lines):
            if line.rstrip().endswith(token.markup):
                lines[number:] = [line.rstrip().removesuffix(token.markup)]
                state.line = start + 2 + number
                break
    token.info = token.info.strip()
    if token.info.lower() not in LANGUAGES:
        lines.insert(0, token.info)
        token.info = ""
    token.content = "\n".join(lines).strip("\n")
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """GFM's table; what a row has too many of goes to its last cell instead of nowhere."""
    if start + 2 > end or getLine(state, start + 1).count("|") * (end - start) > TABLE_CELLS:
        return False
    first = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    if silent:
        return True
    cells = [token for token in state.tokens[first:] if token.type == "inline"]
    columns = sum(token.type == "th_open" for token in state.tokens[first:])
    for row, line in enumerate(range(start + 2, state.line), 2):
        typed = escapedSplit(getLine(state, line).strip().removeprefix("|"))
        if not typed[-1].strip():
            typed.pop()  # behind the last bar
        cells[row * columns - 1].content += "".join(
            f" | {cell.strip()}" for cell in typed[columns:]
        )
    return True


def _paragraph(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    indent = state.sCount[start] - state.blkIndent
    paragraph(state, start, end, silent)
    # Like the other lines' (see _newline), else the first one of a pasted block would stand askew
    state.tokens[-2].content = " " * indent + state.tokens[-2].content
    return True


# --- Putting it together


def _render(tokens: Iterable[Token]) -> Iterator[str]:
    """HTML without white space of its own, as the style sheet shows all there is in paragraphs."""
    for token in tokens:
        match token.type:
            case "inline":
                yield from _render(token.children or ())
            case "text":
                yield escapeHtml(token.content)
            case "softbreak":
                yield "<br>"
            case "code_inline":
                yield _code_span(token)
            case "fence":
                yield _code_block(token)
            case "table_open":
                yield '<div tabindex="0"><table>'  # the outer one scrolls, by keyboard too
            case "table_close":
                yield "</table></div>"
            case _ if not token.hidden:
                attributes = (
                    f' {name}="{escapeHtml(str(value))}"' for name, value in token.attrItems()
                )
                yield f"<{'/' * (token.nesting < 0)}{token.tag}{''.join(attributes)}>"


def _code_span(token: Token) -> str:
    if not token.content.strip():
        return token.markup + token.content + token.markup  # nothing to show but the marks
    return f"<code>{escapeHtml(token.content)}</code>"


def _code_block(token: Token) -> str:
    if not token.content.strip():
        return f"<p>{token.markup}{token.info}</p>"
    language = token.info.lower()
    code = highlight(token.content, language) if language else escapeHtml(token.content)
    return f'<pre tabindex="0"><code>{code}</code></pre>'  # it scrolls, by keyboard too


def _parser() -> MarkdownIt:
    parser = _Markdown("zero")
    parser.enable(["table", "fence", "blockquote", "list", "newline", "escape", "backticks"])
    parser.enable(["strikethrough", "emphasis", "link", "image", "autolink"])
    block, inline = parser.block.ruler, parser.inline.ruler
    before = ["paragraph", "blockquote", "list"]
    block.at("table", _table, {"alt": ["paragraph"]})
    block.at("fence", _fence, {"alt": before})
    block.at("blockquote", _quote, {"alt": before})
    block.at("list", _list, {"alt": ["paragraph", "blockquote"]})
    block.at("paragraph", _paragraph)
    block.after("list", "no_lazy_line", _no_lazy_line, {"alt": ["paragraph", "blockquote"]})
    inline.at("newline", _newline)
    inline.at("escape", _escape)
    inline.at("emphasis", _emphasis)
    inline.at("link", _link)
    inline.at("image", _image)
    inline.at("autolink", _autolink)
    inline.before("newline", "bare_link", _bare_link)
    inline.before("newline", "shortcodes", _shortcodes)
    for letter in "hHwW":  # where an address begins
        parser.inline.add_terminator_char(letter)
    return parser


_MARKDOWN = _parser()


def _plain_parser() -> MarkdownIt:
    parser = _Markdown("zero")
    parser.enable(["newline"])
    parser.inline.ruler.at("newline", _newline)
    parser.inline.ruler.before("newline", "bare_link", _bare_link)
    for letter in "hHwW":  # where an address begins
        parser.inline.add_terminator_char(letter)
    return parser


_PLAIN = _plain_parser()

_TAGS = "a blockquote br code div em li ol p pre s span strong table tbody td th thead tr ul"
_SCHEMES = {"http", "https", "mailto"}
_HREF = nh3.Cleaner(
    tags={"a"}, attributes={"a": {"href"}}, url_schemes=_SCHEMES, url_relative="deny"
)
_CLEANER = nh3.Cleaner(
    tags=set(_TAGS.split()),
    attributes={
        "a": {"href", "title"},
        "div": {"tabindex"},
        "pre": {"tabindex"},
        "li": {"value"},
        "ol": {"start"},
    },
    allowed_classes={"span": set(CLASSES)},
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel="nofollow noopener noreferrer ugc",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def _typed(body: str) -> str:
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_CHARACTERS.sub("\ufffd", _CONTROLS.sub("", body))


# Safe to keep: the HTML depends on the body alone, not on who reads it, in which room, nor when.
# After an upgrade of a library, the process is a new one.
@functools.lru_cache(maxsize=CACHED_BODIES)
def to_html(body: str) -> SafeString:
    """Safe HTML of a body: blocks such as `<p>`, no headings, no ids; "" for one without words.

    Takes any string, never raises; meant for at most 4,000 characters.
    """
    return mark_safe(_CLEANER.clean("".join(_render(_MARKDOWN.parse(_typed(body))))))


def links(body: str) -> list[str]:
    """The web addresses that a body links to, in order, each once; not those that were typed between
    angle brackets, by which people say that nothing more is to be made of them."""
    found = [
        str(part.attrGet("href"))
        for token in _MARKDOWN.parse(_typed(body))
        for part in token.children or ()
        if part.type == "link_open" and part.markup != "autolink"
    ]
    return [each for each in dict.fromkeys(found) if each[:4].lower() == "http"]


@functools.lru_cache(maxsize=CACHED_BODIES)
def lines_to_html(text: str) -> SafeString:
    """Safe HTML of a text without markup: its lines as typed, and addresses that are written out as
    links."""
    return mark_safe(_CLEANER.clean("".join(_render(_PLAIN.parse(_typed(text))))))


_WORDS = re.compile("[A-Za-z]")


def is_only_emoji(body: str) -> bool:
    """Whether a body is nothing but one to twelve emoji, typed as such or as shortcodes."""
    if ":" not in body and _WORDS.search(body):
        return False  # nearly every message, at a hundredth of the price
    text = _emojize(_typed(body))
    found = [token.value for token in emoji.analyze("".join(text.split()), non_emoji=True)]
    return 0 < len(found) <= LARGE_EMOJI and not any(isinstance(one, str) for one in found)


def summary(body: str, length: int = SUMMARY_LENGTH) -> str:
    """One line of plain text (not HTML: escape it), at most `length` characters, cut with "…"."""
    parts: list[str] = []
    for token in _MARKDOWN.parse(_typed(body)):
        if token.type == "fence":
            parts.append(token.content or token.markup)
        else:
            parts.append(" ")
        parts.extend(
            " " if part.type == "softbreak" else part.content for part in token.children or ()
        )
    return _cut(" ".join("".join(parts).split()), length)


def plain_line(text: str, length: int) -> str:
    """Any text as one line of plain text, as `summary` makes of a body."""
    return _cut(" ".join(_typed(text).split()), length)


def _cut(line: str, length: int) -> str:
    if len(line) <= length:
        return line
    cut = line[:length]
    # At the end of a word, unless that would take most of the line
    return (cut.rpartition(" ")[0] if cut.rfind(" ") > length // 2 else cut[:-1]).rstrip() + "…"
