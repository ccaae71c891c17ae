"""Deleting an account: one's own, or somebody's whom one may manage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from rooms.context import inside_of
from rooms.data_forms import DeleteAccountForm
from rooms.models import User
from rooms.models.leaving import delete_account
from rooms.models.people import LastOwner
from rooms.models.permissions import demand

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def own(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader's own, once they have shown anew that it is theirs."""
    form = DeleteAccountForm(
        request.POST if request.method == "POST" else None, request.user.username
    )
    status = 200
    if form.is_valid():
        try:
            delete_account(request.user, by=request.user)
        except LastOwner as refusal:
            form.add_error(None, refusal)
            status = 409
        else:
            logout(request)
            messages.success(request, _("Your account is deleted."))
            return redirect("account_login")
    context: dict[str, Any] = {"form": form, "removes": request.place.removes_messages}
    return render(request, "rooms/account_delete.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def person(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Somebody else's, by who may close it as well."""
    inside = inside_of(request)
    demand(inside.may_manage_people, _("Only owners and admins of this place see everybody in it."))
    found = get_object_or_404(User, pk=pk, deletion=None, is_bot=False)
    if found == request.user:
        return redirect("account-delete")
    demand(
        inside.may_manage_person(found.role),
        _("Only an owner of this place changes what owners and admins are."),
    )
    form = DeleteAccountForm(request.POST if request.method == "POST" else None, found.username)
    status = 200
    if form.is_valid():
        try:
            delete_account(found, by=request.user)
        except LastOwner as refusal:
            form.add_error(None, refusal)
            status = 409
        else:
            messages.success(
                request, _("The account of %(name)s is deleted.") % {"name": found.name}
            )
            return redirect("people")
    context = {"person": found, "form": form, "removes": request.place.removes_messages}
    return render(request, "rooms/person_delete.html", context, status=status)
