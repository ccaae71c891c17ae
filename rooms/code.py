"""Code to coloured HTML, by lexers that no message can hang."""

import functools
import itertools
import re

from markdown_it.common.utils import escapeHtml
from pygments.lexer import Lexer, RegexLexer, words
from pygments.lexers import get_lexer_by_name
from pygments.token import Token as Code
from pygments.token import _TokenType

# Pygments has lexers that a short message can hang: Bash's and Perl's with a row of backslashes, C's
# and Java's with one of line breaks. The ones used here were searched for patterns that could, and
# measured with hostile text of this length, without very long blanks: some 60 ms at worst.
COLOURED_CODE = 2000
_LONG_BLANK = re.compile(r"\s{200}")

_PYGMENTS = """
    css diff elixir ex go golang haskell hs html javascript js json jsx kotlin lua php py pycon pytb
    python python3 rb rs ruby rust scss sql swift toml udiff xml yaml yml
"""
# Languages with these two kinds of comments, whose own lexers are slow or not known to be safe
_CURLY = """
    c c# c++ cc cpp cs csharp dart groovy h hpp java less objc objective-c proto protobuf scala ts
    tsx typescript zig
"""
_HASH = """
    awk bash cmake conf docker dockerfile fish graphql hcl ini julia make makefile nginx nix perl
    powershell properties ps1 r sh shell terraform tf zsh
"""
_PLAIN = """
    bat clojure console csv elm erlang fsharp http latex lisp log markdown matlab md mermaid ocaml
    pascal plain plaintext scheme svelte tex text txt vb vim vue
"""
CURLY_LANGUAGES = frozenset(_CURLY.split())
HASH_LANGUAGES = frozenset(_HASH.split())
PLAIN_LANGUAGES = frozenset(_PLAIN.split())
LANGUAGES = CURLY_LANGUAGES | HASH_LANGUAGES | PLAIN_LANGUAGES | frozenset(_PYGMENTS.split())

_CURLY_KEYWORDS = """
    abstract alignas any as async auto await base bool boolean break byte case catch char class
    const constexpr continue declare decltype def default delete do double else enum explicit
    export extends extern final finally float for foreach friend from function get goto if
    implements import in inline instanceof int interface internal is keyof let lock long mutable
    namespace native new noexcept number object operator out override package params private
    protected public readonly record ref register return sealed set short signed sizeof static
    string struct super switch synchronized template this throw throws trait transient try type
    typedef typename typeof union unknown unsigned using val var virtual void volatile when where
    while with yield
"""
_HASH_KEYWORDS = """
    and begin break case continue do done elif else elseif elsif end endif esac eval exec exit export
    fi for foreach function if in inherit let local my or our package param readonly return set
    source sub switch test then throw trap try type unless unset until use using var while with
    ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL USER VOLUME WORKDIR
"""


def _rules(comment: str, keywords: str) -> dict[str, list[tuple[object, _TokenType]]]:
    """Of a lexer whose every step either fails at once or never goes back (`*+`), so takes no time."""
    constants = ("False", "None", "True", "false", "nil", "null", "nullptr", "true", "undefined")
    rules: list[tuple[object, _TokenType]] = [
        (r"\s+", Code.Text.Whitespace),
        (comment, Code.Comment),
        (r"(?<!\S)#[a-z]++|@\w++", Code.Name.Decorator),
        (r"\$\w++|\$\{\w++\}", Code.Name.Attribute),
        (r'"(?:\\[\s\S]|[^"\\])*+"?', Code.String),
        (r"'(?:\\.|[^'\\\n])*+'", Code.String),
        (r"`(?:\\[\s\S]|[^`\\])*+`", Code.String),
        (r"\d[\w.]*+", Code.Number),
        (words(constants, suffix=r"(?![\w-])"), Code.Number),
        (words(keywords.split(), prefix=r"(?<![\w-])", suffix=r"(?![\w-])"), Code.Keyword),
        (r"\w++(?=\s?\()", Code.Name.Function),
        (r"\w++", Code.Name),
        (r"[^\w\s]", Code.Punctuation),
    ]
    return {"root": rules}


class _CurlyLexer(RegexLexer):
    tokens = _rules(r"//.*|/\*[\s\S]*?(?:\*/|\Z)", _CURLY_KEYWORDS)


class _HashLexer(RegexLexer):
    tokens = _rules(r"(?<!\S)#.*", _HASH_KEYWORDS)


# The nearest of a token's ancestors decides; the style sheet knows these few classes only
_CLASSES = {
    Code.Comment: "c",
    Code.Comment.Preproc: "k",
    Code.Generic.Deleted: "gd",
    Code.Generic.Heading: "k",
    Code.Generic.Inserted: "gi",
    Code.Generic.Prompt: "c",
    Code.Generic.Subheading: "c",
    Code.Keyword: "k",
    Code.Keyword.Constant: "mi",
    Code.Literal.Date: "mi",
    Code.Literal.Number: "mi",
    Code.Literal.String: "s",
    Code.Name.Attribute: "nf",
    Code.Name.Builtin: "nf",
    Code.Name.Builtin.Pseudo: "k",
    Code.Name.Class: "nf",
    Code.Name.Decorator: "nf",
    Code.Name.Function: "nf",
    Code.Name.Tag: "k",
    Code.Operator.Word: "k",
}


CLASSES = frozenset(_CLASSES.values())  # that a span of highlighted code can have


@functools.cache
def _class_of(kind: _TokenType) -> str:
    while kind.parent is not None:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = kind.parent
    return ""


def highlight(code: str, language: str) -> str:
    """HTML of `code`; neighbours of one class share a span, to keep it small."""
    if language in PLAIN_LANGUAGES or len(code) > COLOURED_CODE or _LONG_BLANK.search(code):
        return escapeHtml(code)
    code += "\n"  # which the lexers rely on
    lexer: Lexer
    if language in CURLY_LANGUAGES:
        lexer = _CurlyLexer()
    elif language in HASH_LANGUAGES:
        lexer = _HashLexer()
    else:
        lexer = get_lexer_by_name(language)
    lexer.stripnl = False
    tokens = list(lexer.get_tokens(code))
    if "".join(typed for _, typed in tokens) != code:
        return escapeHtml(code[:-1])  # a lexer must not lose what was typed
    html = []
    for name, group in itertools.groupby(tokens, lambda token: _class_of(token[0])):
        part = escapeHtml("".join(typed for _, typed in group))
        html.append(f'<span class="{name}">{part}</span>' if name else part)
    return re.sub(r"\n(</span>)?$", r"\1", "".join(html))
