"""The copy of what is somebody's own: all that the place knows of them, and all that they said, wherever
that was."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language, get_language_bidi

from .. import faces
from ..models import Attachment, Message, Room
from .archive import append_lines
from .pages import as_data, as_shown, batch, files_of, names_in, write_page

if TYPE_CHECKING:
    from ..models import Export
    from .archive import Archive

LOOKED_THROUGH = 2_000  # messages with reactions that are looked through at once
SECRET = frozenset({"password", "name_words"})  # of the account's own row


def _fields(row: models.Model | None) -> dict[str, Any]:
    """What a row holds, by the names of its fields. Secrets are left out."""
    names = [each.attname for each in row._meta.concrete_fields] if row is not None else []
    return {name: getattr(row, name) for name in names if name not in SECRET}


class AccountCopy:
    """Of one account."""

    def __init__(self, export: Export) -> None:
        self.export, self.user = export, export.user

    def is_permitted(self) -> bool:
        return self.user.is_active

    def next(self, archive: Archive) -> bool:
        """Write the next piece. Returns whether there is more."""
        if not self.export.phase:
            self._begin(archive)
        elif self.export.phase == "messages":
            self._write_messages(archive)
        elif self._write_reactions():
            self._end(archive)
            return False
        return True

    def _begin(self, archive: Archive) -> None:
        theirs = Message.objects.filter(author=self.user, deleted_at=None)
        self.export.total = theirs.count()
        self.export.until = theirs.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.export.phase = "messages"
        archive.render("style.css", "archive/style.css", {})
        archive.dump("account.json", self._about())
        if self.user.face:
            with suppress(FileNotFoundError):
                picture = faces.file(self.user.face, faces.LARGE)
                archive.copy("picture.webp", picture, packed=True)
        waiting = Attachment.objects.filter(author=self.user, message=None)
        for attachment in waiting.order_by("pk"):
            archive.keep(attachment)

    def _about(self) -> dict[str, Any]:
        """All that hangs on the account but messages. No secrets: whoever has this copy could sign in by
        them."""
        user = self.user
        memberships = user.memberships.select_related("room").order_by("joined_at", "pk")
        return {
            "copied_at": timezone.now(),
            "account": _fields(user),
            "addresses": list(
                EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
            ),
            "rooms": [
                {
                    "name": each.room.called_by(user),
                    "address": each.room.slug,
                    "direct": each.room.direct,
                    "joined_at": each.joined_at,
                    "moderator": each.is_moderator,
                    "read_up_to": each.last_read,
                    "draft": each.draft,
                }
                for each in memberships
            ],
            "profile": _fields(getattr(user, "profile", None)),
            "kept_from": list(
                user.restrictions.values(
                    "room__slug", "muted_until", "mute_reason", "banned_at", "ban_reason"
                )
            ),
            "reports": list(user.reports.values("at", "reason", "outcome")),
            "sessions": [{"until": each.expire_date} for each in user.sessions.all()],
            "invitations": list(
                user.invitations.values("created_at", "expires_at", "used", "role", "note")
            ),
        }

    def _write_messages(self, archive: Archive) -> None:
        there = Message.objects.filter(
            author=self.user, deleted_at=None, pk__gt=self.export.reached, pk__lte=self.export.until
        )
        messages = batch(there.order_by("pk"))
        if not messages:
            self.export.phase, self.export.reached = "reactions", 0
            return
        rooms = self._rooms({each.room_id for each in messages})
        files, names = files_of(archive, messages), names_in(messages)
        for each in messages:
            if each.room_id not in rooms:
                each.reply_to, each.reactions = (
                    None,
                    None,
                )  # what others did there is not theirs to see
        with self.export.temporary(".messages").open("a", encoding="utf-8") as lines:
            append_lines(
                lines,
                (
                    {
                        "room": rooms.get(each.room_id, ""),
                        **as_data(each, files.get(each.pk, ()), names),
                    }
                    for each in messages
                ),
            )
        shown = [
            {
                **as_shown(each, files.get(each.pk, ()), names, ()),
                "room": rooms.get(each.room_id, ""),
                "own": True,
            }
            for each in messages
        ]
        write_page(archive, self.export, messages, {**self._around(), "shown": shown})
        self.export.reached = messages[-1].pk

    def _rooms(self, pks: set[int]) -> dict[int, str]:
        """What those of the rooms are called that they may still read."""
        found = Room.objects.visible_to(self.user).filter(pk__in=pks)
        return {room.pk: room.called_by(self.user) for room in found}

    def _write_reactions(self) -> bool:
        """What they reacted to, of what they may still read. Returns whether that is all."""
        having = Message.objects.filter(reactions__isnull=False, pk__gt=self.export.reached)
        found = list(
            having.order_by("pk").values_list("pk", "room_id", "number", "reactions")[
                :LOOKED_THROUGH
            ]
        )
        mine = [
            (room, number, [emoji for emoji, users in stored or () if self.user.pk in users])
            for _pk, room, number, stored in found
        ]
        mine = [each for each in mine if each[2]]
        rooms = self._rooms({room for room, _number, _emoji in mine})
        with self.export.temporary(".reactions").open("a", encoding="utf-8") as lines:
            append_lines(
                lines,
                (
                    {"room": rooms[room], "message": number, "reactions": emoji}
                    for room, number, emoji in mine
                    if room in rooms
                ),
            )
        if found:
            self.export.reached = found[-1][0]
        return len(found) < LOOKED_THROUGH

    def _around(self) -> dict[str, Any]:
        language = {"language": get_language(), "bidi": get_language_bidi()}
        return {"title": self.user.name, "room": None, **language}

    def _end(self, archive: Archive) -> None:
        for name, ending in (("messages", ".messages"), ("reactions", ".reactions")):
            lines = self.export.temporary(ending)
            lines.touch()
            archive.copy(f"{name}.jsonl", lines)
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
