"""Whom somebody knows of: who may be found, written to and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from .membership import Membership
from .message import Message
from .user import User

if TYPE_CHECKING:
    from django.db.models import QuerySet


def people_visible_to(reader: User) -> QuerySet[User]:
    """The one door to people. All who belong to the place know each other; for a guest there are but
    themselves and those whom they share a room with."""
    if not reader.is_guest:
        return User.objects.all()
    shared = Membership.objects.filter(room__memberships__user=reader)
    return User.objects.filter(Q(pk=reader.pk) | Q(pk__in=shared.values("user")))


def faces_visible_to(reader: User) -> QuerySet[User]:
    """Whose picture somebody may see: for a guest also of those who left a room of theirs, where what
    they said stays and is shown with it."""
    if not reader.is_guest:
        return User.objects.all()
    said = Message.objects.filter(author=OuterRef("pk"), room__memberships__user=reader)
    return User.objects.filter(Q(pk__in=people_visible_to(reader).values("pk")) | Exists(said))
