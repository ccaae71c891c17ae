"""What the place decides about the people in it: their role, and whether their account is open.

Beside `User`, because it reaches into the rooms: whoever can no longer moderate leaves their rooms to
others, and whoever can no longer read a room has it closed before them.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from . import announcements
from .membership import Membership
from .permissions import PlaceStanding, Role, demand
from .place import Place
from .room import Room
from .user import User


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
        now.role = role
        now.save(update_fields=["role"])
        if role == Role.GUEST:
            _hand_over(now)
            # Guests moderate nothing, also when they are guests no longer.
            Membership.objects.filter(user=now).update(is_moderator=False)
        announcements.access_changed([now.pk])
        announcements.people_changed([now.pk])
    person.role = now.role


def deactivate(person: User, *, by: User) -> None:
    """Close somebody's account: they are signed out everywhere at once and cannot come back; what they
    wrote stays. Raises `PermissionDenied` and `LastOwner`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role))
        demand(now.pk != by.pk, _("Nobody closes their own account here. Ask another admin."))
        _keep_an_owner(now)
        now.is_active = False
        now.save(update_fields=["is_active"])
        now.sessions.all().delete()
        _hand_over(now)
        announcements.access_ended([now.pk])
    person.is_active = False


def reactivate(person: User, *, by: User) -> None:
    """Open the account again, with the rooms and the role it had. Raises `PermissionDenied`."""
    with transaction.atomic():
        now, standing = _locked(person, by)
        demand(standing.may_manage_person(now.role) and not hasattr(now, "deletion"))
        now.is_active = True
        now.save(update_fields=["is_active"])
    person.is_active = True


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
