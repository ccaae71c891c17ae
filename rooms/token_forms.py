"""What somebody decides about a new token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .forms import NAME_LENGTH, LineField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Room

LIFETIMES = {"30": _("30 days"), "90": _("90 days"), "365": _("A year"), "": _("Until I revoke it")}
MOST_ROOMS = 200  # to choose from; whoever has more makes a token for all


class TokenForm(forms.Form):
    """`rooms` are those to choose from."""

    name = LineField(
        label=_("What it is for"),
        max_length=NAME_LENGTH,
        help_text=_("So that you know it again in this list."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[
            ("read", _("Read what I may read")),
            ("write", _("Write, change and join as I may")),
        ],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one of the two.")},
    )
    rooms = forms.MultipleChoiceField(
        label=_("Only in these rooms"),
        required=False,
        help_text=_("In all of yours, and those that are yet to come, if you choose none."),
        widget=forms.CheckboxSelectMultiple,
    )
    lifetime = forms.ChoiceField(
        label=_("How long it is good"),
        choices=list(LIFETIMES.items()),
        initial="90",
        required=False,
    )

    def __init__(self, *args: Any, rooms: Sequence[Room], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rooms = {str(room.pk): room for room in rooms}
        field: Any = self.fields["rooms"]
        field.choices = [(key, room.name) for key, room in self._rooms.items()]

    def wanted(self) -> dict[str, Any]:
        """As `Token.make` takes it."""
        cleaned = self.cleaned_data
        rooms = [self._rooms[key] for key in cleaned["rooms"]]
        days = cleaned["lifetime"]
        return {
            "name": cleaned["name"],
            "may_read": "read" in cleaned["scopes"],
            "may_write": "write" in cleaned["scopes"],
            "rooms": rooms or None,
            "lifetime": timedelta(days=int(days)) if days else None,
        }
