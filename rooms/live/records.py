"""Messages and rooms as programs are given them: plain data, the same for every reader, in an answer and
in a stream alike. rooms/api/shapes.py describes the same for the OpenAPI document, and tests hold the two
together."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from datetime import datetime

    from ..models import File, Preview, Quote, Reaction, RoomDetails, Row

Record = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """As RFC 3339 has it, in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def path_of(slug: str, *rest: object) -> str:
    """Where the API has a room, or something in it."""
    parts = [quote(str(part), safe="") for part in (slug, *rest)]
    return f"/api/rooms/{'/'.join(parts)}"


def person(pk: int, name: str, is_bot: bool) -> Record:
    return {"id": pk, "name": name, "bot": is_bot}


def message(row: Row) -> Record:
    return {
        "room": row.slug,
        "number": row.number,
        "version": row.version,
        "posted_version": row.posted_version,
        "author": person(row.author, row.author_name, row.author_is_bot),
        "text": row.body,
        "posted_at": moment(row.created_at),
        "edited": row.edited,
        "deleted": row.deleted,
        "removal": row.removal,
        "pinned": row.pinned,
        "reply_to": _quote(row.quote) if row.quote else None,
        "replies": row.replies,
        "files": [file(each, row.slug) for each in row.files],
        "reactions": [_reaction(each) for each in row.reactions],
        "previews": [_preview(each) for each in row.previews],
        "url": path_of(row.slug, "messages", row.number),
    }


def _quote(original: Quote) -> Record:
    return {
        "number": original.number,
        "author": person(original.author, original.author_name, original.author_is_bot),
        "text": original.text,
        "deleted": original.deleted,
    }


def file(one: File, slug: str) -> Record:
    address = path_of(slug, "files", one.pk)
    return {
        "id": one.pk,
        "name": one.name,
        "type": one.type,
        "size": one.size,
        "width": one.width or None,
        "height": one.height or None,
        "url": address,
        "thumbnail_url": f"{address}/thumbnail" if one.width else None,
    }


def _reaction(reaction: Reaction) -> Record:
    return {"emoji": reaction.emoji, "total": reaction.total, "people": list(reaction.who)}


def _preview(preview: Preview) -> Record:
    return {
        "address": preview.address,
        "title": preview.title,
        "site": preview.site,
        "description": preview.description,
    }


def room_details(details: RoomDetails) -> Record:
    """What may change about a room."""
    return {
        "slug": details.slug,
        "name": details.name,
        "topic": details.topic,
        "private": details.private,
        "direct": details.direct,
        "archived": details.archived,
        "moderators_only": details.moderators_only,
        "pins": details.pins,
    }
