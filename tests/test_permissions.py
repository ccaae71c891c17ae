"""Who may do what, as a table: each address of the app, by each kind of person, in each kind of room.

    +  done, or shown          -  403: it is there, and not for them
    !  refused with a sentence 0  404: for them there is no such thing
       (400 or 409)            >  asked to sign in

To add a verb, add its line to the table, and to `REQUESTS` what it needs besides its address. Where a
verb is asked for in several manners, its name goes on after a slash. What is refused changes nothing:
each request that is not answered by a plus is followed by a look at the whole database.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.contrib.messages import ERROR, get_messages
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rooms import disk, urls
from rooms.mail import unsubscribe_token
from rooms.models import (
    Bot,
    Export,
    Imported,
    Incoming,
    Invitation,
    OutgoingWebhook,
    Place,
    Preview,
    PreviewPicture,
    Report,
    Role,
    Room,
    User,
    entrance,
    permissions,
    reading,
)
from rooms.models.permissions import PlaceStanding, Standing
from rooms.models.preview import as_kept
from rooms.unfurl import Picture
from rooms.views import reader
from tests import files
from tests.cast import signed_in
from tests.factories import give_face, make_room, make_user, say_with_files
from tests.sockets import Socket, in_db, new_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

# o owner of the place   m moderator of the room   g guest in the room   d deactivated, signed in before
# a admin                b member of the room      x guest elsewhere     n nobody: not signed in
#                        v member of the place who is not in the room
# Owner and admin are in none of these rooms: a private one is open to them only if they were added.

IN_ROOMS = """
                              open       private    archived   mod.-only  direct
                              oambvgxdn  oambvgxdn  oambvgxdn  oambvgxdn  oambvgxdn
GET   room                    ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   room/past               ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   changes                 ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   stream                  ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   here                    ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   room-notifications      --++-+0>>  00++0+0>>  --++-+0>>  --++-+0>>  00++0+0>>
POST  room-notifications      --++-+0>>  00++0+0>>  --++-+0>>  --++-+0>>  00++0+0>>
GET   mention                 --++-+0>>  00++0+0>>  --++-+0>>  --++-+0>>  00++0+0>>
POST  mention                 --++-+0>>  00++0+0>>  ------0>>  --+---0>>  00++0+0>>
GET   message                 ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   message-unread          --++-+0>>  00++0+0>>  --++-+0>>  --++-+0>>  00++0+0>>
POST  message-unread          --++-+0>>  00++0+0>>  --++-+0>>  --++-+0>>  00++0+0>>
POST  typing                  ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  draft                   ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  send                    ++++++0>>  00++0+0>>  !!!!!!0>>  +++!!!0>>  00++0+0>>
GET   message-edit            ---+--0>>  00-+0-0>>  ---+--0>>  ------0>>  00-+0-0>>
POST  message-edit            ---+--0>>  00-+0-0>>  ---!--0>>  ------0>>  00-+0-0>>
GET   message-delete          ++++--0>>  00++0-0>>  ++++--0>>  ++++--0>>  00-+0-0>>
POST  message-delete          ++++--0>>  00++0-0>>  !!!!--0>>  ++++--0>>  00-+0-0>>
GET   message-report          +++-++0>>  00+-0+0>>  +++-++0>>  +++-++0>>  00+-0+0>>
POST  message-report          +++-++0>>  00+-0+0>>  +++-++0>>  +++-++0>>  00+-0+0>>
GET   files                   ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  files                   ++++++0>>  00++0+0>>  !!!!!!0>>  +++!!!0>>  00++0+0>>
GET   files-of-plain          ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  files-of-plain          ++++++0>>  00++0+0>>  !!!!!!0>>  +++!!!0>>  00++0+0>>
GET   file                    ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   thumbnail               ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   message-menu            ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   reactions               ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  reactions               ++++++0>>  00++0+0>>  !!!!!!0>>  +++---0>>  00++0+0>>
POST  message-reply           ++++++0>>  00++0+0>>  ------0>>  +++---0>>  00++0+0>>
GET   thread                  ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   pins                    ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  message-pin             ++++++0>>  00++0+0>>  !!!!!!0>>  +++---0>>  00++0+0>>
GET   preview-remove          ---+--0>>  00-+0-0>>  ---+--0>>  ---+--0>>  00-+0-0>>
POST  preview-remove          ---+--0>>  00-+0-0>>  ---!--0>>  ---+--0>>  00-+0-0>>
GET   room-join               ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  room-join               ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
GET   room-leave              ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  0000000>>
POST  room-leave              ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  0000000>>
GET   room-settings           ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  0000000>>
POST  room-settings           +++---0>>  00+-0-0>>  !!!---0>>  +++---0>>  0000000>>
GET   room-private            --+---0>>  00+-0-0>>  --+---0>>  --+---0>>  00--0-0>>
POST  room-private            --+---0>>  00+-0-0>>  --!---0>>  --+---0>>  00--0-0>>
GET   room-archive            +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  room-archive            +++---0>>  00+-0-0>>  !!!---0>>  +++---0>>  00--0-0>>
POST  room-archive/restore    +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
GET   members                 ++++++0>>  00++0+0>>  ++++++0>>  ++++++0>>  00++0+0>>
POST  members                 +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-moderator        +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-moderator/guest  ------0>>  00--0-0>>  ------0>>  ------0>>  00--0-0>>
GET   member-remove           +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-remove           +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
GET   room-keeping            +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  0000000>>
POST  room-keeping            +++---0>>  00+-0-0>>  !!!---0>>  +++---0>>  0000000>>
GET   room-export             +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00++0+0>>
POST  room-export             +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00++0+0>>
POST  member-remove/for-good  +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
GET   member-mute             +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-mute             +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-mute/lift        +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
POST  member-return           +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
GET   moderation              +++---0>>  00+-0-0>>  +++---0>>  +++---0>>  00--0-0>>
"""

SOCKETS = """
                              open       private    archived   mod.-only  direct
                              oambvgxdn  oambvgxdn  oambvgxdn  oambvgxdn  oambvgxdn
      entrance                ++++++000  00++0+000  ++++++000  ++++++000  00++0+000
      message                 ++++++000  00++0+000  !!!!!!000  +++!!!000  00++0+000
"""

# o owner  a admin  b member  g guest  d deactivated  n nobody
# The place lets all members make rooms and bots, or admins alone.

IN_PLACE = """
                              members admins
                              oabgdn  oabgdn
GET   home                    ++++>>  ++++>>
GET   rooms                   ++++>>  ++++>>
GET   search                  ++++>>  ++++>>
GET   unread                  ++++>>  ++++>>
POST  unread-read             ++++>>  ++++>>
GET   news                    ++++++  ++++++
GET   room-new                +++->>  ++-->>
POST  room-new                +++->>  ++-->>
GET   place                   ++-->>  ++-->>
POST  place                   ++-->>  ++-->>
GET   people                  ++-->>  ++-->>
GET   person                  ++-->>  ++-->>
GET   person/owner            ++-->>  ++-->>
POST  person                  ++-->>  ++-->>
POST  person/to-admin         +!-->>  +!-->>
POST  person/to-owner         +!-->>  +!-->>
POST  person/admin            +--->>  +--->>
POST  person/owner            +--->>  +--->>
GET   person-activity         ++-->>  ++-->>
POST  person-activity         ++-->>  ++-->>
POST  person-activity/admin   +--->>  +--->>
POST  person-activity/owner   +--->>  +--->>
POST  person-activity/self    ---->>  ---->>
GET   person-factor           ++-->>  ++-->>
POST  person-factor           ++-->>  ++-->>
GET   person-factor/admin     +--->>  +--->>
POST  person-factor/admin     +--->>  +--->>
POST  person-factor/self      ---->>  ---->>
GET   place-factor            ++-->>  ++-->>
POST  place-factor            +--->>  +--->>
GET   person-delete           ++-->>  ++-->>
GET   person-delete/owner     +--->>  +--->>
POST  person-delete           ++-->>  ++-->>
POST  person-delete/admin     +--->>  +--->>
POST  person-delete/owner     +--->>  +--->>
POST  person-delete/self      ++-->>  ++-->>
POST  person-claim            ++-->>  ++-->>
GET   place-data              ++-->>  ++-->>
POST  place-data              ++-->>  ++-->>
GET   account-data            ++++>>  ++++>>
POST  account-data            ++++>>  ++++>>
GET   account-delete          ++++>>  ++++>>
POST  account-delete          ++++>>  ++++>>
GET   export-file             00+0>>  00+0>>
GET   person-ban              ++-->>  ++-->>
POST  person-ban              ++-->>  ++-->>
POST  person-ban/lift         ++-->>  ++-->>
POST  person-ban/admin        +--->>  +--->>
POST  person-ban/owner        +--->>  +--->>
POST  person-ban/self         ---->>  ---->>
GET   bans                    ++-->>  ++-->>
GET   audit                   +--->>  +--->>
GET   reports                 ++-->>  ++-->>
POST  report-close            ++00>>  ++00>>
GET   invitations             ++-->>  ++-->>
POST  invitations             ++-->>  ++-->>
GET   invitation-qr           ++-->>  ++-->>
POST  invitation-revoke       ++-->>  ++-->>
GET   invited                 ++++++  ++++++
GET   direct-new              ++++>>  ++++>>
POST  direct-new              +++!>>  +++!>>
GET   profile                 ++++>>  ++++>>
POST  profile                 ++++>>  ++++>>
GET   connections             ++++>>  ++++>>
GET   second-factor-code      ++++>>  ++++>>
GET   second-factor-set-up    ++++>>  ++++>>
GET   provider-login          000000  000000
GET   provider-callback       000000  000000
GET   notifications           ++++>>  ++++>>
POST  notifications           ++++>>  ++++>>
GET   unsubscribe             ++++++  ++++++
POST  unsubscribe             ++++++  ++++++
POST  language                ++++++  ++++++
POST  picture                 ++++>>  ++++>>
GET   status                  ++++>>  ++++>>
POST  status                  ++++>>  ++++>>
GET   person-card             ++++>>  ++++>>
GET   person-card/stranger    +++0>>  +++0>>
GET   face                    ++++--  ++++--
GET   face/stranger           +++0--  +++0--
GET   portrait                ++++--  ++++--
GET   look                    ++++>>  ++++>>
POST  look                    ++++>>  ++++>>
GET   sessions                ++++>>  ++++>>
POST  sessions-end            ++++>>  ++++>>
GET   tokens                  ++++>>  ++++>>
POST  tokens                  ++++>>  ++++>>
POST  token-revoke            ++++>>  ++++>>
GET   bots                    ++++>>  ++++>>
POST  bots                    +++->>  ++-->>
GET   bot                     ++00>>  ++00>>
GET   bot/member              +++0>>  +++0>>
POST  bot                     +-00>>  +-00>>
POST  bot/member              --+0>>  --+0>>
POST  bot-rooms               +-00>>  +-00>>
POST  bot-rooms/out           +-00>>  +-00>>
GET   bot-tokens              +-00>>  +-00>>
POST  bot-tokens              +-00>>  +-00>>
GET   bot-hooks               +-00>>  +-00>>
POST  bot-hooks               +-00>>  +-00>>
POST  bot-hook-revoke         +-00>>  +-00>>
GET   bot-outgoing            +-00>>  +-00>>
POST  bot-outgoing            +-00>>  +-00>>
GET   bot-outgoing-change     +-00>>  +-00>>
POST  bot-outgoing-change     +-00>>  +-00>>
GET   bot-end                 ++00>>  ++00>>
POST  bot-end                 ++00>>  ++00>>
POST  bot-end/member          +++0>>  +++0>>
POST  bot-take-over           --00>>  --00>>
POST  bot-take-over/still     ++00>>  ++00>>
POST  hook                    ++++++  ++++++
GET   help                    ++++>>  ++++>>
GET   preview-picture         ++++>>  ++++>>
GET   manifest                ++++++  ++++++
GET   not-replying            ++++++  ++++++
GET   menu-lost               ++++++  ++++++
GET   reader-style            ++++++  ++++++
GET   composer-input          ++++++  ++++++
GET   connection-lost         ++++++  ++++++
GET   pasted                  ++++++  ++++++
GET   poller                  ++++++  ++++++
GET   setup                   ++++++  ++++++
"""

ROOM_ROLES = {
    "o": "owner", "a": "admin", "m": "moderator", "b": "member", "v": "visitor", "g": "guest",
    "x": "outside", "d": "deactivated", "n": "nobody",
}  # fmt: skip
PLACE_ROLES = {
    "o": "owner", "a": "admin", "b": "member", "g": "guest", "d": "deactivated", "n": "nobody",
}  # fmt: skip
KINDS = ["open", "private", "archived", "moderators-only", "direct"]
SETTINGS = ["members", "admins"]
PARTS = 4  # of the table of rooms: all of it takes longer than one test may on a busy machine
MESSAGE = 1  # the number of what the member said in each room


PREVIEW = Preview("https://example.org/", "An example", "", "")


def hello(room: Room, author: User) -> None:
    """A message with a picture and with something to be seen of a link."""
    message = say_with_files(room, author, "hello", {"cup.png": files.picture()})
    message.previews = as_kept([PREVIEW], [])
    message.save(update_fields=["previews"])


@dataclass
class Scene:
    """One cast for the whole table: nothing that a request does is kept."""

    people: dict[str, User]
    rooms: dict[str, Room]
    clients: dict[str, Client] = field(default_factory=dict)
    invitation: Any = None
    picture: str = ""  # the key of what a link shows
    export: int = 0  # the key of a copy that the member asked for
    brought: Any = None  # somebody from elsewhere
    report: int = 0  # of what was said in an open room
    bots: dict[str, Bot] = field(default_factory=dict)  # by whom they belong to
    hook: Any = None  # an incoming webhook of the owner's
    outgoing: Any = None  # the same, outgoing

    @classmethod
    def arrange(cls) -> Scene:
        Place.objects.create(pk=1, name="Millbrook Repair Café")
        roles = {
            "owner": Role.OWNER,
            "admin": Role.ADMIN,
            "guest": Role.GUEST,
            "outside": Role.GUEST,
        }
        names = [*ROOM_ROLES.values(), "other-owner", "other-admin", "other"]
        people = {
            name: make_user(name, role=roles.get(name.removeprefix("other-"), Role.MEMBER))
            for name in names
            if name != "nobody"
        }
        for name in ("member", "other"):
            give_face(people[name])
        in_rooms = [people[name] for name in ("member", "guest", "deactivated")]
        rooms = {
            kind: make_room(kind, people["moderator"], *in_rooms, private=kind == "private")
            for kind in KINDS[:-1]
        }
        for room in rooms.values():
            hello(room, people["member"])
        rooms["archived"].archive()
        rooms["direct"] = Room.direct_with(
            [people["member"], people["guest"]], by=people["moderator"]
        )
        hello(rooms["direct"], people["member"])
        only = rooms["moderators-only"]
        only.change_details(name=only.name, topic="", moderators_only=True)
        clients = {name: signed_in(person) for name, person in people.items()}
        User.objects.filter(pk=people["deactivated"].pk).update(is_active=False)
        picture = PreviewPicture.of(Picture(files.picture("WEBP"), 8, 6))
        export = Export.objects.create(
            user=people["member"],
            state=Export.State.READY,
            finished_at=timezone.now(),
            name="x" * 40,
        )
        disk.full(export.path).parent.mkdir(exist_ok=True)
        disk.full(export.path).touch()
        brought = User.objects.create(username="brought", password="!")
        Imported.objects.create(foreign_id="slack-U1", user=brought)
        message = rooms["open"].messages.select_related("room").get(number=MESSAGE)
        Report.make(message, by=people["guest"], reason="rude")
        invitation = Invitation.make(by=people["owner"])
        report = Report.objects.get().pk
        scene = cls(people, rooms, clients, invitation, picture.key, export.pk, brought, report)
        scene.arrange_bots()
        return scene

    def arrange_bots(self) -> None:
        """The still one is of a guest who was a member when they made it."""
        owner, room = self.people["owner"], self.rooms["open"]
        Place.objects.update(bots_by_members=True)
        User.objects.filter(pk=self.people["outside"].pk).update(role=Role.MEMBER)
        self.bots = {
            name: Bot.make(name=name, by=self.people[name])
            for name in ("owner", "member", "outside")
        }
        User.objects.filter(pk=self.people["outside"].pk).update(role=Role.GUEST)
        self.bots["owner"].put_into(room, by=owner)
        self.hook = Incoming.make(self.bots["owner"], room, name="CI", by=owner)
        address = "https://hook.example/"
        made = OutgoingWebhook.make(self.bots["owner"], address=address, event="mention", by=owner)
        self.outgoing = made.webhook

    def client(self, who: str) -> Client:
        return self.clients.get(who) or Client()


@dataclass(frozen=True)
class Request:
    """What a verb needs besides its address: parts of that, and the form."""

    args: Callable[[Scene, str], list[Any]] = lambda _scene, _who: []
    form: Callable[[Scene, str], dict[str, Any]] = lambda _scene, _who: {}
    # Parts of the address that the room decides.
    of_room: Callable[[Room], list[Any]] = lambda _room: []
    done: str = ""  # what a page in answer to a form has if it was done


def with_form(**form: Any) -> Request:
    return Request(form=lambda _scene, _who: form)


def about(who: str, **form: Any) -> Request:
    """A form that names somebody."""
    return Request(form=lambda scene, _who: {"user": scene.people[who].pk, **form})


def at(who: str, **form: Any) -> Request:
    """Somebody's own address."""
    return Request(
        lambda scene, me: [
            scene.people.get(me if who == "self" else who, scene.people["other"]).pk
        ],
        lambda *_: form,
    )


def of_bot(whose: str = "owner", done: str = "", **form: Any) -> Request:
    return Request(lambda scene, _who: [scene.bots[whose].pk], lambda *_: form, done=done)


def room_of_bot(kind: str, **form: Any) -> Request:
    return Request(
        lambda scene, _who: [scene.bots["owner"].pk],
        lambda scene, _who: {"room": scene.rooms[kind].pk, **form},
        done="/hooks/" if "name" in form else "",
    )


def face_of(who: str) -> Request:
    return Request(lambda scene, _me: [scene.people[who].pk, scene.people[who].face])


of_message = Request(lambda *_: [MESSAGE], lambda *_: {"text": "otherwise"})
of_invitation = Request(lambda scene, _who: [scene.invitation.pk])
of_file = Request(of_room=lambda room: [room.attachments.get(message__number=MESSAGE).pk])
of_named_file = Request(of_room=lambda room: [*of_file.of_room(room), "cup.png"])
of_upload = Request(
    form=lambda *_: {"key": "a-key-of-eight", "files": files.upload("cup.png", files.picture())},
    done='name="remove"',
)
of_preview = Request(lambda *_: [MESSAGE, PREVIEW.key])
kept_fragment = Request(lambda *_: [reader.version("en")])
said = with_form(key="a-key-of-eight", text="hi")

# By the verb's name, and by its manner where that differs.
REQUESTS = {
    "room/past": with_form(before=2),
    "stream": with_form(wait=1),
    "draft": said,
    "send": said,
    "message": of_message,
    "message-edit": of_message,
    "message-unread": of_message,
    "message-delete": of_message,
    "message-menu": of_message,
    "message-reply": Request(
        lambda *_: [MESSAGE], lambda *_: {"key": "a-key-of-eight"}, done="hello"
    ),
    "message-pin": of_message,
    "reactions": Request(lambda *_: [MESSAGE], lambda *_: {"emoji": "🎉"}),
    "thread": of_message,
    "preview-remove": of_preview,
    "files": of_upload,
    "files-of-plain": of_upload,
    "file": of_named_file,
    "thumbnail": of_file,
    "room-notifications": with_form(level="mentions"),
    "mention": with_form(insert="other"),
    "notifications": with_form(sound="calls", after="10"),
    "unsubscribe": Request(
        lambda scene, _who: [unsubscribe_token(scene.people["other"].pk)],
        done="be sent no more mail",
    ),
    "room-settings": with_form(name="Otherwise", topic=""),
    "room-archive": with_form(to="archive"),
    "room-archive/restore": with_form(to="restore"),
    "members": with_form(username="other"),
    "member-moderator": about("member", to="moderator"),
    "member-moderator/guest": about("guest", to="moderator"),
    "member-remove": about("member"),
    "member-remove/for-good": about("member", keep_out="on"),
    "member-mute": about("member", length="hour"),
    "member-mute/lift": about("member", to="unmute"),
    "member-return": about("member"),
    "message-report": Request(lambda *_: [MESSAGE], lambda *_: {"reason": "rude"}),
    "report-close": Request(lambda scene, _who: [scene.report], lambda *_: {"outcome": "removed"}),
    "person-ban": at("other", length="week"),
    "person-ban/lift": at("other", to="lift"),
    "person-ban/admin": at("other-admin", length="week"),
    "person-ban/owner": at("other-owner", length="week"),
    "person-ban/self": at("self", length="week"),
    "direct-new": with_form(names="other"),
    "room-new": with_form(name="Shed", kind="open"),
    "place": with_form(name="Otherwise", sign_up="open"),
    "person": at("other", role="guest"),
    "person/to-admin": at("other", role="admin"),
    "person/to-owner": at("other", role="owner"),
    "person/admin": at("other-admin", role="member"),
    "person/owner": at("other-owner", role="member"),
    "person-activity": at("other", to="deactivate"),
    "person-activity/admin": at("other-admin", to="deactivate"),
    "person-activity/owner": at("other-owner", to="deactivate"),
    "person-activity/self": at("self", to="deactivate"),
    "person-factor": at("other"),
    "person-factor/admin": at("other-admin"),
    "person-factor/self": at("self"),
    "place-factor": with_form(second_factor="nobody"),
    "provider-login": Request(lambda *_: ["oidc"]),  # no provider is configured
    "provider-callback": Request(lambda *_: ["oidc"]),
    "person-claim": Request(lambda scene, _who: [scene.brought.pk], done="/password/reset/key/"),
    "person-delete": at("other", username="other"),
    "person-delete/admin": at("other-admin", username="other-admin"),
    "person-delete/owner": at("other-owner", username="other-owner"),
    "person-delete/self": at("self", username="self"),
    "place-data": with_form(keep="ever"),
    "room-keeping": with_form(keep="ever"),
    "export-file": Request(lambda scene, _who: [scene.export]),
    "invitation-qr": of_invitation,
    "invitation-revoke": of_invitation,
    "invited": Request(lambda scene, _who: [scene.invitation.token]),
    "language": with_form(language="zh-hans"),
    "profile": with_form(display_name="Otherwise"),
    "picture": with_form(no_picture="1"),
    "status": with_form(emoji="🌴", text="otherwise"),
    "person-card": at("member"),
    "person-card/stranger": at("other"),
    "face": face_of("member"),
    "face/stranger": face_of("other"),
    "portrait": face_of("member"),
    "look": with_form(scheme="dark"),
    "sessions-end": with_form(all="others"),
    "tokens": Request(
        form=lambda *_: {"name": "Backup", "scopes": "read", "lifetime": "30"}, done="roomful_"
    ),
    "token-revoke": Request(lambda *_: [1]),
    "bots": with_form(name="Deploy"),
    "bot": of_bot(name="Otherwise"),
    "bot/member": of_bot("member", name="Otherwise"),
    "bot-rooms": room_of_bot("moderators-only", to="in"),
    "bot-rooms/out": room_of_bot("open", to="out"),
    "bot-tokens": of_bot(name="Backup", scopes="read", lifetime="30", done="roomful_"),
    "bot-hooks": room_of_bot("open", name="Builds"),
    "bot-hook-revoke": Request(
        lambda scene, _who: [scene.hook.incoming.bot_id, scene.hook.incoming.pk]
    ),
    "bot-outgoing": of_bot(
        address="https://other.example/", event="mention", done="outgoing-secret"
    ),
    "bot-outgoing-change": Request(
        lambda scene, _who: [scene.outgoing.bot_id, scene.outgoing.pk],
        lambda *_: {"to": "remove"},
    ),
    "bot-end": of_bot(),
    "bot-end/member": of_bot("member"),
    "bot-take-over": of_bot(),
    "bot-take-over/still": of_bot("outside"),
    "hook": Request(
        lambda scene, _who: [scene.hook.secret], lambda *_: {"payload": '{"text": "hi"}'}, done="ok"
    ),
    "composer-input": kept_fragment,
    "connection-lost": kept_fragment,
    "pasted": kept_fragment,
    "poller": kept_fragment,
    "not-replying": kept_fragment,
    "menu-lost": kept_fragment,
    "preview-picture": Request(lambda scene, _who: [scene.picture]),
}


def asked(scene: Scene, line: str, who: str, room: Room | None = None) -> str:
    """The letter for what comes of the request."""
    method, verb = line.split()[:2]
    request = REQUESTS.get(verb) or REQUESTS.get(verb.partition("/")[0]) or Request()
    before = [room.slug, *request.of_room(room)] if room else []
    address = reverse(verb.partition("/")[0], args=[*before, *request.args(scene, who)])
    ask = getattr(scene.client(who), method.lower())
    data = request.form(scene, who)
    if method == "GET":  # whose form would be a part of its address
        data = {name: value for name, value in data.items() if name != "files"}
    answer: Answer = ask(address, data)
    if verb in {"file", "thumbnail", "export-file"} and answer.streaming:
        async_to_sync(read_to_the_end)(answer)  # which closes the file
    return letter(answer, request.done)


async def read_to_the_end(answer: Any) -> None:
    async for _piece in answer.streaming_content:
        pass


def letter(answer: Answer, done: str = "") -> str:
    status = answer.status_code
    to_sign_in = status == 401 or answer.headers.get("Location", "").startswith("/accounts/login/")
    if to_sign_in:
        return ">"
    if status < 400:
        # A form that comes back was refused, whatever its status.
        refused = answer.request["REQUEST_METHOD"] == "POST" and status == 200
        if refused and done:
            refused = done not in answer.content.decode()
        # not what an earlier request has left in the browser
        kept: Any = get_messages(answer.wsgi_request)
        told = kept._queued_messages
        return "!" if refused or any(each.level == ERROR for each in told) else "+"
    return {400: "!", 409: "!", 403: "-", 404: "0"}.get(status, "?")


# Whoever is refused is shown a page, and has then read it; the other is a column of the table.
IGNORED = {"last_read", "rooms_by_admins", "bots_by_members"}
_IGNORED = rf"""\"?({"|".join(IGNORED)})"? = [^,]*"""
HARMLESS = re.compile(
    rf"\s*(SELECT|SAVEPOINT|RELEASE|ROLLBACK)\b|\s*UPDATE \S+ SET {_IGNORED}(, {_IGNORED})*$"
)


def everything() -> str:
    """All rows of all tables, as they are."""
    rows = {}
    for model in apps.get_app_config("rooms").get_models():
        if model.__name__ != "Session":
            names = [
                each.attname for each in model._meta.concrete_fields if each.name not in IGNORED
            ]
            rows[model.__name__] = list(model._default_manager.order_by("pk").values_list(*names))
    return json.dumps(rows, default=str)


@contextmanager
def writing() -> Iterator[list[str]]:
    """The statements that may have changed something meanwhile."""
    written = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not HARMLESS.match(sql):
            written.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield written


def rows_of(table: str) -> list[str]:
    return [line for line in table.splitlines() if line[:6].strip() in {"GET", "POST"}]


def as_row(line: str, cells: list[str], width: int) -> str:
    """The line with these answers in it, `width` of them in each column."""
    columns = ["".join(cells[start : start + width]) for start in range(0, len(cells), width)]
    return f"{line[:30]}{'  '.join(columns)}"


@pytest.fixture
def scene(db: None, monkeypatch: pytest.MonkeyPatch) -> Scene:
    # Channels' own closes the connection, and with it the transaction that the test is in.
    monkeypatch.setattr("rooms.views.stream.database_sync_to_async", sync_to_async)
    return Scene.arrange()


def compare(
    lines: list[str], answers: Callable[[str], list[Callable[[], str]]], width: int
) -> None:
    """Each request by itself and undone again; what differs from the table is shown line by line."""
    before, found = everything(), []
    for line in lines:
        cells = []
        for ask in answers(line):
            with transaction.atomic():
                with writing() as written:
                    cells.append(ask())
                # To read all of it takes longer than most requests.
                unchanged = cells[-1] == "+" or not written or everything() == before
                transaction.set_rollback(True)
            assert unchanged, f"{line}: number {len(cells)} was refused and done all the same"
        found.append(as_row(line, cells, width))
    wrong = [
        f"\n{said}\n{was}  <- found" for said, was in zip(lines, found, strict=True) if said != was
    ]
    assert not wrong, "".join(wrong)


def compare_in_rooms(scene: Scene, lines: list[str]) -> None:
    def answers(line: str) -> list[Callable[[], str]]:
        return [
            partial(asked, scene, line, who, scene.rooms[kind])
            for kind, who in product(KINDS, ROOM_ROLES.values())
        ]

    compare(lines, answers, len(ROOM_ROLES))


def compare_in_place(scene: Scene, lines: list[str]) -> None:
    def asked_where(line: str, who: str, setting: str) -> str:
        Place.objects.update(
            rooms_by_admins=setting == "admins", bots_by_members=setting == "members"
        )
        return asked(scene, line, who)

    def answers(line: str) -> list[Callable[[], str]]:
        return [
            partial(asked_where, line, who, setting)
            for setting, who in product(SETTINGS, PLACE_ROLES.values())
        ]

    compare(lines, answers, len(PLACE_ROLES))


@pytest.mark.on_postgresql
@pytest.mark.parametrize("part", range(PARTS))
def test_in_rooms(scene: Scene, part: int) -> None:
    compare_in_rooms(scene, rows_of(IN_ROOMS)[part::PARTS])


@pytest.mark.on_postgresql
def test_in_the_place(scene: Scene) -> None:
    compare_in_place(scene, rows_of(IN_PLACE))


def test_no_address_is_forgotten() -> None:
    """A new verb has its line before it has its users."""
    ours = {pattern.name for pattern in urls.urlpatterns}
    listed = {line.split()[1].partition("/")[0] for line in rows_of(IN_ROOMS) + rows_of(IN_PLACE)}
    assert listed == ours


def test_the_table_sees(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that no mistake disturbs would be worth nothing."""
    archive = [line for line in rows_of(IN_ROOMS) if " room-archive " in line]
    invitations = [line for line in rows_of(IN_PLACE) if " invitations " in line]
    compare_in_rooms(scene, archive)
    compare_in_place(scene, invitations)
    monkeypatch.setattr(Standing, "may_archive", property(lambda self: self.may_read))
    monkeypatch.setattr(PlaceStanding, "may_invite", property(lambda self: True))
    with pytest.raises(AssertionError, match="room-archive"):
        compare_in_rooms(scene, archive)
    with pytest.raises(AssertionError, match="invitations"):
        compare_in_place(scene, invitations)


def test_what_is_refused_and_done_all_the_same_is_seen(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as by a view that does it before it asks."""
    members = [line for line in rows_of(IN_ROOMS) if line.startswith("POST  members ")]

    def demand_too_late(permitted: bool, sentence: str = "") -> None:
        Room.objects.update(topic="changed")
        permissions.demand(permitted, sentence)

    monkeypatch.setattr("rooms.views.settings.demand", demand_too_late)
    with pytest.raises(AssertionError, match="done all the same"):
        compare_in_rooms(scene, members)


# The doors that are written in SQL


def test_every_door_says_the_same(scene: Scene) -> None:
    User.objects.filter(username="deactivated").update(is_active=True)
    for person, room in product(scene.people.values(), scene.rooms.values()):
        may_read = room.standing_of(person).may_read
        doors = {
            "visible_to": Room.objects.visible_to(person).filter(pk=room.pk).exists(),
            "room_at": reading.room_at(room.slug, person) is not None,
            "rooms_visible_to": room.pk in {each.pk for each in reading.rooms_visible_to(person)},
            "entrance": entrance.room(room.slug, person) is not None,
        }
        assert doors == dict.fromkeys(doors, may_read), (person, room)


# The socket


async def entered(scene: Scene, who: str, kind: str) -> tuple[str, str]:
    """What the socket answers to one who comes, and to a message."""
    opened = Socket(scene.client(who), scene.rooms[kind].slug, page=None)
    if not await opened.open():
        return "0", "0"
    await opened.send({"type": "message", "key": f"key-of-{who}", "text": "hi"})
    answer = await opened.answer()
    await opened.leave()
    return "+", {"stored": "+", "refused": "!"}[answer["type"]]


@pytest.mark.django_db(transaction=True)
async def test_the_socket() -> None:
    lines = SOCKETS.splitlines()[-2:]
    scene = await in_db(Scene.arrange)()
    async with new_process():
        cells = [
            await entered(scene, who, kind) for kind, who in product(KINDS, ROOM_ROLES.values())
        ]
    found = [
        as_row(line, list(column), len(ROOM_ROLES))
        for line, column in zip(lines, zip(*cells, strict=True), strict=True)
    ]
    assert found == lines
