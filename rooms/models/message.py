"""What somebody said in a room."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..text import links
from . import announcements, audit, posting, reactions
from .attachment import Attachment, File, files_of
from .errors import MessageRefused
from .mentions import NOBODY, Kept, Mentioned, Wanted, mentions_of, resolve, wanted_in
from .permissions import demand
from .preview import (
    PREVIEWS,
    Preview,
    PreviewPicture,
    as_kept,
    ask_for_previews,
    previews_of,
    removed_from,
)
from .quote import Quote
from .reactions import Reaction, Stored, clean_emoji
from .searching import index
from .user import Look, User

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .permissions import Standing
    from .room import Room

BODY_LENGTH = 4_000  # characters; a long page of text, and far below the socket's limit for a frame
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
RUN = 10  # messages; then the next names its author again, so that no screen is without a name
ANSWERS_AT_ONCE = 300  # as many as one statement stamps
GROUPED = timedelta(minutes=7)  # a message that soon after one by the same author continues it


def clean_body(body: str, *, may_be_empty: bool = False) -> str:
    """The text as it will be stored. Raises `MessageRefused` if there is none, or too much of it."""
    body = body.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip("\n").rstrip()
    try:
        body.encode()
    except UnicodeEncodeError:  # a program can name half of a pair of surrogates in JSON
        raise MessageRefused(
            _("This text has a character that is cut in half. Send it whole."), code="not_text"
        ) from None
    if not body.strip():
        if may_be_empty:
            return ""
        raise MessageRefused(_("There is nothing in this message. Write something."), code="empty")
    if len(body) > BODY_LENGTH:
        over = len(body) - BODY_LENGTH
        raise MessageRefused(
            ngettext(
                "A message may have %(limit)s characters. This one has %(over)s too many: shorten it.",
                "A message may have %(limit)s characters. This one has %(over)s too many: shorten it.",
                over,
            )
            % {"limit": BODY_LENGTH, "over": over},
            code="too_long",
        )
    return body


def clean_key(key: str) -> str:
    """The composer's key. Raises `MessageRefused` if it cannot be one."""
    if not KEY.fullmatch(key):
        raise MessageRefused(
            _("This form is not one of ours or is damaged. Load the page again; keep your text."),
            code="bad_key",
        )
    return key


def digest(body: str, files: Iterable[Attachment] = ()) -> str:
    """Tells two messages apart that were sent with the same key. The same files chosen once more are the
    same."""
    said = "\0".join([body, *(f"{file.name}\0{file.size}" for file in files)])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Row:
    """A message as a page shows it: all that rendering needs, the same for every reader.

    It is hashable, so that what was rendered from it can be kept under it, and it travels as plain
    data between processes.
    """

    room: int
    slug: str
    number: int
    version: int
    posted_version: int
    author: int
    author_name: str
    body: str
    created_at: datetime
    edited: bool
    deleted: bool
    continues: bool
    previous_at: datetime | None
    # What most messages have not is left out of their data.
    author_face: str = ""  # see `Look`
    author_is_bot: bool = False
    files: tuple[File, ...] = ()
    previews: tuple[Preview, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    quote: Quote | None = None  # of the message that this one replies to
    replies: int = 0  # in the thread that this message began
    pinned: bool = False
    mentions: tuple[Mentioned, ...] = ()
    removal: str | None = None  # why a moderator removed it, None if nobody did

    @property
    def people(self) -> dict[int, str]:
        """Everybody whose name stands in the row."""
        people = {user: look.name for user, look in self.looks.items()}
        for reaction in self.reactions:
            people |= reaction.people
        return people

    @property
    def looks(self) -> dict[int, Look]:
        """Everybody whose face stands in the row, too."""
        looks = {self.author: self.look}
        if self.quote is not None:
            looks[self.quote.author] = self.quote.look
        return looks

    @property
    def look(self) -> Look:
        """How the author is shown."""
        return Look(self.author_name, self.author_face, self.author_is_bot)

    def as_data(self) -> dict[str, Any]:
        """Strings, numbers and booleans only, and lists of them."""
        data = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        data["created_at"] = self.created_at.isoformat()
        data["previous_at"] = self.previous_at and self.previous_at.isoformat()
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Row:
        previous, quote = data["previous_at"], data.get("quote")
        return cls(
            **{
                **data,
                "created_at": datetime.fromisoformat(data["created_at"]),
                "previous_at": previous and datetime.fromisoformat(previous),
                "files": tuple(File(*each) for each in data.get("files", ())),
                "previews": tuple(Preview(*each) for each in data.get("previews", ())),
                "reactions": tuple(map(Reaction.from_data, data.get("reactions", ()))),
                "quote": quote and Quote(*quote),
                "mentions": tuple(Mentioned(*each) for each in data.get("mentions", ())),
            }
        )


class Message(models.Model):
    """The `number`th message of its room. A deleted one stays, without its text, so that its deletion
    can be told to a page that was away."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="messages")
    number = models.PositiveBigIntegerField()
    version = models.PositiveBigIntegerField(
        help_text=gettext_lazy("Room.version when it last changed.")
    )
    posted_version = models.PositiveBigIntegerField(
        help_text=gettext_lazy("Room.version when it was posted.")
    )
    author = models.ForeignKey(User, models.PROTECT, related_name="messages")
    body = models.TextField(blank=True)
    key = models.CharField(max_length=64)
    posted_digest = models.CharField(
        max_length=32, help_text=gettext_lazy("Of the text as it was posted.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # What its row shows of the message before it, decided once, for ever, when it is posted.
    continues = models.BooleanField(default=False)
    previous_at = models.DateTimeField(null=True)
    # What its row shows of its files, as JSON; most have none.
    files = models.TextField(blank=True, default="", db_default="")
    previews = models.JSONField(
        null=True,
        help_text=gettext_lazy("What is shown of its links, and of which links nothing is to be."),
    )
    preview_pictures = models.ManyToManyField(PreviewPicture, related_name="shown_in")
    reactions: models.JSONField[Stored | None, Stored | None] = models.JSONField(
        null=True, help_text=gettext_lazy("[[emoji, [user, …]], …], see `reactions.py`.")
    )

    reply_to = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="answers", db_index=False
    )
    thread = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="threaded",
        db_index=False,
        help_text=gettext_lazy("The message that began it, of each reply in it."),
    )
    replies = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text=gettext_lazy("In the thread that it began, but for deleted ones."),
    )

    pinned_at = models.DateTimeField(null=True)
    removal = models.CharField(  # noqa: DJ001  # a moderator need not say why
        max_length=audit.REASON_LENGTH,
        null=True,
        help_text=gettext_lazy("Why a moderator removed it; none if nobody did."),
    )

    repeated = False  # whether the form that posted it had done so before

    mentions: models.JSONField[Kept, Kept] = models.JSONField(
        null=True,
        help_text=gettext_lazy("[[what was typed, whom it names], …], see `mentions.py`."),
    )

    objects: ClassVar[models.Manager[Message]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="one_message_per_number"),
            models.UniqueConstraint(fields=["room", "author", "key"], name="one_message_per_key"),
        ]
        indexes = [
            models.Index(fields=["room", "version"], name="message_by_version"),
            models.Index(
                fields=["id"],
                name="message_with_previews",
                condition=models.Q(previews__isnull=False),
            ),
            # Most messages are no replies, and cost these nothing.
            models.Index(
                fields=["reply_to"],
                condition=models.Q(reply_to__isnull=False),
                name="message_by_original",
            ),
            models.Index(
                fields=["thread", "number"],
                condition=models.Q(thread__isnull=False),
                name="message_by_thread",
            ),
            models.Index(
                fields=["room", "pinned_at"],
                condition=models.Q(pinned_at__isnull=False),
                name="message_by_pin",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.number}"

    def as_row(self, room: Room, author: User, names: Mapping[int, str] | None = None) -> Row:
        """The room and author are named so that the caller, not a query in a loop, brings them; so are
        the `names` of who reacted (`reactions.names_in`) and the original of a reply with its author.
        Without these they are read, if there are any.
        """
        if names is None:
            names = reactions.names_in([self.reactions])
        return Row(
            room=room.pk,
            slug=room.slug,
            number=self.number,
            version=self.version,
            posted_version=self.posted_version,
            author=author.pk,
            author_name=author.name,
            author_face=author.face,
            author_is_bot=author.is_bot,
            body=self.body,
            created_at=self.created_at,
            edited=self.edited_at is not None,
            deleted=self.deleted_at is not None,
            continues=self.continues,
            previous_at=self.previous_at,
            files=files_of(self.files),
            previews=previews_of(self.previews),
            reactions=reactions.shown(self.reactions, names),
            quote=Quote.of(self.reply_to) if self.reply_to and not self.deleted_at else None,
            replies=self.replies,
            pinned=self.pinned_at is not None,
            mentions=mentions_of(self.mentions),
            removal=self.removal,
        )

    def edit(self, body: str, *, by: User) -> bool:
        """Give the message another text. Raises `MessageRefused` or `PermissionDenied`.

        A text equal to the present one changes nothing, so that a repeated form is harmless. Returns
        whether anything has changed.
        """
        body = clean_body(body, may_be_empty=bool(self.files))
        wanted = wanted_in(self.room_id, body)
        with self.room.changing() as room:
            message = self._as_now()
            standing = room.standing_of(by)
            demand(standing.may_edit(message.author_id))
            message.demand_words()
            if message.body == body:
                return False
            message.body, message.edited_at, message.version = body, timezone.now(), room.step()
            message.keep_previews_of(links(body))
            message.keep_mentions_of(wanted, standing)
            message.save(update_fields=["body", "edited_at", "version", "previews", "mentions"])
            index.add(message)
            ask_for_previews(message)
            room.announce(message.as_row(room, message.author))
            message.show_in_answers(room)
        return True

    def delete_for_everybody(self, *, by: User) -> bool:
        """Erase the text and the files and leave a tombstone. Raises `PermissionDenied`; harmless if
        repeated. Returns whether anything has changed."""
        with self.room.changing() as room:
            message = self._as_now()
            demand(room.standing_of(by).may_delete(message.author_id))
            return message.erase(room)

    def remove(self, *, by: User, reason: str = "") -> bool:
        """The same of somebody else's message, as a moderator: in its place stands that it was removed,
        and why, if that was said. Raises `PermissionDenied`; harmless if repeated."""
        with self.room.changing() as room:
            message = self._as_now()
            demand(room.standing_of(by).may_moderate(message.author_id, message.author.role))
            return message.be_removed(room, by, reason)

    def take_down(self, *, by: User, reason: str = "") -> bool:
        """As `remove`, also where `by` sees no more of the room than this message, and in an archived
        room. The caller has asked whether it was reported to them, or `may_operate`."""
        with self.room.changing(though_archived=True) as room:
            return self._as_now().be_removed(room, by, reason)

    def be_removed(self, room: Room, by: User | None, reason: str) -> bool:
        """Under the lock of `room`, of the message as it is now; by nobody if a ban of its author did."""
        if self.deleted_at is not None:
            return False
        self.removal = reason
        self.erase(room)
        if by is not None:
            audit.record(
                audit.Kind.MESSAGE,
                by=by,
                whom=self.author,
                room=room,
                reason=reason,
                number=self.number,
            )
            from .report import close_of_removed  # noqa: PLC0415  # which needs this model

            close_of_removed(self, by)
        return True

    def erase(self, room: Room) -> bool:
        """Under the lock of `room`, of the message as it is now. Returns whether anything has changed."""
        if self.deleted_at is not None:
            return False
        if self.files:
            Attachment.discard(self.attachments.all())
        self.body, self.files = "", ""
        self.deleted_at, self.version = timezone.now(), room.step()
        self.reactions, pinned, self.pinned_at = None, self.pinned_at, None
        self.keep_previews_of([])
        self.keep_mentions_of(None)
        self.save(
            update_fields=[
                *("body", "files", "deleted_at", "version"),
                *("previews", "reactions", "pinned_at", "removal", "mentions"),
            ]
        )
        index.remove(self)
        room.announce(self.as_row(room, self.author))
        self.show_in_answers(room)
        if self.thread is not None:
            self.thread.count_replies(-1, room.step())
            room.announce(self.thread.as_row(room, self.thread.author))
        if pinned is not None:
            room.count_pins(-1)
        announcements.room_stirred(room.pk)  # it is unread for nobody any more
        return True

    def show_previews(self, body: str, found: Sequence[Preview]) -> bool:
        """Show what was found of the links in `body`, unless the text is another one by now, or the place
        wants it no more. That is no edit: the words are those of the author. Returns whether anything has
        changed. Raises `RoomClosed`."""
        with self.room.changing() as room:
            message = self._as_now()
            if message.body != body or message.deleted_at is not None:
                return False
            if not posting.links_are_previewed(lock=True):
                return False
            removed = removed_from(message.previews)
            wanted = [each for each in found if each.address not in removed]
            return message.change_previews(room, wanted[:PREVIEWS], removed)

    def remove_preview(self, key: str, *, by: User) -> bool:
        """Show nothing of a link any more, as long as it is in the text. Raises `MessageRefused` or
        `PermissionDenied`; harmless if repeated. Returns whether anything has changed."""
        with self.room.changing() as room:
            message = self._as_now()
            demand(room.standing_of(by).may_remove_previews(message.author_id))
            message.demand_words()
            before = previews_of(message.previews)
            kept = [each for each in before if each.key != key]
            removed = [each.address for each in before if each.key == key]
            if not removed:
                return False
            return message.change_previews(room, kept, removed_from(message.previews) + removed)

    def change_previews(self, room: Room, wanted: Sequence[Preview], removed: list[str]) -> bool:
        """Under the lock of `room`, of the message as it is now. Returns whether anything has changed."""
        before = self.previews
        self._set_previews(wanted, removed)
        if self.previews == before:
            return False
        self.version = room.step()
        self.save(update_fields=["previews", "version"])
        room.announce(self.as_row(room, self.author))
        return True

    def keep_previews_of(self, addresses: Collection[str]) -> None:
        """The text has these links now; the caller saves."""
        if self.previews is not None:
            kept = [each for each in previews_of(self.previews) if each.address in addresses]
            removed = [each for each in removed_from(self.previews) if each in addresses]
            self._set_previews(kept, removed)

    def keep_mentions_of(self, wanted: Wanted | None, standing: Standing | None = None) -> None:
        """The text names these now; the caller saves. Asks for nothing where it names nobody and never
        did."""
        before = self.mentions
        if wanted is None and before is None:
            return
        found = NOBODY
        if standing is not None:
            found = resolve(wanted, standing, self.room_id, before)
        self.mentions = found.kept
        found.update(self)
        announcements.room_stirred(
            self.room_id
        )  # in whose lists it may call somebody now, or no more

    def _set_previews(self, wanted: Sequence[Preview], removed: list[str]) -> None:
        pictures = {each.picture for each in wanted if each.picture}
        if pictures or self.previews is not None:
            self.preview_pictures.set(PreviewPicture.objects.filter(pk__in=pictures).only("pk"))
        self.previews = as_kept(wanted, removed)

    def react(self, emoji: str, *, by: User, wanted: bool = True) -> bool:
        """Put somebody's reaction under the message, or take it away. Who asks says which of the two, so
        that a repeated form is harmless. Raises `MessageRefused` or `PermissionDenied`. Returns whether
        anything has changed."""
        emoji = clean_emoji(emoji)
        with self.room.changing() as room:
            message = self._as_now()
            demand(room.standing_of(by).may_react)
            message.demand_words()
            changed = reactions.changed(message.reactions or [], emoji, by.pk, wanted=wanted)
            if changed is None:
                return False
            message.reactions, message.version = changed or None, room.step()
            message.save(update_fields=["reactions", "version"])
            room.announce(message.as_row(room, message.author))
        return True

    def take_back_all(self, user: int, room: Room) -> None:
        """Have no reaction of theirs under the message any more. Under `changing()`, of the message as it
        is now, with its author and its original loaded."""
        left = [
            (emoji, [each for each in users if each != user])
            for emoji, users in self.reactions or []
        ]
        self.reactions = [(emoji, users) for emoji, users in left if users] or None
        self.version = room.step()
        self.save(update_fields=["reactions", "version"])
        room.announce(self.as_row(room, self.author))

    def pin(self, *, by: User) -> bool:
        """Have it among the room's pinned messages, the newest of them. Raises `MessageRefused` or
        `PermissionDenied`; harmless if repeated. Returns whether anything has changed."""
        return self._be_pinned(timezone.now(), by)

    def unpin(self, *, by: User) -> bool:
        """Have it there no longer. As `pin`."""
        return self._be_pinned(None, by)

    def _be_pinned(self, moment: datetime | None, by: User) -> bool:
        with self.room.changing() as room:
            message = self._as_now()
            demand(room.standing_of(by).may_pin)
            message.demand_words()
            if (message.pinned_at is None) == (moment is None):
                return False
            message.pinned_at, message.version = moment, room.step()
            message.save(update_fields=["pinned_at", "version"])
            room.announce(message.as_row(room, message.author))
            room.count_pins(-1 if moment is None else +1)
        return True

    def show_in_answers(self, room: Room) -> None:
        """The rows of its answers, which quote this message as it was before, change with it: each is one
        more step. Under `changing()`."""
        if not (self.replies or self.thread_id):
            return  # nobody answered
        answers = list(
            self.answers.filter(deleted_at=None).select_related("author").order_by("number")
        )
        names = reactions.names_in(answer.reactions for answer in answers)
        for answer in answers:
            answer.reply_to, answer.version = self, room.step()
            room.announce(answer.as_row(room, answer.author, names))
        Message.objects.bulk_update(answers, ["version"], batch_size=ANSWERS_AT_ONCE)

    def count_replies(self, more: int, version: int) -> None:
        """As many more are in the thread that this message began."""
        self.replies, self.version = self.replies + more, version
        self.save(update_fields=["replies", "version"])

    def demand_words(self) -> None:
        """Raises `MessageRefused` if there is nothing left of the message."""
        if self.deleted_at is not None:
            raise MessageRefused(_("This message was deleted meanwhile."), code="deleted")

    def _as_now(self) -> Message:
        """The message as it is now, under the room's lock."""
        loaded = "author", "reply_to__author", "thread__author"
        return Message.objects.select_related(*loaded).get(pk=self.pk)
