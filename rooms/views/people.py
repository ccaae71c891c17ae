"""Who has an account here, what they are, and whether it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from rooms.context import inside_of
from rooms.forms import RoleForm
from rooms.models import Ban, Imported, User
from rooms.models import people as verbs
from rooms.models.people import LastOwner
from rooms.models.permissions import PlaceStanding, demand

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

PAGE = 50  # people of one page of the list
SEARCH_LENGTH = 100  # characters of a search that count; more than any name has


def _manager(request: AuthenticatedHttpRequest) -> PlaceStanding:
    """How the reader stands to the place. Raises `PermissionDenied` unless they manage its people."""
    inside = inside_of(request)
    demand(inside.may_manage_people, _("Only owners and admins of this place see everybody in it."))
    return inside


def _named(query: str) -> QuerySet[User]:
    """Everybody whose name or username has `query` in it, by name. Bots have a list of their own."""
    name = Lower(Coalesce(NullIf("display_name", Value("")), "username"))
    wanted = Q()
    # SQLite knows capitals of ASCII alone, so others are tried as somebody may have written them.
    for spelling in {query, query.lower(), query.upper(), query.title()}:
        wanted |= Q(display_name__icontains=spelling) | Q(username__icontains=spelling)
    return User.objects.filter(wanted, deletion=None, is_bot=False).order_by(name, "pk")


@require_GET
@login_required
def people(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Everybody with an account, by name, a page at a time; with `q` those who are called so."""
    _manager(request)
    query = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:SEARCH_LENGTH]
    page = Paginator(_named(query.removeprefix("@")), PAGE).get_page(request.GET.get("page"))
    return render(request, "rooms/people.html", {"page": page, "query": query})


@require_http_methods(["GET", "POST"])
@login_required
def person(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """One of them: what they are, to be changed by those who may."""
    inside, found = _manager(request), get_object_or_404(User, pk=pk, deletion=None, is_bot=False)
    may_manage = inside.may_manage_person(found.role)
    data = request.POST if request.method == "POST" else None
    form = RoleForm(data, roles=inside.roles_to_give, initial={"role": found.role})
    status = 200
    if data is not None:
        demand(may_manage, _only_owners())
        if form.is_valid():
            try:
                verbs.change_role(found, form.cleaned_data["role"], by=request.user)
            except LastOwner as refusal:
                form.add_error(None, refusal)
                status = 409
            else:
                messages.success(request, _("Saved."))
                return redirect("home" if found == request.user else "people")
    context: dict[str, Any] = {
        "person": found,
        "form": form,
        "may_manage": may_manage,
        "rooms": found.memberships.filter(room__direct=False).count(),
        "unclaimed": Imported.unclaimed(found),
        "ban": Ban.objects.in_force().filter(user=found).first(),
    }
    return render(request, "rooms/person.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def activity(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Close somebody's account, or open it again, after saying what that means. The form says which of
    the two was asked for: by the time it comes, another may have done it."""
    inside, found = _manager(request), get_object_or_404(User, pk=pk, deletion=None, is_bot=False)
    demand(inside.may_manage_person(found.role), _only_owners())
    context: dict[str, Any] = {"person": found}
    if request.method == "GET":
        return render(request, "rooms/person_activity.html", context)
    verb = {"deactivate": verbs.deactivate, "reactivate": verbs.reactivate}.get(
        request.POST.get("to", "")
    )
    if verb is None:
        raise BadRequest
    try:
        verb(found, by=request.user)
    except LastOwner as refusal:
        context["error"] = refusal.message
        return render(request, "rooms/person_activity.html", context, status=409)
    return redirect("person", found.pk)


def _only_owners() -> str:
    return _("Only an owner of this place changes what owners and admins are.")
