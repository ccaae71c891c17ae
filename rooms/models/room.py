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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import metrics
from . import (
    announcements,
    audit,
    bot,
    direct,
    hookcursor,
    mentions,
    posting,
    quote,
    reactions,
    restriction,
    unread,
)
from .attachment import Attachment, files_of, shown_as_json
from .errors import KeyUsed, MessageRefused, RoomClosed, TooManyPeople
from .membership import Membership
from .mentions import mentions_of
from .message import GROUPED, RUN, Message, Row, clean_body, clean_key, digest
from .permissions import FINDS_ROOMS, MODERATES, Standing, demand, may_arrange_bot
from .prepared import Prepared
from .preview import ask_for_previews, previews_of
from .quote import Quote
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from django.db.models import QuerySet

    from .restriction import Sanction

PINS = 100  # messages pinned in one room
PAGE = 50  # messages of one page of history
STEPS = (
    200  # changes worth sending one by one; a page further behind is given the newest page instead
)
SLUG_LENGTH = 50
_OF_MESSAGE = (
    *("number", "version", "posted_version"),
    *("author_id", "author__display_name", "author__username", "author__face", "author__is_bot"),
    *("body", "created_at", "edited_at", "deleted_at", "continues", "previous_at"),
    *("files", "previews"),
    *("reactions", "replies", "pinned_at", "removal", "mentions", *quote.COLUMNS),
)
_REACTIONS = _OF_MESSAGE.index("reactions")
_OF_ROOM = (
    *("name", "topic", "private", "archived_at", "moderators_only", "version", "details_version"),
    *("last_number", "last_author_id", "last_at", "run", "pins", "slow_mode"),
    *("first_number", "kept_days"),
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
    moderators_only: bool = False
    direct: bool = False
    pins: int = 0  # messages that are pinned
    slow_mode: int = 0  # seconds between two messages of one person
    first: int = 1  # the number of the first message that was not removed for its age
    kept_days: int | None = None  # how long messages are kept, for ever if None


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
    def visible_to(self, user: User, role: str = "") -> RoomQuerySet:
        """The one door to a room: for anybody whom this leaves out, the room does not exist. A query
        that is prepared for any user names their `role`."""
        belongs = models.Exists(Membership.objects.filter(room=models.OuterRef("pk"), user=user))
        finds = (role or user.role) in FINDS_ROOMS
        return self.filter(models.Q(private=False) | belongs if finds else belongs)

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
    direct = models.BooleanField(
        default=False,
        help_text=gettext_lazy("Whether it is what a few people say to each other: see direct.py."),
    )
    direct_key = models.CharField(  # noqa: DJ001  # of several empty ones only the first would be unique
        max_length=64, null=True, unique=True, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    moderators_only = models.BooleanField(
        gettext_lazy("only moderators write"), default=False, db_default=False
    )

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

    pins = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text=gettext_lazy("How many of its messages are pinned.")
    )

    keep_days = models.PositiveIntegerField(
        null=True,
        help_text=gettext_lazy(
            "Days that messages are kept here by the room's own rule, for ever if 0; as the place says"
            " if it has none."
        ),
    )
    kept_days = models.PositiveIntegerField(
        null=True, help_text=gettext_lazy("Days that messages are kept, whoever said so.")
    )
    first_number = models.PositiveBigIntegerField(
        default=1,
        db_default=1,
        help_text=gettext_lazy("Of the messages, those below were removed for their age."),
    )
    first_version = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        help_text=gettext_lazy("Room.version when the last of those had been posted."),
    )
    slow_mode = models.PositiveIntegerField(
        gettext_lazy("slow mode"),
        default=0,
        db_default=0,
        help_text=gettext_lazy("Seconds between two messages of one person; 0 for none."),
    )
    hooks = models.PositiveSmallIntegerField(
        default=hookcursor.NONE,
        db_default=hookcursor.NONE,
        editable=False,
        help_text=gettext_lazy("What is said here of interest to a webhook, see `hookcursor.py`."),
    )

    objects = RoomQuerySet.as_manager()

    # What it keeps the reader from for whom it was read, see `reading.room_at`.
    sanction: Sanction | None = None

    def __str__(self) -> str:
        return self.name

    # Making and arranging

    @classmethod
    def make(cls, *, name: str, topic: str, private: bool, by: User, brought: bool = False) -> Room:
        """Open a room with its maker in it as moderator; it was `brought` from elsewhere if that was not
        their doing.

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
                    maker = None if brought else by
                    audit.record(audit.Kind.ROOM_MADE, by=maker, room=room, private=private)
                    announcements.people_changed([by.pk])
                return room
            except IntegrityError:
                if not cls.objects.filter(slug=slug).exists():
                    raise
                slug = f"{base}-{secrets.token_hex(2)}"

    @classmethod
    def direct_with(cls, people: Iterable[User], by: User) -> Room:
        """The conversation of `by` with these people, found or begun: each set of people has one, and one
        alone has theirs for notes. Until something was said it is in the list of `by` alone.

        Raises `TooManyPeople`, or `PermissionDenied` if `by` may not write to one of them.
        """
        demand(not by.is_bot)  # nor does one keep notes to itself
        ids = {person.pk for person in people} | {by.pk}
        if len(ids) > direct.MOST:
            raise TooManyPeople(direct.MOST)
        if direct.may_write_to(by).filter(pk__in=ids - {by.pk}).count() < len(ids) - 1:
            raise PermissionDenied
        key = direct.key_of(ids)
        room = cls.objects.filter(direct_key=key).first()
        if room is None:
            room = cls(slug=direct.new_slug(), private=True, direct=True, direct_key=key)
            try:
                with transaction.atomic():
                    room.save(force_insert=True)
                    Membership.objects.bulk_create(
                        Membership(room=room, user_id=pk, listed=pk == by.pk) for pk in ids
                    )
                    announcements.people_changed([by.pk])
                return room
            except IntegrityError:  # another of them was a moment quicker
                room = cls.objects.get(direct_key=key)
        with transaction.atomic():
            if Membership.objects.filter(room=room, user=by, listed=False).update(listed=True):
                announcements.people_changed([by.pk])
        return room

    def called_by(self, user: User) -> str:
        """What the room is called for `user`, in the active language: a direct conversation by its
        others."""
        if not self.direct:
            return self.name
        others = self.memberships.exclude(user=user).select_related("user")
        return direct.called(each.user.name for each in others)

    def _refuse_if_direct(self) -> None:
        """The people of a direct conversation are what it is: nothing about it can be arranged."""
        if self.direct:
            raise PermissionDenied

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    @property
    def details(self) -> RoomDetails:
        return RoomDetails(
            self.pk,
            self.slug,
            self.name,
            self.topic,
            self.private,
            self.archived,
            self.moderators_only,
            self.direct,
            self.pins,
            self.slow_mode,
            self.first_number,
            self.kept_days,
        )

    def membership_of(self, user: User) -> Membership | None:
        return self.memberships.filter(user=user).first()

    def standing_of(self, user: User) -> Standing:
        """What `user` may do here, as it is now. One query; who read the room for them asks
        `Standing.of`."""
        known = posting.author_in(self.pk, user.pk)
        if known is None:  # no longer active
            return Standing.of(user, self, self.membership_of(user))
        return posting.standing(self, known)

    def change_details(
        self,
        *,
        name: str,
        topic: str,
        moderators_only: bool | None = None,
        slow_mode: int | None = None,
        by: User | None = None,
    ) -> None:
        """Rename the room, change its topic, who writes in it or how often. Its address stays, so that
        links go on working."""
        self._refuse_if_direct()
        with self.changing() as room:
            wanted = {
                "name": name,
                "topic": topic,
                "moderators_only": moderators_only,
                "slow_mode": slow_mode,
            }
            changed = {
                field: [getattr(room, field), new]
                for field, new in wanted.items()
                if new is not None and getattr(room, field) != new
            }
            if changed:
                for field, (_before, new) in changed.items():
                    setattr(room, field, new)
                room.details_version = room.step()
                audit.record(audit.Kind.ROOM, by=by, room=room, changed=changed)
                room.announce(None)
                room.announce_to_members()
        self.refresh_from_db()

    def make_private(self, *, by: User) -> None:
        """From now on the room is there for those alone who belong to it; it closes before all others at
        once. There is no way back: what was said then was said among them."""
        self._refuse_if_direct()
        with transaction.atomic():
            with self.changing() as room:
                if not room.private:
                    room.private, room.details_version = True, room.step()
                    changed = {"private": [False, True]}
                    audit.record(audit.Kind.ROOM, by=by, room=room, changed=changed)
                    room.announce(None)
                    room.announce_to_members()
                    announcements.access_changed(None)
            bot.follow_owners(self)
        self.refresh_from_db()

    def archive(self, *, by: User | None = None) -> None:
        """Close the room for writing; it stays readable."""
        self._refuse_if_direct()
        with self.changing() as room:
            audit.record(audit.Kind.ARCHIVED, by=by, room=room)
            room.archived_at, room.details_version = timezone.now(), room.step()
            room.announce(None)
            room.announce_to_members()
        self.refresh_from_db()

    def restore(self, *, by: User | None = None) -> None:
        """Open an archived room again."""
        self._refuse_if_direct()
        with self.changing(though_archived=True) as room:
            if room.archived_at is not None:
                audit.record(audit.Kind.RESTORED, by=by, room=room)
                room.archived_at, room.details_version = None, room.step()
                room.announce(None)
                room.announce_to_members()
        self.refresh_from_db()

    # Belonging

    def join(self, user: User) -> Membership:
        """Come into an open room; what was said so far counts as read. Harmless if repeated."""
        with transaction.atomic():
            # Whoever is kept out in this moment does not slip in.
            self.lock()
            standing = self.standing_of(user)
            if standing.banned:
                raise PermissionDenied(restriction.KeptOut().message)
            demand(standing.may_join)
            return self._admit(user)

    def add(self, user: User, *, by: User | None = None) -> Membership:
        """Let somebody into the room, private or open, also if they were kept out of it so far. The
        caller has asked `may_add_people`. Bots their owner alone lets in, see `Bot.put_into`."""
        self._refuse_if_direct()
        demand(not user.is_bot or (by is not None and may_arrange_bot(by, user.bot.owner_id)))
        with transaction.atomic():
            restriction.readmit(self, user, by=by)
            return self._admit(user)

    def _admit(self, user: User) -> Membership:
        with transaction.atomic():
            last = Room.objects.values_list("last_number", flat=True).get(pk=self.pk)
            membership, made = Membership.objects.get_or_create(
                room=self, user=user, defaults={"last_read": last}
            )
            if made:
                announcements.people_changed([user.pk])
                if user.is_bot:
                    hookcursor.came_into(self, user)
        return membership

    def remove(self, user: User, *, by: User | None = None, reason: str = "") -> None:
        """End somebody's membership, by their own wish or that of another (`by`). A private room is then
        closed to them at once, and so is any to a guest. Who has been there longest becomes moderator if
        none is left."""
        self._refuse_if_direct()
        with transaction.atomic():
            Room.objects.select_for_update().get(pk=self.pk)
            ended, _by_model = Membership.objects.filter(room=self, user=user).delete()
            if not ended:
                return
            self.mentions.filter(user=user).delete()  # whoever goes is not called back
            if by is not None:
                audit.record(audit.Kind.REMOVED, by=by, whom=user, room=self, reason=reason)
            self.appoint_eldest([self.pk])
            announcements.people_changed([user.pk])
            if not Standing.of(user, self, None).may_read:
                announcements.access_ended([user.pk], self.pk)
            if self.private and not user.is_bot:
                bot.follow_owners(self)

    def appoint(self, user: User, *, moderator: bool, by: User | None = None) -> None:
        """Make somebody who belongs to the room a moderator of it, or one no longer. Whoever is the last
        gives it on to who has been there longest, and keeps it where there is nobody else. The caller
        has asked `may_appoint`; raises `PermissionDenied` for somebody who can't be one."""
        demand(not moderator or user.role in MODERATES)
        with transaction.atomic():
            Room.objects.select_for_update().get(pk=self.pk)
            if self.memberships.filter(user=user, is_moderator=not moderator).update(
                is_moderator=moderator
            ):
                kind = audit.Kind.MODERATOR if moderator else audit.Kind.NO_MODERATOR
                audit.record(kind, by=by, whom=user, room=self)
            self.appoint_eldest([self.pk], rather_than=user)

    @staticmethod
    def appoint_eldest(rooms: Collection[int], *, rather_than: User | None = None) -> None:
        """In those of the rooms where nobody moderates who can, whoever has belonged there longest does
        from now on; not `rather_than` somebody who gave it up, if there is anybody else. Two queries for
        all of the rooms, which the caller has locked."""
        able = Membership.objects.filter(
            room=models.OuterRef("pk"), user__is_active=True, user__role__in=MODERATES
        )
        gave_up = models.Case(models.When(user=rather_than, then=1), default=0)
        eldest = able.order_by(gave_up, "joined_at", "pk").values("pk")[:1]
        headless = Room.objects.filter(pk__in=rooms).exclude(
            models.Exists(able.filter(is_moderator=True))
        )
        found = list(headless.values_list(models.Subquery(eldest), flat=True))
        Membership.objects.filter(pk__in=found).update(is_moderator=True)

    def mark_read(
        self, user_ids: Collection[int], number: int | None = None, *, anew: bool = False
    ) -> set[int]:
        """Everything said here up to `number`, or so far, has been before these people. For those who
        hold it unread only opening the room `anew` counts. Returns for whom that changed anything."""
        return unread.mark_read(self.pk, user_ids, number, anew=anew)

    # Talking

    def post(
        self,
        author: User,
        body: str,
        key: str,
        files: Sequence[int] = (),
        *,
        reply: int | None = None,
    ) -> Message:
        """Say something, with the attachments that have these keys, in reply to the message of that
        number if there is one. Returns the message; a repeated key with the same text, files and original
        returns the one that exists. In an open room, writing joins.

        Raises `MessageRefused` (with what is wrong and what to do) or one of its kinds, of which
        `TryLater` says when it would be stored, and `PermissionDenied` for who may not read the room.
        Nothing is stored then.
        """
        body, key = clean_body(body, may_be_empty=bool(files)), clean_key(key)
        wanted = mentions.wanted_in(self.pk, body)
        with transaction.atomic():
            room = posting.locked_room(self.pk)
            if room is None:
                raise Room.DoesNotExist
            known = posting.author_in(self.pk, author.pk)
            if known is None:
                raise PermissionDenied
            standing = posting.standing(room, known)
            demand(standing.may_read)
            chosen = Attachment.chosen(self, author, files) if files else []
            posted_digest = digest(body, chosen)
            now = timezone.now()
            refusal = restriction.in_the_way(room, standing, known.posted_at, now)
            if refusal is not None:
                return self._said_before(author, key, posted_digest, reply, refusal)
            author.username, author.display_name = known.username, known.display_name
            author.face, author.is_bot = known.face, known.is_bot
            if not standing.belongs:
                self._admit(author)
            original = None if reply is None else self._original(reply)
            named = mentions.resolve(wanted, standing, self.pk)
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
                posted_digest=posted_digest,
                created_at=now,
                continues=continues,
                previous_at=room.last_at,
                version=room.version + 1,
                posted_version=room.version + 1,
                files=shown_as_json(chosen) if chosen else "",
                reply_to=original,
                thread=original and (original.thread or original),
                mentions=named.kept,
            )
            if not posting.store(message):
                return self._said(author, key, posted_digest, reply)
            named.store(message)
            if chosen:
                Attachment.belong_to(message, chosen)
            if room.slow_mode:
                restriction.note_posted(self.pk, author.pk, now)
            rows, began = [message.as_row(self, author)], message.thread
            if began is not None:
                began.count_replies(+1, message.version + 1)
                rows.append(began.as_row(self, began.author))
            posting.count(message, room.run + 1 if continues else 1, rows[-1].version)
            ask_for_previews(message)
            hookcursor.tell(message, room.hooks, author)
            for row in rows:
                announcements.room_changed(self.pk, row.version, row.as_data(), None)
            announcements.room_stirred(self.pk)
        metrics.MESSAGES.inc()
        return message

    def _said_before(
        self,
        author: User,
        key: str,
        posted_digest: str,
        reply: int | None,
        refusal: MessageRefused,
    ) -> Message:
        """As `_said`, where nothing is said any more: an answer may have got lost. Raises the refusal if
        there is no such message."""
        try:
            return self._said(author, key, posted_digest, reply)
        except Message.DoesNotExist:
            raise refusal from None

    def _said(self, author: User, key: str, posted_digest: str, reply: int | None) -> Message:
        """The message that this form has made already. Raises `KeyUsed` if it made another one, and
        `Message.DoesNotExist` if none."""
        known = Message.objects.select_related("reply_to")
        said = known.get(room=self, author=author, key=key)
        original = said.reply_to.number if said.reply_to else None
        if said.posted_digest != posted_digest or original != reply:
            raise KeyUsed
        said.repeated = True
        return said

    def _original(self, number: int) -> Message:
        """The message to reply to. Raises `MessageRefused` if there is none of that number here."""
        known = self.messages.select_related("author", "thread__author")
        original = known.filter(number=number).first()
        if original is None:
            raise MessageRefused(
                _("The message that you reply to is not in this room. Send yours without it."),
                code="no_original",
            )
        return original

    def pinned(self) -> list[Row]:
        """The pinned messages, the one first that was pinned last. One query, and one for the names of
        who reacted."""
        chosen = self.messages.filter(pinned_at__isnull=False).order_by("-pinned_at", "-number")
        found = list(chosen.select_related("author", "reply_to__author")[:PINS])
        names = reactions.names_in(message.reactions for message in found)
        return [message.as_row(self, message.author, names) for message in found]

    def quote_of(self, number: int) -> Quote | None:
        """What a reply to the message of that number would show of it, if there is one."""
        original = self.messages.select_related("author").filter(number=number).first()
        return None if original is None else Quote.of(original)

    def lock(self) -> None:
        """In a transaction, until its end: whatever else changes the room waits."""
        Room.objects.select_for_update().get(pk=self.pk)

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
                        "private",
                        "archived_at",
                        "moderators_only",
                        "pins",
                        *("keep_days", "kept_days", "first_number", "first_version"),
                        "slow_mode",
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

    def count_pins(self, more: int) -> None:
        """As many more of its messages are pinned, which its header shows: a step of its own, under
        `changing()`. Raises `MessageRefused` if they are too many."""
        if self.pins + more > PINS:
            raise MessageRefused(
                _("A room can have %s pinned messages, and this one has. Unpin one first.") % PINS,
                code="too_many_pins",
            )
        self.pins, self.details_version = self.pins + more, self.step()
        self.announce(None)

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
            shown, has_older = newer[:PAGE], after >= self.first_number
            has_newer = len(newer) > PAGE
        else:
            older = _before.rows(self.pk, END if before is None else before)
            shown, has_older, has_newer = older[:PAGE][::-1], len(older) > PAGE, before is not None
        # The room is joined to the messages: both belong to the one moment of that statement. Where
        # there is no message, the room as it was read before is at or behind it, and that is as good.
        room = self._as_then(shown[-1][len(_OF_MESSAGE) :]) if shown else self
        names = reactions.names_in(message[_REACTIONS] for message in shown)
        rows = [self._row(message[: len(_OF_MESSAGE)], names) for message in shown]
        return History(room, rows, has_older, has_newer)

    def _as_then(self, values: tuple[Any, ...]) -> Room:
        """The room with these values of `_OF_ROOM`; the others never change."""
        room = copy(self)
        for name, value in zip(_OF_ROOM, values, strict=True):
            setattr(room, name, value)
        return room

    def _row(self, values: tuple[Any, ...], names: Mapping[int, str]) -> Row:
        """As `Message.as_row`, of the values of `_OF_MESSAGE`: making fifty rows of three models each
        took most of the time of reading them."""
        number, version, posted_version, author, *rest = values
        display_name, username, face, is_bot, *words = rest
        body, created_at, edited_at, deleted_at, continues, previous_at, *more = words
        files, previews, reacted, replies, pinned_at, removal, mentioned, *original = more
        return Row(
            room=self.pk,
            slug=self.slug,
            number=number,
            version=version,
            posted_version=posted_version,
            author=author,
            author_name=display_name or username,
            author_face=face,
            author_is_bot=is_bot,
            body=body,
            created_at=created_at,
            edited=edited_at is not None,
            deleted=deleted_at is not None,
            continues=continues,
            previous_at=previous_at,
            files=files_of(files),
            previews=previews_of(previews),
            reactions=reactions.shown(reacted, names),
            quote=None if deleted_at else Quote.of_values(tuple(original)),
            replies=replies,
            pinned=pinned_at is not None,
            mentions=mentions_of(mentioned),
            removal=removal,
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
            .select_related("author", "room", "reply_to__author")
            .order_by("version")[: STEPS + 1]
        )
        if len(changed) > STEPS:
            return None
        room = changed[-1].room if changed else self
        if version > room.version:
            return None  # a cursor from before a restored backup, or an invented one
        if version < room.first_version:
            return None  # what was posted since and removed, the page can't tell from what stands
        names = reactions.names_in(message.reactions for message in changed)
        touched: list[tuple[int, Row | None]] = []
        for message in changed:
            row = message.as_row(room, message.author, names)
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
