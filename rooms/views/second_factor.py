"""Setting up one's second factor, wanting one of others, and taking somebody's away who lost theirs.
All else of it is allauth's; see rooms/second_factor.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.totp.views import ActivateTOTPView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from rooms.context import inside_of
from rooms.forms import SecondFactorForm
from rooms.models import Place, User, second_factor
from rooms.models.permissions import demand
from rooms.second_factor import begin_with

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@method_decorator(never_cache, name="dispatch")
@method_decorator(login_required, name="dispatch")
class SetUp(ActivateTOTPView):
    """allauth's. Whoever has to be here before anything else sees nothing of the place beside it."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        begin_with(self.request.user, form.step)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        barred = self.request.session.barred is not None
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        return {
            **context,
            # Four by four they are typed with fewer mistakes; copied, they are one word.
            "secret_groups": [secret[at : at + 4] for at in range(0, len(secret), 4)],
            "barred": barred,
            "layout": "porch.html" if barred else "allauth/layouts/manage.html",
        }


set_up = SetUp.as_view()


@method_decorator(never_cache, name="dispatch")
class Code(AuthenticateView):
    """allauth's, which takes a form without a code for one with a passkey. Here are none."""

    def _build_forms(self) -> Any:
        if self.request.method == "POST" and "code" not in self.request.POST:
            self.auth_form = self.get_form_class()(user=self.stage.login.user, data={})
            self.webauthn_form = None
            return self.auth_form
        return super()._build_forms()


code = Code.as_view()


@require_http_methods(["GET", "POST"])
@login_required
def place(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Of whom the place wants a second factor."""
    inside = inside_of(request)
    demand(inside.may_change_place, _("Only owners and admins of this place change it."))
    found = get_object_or_404(Place)
    data = request.POST if request.method == "POST" else None
    form = SecondFactorForm(data, initial={"second_factor": found.second_factor})
    if data is not None:
        demand(inside.may_require_second_factor, _("Only an owner of this place decides this."))
        if form.is_valid():
            second_factor.require(found, form.cleaned_data["second_factor"], by=request.user)
            messages.success(request, _("Saved."))
            return redirect("place-factor")
    active = User.objects.filter(is_active=True)
    context = {
        "form": form,
        "people": active.count(),
        "without": second_factor.owing(active, second_factor.Requirement.EVERYBODY).count(),
        "mine": second_factor.has_one(request.user),
    }
    return render(request, "rooms/place_second_factor.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def forget(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Take the second factor of somebody away who lost theirs, after saying what that means."""
    inside = inside_of(request)
    demand(inside.may_manage_people, _("Only owners and admins of this place see everybody in it."))
    person = get_object_or_404(User, pk=pk, is_bot=False)
    demand(
        inside.may_manage_person(person.role),
        _("Only an owner of this place changes what owners and admins are."),
    )
    if request.method == "POST":
        if second_factor.forget(person, by=request.user):
            messages.success(request, _("Their second factor is gone."))
        return redirect("person", person.pk)
    context = {"person": person, "has_one": second_factor.has_one(person)}
    return render(request, "rooms/person_second_factor.html", context)
