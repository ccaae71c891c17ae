"""Who may do what: every rule is written here, once, and asked from everywhere.

A *standing* holds the values that decide, whatever they were read by: a page's queries or the statements
of `posting`. So a rule costs no query. To add one, write a property: the verb demands it, the view asks
before it shows a form, the template before it shows the way there.

Two doors are written in SQL and say the same as `Standing.may_read`: `RoomQuerySet.visible_to` and
`entrance.ROOM`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from .membership import Membership
    from .room import Room
    from .user import User


def demand(permitted: bool, sentence: str = "") -> None:
    """Raises `PermissionDenied`, with the sentence for whoever asked, unless it is permitted."""
    if not permitted:
        raise PermissionDenied(sentence)


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """How somebody stands to the place, whichever room they are in."""

    owner: bool

    @classmethod
    def of(cls, user: User) -> PlaceStanding:
        return cls(user.is_owner)

    @property
    def may_change_place(self) -> bool:
        return self.owner

    @property
    def may_invite(self) -> bool:
        return self.owner


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to a room."""

    user: int
    owner: bool
    private: bool
    belongs: bool
    moderator: bool

    @classmethod
    def of(cls, user: User, room: Room, membership: Membership | None) -> Standing:
        """`membership` is the user's own of this room, None if they do not belong to it."""
        return cls(
            user=user.pk,
            owner=user.is_owner,
            private=room.private,
            belongs=membership is not None,
            moderator=membership is not None and membership.is_moderator,
        )

    @property
    def may_read(self) -> bool:
        """For whoever may not, the room does not exist."""
        return self.belongs or not self.private

    @property
    def may_post(self) -> bool:
        return self.may_read

    def may_edit(self, author: int) -> bool:
        """Change the words of a message by `author`."""
        return self.may_post and author == self.user

    def may_delete(self, author: int) -> bool:
        """Take a message by `author` back for everybody."""
        return self.may_read and author == self.user

    @property
    def may_join(self) -> bool:
        """Come in by oneself."""
        return not self.private

    @property
    def may_manage(self) -> bool:
        """Moderators of the room, and the place's owner where the room is open to them."""
        return (self.belongs and self.moderator) or (self.owner and self.may_read)

    @property
    def may_change_details(self) -> bool:
        return self.may_manage

    @property
    def may_archive(self) -> bool:
        return self.may_manage

    @property
    def may_add_people(self) -> bool:
        return self.may_manage

    @property
    def may_remove_people(self) -> bool:
        return self.may_manage
