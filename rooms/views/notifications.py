"""What somebody is told: of one room, by sound, by mail. And the way out of the mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..context import room_items
from ..mail import address_of, unsubscriber
from ..models import Level, MailSettings, Standing, User
from ..models.permissions import demand
from ..notification_forms import LevelForm, NotificationsForm
from .doors import entered_or_404

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from .doors import AuthenticatedHttpRequest


@require_http_methods(["GET", "POST"])
@login_required
def of_room(request: AuthenticatedHttpRequest, slug: str) -> HttpResponse:
    """What the reader is told of one room that they belong to."""
    room, membership = entered_or_404(request, slug)
    demand(membership is not None, _("Only who is in a room is told of it. Join it first."))
    assert membership is not None  # noqa: S101  # for mypy
    form = LevelForm(
        request.POST if request.method == "POST" else None,
        direct=room.direct,
        initial={"level": membership.level},
    )
    if form.is_valid():
        membership.change_level(Level(form.cleaned_data["level"]))
        notices.success(request, _("Saved."))
        return redirect("room", room.slug)
    context = {
        "room": room,
        "name": room.called_by(request.user),
        "form": form,
        "standing": Standing.of(request.user, room, membership),
    }
    return render(request, "rooms/room_notifications.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def choose(request: AuthenticatedHttpRequest) -> HttpResponse:
    """What the reader hears and is sent; and the rooms of which they are not told everything."""
    user, mail = request.user, MailSettings.of(request.user)
    kept = {
        "sound": user.sound,
        "after": mail.after,
        "quiet_from": mail.quiet_from,
        "quiet_until": mail.quiet_until,
    }
    form = NotificationsForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        wanted = dict(form.cleaned_data)
        user.change_sound(wanted.pop("sound"))
        mail.choose(**wanted)
        notices.success(request, _("Saved."))
        return redirect("notifications")
    items = room_items(user)
    context = {
        "form": form,
        "room_items": items,
        "quiet": [(item, Level(item.level).label) for item in items if item.quiet],
        "mail_is_sent": settings.MAIL_IS_SENT,
        "address": address_of([user.pk]).get(user.pk),
        "zone": user.time_zone or settings.TIME_ZONE,
    }
    return render(request, "rooms/notifications.html", context)


@csrf_exempt  # the token says it all, and programs that read mail send no cookie (RFC 8058)
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """No more mail for whoever was sent the link, signed in or not. A GET only asks: some programs follow
    every link of a mail."""
    person = unsubscriber(token)
    user = person and User.objects.filter(pk=person).first()
    if not user:
        raise Http404
    done = request.method == "POST"
    if done:
        MailSettings.unsubscribe(user.pk)
    return render(request, "rooms/unsubscribe.html", {"done": done, "person": user})
