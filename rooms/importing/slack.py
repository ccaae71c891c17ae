"""Brings a Slack export here: people, channels, messages with threads and reactions, at their times.

It may be interrupted and begun again: what is here already is known by the names that it had there, and
is left alone. Messages are stored in batches, each under its room's lock, so that people can use the
place meanwhile. Nobody is told of anything, and nothing is unread.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.db import models, transaction
from django.utils import timezone

from ..adapter import RESERVED_USERNAMES
from ..forms import USERNAME_LENGTH
from ..models import Imported, Membership, Message, Role, Room, User, announcements, direct
from ..models.message import GROUPED, RUN, clean_body, digest
from ..models.permissions import MODERATES
from ..models.searching import index
from ..models.user import validate_time_zone
from .messages import NotAMessage, Said, key_of, pieces, said
from .mrkdwn import to_markdown
from .source import DIRECT, PRIVATE, PUBLIC, Channel, Person, SlackExport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

BATCH = 500  # messages of one transaction
WARNINGS = 50  # that are told one by one
_NOT_IN_USERNAMES = re.compile(r"[^\w.+-]+")


@dataclass
class Report:
    """What was done, or would be."""

    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def warn(self, sentence: str) -> None:
        self.counts["warnings"] += 1
        if len(self.warnings) < WARNINGS:
            self.warnings.append(sentence)


class SlackImport:
    """One run. `trusts_addresses`: an account is somebody's if it has their address, verified or not.
    With `dry` nothing is stored. `tell` is called with a line now and then. Raises `ExportProblem`."""

    def __init__(
        self,
        export: SlackExport,
        *,
        trusts_addresses: bool = False,
        dry: bool = False,
        tell: Callable[[str], Any] = lambda _line: None,
    ) -> None:
        self.export, self.trusts_addresses = export, trusts_addresses
        self.dry, self.tell = dry, tell
        self.report = Report()
        self._people: dict[str, User] = {}  # by their ids there
        self._channels: dict[str, str] = {}  # names, by ids

    def run(self) -> Report:
        self._bring_people()
        channels = list(self.export.channels())
        self._channels = {each.id: each.name for each in channels}
        for channel in channels:
            self._bring_channel(channel)
        return self.report

    # People

    def _bring_people(self) -> None:
        for person in self.export.people():
            self._person(person)
        self.tell(f"{len(self._people):,} people")

    def _person(self, person: Person) -> User:
        known = (
            Imported.objects.filter(foreign_id=f"slack-{person.id}").select_related("user").first()
        )
        if known is not None and known.user is not None:
            self.report.counts["people known from before"] += 1
            user = known.user
        else:
            user = self._account_of(person) or self._new_account(person)
        self._people[person.id] = user
        return user

    def _account_of(self, person: Person) -> User | None:
        """The account that they have here, by their address."""
        if not person.email or person.bot:
            return None
        addresses = EmailAddress.objects.filter(email__iexact=person.email, user__is_active=True)
        trusted = addresses.filter(verified=True)
        found = trusted.select_related("user").first()
        if found is None and self.trusts_addresses:
            found = addresses.select_related("user").first()
        if found is None:
            if addresses.exists():
                self.report.warn(
                    f"{person.name}: an account here has their address, but it is not verified; they"
                    " get an account of their own (--trust-addresses would take that one)"
                )
            return None
        self.report.counts["people who have an account here"] += 1
        if not self.dry:
            Imported.objects.create(foreign_id=f"slack-{person.id}", user=found.user, made=False)
        user: User = found.user
        return user

    def _new_account(self, person: Person) -> User:
        self.report.counts["new accounts"] += 1
        user = User(
            username=self._free_username(person.name or person.called),
            display_name=person.called,
            email=person.email,
            role=Role.GUEST if person.guest else Role.MEMBER,
            is_active=not (person.gone or person.bot),
        )
        user.set_unusable_password()
        try:
            validate_time_zone(person.time_zone)
            user.time_zone = person.time_zone
        except Exception:  # noqa: BLE001  # whatever makes no sense is no zone
            user.time_zone = ""
        if not self.dry:
            with transaction.atomic():
                user.save(force_insert=True)
                if person.email:
                    EmailAddress.objects.create(user=user, email=person.email, primary=True)
                Imported.objects.create(foreign_id=f"slack-{person.id}", user=user)
        return user

    @staticmethod
    def _free_username(wanted: str) -> str:
        base = _NOT_IN_USERNAMES.sub("-", wanted).strip("-.+")[: USERNAME_LENGTH - 5].strip("-.+")
        base = base if base and base.lower() not in RESERVED_USERNAMES else "slack"
        name, number = base, 1
        while User.objects.filter(username__iexact=name).exists():
            number += 1
            name = f"{base}-{number}"
        return name

    def _somebody(self, message: Said) -> User:
        """Who said it, also if `users.json` does not know them: programs, and people of other places."""
        user = self._people.get(message.user)
        if user is not None:
            return user
        called = message.called or ("Slack" if message.bot else "Somebody from Slack")
        return self._person(
            Person(
                id=message.user,
                name=called,
                called=called,
                email="",
                time_zone="",
                gone=True,
                bot=message.bot,
                guest=False,
            )
        )

    def _name_of(self, identity: str) -> str:
        user = self._people.get(identity)
        return user.username if user is not None else ""

    # Channels

    def _bring_channel(self, channel: Channel) -> None:
        known = Imported.objects.filter(foreign_id=f"slack-{channel.id}").first()
        room = known.room if known is not None else None
        if known is None:
            room = self._new_room(channel)
            if room is None and not self.dry:
                return
            self.report.counts[
                "new rooms" if channel.kind != DIRECT else "direct conversations"
            ] += 1
        before = self.report.counts["messages"]
        roots: dict[str, int] = {}
        for batch in self._batches(channel, room):
            self._store(room, batch, roots)
        if room is not None and not self.dry:
            self._finish(channel, room)
        came = self.report.counts["messages"] - before
        self.tell(f"{channel.name or channel.id}: {came:,} messages")

    def _members(self, channel: Channel) -> list[User]:
        found = {
            user.pk or id(user): user
            for each in channel.members
            if (user := self._people.get(each))
        }
        return list(found.values())

    def _new_room(self, channel: Channel) -> Room | None:
        members = self._members(channel)
        creator = self._people.get(channel.creator)
        if channel.kind != DIRECT:
            able = [each for each in members if each.role in MODERATES]
            maker = creator if creator in able else next(iter(able), None)
            if maker is None and channel.kind == PUBLIC:
                maker = User.objects.filter(role=Role.OWNER, is_active=True).order_by("pk").first()
            if maker is None:
                self.report.warn(f"{channel.name}: nobody is in it who could moderate it; left out")
                return None
        elif not members or len(members) > direct.MOST:
            self.report.warn(
                f"{channel.name or channel.id}: a conversation of {len(members)} people; left out"
            )
            return None
        if self.dry:
            return None
        with transaction.atomic():
            if channel.kind == DIRECT:
                room = self._direct_room(members)
            else:
                room = Room.make(
                    name=channel.name,
                    topic=channel.topic,
                    private=channel.kind == PRIVATE,
                    by=maker,  # type: ignore[arg-type]  # asked above
                    brought=True,
                )
                if channel.created > 0:
                    room.created_at = datetime.fromtimestamp(min(channel.created, 4e9), UTC)
                    room.save(update_fields=["created_at"])
                Membership.objects.bulk_create(
                    Membership(room=room, user=each) for each in members if each != maker
                )
            Imported.objects.create(foreign_id=f"slack-{channel.id}", room=room)
        return room

    @staticmethod
    def _direct_room(members: Sequence[User]) -> Room:
        """The one conversation of these people."""
        key = direct.key_of(each.pk for each in members)
        room, made = Room.objects.get_or_create(
            direct_key=key, defaults={"slug": direct.new_slug(), "private": True, "direct": True}
        )
        if made:
            Membership.objects.bulk_create(Membership(room=room, user=each) for each in members)
        return room

    def _finish(self, channel: Channel, room: Room) -> None:
        done = Imported.objects.filter(foreign_id=f"slack-{channel.id}", done_at=None)
        if done.update(done_at=timezone.now()):
            room.refresh_from_db()
            if channel.archived and not room.archived and not room.direct:
                room.archive()
        announcements.people_changed(room.memberships.values_list("user_id", flat=True))

    # Messages

    def _batches(self, channel: Channel, room: Room | None) -> Iterator[list[Said]]:
        """In the order of their times, but for what the room would not keep anyway."""
        days = room.kept_days if room is not None else None
        before = timezone.now() - timedelta(days=days) if days else None
        batch: list[Said] = []
        for file, entries in self.export.days(channel):
            of_day = []
            for place, entry in enumerate(entries, start=1):
                try:
                    message = said(entry)
                except NotAMessage as problem:
                    self.report.warn(f"{file}, entry {place}: {problem}")
                    continue
                if message is None:
                    self.report.counts["events that are no messages"] += 1
                elif before is not None and message.at < before:
                    self.report.counts["messages older than the room keeps them"] += 1
                else:
                    of_day.append(message)
            for message in sorted(of_day, key=lambda each: each.at):
                batch.append(message)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _bodies(self, message: Said) -> list[str]:
        body = to_markdown(message.text, self._name_of, lambda each: self._channels.get(each, ""))
        files = [
            f"[{name.replace('[', '(').replace(']', ')')}]({address})" if address else name
            for name, address in message.files
        ]
        self.report.counts["files, as links"] += len(files)
        body = "\n".join(filter(None, [body, *files]))
        return [clean_body(piece) for piece in pieces(body) if piece.strip()]

    def _store(self, room: Room | None, batch: Sequence[Said], roots: dict[str, int]) -> None:
        written = [(each, self._somebody(each), self._bodies(each)) for each in batch]
        self.report.counts["messages without words"] += sum(not bodies for _, _, bodies in written)
        self.report.counts["reactions left out"] += sum(each.left_out for each in batch)
        if room is None or self.dry:
            known = self._known(room, written) if room is not None else {}
            new = [each for each, author, _ in written if (author.pk, each.key) not in known]
            self.report.counts["messages"] += len(new)
            return
        with room.changing(though_archived=True) as locked:
            known = self._known(locked, written)
            for each, author, _bodies in written:
                if each.begins and (author.pk, each.key) in known:
                    roots[each.ts] = known[author.pk, each.key]
            missing = {
                (author.pk, each.key): (each, author, bodies)
                for each, author, bodies in written
                if (author.pk, each.key) not in known
            }
            self._add(locked, list(missing.values()), roots)

    @staticmethod
    def _known(room: Room, written: Iterable[tuple[Said, User, Any]]) -> dict[tuple[Any, str], int]:
        """Keys of those that are here already, by author and name."""
        written = list(written)
        found = Message.objects.filter(
            room=room,
            author__in={author.pk for _, author, _ in written if author.pk},
            key__in=[each.key for each, _, _ in written],
        )
        return {
            (author, key): pk for pk, author, key in found.values_list("pk", "author_id", "key")
        }

    def _add(
        self,
        room: Room,
        written: Sequence[tuple[Said, User, list[str]]],
        roots: dict[str, int],
    ) -> None:
        """Under the room's lock."""
        first = room.last_number + 1
        made: list[Message] = []
        begun: list[tuple[Said, Message]] = []
        for each, author, bodies in written:
            for place, body in enumerate(bodies):
                message = self._message(room, each, author, body, place)
                made.append(message)
                if place == 0:
                    begun.append((each, message))
        if not made:
            return
        Message.objects.bulk_create(made)
        for each, message in begun:
            if each.begins:
                roots[each.ts] = message.pk
        self._join_threads(room, begun, roots)
        index.add_all([(m.pk, m.room_id, m.author_id, m.created_at, m.body, False) for m in made])
        # Who had read everything has read this, too.
        room.memberships.filter(last_read__gte=first - 1).update(last_read=room.last_number)
        self.report.counts["messages"] += len(begun)

    def _message(self, room: Room, each: Said, author: User, body: str, place: int) -> Message:
        soon = room.last_at is not None and timedelta(0) <= each.at - room.last_at < GROUPED
        continues = soon and room.last_author_id == author.pk and room.run < RUN
        version = room.step()
        message = Message(
            room_id=room.pk,
            number=room.last_number + 1,
            version=version,
            posted_version=version,
            author=author,
            body=body,
            key=each.key if place == 0 else f"{each.key}-{place + 1}",
            posted_digest=digest(body),
            created_at=each.at,
            edited_at=each.edited_at,
            continues=continues,
            previous_at=room.last_at,
            reactions=self._reactions(each) if place == 0 else None,
        )
        room.last_number, room.last_author, room.last_at = message.number, author, each.at
        room.run = room.run + 1 if continues else 1
        return message

    def _reactions(self, each: Said) -> list[tuple[str, list[int]]] | None:
        found = []
        for emoji, users in each.reactions:
            here = [self._people[user].pk for user in users if user in self._people]
            if here:
                found.append((emoji, list(dict.fromkeys(here))))
                self.report.counts["reactions"] += len(found[-1][1])
        return found or None

    def _join_threads(
        self, room: Room, begun: Sequence[tuple[Said, Message]], roots: dict[str, int]
    ) -> None:
        replies: dict[int, list[Message]] = {}
        for each, message in begun:
            if each.thread:
                root = roots.get(each.thread) or self._root(room, each.thread, roots)
                if root and root != message.pk:
                    message.reply_to_id = message.thread_id = root
                    replies.setdefault(root, []).append(message)
        if not replies:
            return
        answers = [message for found in replies.values() for message in found]
        Message.objects.bulk_update(answers, ["reply_to", "thread"], batch_size=BATCH)
        for root, found in replies.items():
            Message.objects.filter(pk=root).update(
                replies=models.F("replies") + len(found), version=room.step()
            )
        self.report.counts["replies in threads"] += len(answers)

    @staticmethod
    def _root(room: Room, ts: str, roots: dict[str, int]) -> int:
        """Of a message that does not say that it begins a thread; 0 if it is not here."""
        found = Message.objects.filter(room=room, key=key_of(ts), deleted_at=None)
        roots[ts] = found.values_list("pk", flat=True).first() or 0
        return roots[ts]
