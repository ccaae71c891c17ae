"""What is sent and what is answered, as the OpenAPI document has it.

Those under "Sent" check what comes. Those under "Answered" describe what rooms/live/records.py and the
views make: rendering through them would take as long as all else of an answer. tests/api/test_schema.py
holds answers against them.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from ..models.attachment import PER_MESSAGE
from ..models.audit import REASON_LENGTH
from ..models.room import PAGE

BIG = 10**18 - 1  # as databases take it
MOST_ROOMS = 500  # of one answer
MOST_PEOPLE = 200
MOST_CHANGES = 200


class Text(serializers.CharField):
    """As it was typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "allow_blank": True, **kwargs})


def number(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=BIG, **kwargs)


# Sent


class NewMessage(serializers.Serializer[Any]):
    text = Text(required=False, default="", help_text=_("Markdown, at most 4,000 characters."))
    reply_to = number(
        required=False,
        allow_null=True,
        default=None,
        help_text=_("The number of the message that this one replies to."),
    )
    files = serializers.ListField(
        child=number(),
        required=False,
        default=list,
        max_length=PER_MESSAGE,
        help_text=_("Files that were uploaded before, by their ids."),
    )


class ChangedMessage(serializers.Serializer[Any]):
    text = Text(help_text=_("What it says from now on."))


class NewRoom(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    topic = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    private = serializers.BooleanField(required=False, default=False)


class NewFile(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)


class ReadUpTo(serializers.Serializer[Any]):
    number = number(required=False, help_text=_("The last message that was read. Else all."))


class NameAndPassword(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254, help_text=_("Or an e-mail address."))
    password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )


class RefreshSent(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class MessagesAsked(serializers.Serializer[Any]):
    before = number(required=False, help_text=_("Those before this number, the nearest of them."))
    after = number(required=False, help_text=_("Those after this number, the nearest of them."))
    around = number(required=False, help_text=_("Those on either side of this number."))
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, required=False, default=PAGE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"before", "after", "around"} & attrs.keys()) > 1:
            raise serializers.ValidationError(_("Name one of “before”, “after” and “around”."))
        return attrs


class ChangesAsked(serializers.Serializer[Any]):
    after = number(help_text=_("The version that you have."))
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_CHANGES, required=False, default=MOST_CHANGES
    )


class EventsAsked(serializers.Serializer[Any]):
    after = number(
        required=False,
        help_text=_("As the header Last-Event-ID, which counts if both are there."),
    )
    present = serializers.BooleanField(
        required=False,
        default=False,
        help_text=_("Count as being there: others see you, and what you are sent is read."),
    )


class Removal(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=REASON_LENGTH, required=False, allow_blank=True, default=""
    )


class RoomsAsked(serializers.Serializer[Any]):
    mine = serializers.BooleanField(
        required=False, default=False, help_text=_("Only those that you belong to.")
    )
    archived = serializers.BooleanField(
        required=False, default=False, help_text=_("Those that are put away, instead.")
    )
    offset = serializers.IntegerField(min_value=0, max_value=10**6, required=False, default=0)
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_ROOMS, required=False, default=MOST_ROOMS
    )


class MembersAsked(serializers.Serializer[Any]):
    after = number(required=False, default=0, help_text=_("As “next” of the page before has it."))
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PEOPLE, required=False, default=MOST_PEOPLE
    )


class FilesAsked(serializers.Serializer[Any]):
    before = number(required=False, help_text=_("As “next” of the page before has it."))


class SearchAsked(serializers.Serializer[Any]):
    q = Text(required=False, default="", max_length=1_000)
    room = Text(required=False, default="", max_length=150, help_text=_("Its name or slug."))
    by = Text(required=False, default="", max_length=150, help_text=_("Who wrote it."))
    since = Text(required=False, default="", max_length=20, help_text=_("A day: 2026-01-31."))
    until = Text(required=False, default="", max_length=20, help_text=_("A day, included."))
    order = serializers.ChoiceField(choices=["newest", "best"], required=False, default="newest")
    files = serializers.BooleanField(required=False, default=False, help_text=_("Only with files"))
    before = Text(
        required=False,
        default="",
        max_length=100,
        help_text=_("As “next” of the page before has it."),
    )


# Answered


class Person(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    bot = serializers.BooleanField(help_text=_("Whether programs act by this account."))


class Quote(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    author = Person()
    text = serializers.CharField(help_text=_("The beginning of it."))
    deleted = serializers.BooleanField()


class File(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    url = serializers.CharField()
    thumbnail_url = serializers.CharField(allow_null=True)


class Reaction(serializers.Serializer[Any]):
    emoji = serializers.CharField()
    total = serializers.IntegerField()
    people = serializers.ListField(
        child=serializers.IntegerField(), help_text=_("The first hundred, by their ids.")
    )


class Preview(serializers.Serializer[Any]):
    address = serializers.CharField()
    title = serializers.CharField()
    site = serializers.CharField()
    description = serializers.CharField()


class Message(serializers.Serializer[Any]):
    room = serializers.CharField(help_text=_("The room's slug."))
    number = serializers.IntegerField(help_text=_("Counts the room's messages."))
    version = serializers.IntegerField(help_text=_("The room's, when the message last changed."))
    posted_version = serializers.IntegerField()
    author = Person()
    text = serializers.CharField(help_text=_("Markdown; empty once it is deleted."))
    posted_at = serializers.DateTimeField()
    edited = serializers.BooleanField()
    deleted = serializers.BooleanField()
    removal = serializers.CharField(
        allow_null=True, help_text=_("Why a moderator removed it, if one did.")
    )
    pinned = serializers.BooleanField()
    reply_to = Quote(allow_null=True)
    replies = serializers.IntegerField(help_text=_("In the thread that it began."))
    files = File(many=True)
    reactions = Reaction(many=True)
    previews = Preview(many=True)
    url = serializers.CharField()


class Messages(serializers.Serializer[Any]):
    messages = Message(many=True, help_text=_("Oldest first."))
    version = serializers.IntegerField(
        help_text=_("Of the room with just these messages: where to go on with changes or events.")
    )
    older = serializers.CharField(
        allow_null=True, help_text=_("Where to read on, if there are any.")
    )
    newer = serializers.CharField(allow_null=True)


class RoomDetails(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    topic = serializers.CharField()
    private = serializers.BooleanField()
    direct = serializers.BooleanField()
    archived = serializers.BooleanField()
    moderators_only = serializers.BooleanField()
    pins = serializers.IntegerField()


class May(serializers.Serializer[Any]):
    """What you may do there, before any token takes from it."""

    join = serializers.BooleanField()
    post = serializers.BooleanField()
    react = serializers.BooleanField()
    manage = serializers.BooleanField()


class Room(RoomDetails):
    version = serializers.IntegerField(help_text=_("Counts every change of what the room shows."))
    last_number = serializers.IntegerField()
    last_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    member = serializers.BooleanField(help_text=_("Whether you belong to it."))
    moderator = serializers.BooleanField(help_text=_("Whether you moderate it."))
    last_read = serializers.IntegerField(allow_null=True)
    may = May()
    url = serializers.CharField()


class ListedRoom(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    topic = serializers.CharField()
    private = serializers.BooleanField()
    direct = serializers.BooleanField()
    archived = serializers.BooleanField()
    members = serializers.IntegerField()
    last_number = serializers.IntegerField()
    last_read = serializers.IntegerField(allow_null=True)
    member = serializers.BooleanField()
    url = serializers.CharField()


class Rooms(serializers.Serializer[Any]):
    rooms = ListedRoom(many=True)
    total = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)


class Member(Person):
    username = serializers.CharField()
    moderator = serializers.BooleanField()
    joined_at = serializers.DateTimeField()


class Members(serializers.Serializer[Any]):
    members = Member(many=True)
    next = serializers.CharField(allow_null=True)


class Online(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    here = Person(many=True, help_text=_("At most a thousand."))
    writing = Person(many=True)


class SentFile(File):
    message = serializers.IntegerField(help_text=_("The number of the message that it is in."))
    author = Person()


class Files(serializers.Serializer[Any]):
    files = SentFile(many=True)
    next = serializers.CharField(allow_null=True)


class Change(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    type = serializers.ChoiceField(choices=["posted", "changed", "deleted", "room"])
    message = Message(required=False)
    room = RoomDetails(required=False)


class Changes(serializers.Serializer[Any]):
    changes = Change(many=True)
    version = serializers.IntegerField(help_text=_("That you have with these: ask after it next."))
    has_more = serializers.BooleanField()


class FoundMessages(serializers.Serializer[Any]):
    messages = Message(many=True)
    total = serializers.IntegerField()
    more_than = serializers.BooleanField(help_text=_("Whether there are more than “total”."))
    next = serializers.CharField(allow_null=True)


class UnreadRoom(serializers.Serializer[Any]):
    slug = serializers.CharField()
    unread = serializers.IntegerField(help_text=_("At most 100, which stands for more."))
    mentions = serializers.IntegerField(help_text=_("How many of these mention you."))
    last_read = serializers.IntegerField()
    last_number = serializers.IntegerField()
    held = serializers.BooleanField(help_text=_("Whether you marked it unread."))
    url = serializers.CharField()


class Unread(serializers.Serializer[Any]):
    rooms = UnreadRoom(many=True)


class UsedToken(serializers.Serializer[Any]):
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=["read", "write"]))
    rooms = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text=_("Null for all.")
    )
    expires_at = serializers.DateTimeField(allow_null=True)


class Me(Person):
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=["owner", "admin", "member", "guest"])
    language = serializers.CharField()
    time_zone = serializers.CharField()
    token = UsedToken(allow_null=True, help_text=_("The one that you asked with."))


class OneToken(serializers.Serializer[Any]):
    token = serializers.CharField()


class TwoTokens(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
