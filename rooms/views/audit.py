"""What was decided in the place, for those who own it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from ..audit_words import sentence
from ..context import inside_of
from ..models import AuditEntry, Room, User
from ..models.names import line_of
from ..models.permissions import demand
from ..moderation_forms import AuditForm

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from .doors import AuthenticatedHttpRequest

PAGE = 50  # entries


@require_GET
@login_required
def log(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The newest entries, or those before `before`; of one `kind`, of one `person`. Of a room that the
    reader doesn't see neither its name is told nor why something was done there, nor what exactly."""
    demand(inside_of(request).may_read_audit, _("Only owners of this place see what was decided."))
    asked = {
        name: value.replace("\0", "")
        for name, value in request.GET.items()
        if isinstance(value, str)
    }
    form = AuditForm({name: asked.get(name, "") for name in ("kind", "person")})
    wanted = form.cleaned_data if form.is_valid() else {}
    found = _of(wanted)
    before = asked.get("before", "")
    if re.fullmatch(r"[0-9]{1,18}", before):
        found = found.filter(pk__lt=int(before))
    entries = list(found.select_related("by", "whom", "room").order_by("-pk")[: PAGE + 1])
    page = entries[:PAGE]
    rooms = {entry.room_id for entry in page if entry.room_id}
    visible = set(
        Room.objects.visible_to(request.user).filter(pk__in=rooms).values_list("pk", flat=True)
        if rooms
        else ()
    )
    older = QueryDict(mutable=True)
    older.update({name: value for name, value in wanted.items() if value})
    if len(entries) > PAGE:
        older["before"] = str(page[-1].pk)
    context: dict[str, Any] = {
        "form": form,
        "entries": [
            {
                "entry": entry,
                "sentence": sentence(entry, seen=entry.room_id is None or entry.room_id in visible),
                "reason": entry.reason if entry.room_id is None or entry.room_id in visible else "",
            }
            for entry in page
        ],
        "older": older.urlencode() if len(entries) > PAGE else "",
        "filtered": any(wanted.values()) or not form.is_valid(),
        "first": not before,
        "days": settings.AUDIT_DAYS,
    }
    return render(request, "rooms/audit.html", context, status=200 if form.is_valid() else 400)


def _of(wanted: dict[str, str]) -> QuerySet[AuditEntry]:
    """The entries that the form asks for; of whoever is called so, or to whom it was done."""
    found: QuerySet[AuditEntry] = AuditEntry.objects.all()
    if wanted.get("kind"):
        found = found.filter(kind=wanted["kind"])
    if wanted.get("person"):
        name = wanted["person"].removeprefix("@")
        line = line_of(name)
        called = Q(username__iexact=name)
        if line != line_of(""):
            called |= Q(name_words__startswith=line) | Q(name_words__endswith=f"\n{line}")
        people = list(User.objects.filter(called).values_list("pk", flat=True)[:100])
        found = found.filter(Q(by__in=people) | Q(whom__in=people))
    return found
