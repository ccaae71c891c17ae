"""Sentences of Django and allauth that their own catalogues lack in a language of ours, or that say the
same thing in other words than Roomful does. They stand here to be found by `make messages`; nothing uses
them but the libraries themselves, which find ours first.
"""

from django.utils.translation import gettext_noop, ngettext_lazy

SENTENCES = (
    gettext_noop("Email"),
    gettext_noop("Enter a valid email address."),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)
