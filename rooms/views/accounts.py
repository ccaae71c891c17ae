"""Somebody's own account. All else of accounts is allauth's."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from rooms.forms import ProfileForm
from rooms.views.languages import remember

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


def _browsers_language(request: HttpRequest) -> str:
    """What the page will be in once nobody has chosen a language."""
    asked = copy(request)
    asked.COOKIES = {}
    return translation.get_language_from_request(asked)


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: AuthenticatedHttpRequest) -> HttpResponse:
    """How the reader is called, and in which time zone and language they read."""
    user = request.user
    kept = {
        "display_name": user.display_name,
        "time_zone": user.time_zone,
        "language": user.language,
    }
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        user.change_profile(**form.cleaned_data)
        with translation.override(user.language or _browsers_language(request)):
            messages.success(request, _("Saved."))
        response = redirect("profile")
        remember(response, user.language)
        return response
    return render(request, "rooms/profile.html", {"form": form})
