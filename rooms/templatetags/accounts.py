"""What the pages about accounts need to know of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.socialaccount.adapter import get_adapter
from django import template
from django.conf import settings

from rooms import forms
from rooms.models.language import languages

if TYPE_CHECKING:
    from allauth.socialaccount.providers.base import Provider
    from django.http import HttpRequest

register = template.Library()

ORDER = ["oidc", "github", "gitlab", "google"]  # a place's own provider first


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


@register.simple_tag
def identity_providers() -> list[Provider]:
    """Those that somebody can sign in by, as the settings name them."""
    found: list[Provider] = get_adapter().list_providers(None)
    return sorted(found, key=lambda provider: ORDER.index(provider.sub_id.partition(":")[0]))


@register.simple_tag
def login_address(provider: Provider, request: HttpRequest) -> str:
    """Where the form leads that begins signing in by the provider."""
    return str(provider.get_login_url(request))
