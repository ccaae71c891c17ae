"""What somebody's pages look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from rooms.forms import LookForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
def look(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Light, dark, or as the device has it."""
    data = request.POST if request.method == "POST" else None
    form = LookForm(data, initial={"scheme": request.user.scheme})
    if form.is_valid():
        request.user.change_look(form.cleaned_data["scheme"])
        messages.success(
            request, _("Saved. Pages that are open elsewhere follow when they are loaded.")
        )
        return redirect("look")
    return render(request, "rooms/look.html", {"form": form})
