"""A room's copy: what its members can read now, and nothing that was deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, get_language_bidi

from ..models import Room
from .archive import append_lines
from .pages import as_data, as_shown, batch, files_of, names_in, write_page

if TYPE_CHECKING:
    from ..models import Export
    from .archive import Archive


class RoomCopy:
    """Of one room."""

    def __init__(self, export: Export, room: Room) -> None:
        self.export, self.room = export, room

    def is_permitted(self) -> bool:
        user = self.export.user
        return user.is_active and self.room.standing_of(user).may_export

    def next(self, archive: Archive) -> bool:
        """Write the next piece. Returns whether there is more."""
        if not self.export.phase:
            self._begin(archive)
            return True
        there = self.room.messages.filter(
            number__gt=self.export.reached, number__lte=self.export.until, deleted_at=None
        )
        messages = batch(there.order_by("number"))
        if not messages:
            self._end(archive)
            return False
        files, names = files_of(archive, messages), names_in(messages)
        with self.export.temporary(".messages").open("a", encoding="utf-8") as lines:
            append_lines(lines, (as_data(each, files.get(each.pk, ()), names) for each in messages))
        shown = [
            as_shown(each, files.get(each.pk, ()), names, self.export.pages) for each in messages
        ]
        write_page(archive, self.export, messages, {**self._around(), "shown": shown})
        self.export.reached = messages[-1].number
        return True

    def _around(self) -> dict[str, Any]:
        name = self.room.called_by(self.export.user)
        language = {"language": get_language(), "bidi": get_language_bidi()}
        return {"title": name, "room": self.room, **language}

    def _begin(self, archive: Archive) -> None:
        self.room.refresh_from_db()
        self.export.until = self.room.last_number
        self.export.total = self.room.messages.filter(deleted_at=None).count()
        self.export.phase = "messages"
        archive.render("style.css", "archive/style.css", {})
        memberships = self.room.memberships.select_related("user").order_by("joined_at", "pk")
        archive.dump(
            "room.json",
            {
                "name": self.room.called_by(self.export.user),
                "topic": self.room.topic,
                "private": self.room.private,
                "direct": self.room.direct,
                "created_at": self.room.created_at,
                "archived_at": self.room.archived_at,
                "address": f"{settings.SITE_URL}/rooms/{self.room.slug}/",
                "copied_at": timezone.now(),
                "copied_by": self.export.user.username,
                "members": [
                    {
                        "username": each.user.username,
                        "name": each.user.name,
                        "joined_at": each.joined_at,
                        "moderator": each.moderates,
                    }
                    for each in memberships.iterator(chunk_size=1_000)
                ],
            },
        )

    def _end(self, archive: Archive) -> None:
        lines = self.export.temporary(".messages")
        lines.touch()
        archive.copy("messages.jsonl", lines)
        pages = [
            {
                **page,
                "from": datetime.fromisoformat(page["from"]),
                "to": datetime.fromisoformat(page["to"]),
            }
            for page in self.export.pages
        ]
        archive.render(
            "index.html",
            "archive/index.html",
            {**self._around(), "pages": pages, "export": self.export, "now": timezone.now()},
        )
