"""Where somebody is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from rooms.browsers import called
from rooms.models import Session

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

SHOWN = 100  # sessions; who signs in more often ends them all at once


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def sessions(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader's, to be ended one by one, or all others at once."""
    key = request.session.session_key
    if request.method == "POST":
        return _end(request, key)
    found = Session.of(request.user)
    shown: list[dict[str, Any]] = [
        {"session": each, "browser": called(each.browser or "")}
        for each in found
        if each.session_key != key
    ]
    this = next((each for each in found if each.session_key == key), None)
    context = {
        "this": this,
        "this_browser": called(this.browser or "") if this else "",
        "others": shown[:SHOWN],
        "more": max(len(shown) - SHOWN, 0),
    }
    return render(request, "account/sessions.html", context)


def _end(request: AuthenticatedHttpRequest, key: str | None) -> HttpResponse:
    name = request.POST.get("session", "")
    if name == "others":
        ended = Session.end(request.user, but=key)
    elif name.isascii() and name.isalnum():
        ended = Session.end(request.user, name=name)
    else:
        raise BadRequest
    if ended:
        said = ngettext(
            "Signed out on %(count)s device.", "Signed out on %(count)s devices.", ended
        )
        messages.success(request, said % {"count": ended})
    else:
        messages.info(request, _("That was over already."))
    if not request.session.exists(key or ""):
        return redirect("account_login")
    return redirect("sessions")
