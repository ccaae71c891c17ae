"""Where somebody is signed in, and signing out there."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from rooms.browsers import BROWSER, SINCE
from rooms.models import Session

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

SHOWN = 100  # sessions; the last of more end with all others


class SignedIn(NamedTuple):
    """A session as its user's page shows it. Its key would let anybody in, and is not shown."""

    name: str
    browser: str
    system: str
    since: datetime | None
    until: datetime
    current: bool


def name_of(session: Session) -> str:
    """What a form calls the session by."""
    return salted_hmac("rooms.views.sessions", session.session_key, algorithm="sha256").hexdigest()[
        :20
    ]


def _signed_in(session: Session, current: str | None) -> SignedIn:
    data = session.get_decoded()
    browser, system = data.get(BROWSER) or ("", "")
    since = datetime.fromisoformat(data[SINCE]) if SINCE in data else None
    here = session.session_key == current
    return SignedIn(name_of(session), browser, system, since, session.expire_date, here)


def _sessions(request: AuthenticatedHttpRequest) -> list[Session]:
    good = request.user.sessions.filter(expire_date__gt=timezone.now())
    return list(good.order_by("-expire_date", "pk")[:SHOWN])


@require_GET
@login_required
def sessions(request: AuthenticatedHttpRequest) -> HttpResponse:
    """All browsers in which the reader is signed in, this one first."""
    current = request.session.session_key
    found = [_signed_in(session, current) for session in _sessions(request)]
    found.sort(key=lambda each: (not each.current, -(each.since or each.until).timestamp()))
    others = sum(not each.current for each in found)
    return render(request, "rooms/sessions.html", {"sessions": found, "others": others})


@require_POST
@login_required
def end(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Sign out in one of them, or in all but this one. One that has ended meanwhile is as wanted."""
    name = request.POST.get("session", "")
    if request.POST.get("all") == "others":
        Session.end_all(request.user, but=request.session.session_key)
        messages.success(request, _("You are signed out everywhere else."))
    elif not name:
        raise BadRequest
    else:
        for session in _sessions(request):
            if name_of(session) != name:
                continue
            if session.session_key == request.session.session_key:
                return redirect("account_logout")
            session.end()
        messages.success(request, _("You are signed out there."))
    return redirect("sessions")
