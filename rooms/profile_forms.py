"""What people tell about themselves, checked."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import emoji
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms import faces
from rooms.forms import LineField, ProfileForm
from rooms.models.profile import (
    ABOUT_LENGTH,
    EMOJI_LENGTH,
    PRONOUNS_LENGTH,
    STATUS_LENGTH,
    Status,
)

if TYPE_CHECKING:
    from rooms.models import Profile

SHORTCODE_LENGTH = 80  # characters; the longest of a single emoji has some 60
PROPOSED = ("🌴", "🏠", "🎧", "🍽️", "☕", "🚲", "📅", "🤒", "🎉", "💤")


class TextField(forms.CharField):
    """Some lines of text, each break one character whatever the browser sends for it."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


class EmojiField(forms.CharField):
    """One emoji, typed as such or as a shortcode; without variation it is taken, too."""

    def clean(self, value: Any) -> Any:
        value = emoji.emojize(super().clean(value), language="alias")
        if value and (not emoji.is_emoji(value) or len(value) > EMOJI_LENGTH):
            raise ValidationError(_("This is not one emoji. Choose one, or write :tea: for 🍵."))
        return value


class PictureForm(forms.Form):
    """A picture to be shown by."""

    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        allow_empty_file=True,  # what is wrong with it is said where all else about it is
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
    )

    def clean(self) -> dict[str, Any]:
        """The picture is looked at last and kept if there is nothing else to mend: then
        `cleaned_data["picture"]` is its version, which is the caller's from there on."""
        super().clean()
        upload = self.cleaned_data.get("picture")
        if upload is None:
            return self.cleaned_data
        if self.errors:
            self.add_error("picture", _("It was not kept yet. Choose it once more."))
            return self.cleaned_data
        try:
            self.cleaned_data["picture"] = faces.made(upload, upload.size)
        except ValidationError as error:
            self.add_error("picture", error)
        return self.cleaned_data


class WholeProfileForm(ProfileForm, PictureForm):
    """How somebody is called and shown, what they tell about themselves, and what they read in."""

    pronouns = LineField(
        label=gettext_lazy("Pronouns"),
        max_length=PRONOUNS_LENGTH,
        required=False,
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("such as they/them"), "autocomplete": "off"}
        ),
    )
    about = TextField(
        label=gettext_lazy("About you"),
        max_length=ABOUT_LENGTH,
        required=False,
        help_text=gettext_lazy("Up to 300 characters, for your card. Addresses become links."),
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )


KEEP = "keep"


class StatusForm(forms.Form):
    """How somebody is just now, and until when. Moments are in the active time zone."""

    emoji = EmojiField(
        label=gettext_lazy("Emoji"),
        max_length=SHORTCODE_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "proposed-emoji"}),
    )
    text = LineField(
        label=gettext_lazy("What others should know"),
        max_length=STATUS_LENGTH,
        required=False,
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("Soldering until four"), "autocomplete": "off"}
        ),
    )
    lasts = forms.ChoiceField(label=gettext_lazy("Take it down"), required=False)
    rests = forms.ChoiceField(
        label=gettext_lazy("Do not disturb"),
        required=False,
        help_text=gettext_lazy("Others see it beside your name."),
    )

    def __init__(self, data: Any = None, *, profile: Profile) -> None:
        self.now = timezone.now()
        self.kept = {"lasts": profile.status_until, "rests": profile.undisturbed_until}
        status = profile.status(self.now)
        if status is None:
            self.kept["lasts"] = None
        if not profile.is_undisturbed(self.now):
            self.kept["rests"] = None
        initial = {
            "emoji": status.emoji if status else "",
            "text": status.text if status else "",
            "lasts": KEEP if self.kept["lasts"] else "",
            "rests": KEEP if self.kept["rests"] else "",
        }
        super().__init__(data, initial=initial)
        spans = [
            ("30", _("In 30 minutes")),
            ("60", _("In an hour")),
            ("240", _("In 4 hours")),
            ("day", _("At the end of today")),
            ("week", _("At the end of this week")),
        ]
        self._choices("lasts", [("", _("When I change it")), *spans])
        self._choices(
            "rests",
            [
                ("", _("No, tell me")),
                ("30", _("For 30 minutes")),
                ("60", _("For an hour")),
                ("240", _("For 4 hours")),
                ("day", _("Until the end of today")),
                ("week", _("Until the end of this week")),
            ],
        )

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        kept, field = self.kept[name], self.fields[name]
        if kept:
            until = date_format(timezone.localtime(kept), _("D j M, H:i"))
            choices.insert(0, (KEEP, _("As it is: until %(moment)s") % {"moment": until}))
        field.choices = choices  # type: ignore[attr-defined]

    @property
    def status(self) -> Status | None:
        emoji, text = self.cleaned_data["emoji"], self.cleaned_data["text"]
        return Status(emoji, text) if emoji or text else None

    def until(self, name: str) -> datetime | None:
        """The moment that was chosen by this field, if one was."""
        chosen = self.cleaned_data[name]
        return self.kept[name] if chosen == KEEP else end_of(chosen, self.now)


def end_of(span: str, now: datetime) -> datetime | None:
    """When that span is over: so many minutes from now, or with the day or the week where one reads."""
    if not span:
        return None
    if span.isdecimal():
        return now + timedelta(minutes=int(span))
    today = timezone.localdate(now)
    days = 1 if span == "day" else 7 - today.weekday()
    zone = timezone.get_current_timezone()
    return datetime.combine(today + timedelta(days=days), time.min, zone)
