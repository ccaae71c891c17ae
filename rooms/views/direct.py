"""Beginning a direct conversation: choosing whom to talk to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from ..models import Room, TooManyPeople, direct
from .doors import part_reader_required

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..models import User
    from .doors import AuthenticatedHttpRequest

CHOSEN = 100  # people that a form may name; far more than can talk directly, so that it can say so
TEXT_LENGTH = 2_000  # characters; as many people as can talk directly, each with the longest name
DIGITS = 18  # of an id, as many as every database takes


@dataclass
class Choice:
    """Whom the reader has chosen so far, and what they typed of further names."""

    reader: User
    people: list[User]
    text: str
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, reader: User, sent: QueryDict) -> Choice:
        """What a form or an address says. Raises nothing: what makes no sense is left out."""
        ids = [int(each) for each in sent.getlist("person") if _is_id(each)]
        wanted = list(dict.fromkeys(ids))[:CHOSEN]
        found = direct.may_write_to(reader).in_bulk(wanted) if wanted else {}
        text = " ".join(sent.get("names", "").replace("\0", "").split())[:TEXT_LENGTH]
        choice = cls(reader, [found[each] for each in wanted if each in found], text)
        if len(found) < len(wanted):
            choice.errors.append(_("You can no longer write to everybody whom you chose."))
        choice.take(name for name in sent.getlist("with")[:CHOSEN] if "\0" not in name)
        return choice

    @property
    def names(self) -> list[str]:
        """What stands between the commas of the text, each once."""
        names = (name.strip() for name in self.text.split(","))
        return list(dict.fromkeys(name for name in names if name))

    @property
    def wanted(self) -> str:
        """The name that is being typed: the last."""
        return self.text.rpartition(",")[2].strip()

    @property
    def found(self) -> list[User]:
        """Whom it may become."""
        return direct.search(self.reader, self.wanted, without=[each.pk for each in self.people])

    def add(self, person: str) -> None:
        """Choose somebody who was found by the name that is being typed."""
        if _is_id(person):
            self._choose(direct.may_write_to(self.reader).filter(pk=int(person)))
        self.text = self.text.rpartition(",")[0]

    def drop(self, person: str) -> None:
        self.people = [each for each in self.people if str(each.pk) != person]

    def take(self, names: Iterable[str]) -> list[str]:
        """Choose those who are called so. Returns the names that fit nobody or several, and says so."""
        named = direct.named(self.reader, names)
        self._choose(named.people)
        self.errors += [
            _("Several people are called “%(name)s”. Write the username instead.") % {"name": name}
            for name in named.ambiguous
        ]
        self.errors += [
            _("Nobody here is called “%(name)s”. Write a username or the whole name.")
            % {"name": name}
            for name in named.unknown
        ]
        return [*named.ambiguous, *named.unknown]

    def take_text(self) -> None:
        """Choose whom the text names; what of it fits nobody or several stays. The beginning of a name
        is enough for the last one, if it is the beginning of no other's."""
        names, wanted, begun = self.names, self.wanted, []
        if wanted and not direct.named(self.reader, [wanted]).people:
            found = self.found
            if found:
                names.remove(wanted)
            if len(found) == 1:
                self._choose(found)
            elif found:
                begun.append(wanted)
                self.errors.append(
                    _("Several people may be meant by “%(name)s”. Choose one below.")
                    % {"name": wanted}
                )
        names, too_many = names[:CHOSEN], names[CHOSEN:]
        if too_many:
            self.errors += TooManyPeople(direct.MOST).messages
        self.text = ", ".join([*self.take(names), *too_many, *begun])

    def _choose(self, people: Iterable[User]) -> None:
        chosen = {each.pk: each for each in (*self.people, *people)}
        self.people = list(chosen.values())[:CHOSEN]

    def conversation(self) -> Room | None:
        """The one with those who were chosen; None if that cannot be, and `errors` say why."""
        if not self.people and not self.errors:
            self.errors.append(
                _("Choose somebody to write to; or yourself, for notes that nobody else can read.")
            )
        if self.errors:
            return None
        try:
            return Room.direct_with(self.people, by=self.reader)
        except TooManyPeople as refusal:
            self.errors += refusal.messages
            return None

    @property
    def address(self) -> str:
        """Where a browser finds this as a page."""
        query = QueryDict(mutable=True)
        query.setlist("person", [str(each.pk) for each in self.people])
        if self.text:
            query["names"] = self.text
        return f"{reverse('direct-new')}?{query.urlencode()}" if query else reverse("direct-new")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS


@require_http_methods(["GET", "POST"])
@part_reader_required("rooms/_signed_out.html", "#found", swap="innerHTML", status=401)
def new(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Whom to talk to, and then there.

    GET shows whom `person` (ids) and `with` (usernames) name, and who is found by the last of `names`;
    with `part` these alone. POST goes to the conversation with `person` and `names`, or, by its other
    buttons, changes the choice: `add` and `drop` an id, `pick` those who are named, `find` others.
    """
    if request.method == "GET":
        choice = Choice.of(request.user, request.GET)
        if request.htmx and "part" in request.GET:
            return render(request, "rooms/_people_found.html", {"choice": choice})
        return _page(request, choice)
    choice = Choice.of(request.user, request.POST)
    if _changed(choice, request.POST):
        if request.htmx or choice.errors:
            return _page(request, choice)
        return redirect(choice.address)
    choice.take_text()
    room = choice.conversation()
    if room is None:
        return _page(request, choice)
    address = reverse("room", args=[room.slug])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _changed(choice: Choice, sent: QueryDict) -> bool:
    """Do what the form's button asks for, unless that is to go to the conversation."""
    if "add" in sent:
        choice.add(str(sent["add"]))
    elif "drop" in sent:
        choice.drop(str(sent["drop"]))
    elif "pick" in sent and choice.names:
        choice.take_text()
    else:
        return "find" in sent
    return True


def _page(request: AuthenticatedHttpRequest, choice: Choice) -> HttpResponse:
    template = "rooms/_direct_form.html" if request.htmx else "rooms/direct_new.html"
    return render(request, template, {"choice": choice})
