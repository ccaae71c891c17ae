"""What is said in a room."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from ..limits import spend
from ..live import records
from ..live.connections import Reader
from ..live.events import PROGRAMS, record_of
from ..live.programs import ProgramStream
from ..models.log import UnknownVersion, log_after
from ..models.message import clean_key
from ..models.permissions import demand
from ..saying import say
from ..views.sending import unsent_at
from . import shapes
from .doors import Endpoint
from .problems import problem
from .schema import IDEMPOTENCY_KEY, LAST_EVENT_ID, operation

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from ..models import History, Message, Room

REPLAYED = "Idempotency-Replayed"  # says that the message was there already


def record(message: Message) -> records.Record:
    """Needs the message's room, its author and what it replies to loaded."""
    return records.message(message.as_row(message.room, message.author))


class Messages(Endpoint):
    @operation(
        "list_messages", "The history", shapes.Messages, tag="messages", query=shapes.MessagesAsked
    )
    def get(self, request: Request, slug: str) -> Response:
        """The newest messages, or those next to a number. Reading them here marks nothing as read."""
        room, asked = self.entered(slug).room, self.asked(shapes.MessagesAsked)
        limit = asked.pop("limit")
        return Response(_page(room, room.history(**asked), limit, asked))

    @operation(
        "post_message",
        "Say something",
        shapes.Message,
        tag="messages",
        status=201,
        body=shapes.NewMessage,
        headers=[IDEMPOTENCY_KEY],
        also={200: shapes.Message},
    )
    def post(self, request: Request, slug: str) -> Response:
        """201 for a new message. 200, with `Idempotency-Replayed: true`, for one that this key has posted
        already. In an open room, writing joins."""
        room, sent = self.entered(slug).room, self.sent(shapes.NewMessage)
        key = key_of(request)
        said = say(room, self.user, sent["text"], key, sent["files"], reply=sent["reply_to"])
        said.room = room
        headers = {"Location": records.path_of(slug, "messages", said.number)}
        if said.repeated:
            headers[REPLAYED] = "true"
        return Response(record(said), 200 if said.repeated else 201, headers=headers)


def key_of(request: Request) -> str:
    """Under which a message is posted once; without one, each is another."""
    given = request.headers.get("Idempotency-Key", "").strip().strip('"')
    return clean_key(given) if given else secrets.token_urlsafe(12)


def _page(room: Room, history: History, limit: int, asked: dict[str, int]) -> dict[str, Any]:
    """Of what was read, so many as were asked for, at the end that is near."""
    rows, has_older, has_newer = history.rows, history.has_older, history.has_newer
    if len(rows) > limit and "around" in asked:
        middle = sum(row.number <= asked["around"] for row in rows)
        start = min(max(0, middle - limit // 2 - 1), len(rows) - limit)
        has_older, has_newer = has_older or start > 0, has_newer or start + limit < len(rows)
        rows = rows[start : start + limit]
    elif len(rows) > limit and "after" in asked:
        rows, has_newer = rows[:limit], True
    elif len(rows) > limit:
        rows, has_older = rows[-limit:], True
    address = records.path_of(room.slug, "messages")
    return {
        "messages": [records.message(row) for row in rows],
        "version": history.room.version,
        "older": f"{address}?before={rows[0].number}&limit={limit}" if rows and has_older else None,
        "newer": f"{address}?after={rows[-1].number}&limit={limit}" if rows and has_newer else None,
    }


class OneMessage(Endpoint):
    @operation("read_message", "A message", shapes.Message, tag="messages")
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(record(self.message(slug, number)))

    @operation(
        "edit_message", "Edit a message", shapes.Message, tag="messages", body=shapes.ChangedMessage
    )
    def patch(self, request: Request, slug: str, number: int) -> Response:
        message, standing = self.addressed(slug, number)
        demand(standing.may_edit(message.author_id))
        spend("edit", self.user)
        message.edit(self.sent(shapes.ChangedMessage)["text"], by=self.user)
        return Response(record(self.message(slug, number)))

    @operation(
        "delete_message",
        "Take a message back, for everybody",
        tag="messages",
        status=204,
        query=shapes.Removal,
    )
    def delete(self, request: Request, slug: str, number: int) -> Response:
        """Your own, or as a moderator somebody else's, which may say why. Harmless if repeated."""
        message, standing = self.addressed(slug, number)
        if standing.may_delete(message.author_id):
            message.delete_for_everybody(by=self.user)
        else:
            demand(standing.may_moderate(message.author_id, message.author.role))
            message.remove(by=self.user, reason=self.asked(shapes.Removal)["reason"])
        return Response(status=204)


class Reactions(Endpoint):
    @operation("react", "React to a message", shapes.Message, tag="messages")
    def put(self, request: Request, slug: str, number: int, emoji: str) -> Response:
        """Harmless if repeated."""
        return self._react(slug, number, emoji, wanted=True)

    @operation("unreact", "Take a reaction back", shapes.Message, tag="messages")
    def delete(self, request: Request, slug: str, number: int, emoji: str) -> Response:
        """Harmless if repeated."""
        return self._react(slug, number, emoji, wanted=False)

    def _react(self, slug: str, number: int, emoji: str, *, wanted: bool) -> Response:
        message = self.message(slug, number)
        spend("react", self.user)
        message.react(emoji, by=self.user, wanted=wanted)
        return Response(record(self.message(slug, number)))


def unknown_version() -> Response:
    return problem(
        409,
        "This room has not come so far: read its messages anew, and go on from their version.",
        "unknown_version",
    )


class Changes(Endpoint):
    @operation(
        "list_changes",
        "What changed after a version",
        shapes.Changes,
        tag="messages",
        query=shapes.ChangesAsked,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Each message where it was posted, in the words that it has now, and once more where it last
        changed. Ask again after `version` while there is more."""
        room, asked = self.entered(slug).room, self.asked(shapes.ChangesAsked)
        try:
            log = log_after(room.pk, asked["after"], asked["limit"])
        except UnknownVersion:
            return unknown_version()
        changes = [found for step in log.steps if (found := record_of(step))]
        return Response({"changes": changes, "version": log.reached, "has_more": log.has_more})


class Events(Endpoint):
    @operation(
        "follow_events",
        "Changes as they come",
        tag="messages",
        query=shapes.EventsAsked,
        headers=[LAST_EVENT_ID],
        also={(200, "text/event-stream"): str},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Server-Sent Events: `posted`, `changed`, `deleted` and `room` as /changes has them, with the
        room's version for their ids; `ready` once all that was missed was sent, `presence` if you are
        there, and `end` with a reason before the server ends it. A comment comes every ten seconds."""
        room, asked = self.entered(slug).room, self.asked(shapes.EventsAsked)
        after = _last_event_id(request, asked.get("after"))
        if after is not None and after > room.version:
            return unknown_version()
        page: Any = request._request  # noqa: SLF001  # which DRF's wraps
        holder = self.holder
        reader = Reader(
            self.user.pk,
            holder.session if holder else page.session.session_key or "",
            PROGRAMS,
            present=asked["present"],
            until=holder.until if holder else None,
        )
        stream = ProgramStream(room.pk, reader, after, unsent_at(page))
        return StreamingHttpResponse(
            stream.pieces(),
            content_type="text/event-stream; charset=utf-8",
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold the events back
                "Content-Encoding": "identity",  # and so would compression
            },
        )


def _last_event_id(request: Request, after: int | None) -> int | None:
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return after
    if not given.isascii() or not given.isdecimal() or len(given) > 18:
        raise serializers.ValidationError({"Last-Event-ID": ["This is no id of an event of ours."]})
    return int(given)
