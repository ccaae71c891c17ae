"""What moderators fill in, and who reports something to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .forms import LineField
from .models.audit import REASON_LENGTH, Kind
from .models.restriction import UNTIL_LIFTED


def reason_field(*, required: bool = False, help_text: Any = "") -> LineField:
    return LineField(
        label=_("Why"),
        max_length=REASON_LENGTH,
        required=required,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )


class MuteForm(forms.Form):
    """How long somebody may not write in a room."""

    LENGTHS = {
        "minutes": timedelta(minutes=10),
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
        "lifted": None,
    }

    length = forms.ChoiceField(
        label=_("They can read, but not write"),
        choices=[
            ("minutes", _("For 10 minutes")),
            ("hour", _("For an hour")),
            ("day", _("For a day")),
            ("lifted", _("Until somebody lifts it")),
        ],
        initial="minutes",
        widget=forms.RadioSelect,
    )
    reason = reason_field(help_text=_("They are shown it. May be left empty."))

    @property
    def until(self) -> datetime:
        length = self.LENGTHS[self.cleaned_data["length"]]
        return UNTIL_LIFTED if length is None else timezone.now() + length


class RemovalForm(forms.Form):
    """Ending somebody's membership of a room."""

    keep_out = forms.BooleanField(
        label=_("They may not come back"),
        required=False,
        help_text=_("Neither by themselves nor by an invitation, until a moderator lets them."),
    )
    reason = reason_field(help_text=_("May be left empty."))


class BanForm(forms.Form):
    """How long nobody signs in to an account."""

    LENGTHS = {
        "day": timedelta(days=1),
        "week": timedelta(days=7),
        "month": timedelta(days=30),
        "good": None,
    }

    length = forms.ChoiceField(
        label=_("How long"),
        choices=[
            ("day", _("A day")),
            ("week", _("A week")),
            ("month", _("A month")),
            ("good", _("For good")),
        ],
        initial="week",
        widget=forms.RadioSelect,
    )
    reason = reason_field(help_text=_("Whoever tries to sign in is shown it. May be left empty."))
    messages = forms.BooleanField(
        label=_("Remove everything that they wrote in the last day"),
        required=False,
        help_text=_("In every room, direct conversations included. It cannot be brought back."),
    )

    @property
    def until(self) -> datetime | None:
        length = self.LENGTHS[self.cleaned_data["length"]]
        return None if length is None else timezone.now() + length


class ReportForm(forms.Form):
    """What is wrong with a message."""

    reason = reason_field(
        required=True, help_text=_("Only those who decide read it. Up to 200 characters.")
    )


class AuditForm(forms.Form):
    """Which decisions to show."""

    kind = forms.ChoiceField(
        label=_("What"), choices=[("", _("Everything")), *Kind.choices], required=False
    )
    person = LineField(
        label=_("Who or whom"),
        max_length=150,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
