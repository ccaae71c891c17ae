"""Rooms, who belongs to them and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db import models
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms.forms import NAME_LENGTH, TOPIC_LENGTH, LineField
from rooms.models import Attachment, Membership, Message, Room, User

from .base import OperatorAdmin, few
from .site import operators

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

WORDS = 80  # characters of a message in a list
NUMBER_LENGTH = 18  # digits, as many as every database takes
NOT_SHOWN = gettext_lazy("(not shown: the room is private)")


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    name = LineField(
        label=gettext_lazy("Name"), max_length=NAME_LENGTH, widget=AdminTextInputWidget
    )
    topic = LineField(
        label=gettext_lazy("Topic"),
        max_length=TOPIC_LENGTH,
        required=False,
        widget=AdminTextInputWidget,
    )
    archived = forms.BooleanField(
        label=gettext_lazy("archived"),
        required=False,
        help_text=gettext_lazy("It can be read, and nothing changes in it."),
    )

    class Meta:
        model = Room
        fields = ["name", "topic", "moderators_only"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "archived" in self.fields:
            self.initial["archived"] = self.instance.archived
        if self.instance.private:
            self.fields.pop("topic", None)


@admin.register(Room, site=operators)
class RoomAdmin(OperatorAdmin):
    """All rooms but direct conversations, which are nobody's but their people's."""

    form = RoomForm
    editable = "name", "topic", "moderators_only", "archived"
    fields = (
        *("name", "slug", "private", "topic", "moderators_only", "archived"),
        *("members", "last_number", "pins", "created_at", "last_at", "archived_at", "version"),
    )
    list_display = "name", "slug", "private", "is_archived", "last_number", "last_at"
    list_filter = "private", "moderators_only", ("archived_at", admin.EmptyFieldListFilter)
    search_fields = "name", "slug"
    actions = "archive", "restore"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        return super().get_queryset(request).filter(direct=False)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What a private room is about, those who belong to it know."""
        private = obj is not None and obj.private
        return [name for name in self.fields if not (private and name == "topic")]

    @admin.display(boolean=True, description=gettext_lazy("archived"))
    def is_archived(self, room: Room) -> bool:
        return room.archived

    @admin.display(description=gettext_lazy("members"))
    def members(self, room: Room) -> int:
        return room.memberships.count()

    def save_model(self, request: Any, obj: Room, form: Any, change: bool) -> None:
        room, wanted = Room.objects.get(pk=obj.pk), form.cleaned_data
        if room.archived and not wanted["archived"]:
            room.restore(by=request.user)
        if {"name", "topic", "moderators_only"} & set(form.changed_data):
            room.change_details(
                name=wanted["name"],
                topic=wanted.get("topic", room.topic),
                moderators_only=wanted["moderators_only"],
                by=request.user,
            )
        if wanted["archived"] and not room.archived:
            room.archive(by=request.user)

    @admin.action(description=gettext_lazy("Archive"))
    def archive(self, request: Any, rooms: QuerySet[Room]) -> None:
        for room in few(rooms.filter(archived_at=None)):
            room.archive(by=request.user)
            self.log_change(request, room, "archived")

    @admin.action(description=gettext_lazy("Restore"))
    def restore(self, request: Any, rooms: QuerySet[Room]) -> None:
        for room in few(rooms.exclude(archived_at=None)):
            room.restore(by=request.user)
            self.log_change(request, room, "restored")


@admin.register(Membership, site=operators)
class MembershipAdmin(OperatorAdmin):
    """Without what somebody has read and begun to write."""

    editable = ("is_moderator",)
    removable = True
    fields = "room", "user", "is_moderator", "joined_at"
    autocomplete_fields = "room", "user"
    list_display = "room", "user", "is_moderator", "joined_at"
    list_select_related = "room", "user"
    list_filter = ("is_moderator",)
    search_fields = "=room__slug", "=user__username"
    search_help_text = gettext_lazy("The end of a room’s address, or a username")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).filter(room__direct=False)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["is_moderator", "joined_at"]
        return super().get_readonly_fields(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        offered: dict[str, models.QuerySet[Any]] = {
            "room": Room.objects.filter(direct=False),
            "user": User.objects.filter(is_active=True),
        }
        kwargs["queryset"] = offered[db_field.name]
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: Any, obj: Membership, form: Any, change: bool) -> None:
        if change:
            obj.room.appoint(obj.user, moderator=form.cleaned_data["is_moderator"], by=request.user)
        else:
            made = obj.room.add(obj.user, by=request.user)
            obj.pk, obj.joined_at = made.pk, made.joined_at

    def remove(self, request: Any, obj: Membership) -> None:
        obj.room.remove(obj.user, by=request.user)


@admin.register(Message, site=operators)
class MessageAdmin(OperatorAdmin):
    """Those of rooms. Nobody puts other words into somebody's mouth: they can be deleted."""

    removable = True
    fields = (
        *("room", "number", "author", "words", "with_files", "created_at", "edited_at"),
        *("deleted_at", "pinned_at", "replies", "version"),
    )
    list_display = "__str__", "room", "author", "excerpt", "created_at", "is_deleted"
    list_select_related = "room", "author"
    search_fields = ("number",)  # see get_search_results
    search_help_text = gettext_lazy(
        "The end of a room’s address (lobby), a message (lobby/12), or who wrote it (@bob)"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        found = super().get_queryset(request).filter(room__direct=False)
        return found.select_related("room", "author")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By what has an index: a room, a number in it, an author."""
        for term in search_term.replace("\x00", "").split():
            slug, slash, number = term.strip("/").partition("/")
            if term.startswith("@"):
                queryset = queryset.filter(author__in=_keys(User, username=term[1:]))
            elif not slash:
                queryset = queryset.filter(room__in=_keys(Room, slug=slug))
            elif number.isascii() and number.isdecimal() and len(number) <= NUMBER_LENGTH:
                queryset = queryset.filter(room__in=_keys(Room, slug=slug), number=int(number))
            else:
                queryset = queryset.none()
        return queryset, False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.deleted_at is None

    @admin.display(description=gettext_lazy("text"))
    def words(self, message: Message) -> str:
        return str(NOT_SHOWN) if message.room.private else message.body

    @admin.display(description=gettext_lazy("text"))
    def excerpt(self, message: Message) -> str:
        return Truncator(self.words(message)).chars(WORDS)

    @admin.display(boolean=True, description=gettext_lazy("deleted"))
    def is_deleted(self, message: Message) -> bool:
        return message.deleted_at is not None

    @admin.display(description=gettext_lazy("files"))
    def with_files(self, message: Message) -> int:
        return message.attachments.count()

    def remove(self, request: Any, obj: Message) -> None:
        obj.take_down(by=request.user)


@admin.register(Attachment, site=operators)
class AttachmentAdmin(OperatorAdmin):
    """Files go with their message, and what was never sent goes by itself."""

    fields = (
        "called",
        "room",
        "author",
        "of_message",
        "type",
        "size",
        "width",
        "height",
        "created_at",
    )
    list_display = "called", "room", "author", "type", "size", "created_at", "is_sent"
    list_select_related = "room", "author"
    search_fields = "=room__slug", "=author__username"
    search_help_text = gettext_lazy("The end of a room’s address, or a username")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        found = super().get_queryset(request).filter(room__direct=False)
        return found.select_related("room", "author")

    @admin.display(description=gettext_lazy("name"))
    def called(self, file: Attachment) -> str:
        return str(NOT_SHOWN) if file.room.private else file.name

    @admin.display(description=gettext_lazy("message"))
    def of_message(self, file: Attachment) -> str:
        return str(file.message) if file.message else _("not sent yet")

    @admin.display(boolean=True, description=gettext_lazy("sent"))
    def is_sent(self, file: Attachment) -> bool:
        return file.message_id is not None


def _keys(model: type[Room] | type[User], **named: str) -> list[int]:
    return list(model.objects.filter(**named).values_list("pk", flat=True)[:1])
