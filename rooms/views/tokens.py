"""Somebody's tokens: the list of them, a new one, and the end of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from rooms.models import Room, Token
from rooms.token_forms import MOST_ROOMS, TokenForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.models import User
    from rooms.views.doors import AuthenticatedHttpRequest


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def tokens(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The reader's tokens. A POST makes one, and its answer is the only page that ever shows it; a
    repeated one finds its name taken, and makes no other."""
    form = TokenForm(
        request.POST if request.method == "POST" else None, rooms=_rooms_of(request.user)
    )
    made, status = None, 200
    if form.is_bound:
        status = 400
        if form.is_valid():
            try:
                made, status = Token.make(request.user, **form.wanted()), 200
            except ValidationError as refusal:
                form.add_error("name" if refusal.code == "token_name_used" else None, refusal)
                status = 409
        if made:
            form = TokenForm(rooms=_rooms_of(request.user))
    known = list(request.user.tokens.prefetch_related("rooms"))
    context = {
        "form": form,
        "made": made,
        "tokens": [each for each in known if each.kind != Token.Kind.SIGN_IN],
        "sign_ins": [each for each in known if each.kind == Token.Kind.SIGN_IN],
    }
    return render(request, "rooms/tokens.html", context, status=status)


def _rooms_of(user: User) -> list[Room]:
    """Those that one belongs to, by name. Direct conversations have none to choose them by."""
    known = Room.objects.filter(memberships__user=user, direct=False, archived_at=None)
    return sorted(known, key=lambda room: (room.name.casefold(), room.pk))[:MOST_ROOMS]


@require_POST
@login_required
def revoke(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """End one of the reader's own tokens or of a bot of theirs, and what it has open. Where there is none
    (any more), or it is somebody else's, nothing happens."""
    own = Q(user=request.user) | Q(user__bot__owner=request.user)
    token = Token.objects.filter(own, pk=pk).select_related("user").first()
    if token is None:
        return redirect("tokens")
    token.revoke()
    notices.success(request, _("Revoked “%(name)s”.") % {"name": token.name})
    return redirect("bot", token.user_id) if token.user.is_bot else redirect("tokens")
