"""Bots: the list of one's own, and of all for those who run the place; and each one's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db.models import Case, When
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from rooms import faces
from rooms.bot_forms import BotForm, BotTokenForm, IncomingForm, NewBotForm, RoomChoiceForm
from rooms.context import inside_of
from rooms.models import Bot, Incoming, Membership, Room, Standing, Token
from rooms.models.hookcursor import MOST_BEHIND
from rooms.models.permissions import (
    demand,
    may_arrange_bot,
    may_end_bot,
    may_take_bot_over,
)
from rooms.outgoing_forms import OutgoingForm
from rooms.token_forms import MOST_ROOMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponse

    from rooms.models import User
    from rooms.models.incoming import MadeIncoming
    from rooms.views.doors import AuthenticatedHttpRequest

PAGE = 50  # bots of one page of the list


# The list


@require_http_methods(["GET", "POST"])
@login_required
def bots(request: AuthenticatedHttpRequest) -> HttpResponse:
    """One's own bots first; those of others for whoever may end them. A POST makes one."""
    inside = inside_of(request)
    form, status = NewBotForm(request.POST if request.method == "POST" else None), 200
    if form.is_bound:
        demand(inside.may_make_bots, _only_admins())
        status = 400
        if form.is_valid():
            try:
                bot = Bot.make(name=form.cleaned_data["name"], by=request.user)
            except ValidationError as refusal:
                form.add_error(None, refusal)
                status = 409
            else:
                return redirect("bot", bot.pk)
    known = Bot.objects.filter(user__is_active=True).select_related("user", "owner")
    if not inside.may_see_all_bots:
        known = known.filter(owner=request.user)
    mine = Case(When(owner=request.user, then=0), default=1)
    page = Paginator(known.order_by(mine, "user__name_words", "pk"), PAGE)
    context = {"form": form, "page": page.get_page(request.GET.get("page"))}
    return render(request, "rooms/bots.html", context, status=status)


def _only_admins() -> str:
    return _("Only owners and admins of this place make bots.")


# One bot


def _bot_or_404(request: AuthenticatedHttpRequest, pk: int) -> Bot:
    """A bot that is not ended, and is the reader's to end at least."""
    known = Bot.objects.filter(user__is_active=True).select_related("user", "owner")
    bot = get_object_or_404(known, pk=pk)
    if not may_end_bot(request.user, bot.owner_id):
        raise Http404
    return bot


def own_bot_or_404(request: AuthenticatedHttpRequest, pk: int) -> Bot:
    bot = _bot_or_404(request, pk)
    demand(may_arrange_bot(request.user, bot.owner_id), _only_its_owner())
    return bot


def _only_its_owner() -> str:
    return _("Only whom a bot belongs to arranges it.")


def rooms_of(user: User) -> list[Room]:
    known = Room.objects.filter(memberships__user=user, direct=False, archived_at=None)
    return sorted(known, key=_by_name)[:MOST_ROOMS]


def _rooms_for(bot: Bot) -> list[Room]:
    """Those into which its owner may put it. Two queries."""
    owner = bot.owner
    mine = {each.room_id: each for each in Membership.objects.filter(user=owner)}
    known = Room.objects.visible_to(owner).filter(direct=False, archived_at=None)
    found = known.exclude(memberships__user=bot.user)
    return sorted(_arranged_by(owner, found, mine), key=_by_name)[:MOST_ROOMS]


def _arranged_by(owner: User, rooms: Iterable[Room], mine: dict[int, Membership]) -> Iterable[Room]:
    return (room for room in rooms if Standing.of(owner, room, mine.get(room.pk)).may_add_people)


def _by_name(room: Room) -> tuple[str, int]:
    return room.name.casefold(), room.pk


def bot_page(
    request: AuthenticatedHttpRequest, bot: Bot, *, status: int = 200, **more: Any
) -> HttpResponse:
    """`more` are forms that came back, and what was made and is shown once."""
    context: dict[str, Any] = {
        "bot": bot,
        "arranges": may_arrange_bot(request.user, bot.owner_id),
        "may_take_over": may_take_bot_over(request.user, still=bot.is_still),
        "tokens": list(bot.user.tokens.prefetch_related("rooms")),
        "hooks": list(bot.incoming.select_related("room")),
    }
    if context["arranges"]:
        rooms = rooms_of(bot.user)
        context |= {
            "form": BotForm(initial={"name": bot.user.display_name}),
            "picture_limit": faces.limit() // 1_000_000,
            "rooms": rooms,
            "room_form": RoomChoiceForm(rooms=_rooms_for(bot)),
            "token_form": BotTokenForm(rooms=rooms),
            "hook_form": IncomingForm(rooms=rooms),
            "outgoing": list(bot.outgoing_webhooks.prefetch_related("cursors__room")),
            "outgoing_form": OutgoingForm(rooms=rooms),
            "most_behind": MOST_BEHIND,
        }
    return render(request, "rooms/bot.html", {**context, **more}, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def bot(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """All that there is to a bot; a POST changes how it is called and shown."""
    if request.method == "GET":
        return bot_page(request, _bot_or_404(request, pk))
    found = own_bot_or_404(request, pk)
    form = BotForm(request.POST, request.FILES)
    if not form.is_valid():
        return bot_page(request, found, status=400, form=form)
    version = form.cleaned_data["picture"]
    try:
        found.rename(form.cleaned_data["name"], by=request.user)
        if version:
            found.change_face(version, by=request.user)
        elif "no_picture" in request.POST:
            found.change_face("", by=request.user)
    except BaseException:
        if version:
            faces.remove(version)
        raise
    notices.success(request, _("Saved."))
    return redirect("bot", pk)


@require_POST
@login_required
def put(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Put a bot into a room, or take it out. The form says which of the two was asked for."""
    found = own_bot_or_404(request, pk)
    to = request.POST.get("to")
    if to not in {"in", "out"}:
        raise BadRequest
    choices = _rooms_for(found) if to == "in" else rooms_of(found.user)
    form = RoomChoiceForm(request.POST, rooms=choices)
    if to == "in" and not form.is_valid():
        return bot_page(request, found, status=400, room_form=form)
    if to == "in":
        found.put_into(form.cleaned_data["room"], by=request.user)
    elif form.is_valid():  # else it is out already
        found.take_out(form.cleaned_data["room"], by=request.user)
    return redirect("bot", pk)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def tokens(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """A POST makes a token, and its answer is the only page that ever shows it; a repeated one finds its
    name taken, and makes no other."""
    found = own_bot_or_404(request, pk)
    if request.method == "GET":
        return redirect("bot", pk)
    form = BotTokenForm(request.POST, rooms=rooms_of(found.user))
    if not form.is_valid():
        return bot_page(request, found, status=400, token_form=form)
    try:
        made = Token.make(found.user, by=request.user, **form.wanted())
    except ValidationError as refusal:
        form.add_error("name" if refusal.code == "token_name_used" else None, refusal)
        return bot_page(request, found, status=409, token_form=form)
    return bot_page(request, found, made=made)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def hooks(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The same of an incoming webhook and its address."""
    found = own_bot_or_404(request, pk)
    if request.method == "GET":
        return redirect("bot", pk)
    form = IncomingForm(request.POST, rooms=rooms_of(found.user))
    if not form.is_valid():
        return bot_page(request, found, status=400, hook_form=form)
    said = form.cleaned_data
    try:
        made = Incoming.make(found, said["room"], name=said["name"], by=request.user)
    except ValidationError as refusal:
        form.add_error("name" if refusal.code == "webhook_name_used" else None, refusal)
        return bot_page(request, found, status=409, hook_form=form)
    return bot_page(request, found, made_hook=made, hook_address=_address(request, made))


def _address(request: AuthenticatedHttpRequest, made: MadeIncoming) -> str:
    return request.build_absolute_uri(reverse("hook", args=[made.secret]))


@require_POST
@login_required
def revoke_hook(request: AuthenticatedHttpRequest, pk: int, hook: int) -> HttpResponse:
    """Nothing comes in by it any more. Harmless if repeated."""
    found = own_bot_or_404(request, pk)
    for each in found.incoming.filter(pk=hook):
        each.delete()
        notices.success(request, _("Revoked “%(name)s”.") % {"name": each.name})
    return redirect("bot", pk)


@require_http_methods(["GET", "POST"])
@login_required
def end(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """End a bot for good, after saying what that means."""
    found = _bot_or_404(request, pk)
    if request.method == "GET":
        return render(request, "rooms/bot_end.html", {"bot": found})
    found.end(by=request.user)
    notices.success(request, _("“%(name)s” was ended.") % {"name": found.user.name})
    return redirect("bots")


@require_POST
@login_required
def take_over(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Answer for a bot from now on whose owner can't any more."""
    found = _bot_or_404(request, pk)
    found.take_over(by=request.user)
    notices.success(request, _("This bot is yours now. Make new tokens and webhooks for it."))
    return redirect("bot", pk)
