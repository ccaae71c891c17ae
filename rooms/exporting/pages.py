"""Messages as a program and as a person reads them."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from ..models import Attachment, Message
from ..models.called import names_of
from ..models.mentions import mentions_of
from ..models.preview import previews_of
from ..text import to_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..models import Export
    from .archive import Archive, Kept

PER_PAGE = 500  # messages: a page that a browser shows at once
LOADED = "author", "reply_to__author"


def files_of(archive: Archive, messages: Sequence[Message]) -> dict[int, list[Kept]]:
    """The files of the messages, now in the archive, by the keys of these."""
    with_files = [message.pk for message in messages if message.files]
    found: dict[int, list[Kept]] = {}
    if with_files:
        attachments = Attachment.objects.filter(message__in=with_files).order_by("pk")
        for attachment in attachments:
            kept = archive.keep(attachment)
            if kept is not None:
                found.setdefault(attachment.message_id or 0, []).append(kept)
    return found


def names_in(messages: Sequence[Message]) -> dict[int, str]:
    """How everybody is called who reacted."""
    wanted = {
        user for message in messages for _emoji, users in message.reactions or () for user in users
    }
    return names_of(wanted) if wanted else {}


def as_data(message: Message, files: Sequence[Kept], names: Mapping[int, str]) -> dict[str, Any]:
    """For a program. What a message has not is left out."""
    said = {
        "number": message.number,
        "author": message.author.name,
        "username": message.author.username,
        "at": message.created_at.isoformat(),
        "edited_at": message.edited_at and message.edited_at.isoformat(),
        "text": message.body,
        "reply_to": message.reply_to and message.reply_to.number,
        "pinned_at": message.pinned_at and message.pinned_at.isoformat(),
        "files": [
            {"name": file.name, "path": file.path, "type": file.type, "size": file.size}
            for file in files
        ],
        "reactions": {
            emoji: [names.get(user, "") for user in users]
            for emoji, users in message.reactions or ()
        },
        "links": [
            {"address": each.address, "title": each.title} for each in previews_of(message.previews)
        ],
    }
    return {name: value for name, value in said.items() if value not in (None, [], {})}


def as_shown(
    message: Message, files: Sequence[Kept], names: Mapping[int, str], pages: Sequence[Any]
) -> dict[str, Any]:
    """For a template. `pages` says what is on each page so far."""
    original = message.reply_to
    return {
        "message": message,
        "body": to_html(message.body, mentions_of(message.mentions)),
        "files": files,
        "original": original,
        "original_page": page_of(original.number, pages) if original else "",
        "reactions": [
            (emoji, len(users), ", ".join(filter(None, (names.get(user) for user in users))))
            for emoji, users in message.reactions or ()
        ],
        "previews": previews_of(message.previews),
    }


def page_of(number: int, pages: Sequence[Any]) -> str:
    """The file of the page that a message is on; "" for the one that is being written."""
    place = bisect_right([page["first"] for page in pages], number) - 1
    if place < 0 or number > pages[place]["last"]:
        return ""
    return str(pages[place]["file"])


def write_page(
    archive: Archive, export: Export, messages: Sequence[Message], context: dict[str, Any]
) -> None:
    """One more page of them, and lines for programs."""
    number = len(export.pages) + 1
    file = f"{number:05}.html"
    archive.render(
        f"pages/{file}",
        "archive/page.html",
        {
            **context,
            "number": number,
            "before": export.pages[-1]["file"] if export.pages else "",
            "after": f"{number + 1:05}.html" if export.done + len(messages) < export.total else "",
        },
    )
    export.pages.append(
        {
            "file": file,
            "first": messages[0].number,
            "last": messages[-1].number,
            "from": messages[0].created_at.isoformat(),
            "to": messages[-1].created_at.isoformat(),
            "messages": len(messages),
        }
    )
    export.done += len(messages)


def batch(found: QuerySet[Message]) -> list[Message]:
    return list(found.select_related(*LOADED)[:PER_PAGE])
