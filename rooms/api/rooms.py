"""Rooms and their people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.response import Response

from ..context import inside_of
from ..forms import RoomForm
from ..live import presence, records
from ..live.people import everybody
from ..models import Room
from ..models.direct import called, talkers_of
from ..models.permissions import demand
from ..models.reading import rooms_visible_to
from . import shapes
from .doors import Endpoint, Entered
from .problems import invalid
from .schema import operation

if TYPE_CHECKING:
    from rest_framework.request import Request

    from ..models import User
    from ..models.reading import VisibleRoom

HERE = 1_000  # people of a room that are named


def record(user: User, entered: Entered) -> records.Record:
    """A room as one of those who see it has it."""
    room, membership, standing = entered
    return {
        **records.room_details(room.details),
        "name": room.called_by(user),
        "version": room.version,
        "last_number": room.last_number,
        "last_at": records.moment(room.last_at),
        "created_at": records.moment(room.created_at),
        "member": membership is not None,
        "moderator": membership is not None and membership.is_moderator,
        "last_read": membership and membership.last_read,
        "may": {
            "join": standing.may_join,
            "post": standing.may_post,
            "react": standing.may_react,
            "manage": standing.may_manage,
        },
        "url": records.path_of(room.slug),
    }


def _listed(room: VisibleRoom, name: str) -> records.Record:
    return {
        "slug": room.slug,
        "name": name,
        "topic": room.topic,
        "private": room.private,
        "direct": room.direct,
        "archived": room.archived,
        "members": room.members,
        "last_number": room.last_number,
        "last_read": room.last_read,
        "member": room.last_read is not None,
        "url": records.path_of(room.slug),
    }


class Rooms(Endpoint):
    @operation(
        "list_rooms", "The rooms that you see", shapes.Rooms, tag="rooms", query=shapes.RoomsAsked
    )
    def get(self, request: Request) -> Response:
        """With what was active last first."""
        asked = self.asked(shapes.RoomsAsked)
        found = [
            room
            for room in rooms_visible_to(self.user)
            if room.archived == asked["archived"]
            and (room.last_read is not None or not asked["mine"])
            and self.covers(room.pk)
        ]
        start, end = asked["offset"], asked["offset"] + asked["limit"]
        page = found[start:end]
        names = _direct_names(self.user) if any(room.direct for room in page) else {}
        more = {**asked, "offset": end} if len(found) > end else None
        return Response(
            {
                "rooms": [_listed(room, names.get(room.pk, room.name)) for room in page],
                "total": len(found),
                "next": more and f"/api/rooms?{urlencode(more)}",
            }
        )

    @operation(
        "make_room", "Make a room", shapes.Room, tag="rooms", status=201, body=shapes.NewRoom
    )
    def post(self, request: Request) -> Response:
        """You are its moderator."""
        inside = inside_of(request._request)  # noqa: SLF001  # which DRF's wraps
        demand(inside.may_make_rooms, _("You may not make rooms here. Ask an admin for one."))
        demand(self.only_rooms is None, _("This token is good for some rooms alone."))
        sent = self.sent(shapes.NewRoom)
        kind = "private" if sent["private"] else "open"
        form = RoomForm({"name": sent["name"], "topic": sent["topic"], "kind": kind})
        if not form.is_valid():
            return invalid({name: list(map(str, said)) for name, said in form.errors.items()})
        room = Room.make(
            name=form.cleaned_data["name"],
            topic=form.cleaned_data["topic"],
            private=sent["private"],
            by=self.user,
        )
        made = record(self.user, self.entered(room.slug))
        return Response(made, 201, headers={"Location": made["url"]})


def _direct_names(user: User) -> dict[int, str]:
    return {
        room: called(look.name for person, look in talkers.items() if person != user.pk)
        for room, talkers in talkers_of(user).items()
    }


class OneRoom(Endpoint):
    @operation("read_room", "A room", shapes.Room, tag="rooms")
    def get(self, request: Request, slug: str) -> Response:
        return Response(record(self.user, self.entered(slug)))


class Join(Endpoint):
    @operation("join_room", "Come into an open room", shapes.Room, tag="rooms")
    def post(self, request: Request, slug: str) -> Response:
        """Harmless if repeated."""
        room, membership, standing = self.entered(slug)
        if membership is None:
            demand(standing.may_join)
            room.join(self.user)
        return Response(record(self.user, self.entered(slug)))


class Leave(Endpoint):
    @operation("leave_room", "Leave a room for good", tag="rooms", status=204)
    def post(self, request: Request, slug: str) -> Response:
        """Harmless if repeated. Nobody can leave a direct conversation."""
        room, membership, _standing = self.entered(slug)
        if room.direct:
            raise Http404
        if membership is not None:
            room.remove(self.user)
        return Response(status=204)


class Members(Endpoint):
    @operation(
        "list_members",
        "Who belongs to a room",
        shapes.Members,
        tag="people",
        query=shapes.MembersAsked,
    )
    def get(self, request: Request, slug: str) -> Response:
        room, asked = self.entered(slug).room, self.asked(shapes.MembersAsked)
        limit = asked["limit"]
        known = room.memberships.select_related("user").filter(pk__gt=asked["after"])
        found = list(known.order_by("pk")[: limit + 1])
        page = found[:limit]
        after = page[-1].pk if len(found) > limit else None
        address = records.path_of(slug, "members")
        return Response(
            {
                "members": [
                    {
                        **records.person(each.user_id, each.user.name, each.user.is_bot),
                        "username": each.user.username,
                        "moderator": each.moderates,
                        "joined_at": records.moment(each.joined_at),
                    }
                    for each in page
                ],
                "next": after and f"{address}?after={after}&limit={limit}",
            }
        )


class Online(Endpoint):
    @operation("list_online", "Who is in a room now", shapes.Online, tag="people")
    def get(self, request: Request, slug: str) -> Response:
        room = self.entered(slug).room
        here = presence.held("here", [room.pk])[room.pk]
        writing = presence.held("typing", [room.pk])[room.pk]
        shown: Any = sorted(here)[:HERE]
        named = {
            each.pk: records.person(each.pk, each.name, each.is_bot)
            for each in everybody({*shown, *writing})
        }
        return Response(
            {
                "total": len(here),
                "here": [named[pk] for pk in shown if pk in named],
                "writing": [named[pk] for pk in sorted(writing) if pk in named],
            }
        )
