"""What the pages about accounts need to know of the settings."""

from __future__ import annotations

from django import template
from django.conf import settings

from rooms import forms
from rooms.models.language import languages

register = template.Library()


@register.simple_tag
def password_help() -> str:
    """How a new password must be, in a sentence."""
    return forms.password_help()


# Unlike Django's own tag, which names languages in the one that the page is in: nobody looks for
# theirs under another's name.
register.simple_tag(languages, name="languages")


@register.simple_tag
def mail_is_sent() -> bool:
    """False where mail is only written to the log, because nobody named a server for it."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")
