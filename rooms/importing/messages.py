"""What one entry of a channel's file says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..emojis import one_emoji
from ..models.message import BODY_LENGTH
from ..models.reactions import KINDS
from .source import dict_of, line_of, list_of, text_of

_MOMENT = re.compile(r"(?P<seconds>\d{9,11})\.(?P<rest>\d{1,9})")
LONGEST = 40_000  # characters of a message at Slack
FILES = 50  # of one message that are named
# These say that something happened in the channel, not what somebody said.
NOT_SAID = frozenset(
    {
        *("channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name"),
        *("channel_archive", "channel_unarchive", "channel_convert_to_private", "tombstone"),
        *("group_join", "group_leave", "group_topic", "group_purpose", "group_name"),
        *("group_archive", "group_unarchive", "pinned_item", "unpinned_item", "reply_broadcast"),
        *("bot_add", "bot_remove", "reminder_add", "message_deleted", "message_changed"),
        *("channel_posting_permissions", "sh_room_created", "joiner_notification"),
    }
)


class NotAMessage(ValueError):
    """Why an entry makes none."""


@dataclass
class Said:
    """A message, in Slack's terms."""

    ts: str
    at: datetime
    user: str  # an id; of a bot that has no account, "B" and its id
    called: str
    bot: bool
    text: str
    files: list[tuple[str, str]]  # name and address
    edited_at: datetime | None
    thread: str  # the ts of what it replies to, "" if nothing
    begins: bool  # a thread
    reactions: list[tuple[str, list[str]]]
    left_out: int = 0  # reactions with emoji that only Slack has

    @property
    def key(self) -> str:
        return key_of(self.ts)


def key_of(ts: str) -> str:
    """A message's key here: unique in its room, as Slack's time is in its channel."""
    return f"slack-{ts.replace('.', '-')}"


def moment_of(ts: Any) -> datetime | None:
    found = _MOMENT.fullmatch(ts) if isinstance(ts, str) else None
    if found is None:
        return None
    microseconds = int(found["rest"].ljust(6, "0")[:6])
    return datetime.fromtimestamp(int(found["seconds"]), UTC).replace(microsecond=microseconds)


def said(entry: Any) -> Said | None:
    """None for what is no message but tells of the channel. Raises `NotAMessage`."""
    message = dict_of(entry)
    if not message:
        raise NotAMessage("it is no object")
    subtype = line_of(message.get("subtype"), 60)
    if message.get("type", "message") != "message" or subtype in NOT_SAID or message.get("hidden"):
        return None
    at = moment_of(message.get("ts"))
    if at is None:
        raise NotAMessage("it has no time (ts)")
    user = line_of(message.get("user"), 40)
    bot = line_of(message.get("bot_id"), 40)
    called = line_of(message.get("username"), 60)
    if not user:
        if not bot and not called:
            raise NotAMessage("nobody said it (no user)")
        user = f"B{bot or called}"
    profile = dict_of(message.get("user_profile"))
    called = called or line_of(profile.get("display_name") or profile.get("real_name"), 60)
    thread = line_of(message.get("thread_ts"), 40)
    ts = str(message["ts"])
    reactions, left_out = _reactions(message)
    return Said(
        ts=ts,
        at=at,
        user=user,
        called=called,
        bot=user.startswith("B"),
        text=_text(message, subtype),
        files=_files(message),
        edited_at=moment_of(dict_of(message.get("edited")).get("ts")),
        thread=thread if thread != ts and moment_of(thread) else "",
        begins=thread == ts or bool(message.get("reply_count")) or bool(message.get("replies")),
        reactions=reactions,
        left_out=left_out,
    )


def _text(message: dict[str, Any], subtype: str) -> str:
    text = text_of(message.get("text"), LONGEST)
    if subtype == "me_message" and text.strip():
        return f"_{text.strip()}_"
    if text.strip() and subtype != "bot_message":
        return text
    # What programs say is often there alone; for people it is what their links are about.
    return words_with_attachments(message)


def words_with_attachments(message: dict[str, Any]) -> str:
    """The text of what a program said, and what is attached to it, in Slack's own marks."""
    text = text_of(message.get("text"), LONGEST)
    parts = [text] if text.strip() else []
    for each in list_of(message.get("attachments"))[:20]:
        attached = dict_of(each)
        title, link = (
            line_of(attached.get("title"), 300),
            line_of(attached.get("title_link"), 2_000),
        )
        named = f"<{link}|{title}>" if title and link.startswith("http") else title
        said = [
            text_of(attached.get("pretext"), LONGEST),
            named,
            text_of(attached.get("text"), LONGEST),
        ]
        parts += [each for each in said if each] or [text_of(attached.get("fallback"), LONGEST)]
    return "\n".join(part for part in parts if part)[:LONGEST]


def _files(message: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for each in [*list_of(message.get("files")), message.get("file")][:FILES]:
        file = dict_of(each)
        if not file:
            continue
        name = line_of(file.get("title") or file.get("name"), 200) or "file"
        addresses = (
            line_of(file.get(field), 2_000) for field in ("permalink", "url_private", "url")
        )
        address = next((each for each in addresses if each.startswith(("https://", "http://"))), "")
        found.append((name, address))
    return found


def _reactions(message: dict[str, Any]) -> tuple[list[tuple[str, list[str]]], int]:
    found: dict[str, dict[str, None]] = {}
    left_out = 0
    for each in list_of(message.get("reactions")):
        reaction = dict_of(each)
        users = [line_of(user, 40) for user in list_of(reaction.get("users"))]
        name = line_of(reaction.get("name"), 100).partition("::")[0]
        emoji = one_emoji(f":{name}:") if name else None
        if emoji is None or (emoji not in found and len(found) == KINDS):
            left_out += 1
            continue
        found.setdefault(emoji, {}).update(dict.fromkeys(filter(None, users)))
    return [(emoji, list(users)) for emoji, users in found.items() if users], left_out


def pieces(body: str) -> list[str]:
    """The text in as many messages as it takes; code that is cut goes on as code."""
    found: list[str] = []
    room = BODY_LENGTH - 10  # for the marks of code that is cut
    while len(body) > BODY_LENGTH:
        cut = body.rfind("\n", room // 2, room)
        if cut < 0:
            cut = body.rfind(" ", room // 2, room)
        if cut < 0:
            cut = room
        piece, body = body[:cut], body[cut:].lstrip("\n ")
        if piece.count("```") % 2:
            piece, body = f"{piece}\n```", f"```\n{body}"
        found.append(piece)
    return [*found, body]
