"""Bringing a message before those who moderate, and what they make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..context import open_reports, room_items
from ..limits import spend
from ..live import fragments
from ..live.fragments import Variant
from ..models import MessageRefused, Report, Room, Standing
from ..models.permissions import demand, outranks
from ..models.report import Outcome
from ..moderation_forms import ReportForm
from ..text import to_html
from .doors import reader_required
from .menu import message_or_404

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from ..models import Message
    from .doors import AuthenticatedHttpRequest

PAGE = 50  # reports; who has more to look at has those first that waited longest


@require_http_methods(["GET", "POST"])
@reader_required
def report(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Asks what is wrong with the message, and tells the moderators."""
    message, membership = message_or_404(request, slug, number)
    standing = Standing.of(request.user, message.room, membership)
    demand(
        standing.may_report(message.author_id),
        _("This is your own message: you can edit or delete it."),
    )
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            spend("report", request.user)
            made = Report.make(message, by=request.user, reason=form.cleaned_data["reason"])
        except MessageRefused as refusal:
            form.add_error(None, refusal)
        else:
            return _received(request, message, made=made)
    elif message.deleted_at is not None:
        form = ReportForm({})
        form.errors.clear()
        form.add_error(None, _("This message was deleted meanwhile."))
    context = {
        "message": message,
        "room": message.room,
        "name": message.room.called_by(request.user),
        "form": form,
        "body": to_html(message.body),
        "for_place": message.room.direct,
    }
    template = "rooms/_report_form.html" if request.htmx else "rooms/report.html"
    refused = form.is_bound and not request.htmx
    return render(request, template, context, status=409 if refused else 200)


def _received(request: AuthenticatedHttpRequest, message: Message, *, made: bool) -> HttpResponse:
    said = (
        _("Thank you. Those who moderate will look at it.")
        if made
        else _("You have reported this message already. Those who moderate will look at it.")
    )
    if not request.htmx:
        messages.success(request, said)
        return redirect("message", slug=message.room.slug, number=message.number)
    row = message.as_row(message.room, message.author)
    variant = Variant.current()
    return HttpResponse(fragments.in_place(row, variant) + fragments.told(said, variant))


def shown(request: AuthenticatedHttpRequest, found: QuerySet[Report]) -> dict[str, Any]:
    """Template context: the oldest of these reports, each with what its reader may do. Three queries."""
    loaded = "room", "message", "author", "reporter"
    reports = list(found.select_related(*loaded).order_by("pk")[: PAGE + 1])
    rooms = {each.room_id for each in reports}
    visible = set(
        Room.objects.visible_to(request.user).filter(pk__in=rooms).values_list("pk", flat=True)
        if rooms
        else ()
    )
    return {
        "reports": [
            {
                "report": each,
                "body": to_html(each.body) if each.body else "",
                "visible": each.room_id in visible,
                "deleted": each.message.deleted_at is not None,
                "edited": each.message.body != each.body,
                "may_remove": outranks(request.user.role, each.author.role),
            }
            for each in reports[:PAGE]
        ],
        "more": len(reports) > PAGE,
    }


@require_GET
@login_required
def reports(request: AuthenticatedHttpRequest) -> HttpResponse:
    """All that the reader is to decide, in whichever rooms."""
    if open_reports(request.user, room_items(request.user)) is None:
        moderates = request.user.memberships.filter(is_moderator=True).exists()
        demand(
            moderates and not request.user.is_guest,
            _("Only those who moderate see what was reported."),
        )
    found = Report.objects.open().seen_by(request.user)
    return render(request, "rooms/reports.html", shown(request, found))


@require_POST
@login_required
def close(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """What was decided about it: `outcome` is one of `Outcome`."""
    found = Report.objects.seen_by(request.user).select_related("room", "message__room", "author")
    report = found.filter(pk=pk).first() if pk < 1 << 62 else None
    if report is None:
        raise Http404
    outcome = request.POST.get("outcome", "")
    if outcome not in Outcome.values:
        raise BadRequest
    if report.close(outcome, by=request.user):
        messages.success(request, _("The report is closed."))
    else:
        messages.info(request, _("Somebody else has closed this report already."))
    if request.POST.get("from") == "room" and not report.room.direct:
        return redirect("moderation", report.room.slug)
    return redirect("reports")
