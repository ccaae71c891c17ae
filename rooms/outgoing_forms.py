"""What somebody decides about an outgoing webhook of their bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import fetch
from .models.hookcursor import Event
from .models.outgoing import ADDRESS_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Room


class OutgoingForm(forms.Form):
    """A new outgoing webhook. `rooms` are those of the bot."""

    address = forms.CharField(
        label=_("Address of your program"),
        max_length=ADDRESS_LENGTH,
        help_text=_("It begins with https://, or with http:// if nobody else is on the way there."),
        widget=forms.URLInput(attrs={"autocomplete": "off", "dir": "ltr", "spellcheck": "false"}),
    )
    event = forms.ChoiceField(
        label=_("What is sent there"),
        choices=Event.choices,
        initial=Event.MENTION,
        widget=forms.RadioSelect,
    )
    rooms = forms.MultipleChoiceField(
        label=_("Every message in these rooms"),
        required=False,
        help_text=_("Only if every message is sent."),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, rooms: Sequence[Room], **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "outgoing_%s", **kwargs})
        field: Any = self.fields["rooms"]
        field.choices = [(str(room.pk), room.name) for room in rooms]

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            fetch.check(address)
        except fetch.FetchPrivate:
            raise ValidationError(
                _("This address is in a private network, where nothing is sent.")
            ) from None
        except fetch.FetchRefused:
            raise ValidationError(
                _(
                    "Give a whole address such as https://example.org/chat, without a name or password"
                    " in it, on one of these ports: %(ports)s."
                ),
                params={"ports": ", ".join(map(str, settings.FETCH_PORTS))},
            ) from None
        return address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        chosen = cleaned.get("rooms") or "rooms" in self.errors
        if cleaned.get("event") == Event.MESSAGE and not chosen:
            self.add_error("rooms", _("Choose at least one room."))
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """As `OutgoingWebhook.make` takes it."""
        said = self.cleaned_data
        return {
            "address": said["address"],
            "event": said["event"],
            "rooms": {int(room) for room in said["rooms"]},
        }
