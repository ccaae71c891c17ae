"""Slack's own marks to Markdown as it is written here.

https://api.slack.com/reference/surfaces/formatting: in angle brackets stands what is no text: people,
channels, addresses; `&`, `<` and `>` themselves are escaped. Of emphasis there is less than here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CODE = re.compile(r"```(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
_BRACKETS = re.compile(r"<(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>")
_BOLD = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])")
_STRUCK = re.compile(r"(?<![\w~])~(?=[^\s~])([^~\n]*[^\s~])~(?![\w~])")
_QUOTE = re.compile(r"^(?:&gt;|>) ?(?=\S)", re.MULTILINE)
_QUOTED_TO_THE_END = re.compile(r"^(?:&gt;|>){3} ?(.*)", re.MULTILINE | re.DOTALL)
_BULLET = re.compile(r"^(\s*)[•◦▪] +", re.MULTILINE)
_SKIN = re.compile(r":skin-tone-\d:")
_LINK = re.compile(r"\[(?=[^\[\]\n]*\]\()")
_AFTER = str.maketrans({"[": "(", "]": ")"})


def to_markdown(text: str, name_of: Callable[[str], str], channel_of: Callable[[str], str]) -> str:
    """`name_of` says what stands after the @ for somebody's id, `channel_of` what a channel is called; ""
    if they do not know."""
    done: list[str] = []
    end = 0
    for found in _CODE.finditer(text):
        done.append(_words(text[end : found.start()], name_of, channel_of))
        if found["block"] is not None:
            code = _plain(found["block"]).strip("\n")
            before = "" if not "".join(done).rstrip(" ") or done[-1].endswith("\n") else "\n"
            done.append(f"{before}```\n{code}\n```\n" if code.strip() else found.group())
        else:
            done.append(f"`{_plain(found['span'])}`")
        end = found.end()
    done.append(_words(text[end:].removeprefix("\n") if end else text, name_of, channel_of))
    return "".join(done).strip("\n").rstrip()


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _plain(code: str) -> str:
    """In code, brackets are only what Slack put around addresses."""
    return _unescaped(_BRACKETS.sub(lambda found: found["label"] or found["target"], code))


def _words(text: str, name_of: Callable[[str], str], channel_of: Callable[[str], str]) -> str:
    text = _LINK.sub(r"\\[", text)
    text = _SKIN.sub("", text)
    text = _QUOTED_TO_THE_END.sub(
        lambda found: "\n".join(f"&gt; {line}" for line in found[1].splitlines()), text
    )
    text = _QUOTE.sub("> ", text)
    text = _BULLET.sub(r"\1- ", text)
    # What is in brackets keeps its own stars.
    parts: list[str] = []
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(_bracket(found["target"], found["label"] or "", name_of, channel_of))
        return f"\ue000{len(held) - 1}\ue001"

    text = _BRACKETS.sub(hold, text.replace("\ue000", "").replace("\ue001", ""))
    text = _STRUCK.sub(r"~~\1~~", _BOLD.sub(r"**\1**", text))
    text = _unescaped(text)
    for number, part in enumerate(re.split(r"\ue000(\d+)\ue001", text)):
        parts.append(held[int(part)] if number % 2 else part)
    return "".join(parts)


def _bracket(  # noqa: PLR0911  # one for each kind
    target: str, label: str, name_of: Callable[[str], str], channel_of: Callable[[str], str]
) -> str:
    label = _unescaped(label)
    kind, rest = target[0], target[1:]
    if kind == "@":
        return f"@{name_of(rest) or label.removeprefix('@') or rest}"
    if kind == "#":
        return f"#{channel_of(rest) or label.removeprefix('#') or rest}"
    if kind == "!":
        return label or f"@{rest.partition('^')[0]}"
    address = _unescaped(target)
    if address.startswith("mailto:"):
        return label or address.removeprefix("mailto:")
    if not address.lower().startswith(("http://", "https://")):
        return label or address
    if not label or label in (address, address.partition("://")[2]):
        return address
    address = address.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    return f"[{label.translate(_AFTER)}]({address})"
