"""The audit log's entries as sentences, in the active language."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from .models import Place, Role
from .models.audit import Kind
from .models.report import Outcome
from .models.second_factor import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models import AuditEntry, Room, User

SENTENCES = {
    Kind.ROLE: gettext_lazy("%(by)s made %(whom)s, who was %(before)s, %(after)s."),
    Kind.CLOSED: gettext_lazy("%(by)s deactivated the account of %(whom)s."),
    Kind.OPENED: gettext_lazy("%(by)s reactivated the account of %(whom)s."),
    Kind.BANNED: gettext_lazy("%(by)s banned the account of %(whom)s %(until)s.%(more)s"),
    Kind.UNBANNED: gettext_lazy("%(by)s lifted the ban of %(whom)s."),
    Kind.DELETED: gettext_lazy("%(by)s deleted the account that is now %(whom)s."),
    Kind.LINK: gettext_lazy("%(by)s made a link by which %(whom)s chooses a password."),
    Kind.INVITED: gettext_lazy("%(by)s made an invitation for a new %(role)s."),
    Kind.REVOKED: gettext_lazy("%(by)s revoked an invitation by %(whom)s."),
    Kind.PLACE: gettext_lazy("%(by)s changed this place: %(changed)s."),
    Kind.ROOM_MADE: gettext_lazy("%(by)s made the room %(room)s."),
    Kind.ROOM: gettext_lazy("%(by)s changed the room %(room)s: %(changed)s."),
    Kind.ARCHIVED: gettext_lazy("%(by)s archived the room %(room)s."),
    Kind.RESTORED: gettext_lazy("%(by)s restored the room %(room)s."),
    Kind.COPIED: gettext_lazy("%(by)s took a copy of the room %(room)s."),
    Kind.MODERATOR: gettext_lazy("%(by)s made %(whom)s a moderator of %(room)s."),
    Kind.NO_MODERATOR: gettext_lazy("%(by)s took moderation of %(room)s back from %(whom)s."),
    Kind.REMOVED: gettext_lazy("%(by)s removed %(whom)s from %(room)s."),
    Kind.KEPT_OUT: gettext_lazy("%(by)s removed %(whom)s from %(room)s and keeps them out."),
    Kind.LET_BACK: gettext_lazy("%(by)s lets %(whom)s come back into %(room)s."),
    Kind.MESSAGE: gettext_lazy("%(by)s removed a message of %(whom)s in %(room)s."),
    Kind.MUTED: gettext_lazy("%(by)s muted %(whom)s in %(room)s %(until)s."),
    Kind.UNMUTED: gettext_lazy("%(by)s let %(whom)s write in %(room)s again."),
    Kind.NO_FACTOR: gettext_lazy("%(by)s took the second factor of %(whom)s away."),
    Kind.BOT_MADE: gettext_lazy("%(by)s made the bot %(whom)s."),
    Kind.BOT_TAKEN: gettext_lazy("%(by)s took the bot %(whom)s over."),
    Kind.BOT_ENDED: gettext_lazy("%(by)s ended the bot %(whom)s."),
    Kind.HOOK_MADE: gettext_lazy("%(by)s has what %(whom)s reads sent to %(host)s."),
    Kind.HOOK_GONE: gettext_lazy("%(by)s removed the webhook of %(whom)s to %(host)s."),
    Kind.HOOK_OFF: gettext_lazy("%(by)s turned the webhook of %(whom)s to %(host)s off."),
    Kind.HOOK_ON: gettext_lazy("%(by)s turned the webhook of %(whom)s to %(host)s on again."),
    Kind.REPORT: gettext_lazy(
        "%(by)s closed a report of a message of %(whom)s in %(room)s: %(outcome)s."
    ),
}
ENDED_BY_ITSELF = {
    Kind.UNBANNED: gettext_lazy("The ban of %(whom)s ended."),
    Kind.HOOK_OFF: gettext_lazy(
        "The webhook of %(whom)s to %(host)s was turned off, as nothing could be delivered."
    ),
}


def sentence(entry: AuditEntry, *, seen: bool) -> SafeString:
    """Who did what. Of a room that the reader has not `seen` it says that there was one."""
    words = SENTENCES.get(Kind(entry.kind)) if entry.kind in Kind.values else None
    if entry.by_id is None and entry.kind in ENDED_BY_ITSELF:
        words = ENDED_BY_ITSELF[Kind(entry.kind)]
    if words is None:  # of another version
        return format_html("{}: {}", entry.kind, _person(entry.by, _("Somebody")))
    if not seen and entry.kind == Kind.ROOM:
        words = gettext_lazy("%(by)s changed %(room)s.")
    values = {
        "by": _person(entry.by, _("Somebody at the server")),
        "whom": _person(entry.whom, _("somebody without an account")),
        "room": _room(entry.room, seen=seen),
        **_details(entry.data),
    }
    return mark_safe(conditional_escape(str(words)) % _Escaped(values))


class _Escaped(dict[str, SafeString]):
    """Whatever goes into a sentence; what an entry does not say is left out."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__({name: conditional_escape(value) for name, value in values.items()})

    def __missing__(self, _name: str) -> SafeString:
        return SafeString()


def _details(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("before", "after", "role"):
        value = data.get(name)
        found[name] = Role(value).label.lower() if value in Role.values else value or ""
    found["until"] = _until(data.get("until"))
    found["outcome"] = (
        Outcome(data["outcome"]).label if data.get("outcome") in Outcome.values else ""
    )
    found["host"] = data.get("host", "")
    if data.get("messages"):
        found["more"] = " " + _("What they wrote in the day before was removed.")
    changed = data.get("changed")
    if isinstance(changed, dict):
        found["changed"] = format_html_join(
            ", ", "{}", ((_change(*each),) for each in changed.items())
        )
    return found


def _change(name: str, values: Any) -> SafeString:
    called, shown = FIELDS.get(name, (name, str))
    before, after = values
    return format_html("{} <bdi>{}</bdi> → <bdi>{}</bdi>", called, shown(before), shown(after))


def _until(moment: Any) -> str:
    if not isinstance(moment, str):
        return str(pgettext_lazy("how long somebody is muted or banned", "until it is lifted"))
    at = timezone.localtime(datetime.fromisoformat(moment))
    return _("until %(moment)s") % {"moment": date_format(at, _("j F Y, H:i"))}


def _person(person: User | None, nobody: str) -> SafeString | str:
    return nobody if person is None else format_html('<b dir="auto">{}</b>', person.name)


def _room(room: Room | None, *, seen: bool) -> SafeString | str:
    if room is None:
        return _("a room that is gone")
    if room.direct:
        return _("a direct conversation")
    return format_html('<b dir="auto">{}</b>', room.name) if seen else _("a private room")


def _yes(value: Any) -> str:
    return _("yes") if value else _("no")


def _days(value: Any) -> str:
    if value is None:
        return _("nothing said")
    return _("%s days") % value if value else _("for ever")


# What can be changed, and how its values read.
FIELDS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "name": (gettext_lazy("name"), lambda value: f"“{value}”"),
    "topic": (gettext_lazy("topic"), lambda value: f"“{value}”"),
    "moderators_only": (gettext_lazy("only moderators write"), _yes),
    "slow_mode": (gettext_lazy("slow mode"), lambda value: _("%(count)s s") % {"count": value}),
    "sign_up": (
        gettext_lazy("who may make an account"),
        lambda value: Place.SignUp(value).label if value in Place.SignUp.values else value,
    ),
    "second_factor": (
        gettext_lazy("who must have a second factor"),
        lambda value: Requirement(value).label if value in Requirement.values else value,
    ),
    "rooms_by_admins": (gettext_lazy("only admins make rooms"), _yes),
    "bots_by_members": (gettext_lazy("members make bots"), _yes),
    "link_previews": (gettext_lazy("previews of links"), _yes),
    "private": (gettext_lazy("private"), _yes),
    "keep_days": (gettext_lazy("how long messages are kept"), _days),
    "removes_messages": (gettext_lazy("messages go with their author's account"), _yes),
    "file_limit": (
        gettext_lazy("largest file"),
        lambda value: _("as the server takes it") if value is None else _("%s MB") % value,
    ),
}
