"""Who may do what: every rule is written here, once, and asked from everywhere.

A *standing* holds the values that decide, whatever they were read by: a page's queries, the statements
of `posting`, another person's row. So a rule costs no query. To add one, write a
property: the verb demands it, the view asks before it shows a form, the template before it shows the way
there; and tests/test_permissions.py has a line for each address.

Two doors are written in SQL and say the same as `Standing.may_read`: `RoomQuerySet.visible_to` and
`entrance.ROOM`.

The roles
---------
- An *owner* may do everything that can be done to the place, and decides who else does.
- An *admin* may do the same, but to owners and admins: who is one is for owners to say.
- Both arrange a room as its moderators do where they can read it. A private room is open to them only
  if they were added, as to anybody: whoever runs a place does not thereby read all that is said in it.
- A *member* finds the open rooms and joins them.
- A *guest* belongs to the rooms that they were put into, and for them there are no others. They moderate
  none: who adds people to a room may look for people.
- A *bot* is a guest. Its owner alone arranges it, as they can read whatever it reads; those who
  run the place can end it, and take it over once its owner can no longer answer for it.

Beside the roles, an *operator* looks after the machine: an owner whom somebody with a shell on the server
made one (`manage.py operator`). They have the site in rooms/admin/, as long as they are an owner.


Moderating
----------
- A room's moderators, and whoever runs the place where the room is open to them, take messages of others
  out of it, mute people and keep them out. Against owners and admins only an owner acts (`outranks`), so
  that whoever runs the place can't be silenced by those whom they let moderate.
- Whoever arranges the room can't be muted in it or kept out: that has to be taken back first.
- An account is banned by those who may deactivate it.
- A report goes to the room's moderators, and to those who run the place where the room is open. Of a
  direct conversation, and of what a moderator said in a private room, it goes to those who run the place,
  with that one message. Nobody sees what was reported of themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime

    from .membership import Membership
    from .place import Place
    from .room import Room
    from .user import User


class Role(models.TextChoices):
    """What somebody is in the place."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    GUEST = "guest", _("Guest")


RUNS_PLACE = frozenset({Role.OWNER, Role.ADMIN})
INVITES = RUNS_PLACE
FINDS_ROOMS = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})  # the open ones, by oneself
CALLED_AT_ONCE = (
    50  # people whom anybody may call by @room or @here; more are for moderators to call
)
MODERATES = FINDS_ROOMS  # the rooms that made them a moderator


def demand(permitted: bool, sentence: str = "") -> None:
    """Raises `PermissionDenied`, with the sentence for whoever asked, unless it is permitted."""
    if not permitted:
        raise PermissionDenied(sentence)


def outranks(role: str, other: str) -> bool:
    """Whether somebody may act against what another said, or did: only owners against those who run the
    place."""
    return role == Role.OWNER or other not in RUNS_PLACE


def may_read(role: str, *, private: bool, belongs: bool) -> bool:
    """Whether a room exists for somebody."""
    return belongs or (not private and role in FINDS_ROOMS)


def may_operate(user: User) -> bool:
    """Whether somebody is an operator."""
    return user.is_active and user.is_staff and user.role == Role.OWNER


def may_arrange_bot(user: User, owner: int) -> bool:
    """Name a bot that belongs to `owner`, put it into rooms, and make what programs act by it with."""
    return user.pk == owner and user.is_active and user.role in FINDS_ROOMS


def may_end_bot(user: User, owner: int) -> bool:
    """End it, and so see that it is there."""
    runs_place = user.is_active and user.role in RUNS_PLACE
    return runs_place or may_arrange_bot(user, owner)


def may_take_bot_over(user: User, *, still: bool) -> bool:
    """Answer for a bot whose owner can't any more."""
    return still and user.is_active and user.role in RUNS_PLACE


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """How somebody stands to the place, whichever room they are in. It names nobody: pages are kept
    under it."""

    role: str
    rooms_by_admins: bool = False  # the place lets them alone make rooms
    bots_by_members: bool = False  # it lets members make bots, too

    @classmethod
    def of(cls, user: User, place: Place | None) -> PlaceStanding:
        """Without a place, as on the page of an error that came before it was read, the defaults hold."""
        if place is None:
            return cls(user.role)
        return cls(user.role, place.rooms_by_admins, place.bots_by_members)

    @property
    def may_change_place(self) -> bool:
        return self.role in RUNS_PLACE

    @property
    def may_require_second_factor(self) -> bool:
        """Of others, and of oneself."""
        return self.role == Role.OWNER

    @property
    def may_invite(self) -> bool:
        return self.role in INVITES

    @property
    def may_find_rooms(self) -> bool:
        """See the open rooms and come into them."""
        return self.role in FINDS_ROOMS

    @property
    def may_make_rooms(self) -> bool:
        return self.role in (RUNS_PLACE if self.rooms_by_admins else FINDS_ROOMS)

    @property
    def may_make_bots(self) -> bool:
        return self.role in (FINDS_ROOMS if self.bots_by_members else RUNS_PLACE)

    @property
    def may_see_all_bots(self) -> bool:
        """Those of others, too, to end them."""
        return self.role in RUNS_PLACE

    @property
    def may_manage_people(self) -> bool:
        """See who has an account, and change what they are as far as the next two say."""
        return self.role in RUNS_PLACE

    @property
    def may_read_audit(self) -> bool:
        """See what was decided here, by whom."""
        return self.role == Role.OWNER

    @property
    def roles_to_give(self) -> tuple[Role, ...]:
        if self.role == Role.OWNER:
            return tuple(Role)
        return (Role.MEMBER, Role.GUEST) if self.role == Role.ADMIN else ()

    def may_manage_person(self, role: str) -> bool:
        """Change the role of somebody who has `role` now, or close their account."""
        return role in self.roles_to_give


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to a room."""

    user: int
    role: str
    private: bool
    archived: bool
    moderators_only: bool  # nobody else writes there
    belongs: bool
    moderator: bool
    direct: bool = False
    muted_until: datetime | None = None
    banned: bool = False  # may not come back into the room

    @classmethod
    def of(cls, user: User, room: Room, membership: Membership | None) -> Standing:
        """`membership` is the user's own of this room, None if they do not belong to it. What they may
        not do there for a while is known of the room if it was read for them."""
        sanction = room.sanction if room.sanction and room.sanction.user == user.pk else None
        return cls(
            user=user.pk,
            role=user.role,
            private=room.private,
            archived=room.archived,
            moderators_only=room.moderators_only,
            belongs=membership is not None,
            moderator=membership is not None and membership.is_moderator,
            direct=room.direct,
            muted_until=sanction and sanction.muted_until,
            banned=sanction is not None and sanction.banned,
        )

    # Being in it

    @property
    def may_read(self) -> bool:
        """For whoever may not, the room does not exist."""
        return may_read(self.role, private=self.private, belongs=self.belongs)

    @property
    def may_join(self) -> bool:
        """Come in by oneself, and come back after leaving."""
        return not self.banned and may_read(self.role, private=self.private, belongs=False)

    # Talking

    @property
    def may_write(self) -> bool:
        """Whether the room lets them, whatever its moderators keep this person from."""
        open_to_them = self.may_manage if self.moderators_only else self.may_read
        return open_to_them and not self.archived

    @property
    def is_kept_quiet(self) -> bool:
        """Muted or kept out. Whoever arranges the room can't be."""
        muted = self.muted_until is not None and self.muted_until > timezone.now()
        return (muted or self.banned) and not self.may_manage

    @property
    def may_post(self) -> bool:
        return self.may_write and not self.is_kept_quiet

    def may_edit(self, author: int) -> bool:
        """Change the words of a message by `author`, which is saying something, too."""
        open_to_them = self.may_manage if self.moderators_only else self.may_read
        return author == self.user and open_to_them and not self.is_kept_quiet

    def may_delete(self, author: int) -> bool:
        """Take a message by `author` back for everybody."""
        return author == self.user and self.may_read

    def may_remove_previews(self, author: int) -> bool:
        """Take what is shown of a link out of a message by `author`: it only takes something back."""
        return self.may_delete(author)

    @property
    def may_react(self) -> bool:
        """A reaction says something, too: where only moderators write, they alone react."""
        return self.may_post

    def may_call(self, people: int) -> bool:
        """Name that many at once, by @room or @here, in what they say."""
        return people <= CALLED_AT_ONCE or self.may_manage

    @property
    def may_pin(self) -> bool:
        """Pin messages and unpin them: what stands at the top of a room is for those who talk there."""
        return self.may_post

    # Arranging it

    @property
    def may_manage(self) -> bool:
        """The room's moderators, and whoever runs the place where the room is open to them. Nobody
        manages a direct conversation."""
        if self.direct:
            return False
        moderates = self.belongs and self.moderator and self.role in MODERATES
        return moderates or (self.role in RUNS_PLACE and self.may_read)

    @property
    def may_change_details(self) -> bool:
        return self.may_manage

    @property
    def may_export(self) -> bool:
        """Take a copy of all that was said along: whoever answers for the room, and in a direct
        conversation each of its people."""
        return self.belongs if self.direct else self.may_manage

    @property
    def may_make_private(self) -> bool:
        """Those who belong to it, of whom one at least has to be there to arrange it then."""
        return self.may_manage and self.belongs

    @property
    def may_archive(self) -> bool:
        return self.may_manage

    @property
    def may_add_people(self) -> bool:
        return self.may_manage

    @property
    def may_remove_people(self) -> bool:
        return self.may_manage

    @property
    def may_appoint(self) -> bool:
        """Make others moderators of the room, and take it back."""
        return self.may_manage

    # Moderating it

    @property
    def may_be_slowed(self) -> bool:
        """Whether a slow room is slow for them."""
        return not self.may_manage

    def may_moderate(self, person: int, role: str) -> bool:
        """Remove what somebody with that role said, mute them and keep them out."""
        return self.may_manage and person != self.user and outranks(self.role, role)

    def may_report(self, author: int) -> bool:
        """Bring a message by `author` before those who moderate."""
        return author != self.user and self.may_read
