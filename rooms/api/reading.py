"""What concerns the one who asks: who they are, what they have not read, and what they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.response import Response

from ..live import records
from ..models import Message, reactions, unread
from ..models.reading import rooms_of
from ..models.searching.matches import SearchTooLong
from ..models.searching.query import parsed
from ..models.searching.search import Filters, search
from ..views.search import Asked, NoDateError, moments, too_many
from . import shapes
from .doors import Endpoint
from .schema import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

    from ..bearers import Holder


class Me(Endpoint):
    @operation("read_me", "Who you are, and by which token", shapes.Me, tag="you")
    def get(self, request: Request) -> Response:
        user = self.user
        return Response(
            {
                **records.person(user.pk, user.name, user.is_bot),
                "username": user.username,
                "role": user.role,
                "language": user.language,
                "time_zone": user.time_zone,
                "token": self.holder and _token(self.holder),
            }
        )


class MyToken(Endpoint):
    @operation("revoke_my_token", "Revoke the token that you ask with", tag="you", status=204)
    def delete(self, request: Request) -> Response:
        """And all that it has open."""
        if self.holder is None:
            raise Http404
        self.holder.token.revoke()
        return Response(status=204)


def _token(holder: Holder) -> records.Record:
    token = holder.token
    scopes = [("read", token.may_read), ("write", token.may_write)]
    rooms = (
        list(token.rooms.order_by("slug").values_list("slug", flat=True)) if token.limited else None
    )
    return {
        "name": token.name,
        "scopes": [name for name, has in scopes if has],
        "rooms": rooms,
        "expires_at": records.moment(token.expires_at),
    }


class Unread(Endpoint):
    @operation("list_unread", "Your rooms, and what is unread there", shapes.Unread, tag="you")
    def get(self, request: Request) -> Response:
        """With what was active last first; without archived ones."""
        rooms = [room for room in rooms_of(self.user) if self.covers(room.pk)]
        known = [(room.last_number, room.last_read) for room in rooms]
        counts = unread.of_reader(self.user.pk, known)
        shown = [
            {
                "slug": room.slug,
                **counts.get(room.pk, unread.NONE)._asdict(),
                "last_read": room.last_read,
                "last_number": room.last_number,
                "held": room.held,
                "url": records.path_of(room.slug),
            }
            for room in rooms
        ]
        return Response({"rooms": shown})


class Read(Endpoint):
    @operation("mark_read", "Mark a room as read", tag="you", status=204, body=shapes.ReadUpTo)
    def post(self, request: Request, slug: str) -> Response:
        """Up to a message. What is read stays read."""
        room, sent = self.entered(slug).room, self.sent(shapes.ReadUpTo)
        unread.mark_done(self.user.pk, {room.pk: sent.get("number", room.last_number)})
        return Response(status=204)


class Search(Endpoint):
    @operation(
        "search",
        "Search what you may read",
        shapes.FoundMessages,
        tag="you",
        query=shapes.SearchAsked,
    )
    def get(self, request: Request) -> Response:
        """As the page of the search does; `q` takes the same words, `from:` and `in:` among them."""
        given = self.asked(shapes.SearchAsked)
        before, files = given.pop("before"), given.pop("files")
        asked = Asked(**{name: value.strip() for name, value in given.items()}, files=files)
        query = parsed(asked.q)
        if not (query.phrases or query.authors or query.rooms or query.files or asked.filtered):
            raise ValidationError({"q": [_("Say what to look for.")]})
        if too_many(self.user):
            raise Throttled(wait=60)
        try:
            filters = Filters(asked.room, asked.by, *moments(asked), asked.order, asked.files)
            found = search(self.user, query, filters, before, self.only_rooms)
        except NoDateError as error:
            raise ValidationError({"since": [str(error)]}) from None
        except SearchTooLong:
            sentence = _("This takes too long. Choose a room or dates, or add a rarer word.")
            raise ValidationError({"q": [sentence]}) from None
        if found.unknown_room:
            sentence = _("There is no room “%s” that you could see.") % found.unknown_room
            raise ValidationError({"room": [sentence]})
        if files:
            given["files"] = "true"
        more = {**given, "before": found.next_cursor} if found.next_cursor else None
        return Response(
            {
                "messages": _records(found.messages),
                "total": found.total,
                "more_than": found.more_than,
                "next": more and f"/api/search?{urlencode(more)}",
            }
        )


def _records(found: Sequence[Message]) -> list[records.Record]:
    """With what they reply to, in one query for all. A search shows less of them."""
    order = [message.pk for message in found]
    loaded = Message.objects.select_related("room", "author", "reply_to__author")
    known = loaded.in_bulk(order)
    names = reactions.names_in(message.reactions for message in known.values())
    rows = [
        known[pk].as_row(known[pk].room, known[pk].author, names) for pk in order if pk in known
    ]
    return [records.message(row) for row in rows]
