"""Forms about what is kept here, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models.retention import FOR_EVER, MOST_DAYS

if TYPE_CHECKING:
    from .models import Place, Room

AS_PLACE, EVER, DAYS = "place", "ever", "days"


def _days_field() -> forms.IntegerField:
    return forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "class": "mid"}),
    )


class _KeepingForm(forms.Form):
    """How long messages are kept; what that removes has to be agreed to."""

    keep = forms.ChoiceField(label=gettext_lazy("Messages are kept"), widget=forms.RadioSelect)
    days = _days_field()
    agreed = forms.BooleanField(
        label=gettext_lazy("Remove older messages"),
        required=False,
        help_text=gettext_lazy(
            "With their files, for everybody and for ever. It begins at once, and nothing brings them"
            " back."
        ),
    )

    def _choose(self, choices: list[tuple[str, Any]]) -> None:
        field: Any = self.fields["keep"]
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        super().clean()
        keep, days = self.cleaned_data.get("keep"), self.cleaned_data.get("days")
        if keep == DAYS and days is None and "days" not in self.errors:
            self.add_error("days", _("How many days? Write a number, such as 90."))
        elif keep is not None and not self.errors:
            removes = self.days_then()
            kept = self.initial.get("in_force")
            if removes and (not kept or removes < kept) and not self.cleaned_data.get("agreed"):
                self.add_error(
                    "agreed",
                    _(
                        "Messages older than %(days)s days will be removed. Tick this if you mean it."
                    )
                    % {"days": removes},
                )
        return self.cleaned_data

    def days_then(self) -> int | None:
        """After how many days messages go then, None for never."""
        raise NotImplementedError


class RoomKeepingForm(_KeepingForm):
    """Of one room."""

    def __init__(self, data: Any, room: Room, place: Place) -> None:
        keep = AS_PLACE if room.keep_days is None else DAYS if room.keep_days else EVER
        initial = {"keep": keep, "days": room.keep_days or None, "in_force": room.kept_days}
        super().__init__(data, initial=initial)
        self.place = place
        of_place = (
            _("As everywhere in this place: %(days)s days") % {"days": place.keep_days}
            if place.keep_days
            else _("As everywhere in this place: for ever")
        )
        self._choose([(AS_PLACE, of_place), (EVER, _("For ever")), (DAYS, _("For so many days:"))])

    def days_then(self) -> int | None:
        keep = self.cleaned_data["keep"]
        return {AS_PLACE: self.place.keep_days, EVER: None}.get(keep, self.cleaned_data["days"])

    def rule(self) -> int | None:
        """What `retention.change_rule` takes."""
        keep = self.cleaned_data["keep"]
        return {AS_PLACE: None, EVER: FOR_EVER}.get(keep, self.cleaned_data["days"])


class PlaceKeepingForm(_KeepingForm):
    """Of rooms without a rule of their own; and what becomes of the messages of who leaves."""

    deleted = forms.ChoiceField(
        label=gettext_lazy("When somebody deletes their account, what they wrote"),
        choices=[
            ("keep", gettext_lazy("stays, by “Deleted account”")),
            ("remove", gettext_lazy("is removed everywhere")),
        ],
        required=False,  # what a form does not say stays as it is
        widget=forms.RadioSelect,
        help_text=gettext_lazy("It holds for accounts that are deleted from now on."),
    )

    def __init__(self, data: Any, place: Place) -> None:
        initial = {
            "keep": DAYS if place.keep_days else EVER,
            "days": place.keep_days,
            "in_force": place.keep_days,
            "deleted": "remove" if place.removes_messages else "keep",
        }
        super().__init__(data, initial=initial)
        self._choose([(EVER, _("For ever")), (DAYS, _("For so many days:"))])

    def days_then(self) -> int | None:
        days: int | None = self.cleaned_data["days"]
        return days if self.cleaned_data["keep"] == DAYS else None


class DeleteAccountForm(forms.Form):
    """That somebody means just this account."""

    username = forms.CharField(
        label=gettext_lazy("Username"),
        max_length=150,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "class": "mid",
            }
        ),
    )

    def __init__(self, data: Any, username: str) -> None:
        super().__init__(data)
        self.wanted = username

    def clean_username(self) -> str:
        if self.cleaned_data["username"].strip().removeprefix("@") != self.wanted:
            raise ValidationError(
                _("Write “%(username)s”, so that no other account is deleted by mistake."),
                params={"username": self.wanted},
            )
        return self.wanted
