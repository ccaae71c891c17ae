"""What the place decides about the people in it: their role, and whether their account is open.

Beside `User`, because it reaches into the rooms: whoever can no longer moderate leaves their rooms to
others, and whoever can no longer read a room has it closed before them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from . import announcements, audit
from .ban import Ban
from .bot import bots_of
from .membership import Membership
from .permissions import PlaceStanding, Role, demand
from .place import Place
from .room import Room
from .user import User

if TYPE_CHECKING:
    from datetime import datetime

RECENT = timedelta(days=1)  # what a ban takes back, if it is asked to


class LastOwner(ValidationError):
    """The place would be left without anybody who owns it."""

    def __init__(self) -> None:
        super().__init__(
            _("Nobody else owns this place. Make another person an owner first."),
            code="last_owner",
        )


def change_role(person: User, role: str, *, by: User) -> None:
    """Make somebody something else in the place. Raises `PermissionDenied` and `LastOwner`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role) and role in standing.roles_to_give)
        if now.role == role:
            return
        if role != Role.OWNER:
            _keep_an_owner(now)
        audit.record(audit.Kind.ROLE, by=by, whom=now, before=now.role, after=role)
        now.role = role
        now.save(update_fields=["role"])
        if role == Role.GUEST:
            _hand_over(now)
            # Guests moderate nothing, also when they are guests no longer.
            Membership.objects.filter(user=now).update(is_moderator=False)
        announcements.access_changed([now.pk, *bots_of(now)])
        announcements.people_changed([now.pk])
    person.role = now.role


def deactivate(person: User, *, by: User) -> None:
    """Close somebody's account: they are signed out everywhere at once and cannot come back; what they
    wrote stays. Raises `PermissionDenied` and `LastOwner`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role))
        demand(now.pk != by.pk, _("Nobody closes their own account here. Ask another admin."))
        _close(now)
        audit.record(audit.Kind.CLOSED, by=by, whom=now)
    person.is_active = False


def reactivate(person: User, *, by: User) -> None:
    """Open the account again, with the rooms and the role it had, whether it was deactivated or banned.
    Raises `PermissionDenied`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role) and not hasattr(now, "deletion"))
        banned = Ban.objects.filter(user=now).delete()[0]
        if banned or not now.is_active:
            audit.record(audit.Kind.UNBANNED if banned else audit.Kind.OPENED, by=by, whom=now)
        now.is_active = True
        now.save(update_fields=["is_active"])
    person.is_active = True


def ban(
    person: User,
    *,
    by: User,
    until: datetime | None = None,
    reason: str = "",
    messages: bool = False,
) -> None:
    """Close somebody's account for what they did, until a moment or for good, and with `messages` take
    back what they said in the day before. Raises `PermissionDenied` and `LastOwner`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role))
        demand(now.pk != by.pk, _("Nobody bans themselves."))
        before = Ban.objects.filter(user=now).first()
        was_active = now.is_active if before is None else before.was_active
        Ban.objects.update_or_create(
            user=now,
            defaults={
                "at": timezone.now(),
                "until": until,
                "reason": reason,
                "by": by,
                "was_active": was_active,
            },
        )
        _close(now)
        audit.record(
            audit.Kind.BANNED,
            by=by,
            whom=now,
            reason=reason,
            until=until and until.isoformat(),
            messages=messages,
        )
        if messages:
            from ..background import later  # noqa: PLC0415  # both need the models
            from ..purge import remove_messages_of  # noqa: PLC0415

            later(remove_messages_of, now.pk, (timezone.now() - RECENT).isoformat())
    person.is_active = False


def lift_ban(person: User, *, by: User) -> None:
    """As if it had ended by itself. Raises `PermissionDenied`; harmless if repeated."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role))
        _lift(now, by)
    person.is_active = now.is_active


def lift_bans_that_are_over() -> None:
    """What was to last until a moment ends then, whether somebody tries to sign in or not."""
    for user in list(Ban.objects.over().values_list("user", flat=True)):
        with transaction.atomic():
            person = User.objects.select_for_update(no_key=True).get(pk=user)
            if Ban.objects.over().filter(user=person).exists():
                _lift(person, None)


def _lift(person: User, by: User | None) -> None:
    """Under the lock of the person."""
    found = Ban.objects.filter(user=person).first()
    if found is None:
        return
    found.delete()
    person.is_active = found.was_active
    person.save(update_fields=["is_active"])
    audit.record(audit.Kind.UNBANNED, by=by, whom=person)


def _close(person: User) -> None:
    """Under the lock of `_locked`: they are signed out everywhere, and can't sign in."""
    _keep_an_owner(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    person.sessions.all().delete()
    _hand_over(person)
    announcements.access_ended([person.pk])
    announcements.access_changed(bots_of(person))


def _locked(person: User, by: User) -> tuple[User, PlaceStanding]:
    """Somebody and how `by` stands to the place, both as they are now. All owners are locked with them,
    in one order: of two who take the ownership from each other at once, the second finds it gone."""
    concerned = User.objects.filter(
        models.Q(pk__in=[person.pk, by.pk]) | models.Q(role=Role.OWNER, is_active=True)
    )
    # No key, as who posts meanwhile holds their room's lock and names the author by it.
    rows = concerned.select_for_update(no_key=True).order_by("pk")
    locked = {user.pk: user for user in rows}
    demand(locked[by.pk].is_active)
    demand(not locked[person.pk].is_bot, _("This is a bot: its own page is where it is ended."))
    return locked[person.pk], PlaceStanding.of(locked[by.pk], Place.objects.get())


def _keep_an_owner(person: User) -> None:
    """Raises `LastOwner` if the place is owned by this person alone; under the lock of `_locked`."""
    if person.role != Role.OWNER or not person.is_active:
        return
    others = User.objects.filter(role=Role.OWNER, is_active=True).exclude(pk=person.pk)
    if not others.exists():
        raise LastOwner


def _hand_over(person: User) -> None:
    """Where nobody else moderates a room of theirs, whoever has been there longest does from now on."""
    moderated = Membership.objects.filter(user=person, is_moderator=True).values("room")
    rooms = Room.objects.select_for_update().filter(pk__in=moderated).order_by("pk")
    Room.appoint_eldest([room.pk for room in rooms])
