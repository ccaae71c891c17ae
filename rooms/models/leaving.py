"""Deleting an account, by its person or by whoever runs the place.

At once nothing tells any more who it was: name, addresses, sessions, settings and whatever else hangs on
the account are gone, and so are the memberships, but those of direct conversations, which stay for the
others. What was said stays under a name that says nothing, or goes, too, as the place wants it: messages
and reactions one by one, by a worker, each a change of its room.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import faces
from . import announcements, audit, people
from .attachment import Attachment
from .bot import bots_of
from .export import Export
from .membership import Membership
from .message import Message
from .permissions import Role, demand
from .place import Place
from .room import Room
from .user import User

if TYPE_CHECKING:
    from django.db.models import QuerySet

BATCH = 50  # messages that are removed between two looks at the clock
LOOKED_THROUGH = 1_000  # messages with reactions that are looked through at once
# What hangs on an account and is not simply deleted with it. Nobody gets rid of what was reported of
# them, nor of what they did as an operator, by deleting their account; and an import would else bring
# the account and its messages once more.
KEPT = frozenset(
    {
        *("rooms.message", "rooms.attachment", "rooms.membership"),
        *("rooms.deletedaccount", "rooms.imported", "rooms.report", "admin.logentry"),
    }
)


class DeletedAccount(models.Model):
    """That an account was deleted, and how far what it left behind is removed."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="deletion")
    deleted_at = models.DateTimeField(default=timezone.now)
    removes_messages = models.BooleanField(
        help_text=gettext_lazy("As the place wanted it at that moment.")
    )
    looked_through = models.BigIntegerField(
        default=0, help_text=gettext_lazy("Key of the last message without their reactions.")
    )
    done_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[DeletedAccount]] = models.Manager()

    def __str__(self) -> str:
        return f"account {self.user_id}, deleted"

    def remove_some(self) -> bool:
        """Remove the next piece of what is to go. Returns whether there may be more."""
        more = self._remove_abandoned() or (
            self.removes_messages and (self._remove_messages() or self._remove_reactions())
        )
        if not more:
            self.done_at = timezone.now()
            self.save(update_fields=["done_at"])
        return more

    def _remove_abandoned(self) -> bool:
        """Direct conversations that nobody can read any more: notes to oneself, and those of people who
        are all gone."""
        left = Membership.objects.filter(room=models.OuterRef("pk"), user__deletion=None)
        abandoned = Room.objects.filter(direct=True, memberships__user=self.user_id)
        room = abandoned.exclude(models.Exists(left)).order_by("pk").first()
        if room is None:
            return False
        with transaction.atomic():
            batch = list(room.messages.order_by("-number").values_list("pk", flat=True)[:BATCH])
            Attachment.discard(room.attachments.filter(message__in=batch))
            room.messages.filter(pk__in=batch).delete()
            if not batch:
                Attachment.discard(room.attachments.all())
                room.delete()
        return True

    def _remove_messages(self) -> bool:
        theirs = Message.objects.filter(author=self.user_id, deleted_at=None)
        batch = dict(theirs.order_by("pk").values_list("pk", "room_id")[:BATCH])
        for room in Room.objects.filter(pk__in=set(batch.values())).order_by("pk"):
            with room.changing(though_archived=True) as locked:
                loaded = "author", "reply_to__author", "thread__author"
                for pk in [pk for pk, where in batch.items() if where == room.pk]:
                    # One after the other: what the one is in reply to may have changed with the last.
                    message = theirs.select_related(*loaded).filter(pk=pk).first()
                    if message is not None:
                        message.erase(locked)
        return bool(batch)

    def _remove_reactions(self) -> bool:
        having = Message.objects.filter(reactions__isnull=False, pk__gt=self.looked_through)
        found = having.order_by("pk").values_list("pk", "room_id", "reactions")[:LOOKED_THROUGH]
        looked = list(found)
        batch = {
            pk: room
            for pk, room, stored in looked
            if any(self.user_id in users for _emoji, users in stored or ())
        }
        for room in Room.objects.filter(pk__in=set(batch.values())).order_by("pk"):
            with room.changing(though_archived=True) as locked:
                pks = [pk for pk, where in batch.items() if where == room.pk]
                messages = Message.objects.filter(pk__in=pks).order_by("number")
                for message in messages.select_related("author", "reply_to__author"):
                    message.take_back_all(self.user_id, locked)
        if looked:
            self.looked_through = looked[-1][0]
            self.save(update_fields=["looked_through"])
        return bool(looked)


def delete_account(person: User, *, by: User) -> None:
    """Delete somebody's account, for good. Raises `PermissionDenied` and `LastOwner`."""
    with transaction.atomic():
        now, standing = people._locked(person, by)  # noqa: SLF001  # of the same models
        demand(now.pk == by.pk or standing.may_manage_person(now.role))
        demand(not hasattr(now, "deletion"))
        people._keep_an_owner(now)  # noqa: SLF001
        talked_to = _those_who_talk_to(now)
        _end_memberships(now)
        Attachment.discard(now.attachments.filter(message=None))
        Export.discard(now.exports.all())
        _forget_what_hangs_on(now)
        removes = Place.objects.filter(removes_messages=True).exists()
        DeletedAccount.objects.create(user=now, removes_messages=removes)
        _make_nameless(now)
        audit.record(audit.Kind.DELETED, by=by, whom=now)
        announcements.look_changed(now.pk)
        announcements.access_ended([now.pk])
        announcements.access_changed(bots_of(now))
        announcements.people_changed([now.pk, *talked_to])
        from ..background import later  # noqa: PLC0415  # both need the models
        from ..upkeep import finish_deletion  # noqa: PLC0415

        later(finish_deletion, now.pk)


def _those_who_talk_to(person: User) -> list[int]:
    """Those who have a direct conversation with them, which is called otherwise from now on."""
    talks = Membership.objects.filter(
        room__direct=True, room__memberships__user=person, user__is_active=True
    ).exclude(user=person)
    return list(talks.values_list("user_id", flat=True).distinct())


def _end_memberships(person: User) -> None:
    theirs = Membership.objects.filter(user=person)
    left: QuerySet[Membership] = theirs.filter(room__direct=False)
    rooms = [
        room.pk
        for room in Room.objects.select_for_update()
        .filter(pk__in=left.values("room"))
        .order_by("pk")
    ]
    left.delete()
    Room.appoint_eldest(rooms)
    theirs.update(draft="", draft_key="", draft_files=False, draft_reply=None, is_moderator=False)


def _forget_what_hangs_on(person: User) -> None:
    """Whatever would go with the account's row, of this app and others: addresses, sessions, tokens."""
    for relation in User._meta.get_fields(include_hidden=True):  # Django's own interface
        if not isinstance(relation, models.ForeignObjectRel):
            continue
        model: Any = relation.related_model
        if relation.many_to_many:
            getattr(person, relation.get_accessor_name() or "").clear()
        elif relation.on_delete is models.CASCADE and model._meta.label_lower not in KEPT:
            model.objects.filter(**{relation.field.name: person}).delete()


def _make_nameless(person: User) -> None:
    """Their name is free for others from now on, as nothing here is theirs any more."""
    if person.face:
        transaction.on_commit(partial(faces.remove, person.face))
    with translation.override(settings.LANGUAGE_CODE):
        person.display_name = _("Deleted account")
    person.username = f"deleted-{secrets.token_hex(8)}"
    person.first_name = person.last_name = person.email = person.time_zone = person.language = ""
    person.face = person.scheme = person.last_language = ""
    person.role, person.is_active, person.last_login = Role.MEMBER, False, None
    person.is_staff = person.is_superuser = False
    person.set_unusable_password()
    person.groups.clear()
    person.user_permissions.clear()
    person.save()
