"""What somebody decides about a bot of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .forms import NAME_LENGTH, LineField
from .profile_forms import PictureForm
from .token_forms import TokenForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Room


def _name_field(help_text: Any) -> LineField:
    return LineField(
        label=_("Name"),
        max_length=NAME_LENGTH,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class NewBotForm(forms.Form):
    name = _name_field(_("What stands beside its messages. It can be changed later."))


class BotForm(PictureForm):
    name = _name_field(_("What stands beside its messages."))


class BotTokenForm(TokenForm):
    """A token by which a program acts as a bot."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="token_%s", **kwargs)
        fields: dict[str, Any] = self.fields
        fields["scopes"].choices = [
            ("read", _("Read what the bot may read")),
            ("write", _("Write and change as the bot may")),
        ]
        fields["rooms"].help_text = _("In all of the bot’s rooms if you choose none.")


class RoomChoiceForm(forms.Form):
    """One of these rooms: `cleaned_data["room"]` is the room itself."""

    room = forms.ChoiceField(label=_("Room"))

    def __init__(self, *args: Any, rooms: Sequence[Room], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rooms = {str(room.pk): room for room in rooms}
        field: Any = self.fields["room"]
        field.choices = [(key, room.name) for key, room in self._rooms.items()]

    def clean_room(self) -> Room:
        return self._rooms[self.cleaned_data["room"]]


class IncomingForm(RoomChoiceForm):
    """A new incoming webhook."""

    name = LineField(
        label=_("What posts there"),
        max_length=NAME_LENGTH,
        help_text=_("So that you know it again in this list."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    field_order = ("name", "room")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="hook_%s", **kwargs)
