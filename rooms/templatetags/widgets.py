"""Renders a form's input where the template, not the form, knows how it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

if TYPE_CHECKING:
    from django.forms import BoundField
    from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def widget(field: BoundField, **attributes: Any) -> SafeString:
    """The field's own input with these HTML attributes. False leaves one out; an empty value
    changes nothing, so that a template can pass on what it was given itself."""
    given = {
        name.replace("_", "-"): value
        for name, value in attributes.items()
        if value is not None and value != ""
    }
    return field.as_widget(attrs=given)
