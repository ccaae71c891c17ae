"""Reactions: who reacted with what, and doing so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from .. import emojis
from ..limits import spend
from ..live import fragments
from ..live.fragments import Variant
from ..models import MessageRefused, Quote, Standing
from ..models.reactions import LISTED
from ..models.reading import names_of
from .doors import reader_required
from .menu import message_or_404, shown_in_page

if TYPE_CHECKING:
    from ..models import Membership, Message
    from .doors import AuthenticatedHttpRequest


class Chosen(NamedTuple):
    """An emoji and who chose it, as the page shows it."""

    emoji: str
    name: str
    total: int
    people: list[str]
    more: int
    mine: bool


@require_http_methods(["GET", "POST"])
@reader_required
def reactions(request: AuthenticatedHttpRequest, slug: str, number: int) -> HttpResponse:
    """Who reacted; for htmx a field and a grid to choose any emoji from. A POST puts the reader's
    reaction there or takes it away."""
    message, membership = message_or_404(request, slug, number)
    if request.method == "POST":
        return _react(request, message, membership)
    if not request.htmx:
        return _page(request, message, membership)
    if "emoji" in request.GET:  # what is in the field by now
        found = {"found": emojis.search(request.GET["emoji"]), "message": message}
        return render(request, "rooms/_emoji_grid.html", {**found, "room": message.room})
    return _picker(request, message)


def _wish(request: AuthenticatedHttpRequest) -> tuple[str, bool]:
    """Which emoji, and whether it is to be there. A button under a row is the same for everybody and says
    who had chosen its emoji: whoever is among them takes it back, so that pressing it twice does no more
    than pressing it once."""
    emoji, *who = request.POST.get("chip", "").split() or [""]
    if emoji:
        return emoji, str(request.user.pk) not in who
    return _completed(request.POST.get("emoji", "")), request.POST.get("want") != "remove"


def _completed(typed: str) -> str:
    """What was typed, or the only emoji whose name begins so."""
    found = () if emojis.one_emoji(typed) else emojis.search(typed)
    return found[0].emoji if len(found) == 1 else typed


def _react(
    request: AuthenticatedHttpRequest, message: Message, membership: Membership | None
) -> HttpResponse:
    emoji, wanted = _wish(request)
    try:
        spend("react", request.user)
        changed = message.react(emoji, by=request.user, wanted=wanted)
    except MessageRefused as refusal:
        error = " ".join(refusal.messages)
        if not request.htmx:
            return _page(request, message, membership, typed=emoji, error=error)
        if "typed" in request.POST:
            return _picker(request, message, typed=emoji, error=error)
        return HttpResponse(fragments.problem(error, Variant.current()))
    if not request.htmx:
        return redirect("message", slug=message.room.slug, number=message.number)
    message.refresh_from_db(fields=["version", "reactions"])
    answer = shown_in_page(request, message, changed=changed)
    if "typed" in request.POST:  # the menu is open still
        answer.status_code = 200
        answer.write(fragments.fresh_menu(Variant.current()))
    return answer


def _choice(typed: str, error: str) -> dict[str, Any]:
    """What the field and the grid below it show. What is no emoji may be the beginning of its name."""
    typed = "".join(letter for letter in typed[: emojis.TYPED] if letter >= " ")
    return {"typed": typed, "error": error, "found": emojis.search(typed) or emojis.common()}


def _picker(
    request: AuthenticatedHttpRequest, message: Message, typed: str = "", error: str = ""
) -> HttpResponse:
    context = {"message": message, "room": message.room, **_choice(typed, error)}
    return render(request, "rooms/_emoji_picker.html", context)


def _page(
    request: AuthenticatedHttpRequest,
    message: Message,
    membership: Membership | None,
    typed: str = "",
    error: str = "",
) -> HttpResponse:
    stored = message.reactions or []
    names = names_of({user for _emoji, users in stored for user in users[:LISTED]})
    chosen = [
        Chosen(
            emoji,
            emojis.named(emoji).name,
            len(users),
            [names[user] for user in users[:LISTED] if user in names],
            max(0, len(users) - LISTED),
            request.user.pk in users,
        )
        for emoji, users in stored
    ]
    room = message.room
    standing = Standing.of(request.user, room, membership)
    context = {
        "room": room,
        "message": message,
        "excerpt": fragments.excerpt(Quote.of(message)),
        "chosen": chosen,
        "name": room.called_by(request.user),
        "may_react": message.deleted_at is None and standing.may_react,
        **_choice(typed, error),
    }
    return render(request, "rooms/reactions.html", context, status=400 if error else 200)
