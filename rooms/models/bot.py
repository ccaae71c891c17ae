"""Bots: accounts by which programs read and write, each answered for by the person whom it belongs to.

A bot is a user, so that whatever takes one (messages, memberships, tokens, faces) takes it as it is. It
is a guest: there are just the rooms that it was put into. The database keeps it from having a password or
an address, so nobody can sign in as one, and no mail reaches it.

Whatever a bot reads, its owner can read by a token of it. Therefore it comes only into rooms whose people
its owner decides upon, it is in a private room only as long as they are, and nobody talks with it
directly: it would be its owner who is told things under another name. While the owner's account is closed
or a guest's, nothing that the bot has opens anything, until somebody who runs the place takes it over.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from . import announcements, audit
from .membership import Membership
from .permissions import (
    FINDS_ROOMS,
    PlaceStanding,
    Role,
    demand,
    may_arrange_bot,
    may_end_bot,
    may_take_bot_over,
)
from .user import User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from .room import Room

MOST = 50  # bots of one person
USERNAME_LENGTH = 40  # characters of its name that its username has


class TooManyBots(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("You have %(most)s bots. End those that you need no more."),
            code="too_many_bots",
            params={"most": MOST},
        )


def works(user: str) -> models.Q:
    """Of a query that reaches an account by `user`: that it is a person's, or a bot's whose owner could
    do by themselves what it does."""
    return models.Q(**{f"{user}__is_bot": False}) | models.Q(
        **{
            f"{user}__bot__owner__is_active": True,
            f"{user}__bot__owner__role__in": sorted(FINDS_ROOMS),
        }
    )


class Bot(models.Model):
    """Whose a bot is. `user` is the account that it acts by."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="bot")
    owner = models.ForeignKey(User, models.PROTECT, related_name="bots")
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Bot]] = models.Manager()

    def __str__(self) -> str:
        return f"bot {self.user_id} of {self.owner_id}"

    @classmethod
    def make(cls, *, name: str, by: User) -> Bot:
        """A new bot that belongs to `by`, in no room yet. Raises `PermissionDenied` and `TooManyBots`."""
        from .place import Place  # noqa: PLC0415  # which needs the rooms, and they this module

        with transaction.atomic():
            owner = User.objects.select_for_update(no_key=True).get(pk=by.pk)
            may = PlaceStanding.of(owner, Place.objects.first()).may_make_bots
            demand(owner.is_active and may)
            if owner.bots.filter(user__is_active=True).count() >= MOST:
                raise TooManyBots
            bot = cls.objects.create(user=_new_account(name), owner=owner)
            audit.record(audit.Kind.BOT_MADE, by=owner, whom=bot.user)
        return bot

    @property
    def is_still(self) -> bool:
        """Whether it can do nothing until somebody takes it over. Needs `owner` loaded."""
        return not self.owner.is_active or self.owner.role not in FINDS_ROOMS

    @property
    def ended(self) -> bool:
        """Needs `user` loaded."""
        return not self.user.is_active

    def rename(self, name: str, *, by: User) -> None:
        """Raises `PermissionDenied`."""
        demand(may_arrange_bot(by, self.owner_id) and not self.ended)
        self.user.change_profile(
            display_name=name, time_zone=self.user.time_zone, language=self.user.language
        )

    def change_face(self, version: str, *, by: User) -> None:
        """As `User.change_face`. Raises `PermissionDenied`."""
        demand(may_arrange_bot(by, self.owner_id) and not self.ended)
        self.user.change_face(version)

    def put_into(self, room: Room, *, by: User) -> None:
        """Let it read and write there. Raises `PermissionDenied`; harmless if repeated."""
        with transaction.atomic():
            room.lock()
            demand(may_arrange_bot(by, self.owner_id) and not self.ended)
            demand(room.standing_of(by).may_add_people)
            room.add(self.user, by=by)

    def take_out(self, room: Room, *, by: User) -> None:
        """Its owner may do so everywhere: it only takes something from their own bot. Raises
        `PermissionDenied`; harmless if repeated."""
        demand(may_arrange_bot(by, self.owner_id))
        room.remove(self.user)

    def end(self, *, by: User) -> None:
        """For good: whatever opened something by it does so no more, and it is in no room. What it said
        stays. Raises `PermissionDenied`; harmless if repeated."""
        with transaction.atomic():
            account = User.objects.select_for_update(no_key=True).get(pk=self.user_id)
            demand(may_end_bot(User.objects.get(pk=by.pk), self.owner_id))
            if not account.is_active:
                return
            account.is_active = False
            account.save(update_fields=["is_active"])
            self._revoke_all()
            Membership.objects.filter(user=account).delete()
            audit.record(audit.Kind.BOT_ENDED, by=by, whom=account)
            announcements.access_ended([account.pk])
            announcements.people_changed([account.pk])
        self.user.is_active = False

    def take_over(self, *, by: User) -> None:
        """Belong to `by` from now on, who runs the place. Its tokens and addresses end: whoever it
        belonged to may have kept them. So does its membership of private rooms that `by` is not in.
        Raises `PermissionDenied`."""
        with transaction.atomic():
            account = User.objects.select_for_update(no_key=True).get(pk=self.user_id)
            now = Bot.objects.select_related("owner").get(pk=self.pk)
            owner = User.objects.get(pk=by.pk)
            demand(account.is_active and may_take_bot_over(owner, still=now.is_still))
            audit.record(audit.Kind.BOT_TAKEN, by=owner, whom=account)
            now.owner = owner
            now.save(update_fields=["owner"])
            self._revoke_all()
            _leave(memberships_left_behind().filter(user=account))
        self.owner = owner

    def _revoke_all(self) -> None:
        """Whatever opens something by it: each kind has its line here. In a transaction."""
        for token in self.user.tokens.all():
            token.revoke()
        self.incoming.all().delete()
        for webhook in self.outgoing_webhooks.select_for_update():
            webhook.delete()


def _new_account(name: str) -> User:
    user = User(display_name=name, role=Role.GUEST, is_bot=True)
    user.set_unusable_password()
    base = slugify(name, allow_unicode=True)[:USERNAME_LENGTH].strip("-_")
    if not base.endswith("bot"):
        base = f"{base}-bot".strip("-")
    user.username = base
    while True:
        if not User.objects.filter(username__iexact=user.username).exists():
            try:
                with transaction.atomic():
                    user.save(force_insert=True)
                return user
            except IntegrityError:  # somebody was a moment quicker
                if not User.objects.filter(username=user.username).exists():
                    raise
        user.username = f"{base}-{secrets.token_hex(2)}"


def bots_of(owner: User) -> list[int]:
    """Their accounts, whose pages and connections stand and fall with theirs."""
    return list(owner.bots.values_list("user_id", flat=True))


def memberships_left_behind() -> QuerySet[Membership]:
    """Of bots in private rooms that their owner does not belong to (any more)."""
    owners = Membership.objects.filter(
        room=models.OuterRef("room"), user=models.OuterRef("user__bot__owner")
    )
    return Membership.objects.filter(
        ~models.Exists(owners), user__is_bot=True, room__private=True, room__direct=False
    )


def follow_owners(room: Room) -> None:
    """Whoever goes from a private room takes their bots along. In a transaction."""
    _leave(memberships_left_behind().filter(room=room))


def _leave(memberships: QuerySet[Membership]) -> None:
    left = list(memberships.values_list("pk", "user_id", "room_id"))
    if not left:
        return
    Membership.objects.filter(pk__in=[pk for pk, _user, _room in left]).delete()
    announcements.people_changed({user for _pk, user, _room in left})
    for _pk, user, room in left:
        announcements.access_ended([user], room)
