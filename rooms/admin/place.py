"""The place itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext_lazy

from rooms.forms import NAME_LENGTH, LineField
from rooms.models import Place

from .base import OperatorAdmin
from .site import operators

if TYPE_CHECKING:
    pass


class PlaceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    name = LineField(
        label=gettext_lazy("Name"), max_length=NAME_LENGTH, widget=AdminTextInputWidget
    )

    class Meta:
        model = Place
        fields = [
            "name",
            "sign_up",
            "rooms_by_admins",
            "bots_by_members",
            "link_previews",
            "file_limit",
        ]


@admin.register(Place, site=operators)
class PlaceAdmin(OperatorAdmin):
    form = PlaceForm
    fields = "name", "sign_up", "rooms_by_admins", "bots_by_members", "link_previews", "file_limit"
    editable = fields
    list_display = fields

    def save_model(self, request: Any, obj: Place, form: Any, change: bool) -> None:
        Place.objects.get(pk=obj.pk).change(by=request.user, **form.cleaned_data)
