"""How long messages are kept, in a room and in the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from rooms.context import inside_of
from rooms.data_forms import PlaceKeepingForm, RoomKeepingForm
from rooms.models import Place, RoomClosed, Standing
from rooms.models.permissions import demand
from rooms.models.retention import change_rule, change_rule_of_place
from rooms.views.doors import entered_or_404

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
def of_room(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """For how many days the room keeps messages."""
    room, membership = entered_or_404(request, slug)
    if room.direct:
        raise Http404
    standing = Standing.of(request.user, room, membership)
    demand(standing.may_change_details)
    form = RoomKeepingForm(request.POST if request.method == "POST" else None, room, request.place)
    status = 200
    if form.is_valid():
        try:
            change_rule(room, form.rule(), by=request.user)
        except RoomClosed as closed:
            form.add_error(None, closed)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("room-settings", room.slug)
    context = {"room": room, "standing": standing, "form": form}
    return render(request, "rooms/room_keeping.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def of_place(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The same for rooms that have no rule of their own, and what becomes of the words of who leaves."""
    demand(
        inside_of(request).may_change_place, _("Only owners and admins of this place change it.")
    )
    place = get_object_or_404(Place)
    form = PlaceKeepingForm(request.POST if request.method == "POST" else None, place)
    if form.is_valid():
        change_rule_of_place(place, form.days_then(), by=request.user)
        if form.cleaned_data["deleted"]:
            removes = form.cleaned_data["deleted"] == "remove"
            place.change(by=request.user, removes_messages=removes)
        messages.success(request, _("Saved."))
        return redirect("place-data")
    return render(request, "rooms/place_data.html", {"form": form})
