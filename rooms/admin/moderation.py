"""Who is kept from what, and what was decided: to be looked up, and bans to be lifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms.models import AuditEntry, Ban, Restriction
from rooms.models.people import lift_ban

from .base import OperatorAdmin
from .site import operators

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(Ban, site=operators)
class BanAdmin(OperatorAdmin):
    """Accounts are banned from a person's own page; deleting a ban here lifts it."""

    removable = True
    fields = "user", "at", "until", "reason", "by"
    list_display = "user", "at", "until", "by"
    list_select_related = "user", "by"
    search_fields = ("=user__username",)

    def remove(self, request: Any, obj: Ban) -> None:
        lift_ban(obj.user, by=request.user)


@admin.register(Restriction, site=operators)
class RestrictionAdmin(OperatorAdmin):
    """Without the reasons, which were given among those who are in the room."""

    fields = "room", "user", "muted_until", "banned_at", "muted_by", "banned_by"
    list_display = "room", "user", "muted_until", "banned_at"
    list_select_related = "room", "user"
    list_filter = (("banned_at", admin.EmptyFieldListFilter),)
    search_fields = "=room__slug", "=user__username"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Restriction]:
        return super().get_queryset(request).filter(room__direct=False)


@admin.register(AuditEntry, site=operators)
class AuditEntryAdmin(OperatorAdmin):
    """Without what a name or a topic was before: that may be of a private room. The whole sentences are
    in the owners' audit log."""

    fields = "at", "kind", "by", "whom", "where"
    list_display = fields
    list_select_related = "by", "whom", "room"
    list_filter = ("kind",)
    search_fields = "=by__username", "=whom__username"

    @admin.display(description=gettext_lazy("room"))
    def where(self, entry: AuditEntry) -> str:
        if entry.room is None:
            return ""
        return _("a direct conversation") if entry.room.direct else entry.room.name
