"""What runs behind the place: to be looked at when something does not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.utils.translation import gettext_lazy
from django_tasks_db.models import DBTaskResult

from rooms.models import Chore, LinkPreview, Shelf

from .base import OperatorAdmin
from .site import operators


@admin.register(Chore, site=operators)
class ChoreAdmin(OperatorAdmin):
    fields = "name", "due_at"
    list_display = fields
    ordering = ("name",)


@admin.register(Shelf, site=operators)
class ShelfAdmin(OperatorAdmin):
    fields = ("bytes",)
    list_display = ("bytes",)


@admin.register(DBTaskResult, site=operators)
class TaskAdmin(OperatorAdmin):
    """Without what they are about and what exceptions quote, which may be what somebody wrote."""

    fields = (
        *("task_path", "status", "enqueued_at", "run_after", "started_at", "finished_at"),
        *("exception_class_path", "where"),
    )
    list_display = "task_path", "status", "enqueued_at", "finished_at", "exception_class_path"
    list_filter = ("status",)
    search_fields = ("task_path",)
    ordering = ("-enqueued_at",)

    @admin.display(description=gettext_lazy("where it failed"))
    def where(self, task: Any) -> str:
        return "\n".join(
            line.strip() for line in task.traceback.splitlines() if line.startswith("  File ")
        )


@admin.register(LinkPreview, site=operators)
class LinkPreviewAdmin(OperatorAdmin):
    """Without the addresses, which stand in messages of all rooms, and may open something."""

    fields = "server", "found", "fetched_at"
    list_display = fields
    ordering = ("-fetched_at",)

    @admin.display(description=gettext_lazy("server"))
    def server(self, preview: LinkPreview) -> str:
        return urlsplit(preview.address).hostname or ""

    @admin.display(boolean=True, description=gettext_lazy("found something"))
    def found(self, preview: LinkPreview) -> bool:
        return bool(preview.title)


@admin.register(LogEntry, site=operators)
class LogEntryAdmin(OperatorAdmin):
    """What was changed on this site."""

    fields = (
        "action_time",
        "user",
        "content_type",
        "object_repr",
        "action_flag",
        "get_change_message",
    )
    list_display = "action_time", "user", "content_type", "object_repr", "get_change_message"
    list_select_related = "user", "content_type"
    list_filter = ("action_flag",)
    search_fields = ("=user__username",)
