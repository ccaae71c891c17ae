"""Handing an account that was brought from elsewhere to its person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from rooms.context import inside_of
from rooms.models import Imported, User
from rooms.models.permissions import demand

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@require_POST
@login_required
def claim(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """A link by which whoever has it chooses the account's password, as after “Forgot it?”. Only while
    nobody has signed in to it: of anybody's own account no admin makes one."""
    inside = inside_of(request)
    demand(inside.may_manage_people, _("Only owners and admins of this place see everybody in it."))
    person = get_object_or_404(User, pk=pk, deletion=None, is_active=True, is_bot=False)
    demand(
        inside.may_manage_person(person.role),
        _("Only an owner of this place changes what owners and admins are."),
    )
    if not Imported.unclaimed(person):
        raise Http404
    Imported.note_link(person, by=request.user)
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    uidb36, _dash, token = key.partition("-")
    address = reverse("account_reset_password_from_key", kwargs={"uidb36": uidb36, "key": token})
    context = {"person": person, "link": request.build_absolute_uri(address)}
    response = render(request, "rooms/person_claim.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response
