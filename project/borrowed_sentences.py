"""Sentences of Django and allauth that their own catalogues lack in a language of ours, or that say the
same thing in other words than Roomful does. They stand here to be found by `make messages`; nothing uses
them but the libraries themselves, which find ours first.
"""

from django.utils.translation import gettext_noop, ngettext_lazy, pgettext_lazy

SENTENCES = (
    gettext_noop("Email"),
    gettext_noop("Enter a valid email address."),
    gettext_noop("Use authenticator app or code"),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
    # of the site for operators
    gettext_noop("Model name"),
    gettext_noop("Add link"),
    gettext_noop("Change or view list link"),
    gettext_noop("Error:"),
    gettext_noop("enqueued at"),
    gettext_noop("started at"),
    gettext_noop("finished at"),
    gettext_noop("args kwargs"),
    gettext_noop("priority"),
    gettext_noop("task path"),
    gettext_noop("queue name"),
    gettext_noop("backend name"),
    gettext_noop("run after"),
    gettext_noop("return value"),
    gettext_noop("exception class path"),
    gettext_noop("traceback"),
    gettext_noop("Task Result"),
    gettext_noop("Task Results"),
    pgettext_lazy("Task", "Ready"),
    pgettext_lazy("Task", "Running"),
    pgettext_lazy("Task", "Failed"),
    pgettext_lazy("Task", "Successful"),
)
