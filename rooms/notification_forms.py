"""What people want to be told, how and when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import Level
from .models.mailing import AFTER
from .models.user import Sound


def _described(name: Any, description: Any) -> str:
    return format_html("{} <small>{}</small>", name, description)


_described_lazy = lazy(_described, str)

LEVELS = {
    Level.EVERYTHING: gettext_lazy("Everything that you have not read is counted."),
    Level.MENTIONS: gettext_lazy(
        "Only what mentions you is counted. A dot says that there is something else."
    ),
    Level.NOTHING: gettext_lazy("No numbers, no sounds, no mail. The room stays in your list."),
    Level.HIDDEN: gettext_lazy(
        "The room leaves your list, and comes back while something in it mentions you."
    ),
}
DIRECT_LEVELS = {
    Level.EVERYTHING: gettext_lazy("Everything that is said here counts like a mention."),
    Level.MENTIONS: gettext_lazy("Only messages that name you are counted."),
    Level.NOTHING: gettext_lazy("No numbers, no sounds, no mail."),
    Level.HIDDEN: gettext_lazy(
        "The conversation leaves your list, and comes back while something in it is new."
    ),
}
DIRECT_HIDDEN = gettext_lazy("Hidden until something is said")


class LevelForm(forms.Form):
    """What somebody is told of one room."""

    level = forms.ChoiceField(
        label=gettext_lazy("What do you want to be told?"), widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, direct: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        described = DIRECT_LEVELS if direct else LEVELS
        names = {level: level.label for level in Level}
        if direct:
            names[Level.HIDDEN] = DIRECT_HIDDEN
        self.fields["level"].choices = [  # type: ignore[attr-defined]
            (level.value, _described_lazy(names[level], description))
            for level, description in described.items()
        ]


MINUTES = {
    0: gettext_lazy("Never"),
    5: gettext_lazy("After 5 minutes"),
    AFTER: gettext_lazy("After 10 minutes"),
    30: gettext_lazy("After half an hour"),
    60: gettext_lazy("After an hour"),
    240: gettext_lazy("After four hours"),
}


class TimeField(forms.TimeField):
    """A time of day, to the minute."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            error_messages={"invalid": gettext_lazy("Write a time such as 22:00.")},
        )


class NotificationsForm(forms.Form):
    """What somebody hears, and what they are sent."""

    sound = forms.ChoiceField(
        label=gettext_lazy("Sound"),
        required=False,
        widget=forms.RadioSelect,
        choices=[("", gettext_lazy("None")), *Sound.choices],
        help_text=gettext_lazy(
            "Pages that you have open play it. A browser may want you to click on a page first."
        ),
    )
    after = forms.TypedChoiceField(
        label=gettext_lazy("Mail about mentions and direct messages"),
        coerce=int,
        choices=list(MINUTES.items()),
        help_text=gettext_lazy(
            "When you had no page open for so long. What came meanwhile is gathered in one mail."
        ),
    )
    quiet_from = TimeField(gettext_lazy("No mail from"))
    quiet_until = TimeField(gettext_lazy("Until"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and (cleaned["quiet_from"] is None) != (cleaned["quiet_until"] is None):
            missing = "quiet_until" if cleaned["quiet_until"] is None else "quiet_from"
            self.add_error(
                missing, ValidationError(_("Give both times, or neither."), code="incomplete")
            )
        return cleaned
