"""A bot's outgoing webhooks, which stand on the bot's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, ValidationError
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from rooms.models import OutgoingWebhook
from rooms.models.hookcursor import MOST_BEHIND
from rooms.outgoing_forms import OutgoingForm
from rooms.views.bots import bot_page, own_bot_or_404, rooms_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

VERBS = {"secret", "test", "enable", "disable", "remove"}


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def outgoing(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """A POST adds a webhook, and its answer shows the secret; a repeated one finds it there, and adds no
    other."""
    found = own_bot_or_404(request, pk)
    if request.method == "GET":
        return redirect("bot", pk)
    form = OutgoingForm(request.POST, rooms=rooms_of(found.user))
    if not form.is_valid():
        return bot_page(request, found, status=400, outgoing_form=form)
    try:
        made = OutgoingWebhook.make(found, **form.wanted(), by=request.user)
    except ValidationError as refusal:
        form.add_error("address" if refusal.code == "webhook_there" else None, refusal)
        return bot_page(request, found, status=409, outgoing_form=form)
    return bot_page(request, found, made_outgoing=made)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def change_outgoing(request: AuthenticatedHttpRequest, pk: int, hook: int) -> HttpResponse:
    """What the pressed button says: a new secret, a test, off, on, remove. Of a webhook that is gone, or
    another bot's, there is nothing to do."""
    found = own_bot_or_404(request, pk)
    verb = request.POST.get("to")
    if request.method == "POST" and verb not in VERBS:
        raise BadRequest
    webhook = found.outgoing_webhooks.select_related("bot__user").filter(pk=hook).first()
    if request.method == "POST" and webhook is not None:
        if verb == "secret":
            return bot_page(request, found, made_outgoing=webhook.renew_secret(by=request.user))
        notices.success(request, _done(webhook, str(verb), request))
    return redirect("bot", pk)


def _done(webhook: OutgoingWebhook, verb: str, request: AuthenticatedHttpRequest) -> str:
    if verb == "test":
        webhook.ask_for_test(by=request.user)
        return _("A test is on its way. What comes of it stands with the webhook in a moment.")
    if verb == "remove":
        webhook.remove(by=request.user)
        return _("Nothing is sent to %(host)s any more.") % {"host": webhook.host}
    if verb == "disable":
        webhook.disable(by=request.user)
        return _("It is off. What is said meanwhile waits until you enable it again.")
    if webhook.enable(by=request.user):
        return _("It is on again, and goes on where it stopped.")
    return ngettext(
        "It is on again, from now: more than %(most)s message had been said in a room meanwhile.",
        "It is on again, from now: more than %(most)s messages had been said in a room meanwhile.",
        MOST_BEHIND,
    ) % {"most": MOST_BEHIND}
