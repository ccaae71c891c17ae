"""Closing somebody's account for what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from ..context import inside_of
from ..models import Ban, User
from ..models import people as verbs
from ..models.people import LastOwner
from ..models.permissions import PlaceStanding, demand
from ..moderation_forms import BanForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from .doors import AuthenticatedHttpRequest

PAGE = 50  # bans of one page of the list


def _manager(request: AuthenticatedHttpRequest) -> PlaceStanding:
    inside = inside_of(request)
    demand(inside.may_manage_people, _("Only owners and admins of this place ban accounts."))
    return inside


@require_http_methods(["GET", "POST"])
@login_required
def ban(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """How long nobody signs in to an account, or that somebody may again. The form says which of the
    two."""
    inside, person = _manager(request), get_object_or_404(User, pk=pk, is_bot=False)
    demand(
        inside.may_manage_person(person.role),
        _("Only an owner of this place changes what owners and admins are."),
    )
    demand(person != request.user, _("Nobody bans themselves."))
    to = request.POST.get("to", "ban")
    if request.method == "POST" and to not in {"ban", "lift"}:
        raise BadRequest
    if request.method == "POST" and to == "lift":
        verbs.lift_ban(person, by=request.user)
        messages.success(request, _("The ban of %(name)s is lifted.") % {"name": person.name})
        return redirect("bans")
    form = BanForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            verbs.ban(
                person,
                by=request.user,
                until=form.until,
                reason=said["reason"],
                messages=said["messages"],
            )
        except LastOwner as refusal:
            form.add_error(None, refusal)
        else:
            messages.success(request, _("%(name)s is banned.") % {"name": person.name})
            return redirect("bans")
    held = Ban.objects.in_force().filter(user=person).first()
    context = {"person": person, "form": form, "ban": held}
    return render(request, "rooms/person_ban.html", context, status=409 if form.errors else 200)


@require_GET
@login_required
def bans(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Whose accounts are banned, the last first."""
    inside = _manager(request)
    found = Ban.objects.in_force().select_related("user", "by").order_by("-at", "-pk")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    rows = [{"ban": each, "may_lift": inside.may_manage_person(each.user.role)} for each in page]
    return render(request, "rooms/bans.html", {"page": page, "bans": rows})
