"""A room: its messages, its people, and the one number that makes delivery exact.

`Room.version` counts every change to what the room shows. A change takes the room's row lock, counts
one up, stamps what it touched with the new number and commits; only then is it announced. As the lock
orders the commits, whoever sees version 12 and holds 10 can read 11 and 12 from the database at once.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy

from .. import metrics
from . import announcements, posting
from .errors import KeyUsed, RoomClosed
from .membership import Membership
from .message import GROUPED, RUN, Message, Row, clean_body, clean_key, digest
from .prepared import Prepared
from .user import User

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

PAGE = 50  # messages of one page of history
STEPS = (
    200  # changes worth sending one by one; a page further behind is given the newest page instead
)
SLUG_LENGTH = 50
_OF_MESSAGE = (
    *("number", "version", "posted_version"),
    *("author_id", "author__display_name", "author__username", "author__face"),
    *("body", "created_at", "edited_at", "deleted_at", "continues", "previous_at"),
)
_OF_ROOM = (
    *("name", "topic", "archived_at", "version", "details_version"),
    *("last_number", "last_author_id", "last_at", "run"),
)
END = 1 << 62  # above every number
RESERVED_SLUGS = frozenset({"new", "list"})  # addresses of their own under /rooms/


@dataclass(frozen=True, slots=True)
class RoomDetails:
    """What a room's header shows, the same for every reader."""

    room: int
    slug: str
    name: str
    topic: str
    private: bool
    archived: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Takes a page that shows the room at any version from `after` to just below `version` to `version`.

    `row` is the message that was posted or changed there, as it is now; `details` the room's own; both
    None if what changed there has changed again since and comes in a later step.
    """

    after: int
    version: int
    row: Row | None = None
    details: RoomDetails | None = None

    @property
    def posts(self) -> bool:
        """Whether `row` is new with this step: a page before it lacks the row, one behind it has it."""
        return self.row is not None and self.row.posted_version == self.version


@dataclass(frozen=True, slots=True)
class History:
    """Consecutive messages, oldest first, whether there are others on either side, and the room as it
    was at the same moment: `room.version` is the cursor that belongs to these rows."""

    room: Room
    rows: list[Row]
    has_older: bool
    has_newer: bool


class RoomQuerySet(models.QuerySet["Room"]):
    def visible_to(self, user: User) -> RoomQuerySet:
        """The one door to a room: for anybody whom this leaves out, the room does not exist."""
        return self.filter(
            models.Q(private=False)
            | models.Exists(Membership.objects.filter(room=models.OuterRef("pk"), user=user))
        )

    def with_members(self) -> RoomQuerySet:
        """Adds `members`, how many people belong to the room."""
        counted = (
            Membership.objects.filter(room=models.OuterRef("pk"))
            .order_by()
            .values("room")
            .annotate(total=models.Count("pk"))
            .values("total")
        )
        return self.annotate(members=Coalesce(models.Subquery(counted), 0))


class Room(models.Model):
    """Where people talk."""

    slug = models.CharField(max_length=SLUG_LENGTH + 16, unique=True)
    name = models.CharField(gettext_lazy("name"), max_length=60)
    topic = models.CharField(gettext_lazy("topic"), max_length=200, blank=True)
    private = models.BooleanField(gettext_lazy("private"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    version = models.PositiveBigIntegerField(default=0)
    details_version = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("The version at which name, topic or state last changed.")
    )
    last_number = models.PositiveBigIntegerField(default=0)
    last_author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    last_at = models.DateTimeField(null=True)
    run = models.PositiveSmallIntegerField(
        default=0, help_text=gettext_lazy("How many messages the last author's name stands above.")
    )

    objects = RoomQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    # Making and arranging

    @classmethod
    def make(cls, *, name: str, topic: str, private: bool, by: User) -> Room:
        """Open a room with its maker in it as moderator.

        A private room's address ends in letters that cannot be guessed, so that an open room of the
        same name does not betray it by having to give way.
        """
        base = slugify(name, allow_unicode=True)[:SLUG_LENGTH].strip("-")
        if base.isdecimal() or base in RESERVED_SLUGS:
            base = f"room-{base}"
        slug = base or f"room-{secrets.token_hex(3)}"
        if private:
            slug = f"{slug}-{secrets.token_hex(4)}"
        while True:
            room = cls(slug=slug, name=name, topic=topic, private=private)
            try:
                with transaction.atomic():
                    room.save(force_insert=True)
                    Membership.objects.create(room=room, user=by, is_moderator=True)
                    announcements.people_changed([by.pk])
                return room
            except IntegrityError:
                if not cls.objects.filter(slug=slug).exists():
                    raise
                slug = f"{base}-{secrets.token_hex(2)}"

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    @property
    def details(self) -> RoomDetails:
        return RoomDetails(self.pk, self.slug, self.name, self.topic, self.private, self.archived)

    def membership_of(self, user: User) -> Membership | None:
        return self.memberships.filter(user=user).first()

    def may_be_managed_by(self, user: User, membership: Membership | None) -> bool:
        """Moderators of the room, and the place's owner where the room is open to them."""
        return (membership is not None and membership.is_moderator) or (
            user.is_owner and (not self.private or membership is not None)
        )

    def change_details(self, *, name: str, topic: str) -> None:
        """Rename the room or change its topic. Its address stays, so that links go on working."""
        with self.changing() as room:
            if (room.name, room.topic) != (name, topic):
                room.name, room.topic = name, topic
                room.details_version = room.step()
                room.announce(None)
                room.announce_to_members()
        self.refresh_from_db()

    def archive(self) -> None:
        """Close the room for writing; it stays readable."""
        with self.changing() as room:
            room.archived_at, room.details_version = timezone.now(), room.step()
            room.announce(None)
            room.announce_to_members()
        self.refresh_from_db()

    def restore(self) -> None:
        """Open an archived room again."""
        with self.changing(though_archived=True) as room:
            if room.archived_at is not None:
                room.archived_at, room.details_version = None, room.step()
                room.announce(None)
                room.announce_to_members()
        self.refresh_from_db()

    # Belonging

    def join(self, user: User) -> Membership:
        """Come into an open room; what was said so far counts as read. Harmless if repeated."""
        if self.private:
            raise PermissionDenied
        return self._admit(user)

    def add(self, user: User) -> Membership:
        """Let somebody into the room, private or open. The caller has asked `may_be_managed_by`."""
        return self._admit(user)

    def _admit(self, user: User) -> Membership:
        with transaction.atomic():
            last = Room.objects.values_list("last_number", flat=True).get(pk=self.pk)
            membership, made = Membership.objects.get_or_create(
                room=self, user=user, defaults={"last_read": last}
            )
            if made:
                announcements.people_changed([user.pk])
        return membership

    def remove(self, user: User) -> None:
        """End somebody's membership, by their own wish or another's. A private room is then closed to
        them at once. Who has been there longest becomes moderator if none is left."""
        with transaction.atomic():
            Room.objects.select_for_update().get(pk=self.pk)
            ended, _by_model = Membership.objects.filter(room=self, user=user).delete()
            if not ended:
                return
            if not self.memberships.filter(is_moderator=True).exists():
                eldest = self.memberships.order_by("joined_at", "pk").first()
                if eldest is not None:
                    eldest.is_moderator = True
                    eldest.save(update_fields=["is_moderator"])
            announcements.people_changed([user.pk])
            if self.private:
                announcements.access_ended([user.pk], self.pk)

    def mark_read(self, user_ids: Iterable[int]) -> None:
        """Everything said here so far has been before these people."""
        number = Room.objects.filter(pk=self.pk).values("last_number")
        Membership.objects.filter(
            room=self, user_id__in=list(user_ids), last_read__lt=models.Subquery(number)
        ).update(last_read=models.Subquery(number))

    # Talking

    def post(self, author: User, body: str, key: str) -> Message:
        """Say something. Returns the message; a repeated key with the same text returns the one that
        exists. In an open room, writing joins.

        Raises `MessageRefused` (with what is wrong and what to do), `KeyUsed` or `RoomClosed`, and
        `PermissionDenied` for an outsider of a private room; nothing is stored then.
        """
        body, key = clean_body(body), clean_key(key)
        with transaction.atomic():
            room = posting.locked_room(self.pk)
            if room is None:
                raise Room.DoesNotExist
            if room.archived:
                try:
                    return self._said(author, body, key)
                except Message.DoesNotExist:
                    raise RoomClosed from None
            known = posting.author_in(self.pk, author.pk)
            if known is None or (room.private and not known.belongs):
                raise PermissionDenied
            author.username, author.display_name = known.username, known.display_name
            author.face = known.face
            if not known.belongs:
                self._admit(author)
            now = timezone.now()
            continues = (
                room.last_author == author.pk
                and room.last_at is not None
                and now - room.last_at < GROUPED
                and room.run < RUN
            )
            message = Message(
                room=self,
                number=room.last_number + 1,
                author=author,
                body=body,
                key=key,
                posted_digest=digest(body),
                created_at=now,
                continues=continues,
                previous_at=room.last_at,
                version=room.version + 1,
                posted_version=room.version + 1,
            )
            if not posting.store(message):
                return self._said(author, body, key)
            posting.count(message, room.run + 1 if continues else 1)
            row = message.as_row(self, author)
            announcements.room_changed(self.pk, message.version, row.as_data(), None)
            announcements.room_stirred(self.pk)
        metrics.MESSAGES.inc()
        return message

    def _said(self, author: User, body: str, key: str) -> Message:
        """The message that this form has made already. Raises `KeyUsed` if it made another one, and
        `Message.DoesNotExist` if none."""
        said = Message.objects.get(room=self, author=author, key=key)
        if said.posted_digest != digest(body):
            raise KeyUsed
        return said

    @contextmanager
    def changing(self, *, though_archived: bool = False) -> Iterator[Room]:
        """The room under its lock, for one change: take `step()` for the new version, `announce()` it.

        SQLite has no row locks; its transactions begin with the write lock (see the settings).
        Raises `RoomClosed` if the room is archived.
        """
        with transaction.atomic():
            room = Room.objects.select_for_update().get(pk=self.pk)
            if room.archived and not though_archived:
                raise RoomClosed
            before = room.version
            yield room
            if room.version != before:
                room.save(
                    update_fields=[
                        "version",
                        "details_version",
                        "last_number",
                        "last_author",
                        "last_at",
                        "run",
                        "name",
                        "topic",
                        "archived_at",
                    ]
                )

    def step(self) -> int:
        """Count one change; only under `changing()`."""
        self.version += 1
        return self.version

    def announce(self, row: Row | None) -> None:
        """Tell the open pages, after the commit, of the change just counted."""
        announcements.room_changed(
            self.pk,
            self.version,
            row.as_data() if row is not None else None,
            asdict(self.details) if row is None else None,
        )

    def announce_to_members(self) -> None:
        """The room's name stands in its members' lists on other pages too."""
        announcements.people_changed(self.memberships.values_list("user_id", flat=True))

    # Reading

    def history(
        self, *, before: int | None = None, after: int | None = None, around: int | None = None
    ) -> History:
        """A page of messages: the newest, or those next to a number (its own included for `around`).

        One or two range scans of (room, number), whatever the room's length.
        """
        if around is not None:
            older, newer = _before.rows(self.pk, around + 1), _after.rows(self.pk, around)
            shown = [*older[: PAGE // 2][::-1], *newer[: PAGE // 2]]
            has_older, has_newer = len(older) > PAGE // 2, len(newer) > PAGE // 2
        elif after is not None:
            newer = _after.rows(self.pk, after)
            shown, has_older, has_newer = newer[:PAGE], after > 0, len(newer) > PAGE
        else:
            older = _before.rows(self.pk, END if before is None else before)
            shown, has_older, has_newer = older[:PAGE][::-1], len(older) > PAGE, before is not None
        # The room is joined to the messages: both belong to the one moment of that statement. Where
        # there is no message, the room as it was read before is at or behind it, and that is as good.
        room = self._as_then(shown[-1][len(_OF_MESSAGE) :]) if shown else self
        rows = [self._row(message[: len(_OF_MESSAGE)]) for message in shown]
        return History(room, rows, has_older, has_newer)

    def _as_then(self, values: tuple[Any, ...]) -> Room:
        """The room with these values of `_OF_ROOM`; the others never change."""
        room = copy(self)
        for name, value in zip(_OF_ROOM, values, strict=True):
            setattr(room, name, value)
        return room

    def _row(self, values: tuple[Any, ...]) -> Row:
        """As `Message.as_row`, of the values of `_OF_MESSAGE`: making fifty rows of three models each
        took most of the time of reading them."""
        number, version, posted_version, author, display_name, username, face, *words = values
        body, created_at, edited_at, deleted_at, continues, previous_at = words
        return Row(
            room=self.pk,
            slug=self.slug,
            number=number,
            version=version,
            posted_version=posted_version,
            author=author,
            author_name=display_name or username,
            author_face=face,
            body=body,
            created_at=created_at,
            edited=edited_at is not None,
            deleted=deleted_at is not None,
            continues=continues,
            previous_at=previous_at,
        )

    def steps_after(self, version: int) -> list[Step] | None:
        """What leads from `version` to the present, in order; None if that is too much to send.

        A message posted since comes where it was posted, in the words that it has now, and once more
        where it was last changed: so at every version on the way the page has just the messages that were
        posted up to there.

        One statement reads the changed messages and, joined to them, the room: the two belong to one
        moment, so no change between two reads can be skipped. Where no message changed, the room as the
        caller read it before serves: had it been read after, a message in between would be leapt over.
        """
        changed = list(
            self.messages.filter(version__gt=version)
            .select_related("author", "room")
            .order_by("version")[: STEPS + 1]
        )
        if len(changed) > STEPS:
            return None
        room = changed[-1].room if changed else self
        if version > room.version:
            return None  # a cursor from before a restored backup, or an invented one
        touched: list[tuple[int, Row | None]] = []
        for message in changed:
            row = message.as_row(room, message.author)
            if row.posted_version > version:
                touched.append((row.posted_version, row))
            if row.version > row.posted_version:
                touched.append((row.version, row))
        if room.details_version > version:
            touched.append((room.details_version, None))
        touched.sort(key=lambda change: change[0])
        steps = []
        for reached, shown in touched:
            steps.append(Step(version, reached, shown, room.details if shown is None else None))
            version = reached
        if version < room.version:
            steps.append(Step(version, room.version))
        return steps


def _messages(room: int) -> QuerySet[Message, Any]:
    columns = *_OF_MESSAGE, *(f"room__{name}" for name in _OF_ROOM)
    return Message.objects.filter(room=room).values_list(*columns)


_before = Prepared(
    lambda room, number: _messages(room).filter(number__lt=number).order_by("-number")[: PAGE + 1],
    int,
    int,
)
_after = Prepared(
    lambda room, number: _messages(room).filter(number__gt=number).order_by("number")[: PAGE + 1],
    int,
    int,
)
