"""Fragments without a request: what is pushed to a page, and what the page itself is made of.

A fragment is the same for every reader of a *variant* (language and time zone), so it is rendered once
for each and kept. What belongs to one reader is CSS of theirs (see `views.reader.style`).

How a page stays exact
----------------------
The page holds a cursor: the room's version that it shows. Everything that changes the page is a `Step`
that leads from a version to a later one, and each piece of a step names, in the selector that it is
swapped into, the cursors that it applies to. A step that the page has had finds another cursor and falls
into a hidden sink. So it does not matter which channel is faster: an answer to a form, a poll, the
socket's catch-up and its live frames may overlap in any order, and each change is shown once.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from ..models import Row
from ..models.user import FACE_HUES, Look, initials
from ..text import is_only_emoji, summary, to_html
from . import attached
from .moulds import mould

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..context import RoomItem
    from ..models import Quote, Reaction, RoomDetails, Step
    from ..models.profile import Status

KEY_HERE = "the-key"
ROWS_KEPT = 10_000  # rendered rows of about 0.6 kB each
FACES_KEPT = 10_000
FRAME_ROWS = 50  # a frame of a thousand rows is one long task in the browser
GUARDS = 64  # cursors that one selector may name
EXCERPT = 100  # characters of an original that a reply shows
ROW_GAPS = (
    "number",
    "address",
    "author",
    "face",
    "name",
    "card",
    "body",
    "moment",
    "clock",
    "date",
    "day",
    *("quote", "reactions", "replies"),
    "swap",
    "files",
    "previews",
    "removal",
)
STEP_GAPS = ("version", "cursor", "row", "append_to", "title", "pins", "removed", "day_at", "day")
PEOPLE_SHOWN = (
    50  # of more there is only the number: everybody would be sent the list with each change
)


class Variant(NamedTuple):
    """What a fragment depends on besides its data."""

    language: str
    time_zone: str

    @classmethod
    def current(cls) -> Variant:
        """The one that this request's reader has."""
        return cls(translation.get_language() or "en", timezone.get_current_timezone_name())

    @contextmanager
    def active(self) -> Iterator[None]:
        with translation.override(self.language), timezone.override(self.time_zone):
            yield


class Person(NamedTuple):
    """Somebody in a list of people."""

    pk: int
    name: str
    face: str = ""  # version of the picture, if there is one
    is_bot: bool = False
    status: Status | None = None
    undisturbed: bool = False  # not to be disturbed just now


@lru_cache(maxsize=FACES_KEPT)
def face(pk: int, name: str, version: str, is_bot: bool = False) -> SafeString:
    """Somebody's picture, or the initials of their name where the version is empty: a circle, of a bot a
    square."""
    return _face(pk, Look(name, version, is_bot))


def _face(pk: int, now: Look, swap: str = "") -> SafeString:
    person = {
        "pk": pk,
        "hue": pk % FACE_HUES,
        "initials": initials(now.name),
        "face": now.face,
        "is_bot": now.is_bot,
    }
    return render_to_string("_face.html", {"person": person, "swap": mark_safe(swap)})


def own_face(pk: int, now: Look) -> SafeString:
    """Put in the place of the reader's own at the edge of every page."""
    return _face(pk, now, f".self[data-person='{pk}']>.face")


@lru_cache(maxsize=FACES_KEPT)
def card(pk: int) -> str:
    """The address of somebody's card, as short as there is one: it stands in every row."""
    return reverse("person-card", args=[pk])


def _opens_day(row: Row) -> bool:
    """Whether the reader's calendar turned between the message before and this one."""
    if row.previous_at is None:
        return True
    return timezone.localdate(row.previous_at) != timezone.localdate(row.created_at)


def _row(row: Row, swap: str = "", *, marked: bool = False, scope: str = "") -> SafeString:
    """In the active variant. With `swap` it is to be put where that says, without the day it may open.
    `scope` tells its id from another room's on the same page, which has no menu."""
    at = timezone.localtime(row.created_at)
    opens_day = _opens_day(row)
    shape = mould(
        "rooms/_row.html",
        ROW_GAPS,
        opens_day=opens_day and not swap,
        # what continues the message before it does so only within a day
        follows=row.continues and not opens_day,
        deleted=row.deleted,
        edited=row.edited,
        pinned=row.pinned,
        large=is_only_emoji(row.body),
        marked=marked,
        swapped=bool(swap),
        among_rooms=bool(scope),
        # a message may be files alone
        silent=not row.body,
        by_moderator=row.removal is not None,
        with_reason=bool(row.removal),
        by_bot=row.author_is_bot,
    )
    return shape.fill(
        {
            "number": f"{scope}{row.number}",
            "address": reverse("message", args=[row.slug, row.number]),
            "author": row.author,
            "face": face(row.author, *row.look),
            "name": row.author_name,
            "card": card(row.author),
            "body": to_html(row.body, row.mentions),
            "moment": at.isoformat(timespec="seconds"),
            "clock": date_format(at, _("H:i")),
            "date": at.date().isoformat(),
            "day": date_format(at, _("l j F Y")) if opens_day else "",
            "quote": _quoted(row) if row.quote else "",
            "reactions": _reactions(row) if row.reactions else "",
            "replies": _replies(row) if row.replies else "",
            "swap": mark_safe(swap),
            "files": attached.of_row(row.files, row.slug) if row.files else "",
            "previews": _previews(row) if row.previews else "",
            "removal": row.removal or "",
        }
    )


def _previews(row: Row) -> SafeString:
    address = reverse("message", args=[row.slug, row.number])
    return render_to_string("rooms/_previews.html", {"previews": row.previews, "address": address})


def _quoted(row: Row) -> SafeString:
    """The message that this one replies to."""
    return render_to_string("rooms/_quoted.html", {"slug": row.slug, **about_original(row.quote)})


def about_original(quote: Quote | None) -> dict[str, Any]:
    """Template context: the `original` of a reply and one line of it; the same of none."""
    return {
        "original": quote,
        "original_face": face(quote.author, *quote.look) if quote else "",
        "excerpt": excerpt(quote) if quote else "",
    }


def excerpt(quote: Quote) -> str:
    """One line of a message; of one that is files alone, what these are called."""
    return summary(quote.text, EXCERPT) if quote.text else quote.files


def _replies(row: Row) -> SafeString:
    """How many there are, and the way to the thread."""
    context = {"replies": row.replies, "address": reverse("thread", args=[row.slug, row.number])}
    return render_to_string("rooms/_replies.html", context)


def _reactions(row: Row) -> SafeString:
    """What stands under a message. A button's value says who had chosen the emoji
    when it was shown, and so whether its reader wants to choose it or to take that back."""
    return render_to_string(
        "rooms/_reactions.html",
        {
            "address": reverse("reactions", args=[row.slug, row.number]),
            "reactions": [
                {
                    "emoji": reaction.emoji,
                    "total": reaction.total,
                    "value": " ".join([reaction.emoji, *map(str, reaction.who)]),
                    "names": _named_first(reaction),
                }
                for reaction in row.reactions
            ],
        },
    )


def _named_first(reaction: Reaction) -> str:
    """Who chose it, in a few words."""
    names = [name for name in reaction.names if name]
    if reaction.total > len(reaction.names):
        names = names[:-1]
    others = reaction.total - len(names)
    between = pgettext("between names", ", ")
    if not names:
        return ngettext("%(others)s person", "%(others)s people", others) % {"others": others}
    if others:
        sentence = ngettext(
            "%(first)s and %(others)s more", "%(first)s and %(others)s more", others
        )
        return sentence % {"first": between.join(names), "others": others}
    *first, last = names
    both = {"first": between.join(first), "last": last}
    return _("%(first)s and %(last)s") % both if first else last


@lru_cache(maxsize=ROWS_KEPT)
def row(row: Row, variant: Variant, scope: str = "") -> SafeString:
    """A message with the day that it opens, if it does: the same bytes on the page, an older page, in a
    push and in the stream. Kept under all that it depends on, so what is kept is never stale."""
    with variant.active():
        return _row(row, scope=scope)


def rows_apart(shown: Iterable[Row], variant: Variant, *, among_rooms: bool = False) -> SafeString:
    """Messages between which others may be left out: each says who speaks and, unless the one above it
    does, on which day.

    With `among_rooms` they stand on a page with those of other rooms, which offers no menu for them: so
    none is ever put there anew, and one may follow the message above it without naming who speaks.
    """
    html: list[str] = []
    above: Row | None = None
    for each in shown:
        next_to = above is not None and above.number == each.number - 1
        follows = among_rooms and each.continues and next_to
        day = above.created_at if above is not None else None
        scope = f"{each.room}-" if among_rooms else ""
        html.append(row(replace(each, continues=follows, previous_at=day), variant, scope))
        above = each
    return mark_safe("".join(html))


def rows(shown: Iterable[Row], variant: Variant, marked: int | None = None) -> SafeString:
    """One after the other; the one with the number `marked` is made to stand out, and seen at once."""
    with variant.active():
        html = [
            _row(each, marked=True) if each.number == marked else row(each, variant)
            for each in shown
        ]
    return mark_safe("".join(html))


def _at(versions: range, rest: str) -> str:
    """A selector for `rest`, beside the cursor, if that is at one of the versions."""
    return ",".join(f"main>.cursor[value='{version}']{rest}" for version in versions)


def _not_at(versions: range, rest: str) -> str:
    others = "".join(f":not([value='{version}'])" for version in versions)
    return f"main>.cursor{others}{rest}"


def too_far(steps: Sequence[Step]) -> bool:
    """Whether a step leaps over so many versions that no selector should name them all."""
    return any(step.version - step.after > GUARDS for step in steps)


def _step(step: Step, variant: Variant) -> SafeString:
    """One step as out-of-band swaps: a new message is appended, another put in the old one's place."""
    reached = range(step.after, step.version)
    gaps = {"version": step.version, "cursor": mark_safe(_at(reached, ""))}
    if step.row is not None and step.posts:
        gaps["row"] = row(step.row, variant)
        gaps["append_to"] = mark_safe(
            f"{_at(reached, '~#scroll>#messages>ol')},{_not_at(reached, '~#sink')}"
        )
    elif step.row is not None:
        swap = f"outerHTML:{_at(reached, f'~#scroll #m{step.row.number}')},.trash"
        gaps["row"] = _row(step.row, swap)
        if step.row.previous_at is None:  # it may have become the first: see models/retention.py
            number = step.row.number
            place = f"~#scroll>#messages>ol>#m{number}:not(.day + #m{number})"
            gaps["day_at"] = mark_safe(f"{_at(reached, place)},.trash")
            gaps["day"] = _day(step.row)
    if step.details is not None:
        if (
            not step.details.direct
        ):  # that is called otherwise by each of its people, and never anew
            gaps["title"] = _title(step.details, f"{_at(reached, '~.bar>#room-title')},.trash")
        gaps["pins"] = _pins(step.details, f"{_at(reached, '~.bar>.tools>.pins')},.trash")
        if step.details.first > 1:
            gaps["removed"] = mark_safe(_removed(reached, step.details.first))
    shape = mould(
        "stream/step.html",
        STEP_GAPS,
        appended="append_to" in gaps,
        replaced="row" in gaps and "append_to" not in gaps,
        titled="title" in gaps,
        pinned="pins" in gaps,
        shortened="removed" in gaps,
        begun="day" in gaps,
    )
    return shape.fill(gaps)


def _title(details: RoomDetails, swap: str) -> SafeString:
    context = {"details": details, "swap": mark_safe(swap)}
    return render_to_string("rooms/_title.html", context)


def _pins(details: RoomDetails, swap: str) -> SafeString:
    context = {"details": details, "swap": mark_safe(swap)}
    return render_to_string("rooms/_pins.html", context)


def _removed(reached: range, first: int) -> str:
    """A selector for what stands before the room's first message: the last one that was removed and all
    before it, and the way to older ones. Whatever page shows any of these shows that last one: one that
    was away since before it was posted is given no steps, see `Room.steps_after`."""
    last = f"#m{first - 1}"
    of_list = (
        last,
        f"li:not(.kept):has(~ {last})",
        f"#older:has(~ #m{first}):not(:has(~ .message ~ #m{first}))",
    )
    return ",".join(
        [*(_at(reached, f"~#scroll>#messages>ol>{each}") for each in of_list), ".trash"]
    )


def _day(row: Row) -> SafeString:
    """The day that the row opens, as in `rooms/_row.html`. In the active variant."""
    at = timezone.localtime(row.created_at)
    context = {"date": at.date().isoformat(), "day": date_format(at, _("l j F Y"))}
    return render_to_string("stream/day.html", context)


def frames(steps: Sequence[Step], variant: Variant) -> list[str]:
    """The steps as frames for a socket or as the body of an answer, some `FRAME_ROWS` in each."""
    with variant.active():
        rendered = [_step(step, variant) for step in steps]
    return [
        "".join(rendered[start : start + FRAME_ROWS]) + render_to_string("stream/end.html")
        for start in range(0, len(rendered), FRAME_ROWS)
    ]


def whole_list(
    shown: SafeString, version: int, older: int | None, details: RoomDetails, variant: Variant
) -> str:
    """Replaces everything that the page shows of the room by its newest messages, whatever its cursor."""
    with variant.active():
        return render_to_string(
            "stream/whole.html",
            {
                "rows": shown,
                "version": version,
                "older": older,
                "slug": details.slug,
                "details": details,
                "title": "" if details.direct else _title(details, "main>.bar>#room-title"),
                "pins": _pins(details, "main>.bar>.tools>.pins"),
            },
        )


def people(here: Sequence[Person], total: int, slug: str, variant: Variant) -> str:
    """The list of who is here and how many that are. Of more than `PEOPLE_SHOWN` the number alone: who
    asked for the list then keeps it as it was."""
    with variant.active():
        return render_to_string(
            "rooms/_presence.html",
            {
                "people": here,
                "total": total,
                "many": total > PEOPLE_SHOWN,
                "slug": slug,
                "swap": True,
            },
        )


def typing(writing: Sequence[Person], variant: Variant) -> str:
    """Who is writing. It names everybody, the reader too: the reader's sheet hides their own name."""
    with variant.active():
        return render_to_string("rooms/_typing.html", {"people": writing, "swap": True})


def look(pk: int, now: Look) -> str:
    """How somebody is shown now, put wherever a room's page shows them, however often."""
    said, shown = f".message[data-author='{pk}']>.who", f"[data-person='{pk}']"
    names = f"{said}>.name,.quoted{shown}>b,.self{shown}>.who>b"
    return render_to_string(
        "stream/look.html",
        {
            "face": _face(pk, now, f"{said}>.face,{shown}>.face,.trash"),
            "names": mark_safe(names),
            "name": now.name,
        },
    )


def alive(version: int) -> str:
    """The heartbeat: a page that is at `version` may trust its socket for a while and stop polling."""
    return render_to_string(
        "stream/alive.html", {"at": _at(range(version, version + 1), "~#watch")}
    )


def gone(slug: str, variant: Variant) -> str:
    """The room is no longer open to whoever reads this."""
    with variant.active():
        return render_to_string("stream/gone.html", {"slug": slug})


def restarting(variant: Variant) -> str:
    """The server ends, and comes back."""
    with variant.active():
        return render_to_string("stream/restarting.html")


def signed_out(variant: Variant) -> str:
    """The session that opened the page has ended; what was typed stays."""
    with variant.active():
        return render_to_string("stream/signed_out.html")


def in_place(row: Row, variant: Variant, *, apart: bool = False) -> str:
    """A message's row put where it stands, whatever the page's cursor: for the page that asked, on which
    it may stand `apart` from the message before it."""
    if apart:
        row = replace(row, continues=False)
    with variant.active():
        return _row(row, f"outerHTML:#messages #m{row.number}")


def fresh_menu(variant: Variant) -> str:
    """An empty one in the place of the one that is open, which so is closed."""
    with variant.active():
        return render_to_string("rooms/_menu_frame.html", {"swap": True})


def history_rows(  # noqa: PLR0917
    shown: SafeString,
    slug: str,
    older: int | None,
    newer: int | None,
    language: str,
    kept_days: int | None = None,
) -> str:
    """A page of the past as rows, with links to what is before and after these numbers, or a line that
    says why there is nothing before them."""
    before = _link("older", slug, older, language, kept_days)
    return before + shown + _link("newer", slug, newer, language)


@lru_cache(maxsize=1_000)
def _link(
    name: str, slug: str, number: int | None, language: str, kept_days: int | None = None
) -> SafeString:
    context = {"slug": slug, name: number, "details": {"kept_days": kept_days}}
    with translation.override(language):
        return render_to_string(f"rooms/_{name}.html", context)


def reconnect(slug: str, variant: Variant) -> str:
    """A new socket in place of one that fell silent, and polling until it speaks."""
    with variant.active():
        return render_to_string("stream/reconnect.html", {"slug": slug})


def seen(digest: str) -> str:
    """Names the people and rooms that the page has been sent."""
    return render_to_string("rooms/_seen.html", {"digest": digest, "swap": True})


@lru_cache(maxsize=2)
def sound(*, streamed: bool = False) -> str:
    """Plays a sound where the browser lets it; `streamed` at the end of the endless page."""
    return render_to_string("stream/sound.html", {"streamed": streamed})


def problem(sentence: str, variant: Variant) -> str:
    """Why what was asked for did not happen, in the page's banner."""
    with variant.active():
        return render_to_string("stream/problem.html", {"sentence": sentence})


def told(sentence: str, variant: Variant) -> str:
    """That what was asked for has happened, in the page's banner, where nothing else shows it."""
    with variant.active():
        return render_to_string("stream/told.html", {"sentence": sentence})


def back(token: str, variant: Variant) -> str:
    """The connection is there again, with the token that forms need now."""
    with variant.active():
        return render_to_string("stream/back.html", {"token": token})


# Answers to the outbox. Each names a form of the page that may be gone: another answer took it away.


def receipt(key: str) -> str:
    """The message of the composer's form was stored: the form goes."""
    return render_to_string("stream/receipt.html", {"key": key})


def refused(
    key: str, error: str, variant: Variant, *, new_key: str = "", seconds: int | None = None
) -> str:
    """It was not stored; the form stays, with what is wrong and with what was typed. Where its key was
    the trouble it is given another; where it came too soon, it is sent again after so many seconds."""
    context = {"key": key, "error": error, "new_key": new_key, "seconds": seconds}
    with variant.active():
        return render_to_string("stream/refused.html", context)


@lru_cache(maxsize=len(settings.LANGUAGES))
def new_line(language: str) -> SafeString:
    """What stands between the messages that a reader had read when they came and the others."""
    with translation.override(language):
        return render_to_string("rooms/_new_line.html")


def behind(unread: int, slug: str, first: int, language: str) -> SafeString:
    """Above a page that does not reach back to the first message that is unread."""
    with translation.override(language):
        return render_to_string(
            "rooms/_behind.html", {"unread": unread, "slug": slug, "first": first}
        )


@lru_cache(maxsize=1_000)
def catch_up_link(unread: int, calls: int, language: str, *, current: bool) -> SafeString:
    """Where all that is unread stands together, of which so many messages call the reader; `current` on
    that page itself."""
    with translation.override(language):
        return render_to_string(
            "_catch_up_link.html", {"unread": unread, "calls": calls, "current": current}
        )


@lru_cache(maxsize=ROWS_KEPT)
def room_item(item: RoomItem, *, current: bool, language: str) -> SafeString:
    """A room in a list of rooms; `current` if the page with the list is in it."""
    with translation.override(language):
        return render_to_string("_room_item.html", {"item": item, "current": current})


@lru_cache(maxsize=1_000)
def tab_title(unread: int, room_name: str, place_name: str, calls: int = 0) -> SafeString:
    """What a room's page is called: with how much is unread in other rooms, or, after an @, how much of
    that calls the reader."""
    return render_to_string(
        "rooms/_tab_title.html",
        {"total": unread, "calls": calls, "room_name": room_name, "place_name": place_name},
    )


@lru_cache(maxsize=200)
def people_list(here: tuple[Person, ...], total: int, slug: str, language: str) -> SafeString:
    """As `people`, for a page that is made with it."""
    return whole_people_list(here, total, slug, language)


def whole_people_list(here: Sequence[Person], total: int, slug: str, language: str) -> SafeString:
    """The same for a page that asked who they all are."""
    with translation.override(language):
        return render_to_string(
            "rooms/_presence.html",
            {"people": here, "many": total > PEOPLE_SHOWN, "slug": slug, "swap": False},
        )


@lru_cache(maxsize=200)
def typing_line(writing: tuple[Person, ...], language: str) -> SafeString:
    """As `typing`, for a page that is made with it."""
    with translation.override(language):
        return render_to_string("rooms/_typing.html", {"people": writing})


@lru_cache(maxsize=1)
def _blank_composer() -> str:
    return render_to_string("rooms/_blank_form.html", {"key": KEY_HERE})


def blank_composers(keys: Iterable[str]) -> SafeString:
    """Empty forms of the composer's pool; they have no words in any language."""
    blank = _blank_composer()
    return mark_safe("".join(blank.replace(KEY_HERE, escape(key)) for key in keys))


def reply_begun(
    slug: str, quote: Quote, form: dict[str, str], urls: dict[str, str], variant: Variant
) -> str:
    """A form of the composer, with `key`, `line` and `lines`, says what it replies to, and takes the
    focus: its field comes anew, with what was typed into it. The files that were chosen stay, and those
    go on that are on their way."""
    context = {"room": {"slug": slug}, "urls": urls, **form, **about_original(quote)}
    with variant.active():
        return render_to_string("stream/reply_begun.html", context)


def suggested_names(found: Sequence[dict[str, Any]], slug: str, key: str, variant: Variant) -> str:
    """Beside the form with that key, the names that may be meant by what its text ends in."""
    with variant.active():
        return render_to_string("rooms/_names.html", {"found": found, "slug": slug, "key": key})


def completed(form: dict[str, Any], urls: dict[str, str], variant: Variant) -> str:
    """The field of a composer's form anew, with the text as it is now; the pressed name's id goes over to
    it, and with that htmx gives it the focus and the place of the caret."""
    with variant.active():
        return render_to_string("stream/completed.html", {"urls": urls, **form})


def blank_forms(keys: Sequence[str], variant: Variant) -> str:
    """New forms for the composer's pool."""
    with variant.active():
        return render_to_string("stream/blank_forms.html", {"keys": keys})
