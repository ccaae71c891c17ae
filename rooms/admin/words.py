"""What models and their fields are called on the site for operators.

Django calls them by their names in the code, which no translator ever sees. The words stand here to be
found by `make messages`, and what is called by its name in the code is called by the word for it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy

MODELS = {
    "attachment": (gettext_lazy("uploaded file"), gettext_lazy("uploaded files")),
    "auditentry": (gettext_lazy("decision"), gettext_lazy("decisions")),
    "ban": (gettext_lazy("ban"), gettext_lazy("bans")),
    "chore": (gettext_lazy("chore"), gettext_lazy("chores")),
    "invitation": (gettext_lazy("invitation"), gettext_lazy("invitations")),
    "linkpreview": (gettext_lazy("link preview"), gettext_lazy("link previews")),
    "membership": (gettext_lazy("membership"), gettext_lazy("memberships")),
    "message": (gettext_lazy("message"), gettext_lazy("messages")),
    "place": (gettext_lazy("place"), gettext_lazy("places")),
    "profile": (gettext_lazy("profile"), gettext_lazy("profiles")),
    "restriction": (gettext_lazy("restriction"), gettext_lazy("restrictions")),
    "room": (gettext_lazy("room"), gettext_lazy("rooms")),
    "token": (gettext_lazy("token"), gettext_lazy("tokens")),
}
FIELDS = (
    gettext_lazy("archived at"),
    gettext_lazy("at"),
    gettext_lazy("author"),
    gettext_lazy("banned at"),
    gettext_lazy("banned by"),
    gettext_lazy("by"),
    gettext_lazy("bytes"),
    gettext_lazy("created at"),
    gettext_lazy("created by"),
    gettext_lazy("deleted at"),
    gettext_lazy("due at"),
    gettext_lazy("edited at"),
    gettext_lazy("expires at"),
    gettext_lazy("fetched at"),
    gettext_lazy("height"),
    gettext_lazy("joined at"),
    gettext_lazy("kind"),
    gettext_lazy("last at"),
    gettext_lazy("last number"),
    gettext_lazy("last used at"),
    gettext_lazy("limited"),
    gettext_lazy("made by"),
    gettext_lazy("may read"),
    gettext_lazy("may write"),
    gettext_lazy("muted by"),
    gettext_lazy("muted until"),
    gettext_lazy("name"),
    gettext_lazy("number"),
    gettext_lazy("pinned at"),
    gettext_lazy("pins"),
    gettext_lazy("reason"),
    gettext_lazy("replies"),
    gettext_lazy("revoked at"),
    gettext_lazy("role"),
    gettext_lazy("room"),
    gettext_lazy("size"),
    gettext_lazy("slug"),
    gettext_lazy("status emoji"),
    gettext_lazy("status until"),
    gettext_lazy("type"),
    gettext_lazy("until"),
    gettext_lazy("user"),
    gettext_lazy("version"),
    gettext_lazy("whom"),
    gettext_lazy("width"),
)


def called() -> None:
    """Gives models and fields their words. Migrations, which keep what the code says, do not see it."""
    words = {str(word): word for word in FIELDS}
    for model in apps.get_app_config("rooms").get_models():
        about: Any = model._meta
        if about.model_name in MODELS:
            about.verbose_name, about.verbose_name_plural = MODELS[about.model_name]
        for field in about.fields:
            if field._verbose_name is None:  # noqa: SLF001  # what the code says of it
                field.verbose_name = words.get(field.verbose_name, field.verbose_name)
