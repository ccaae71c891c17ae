"""allauth's forms for a forgotten password, which tell whoever was banned that there is none to set."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ResetPasswordForm as AllauthResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm as AllauthResetPasswordKeyForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .forms import refuse_banned
from .models import Ban


class ResetPasswordForm(AllauthResetPasswordForm):  # type: ignore[misc]  # allauth is untyped
    def clean_email(self) -> str:
        email = str(super().clean_email())
        refuse_banned(email)
        return email


class ResetPasswordKeyForm(AllauthResetPasswordKeyForm):  # type: ignore[misc]
    """Of a link that was sent before the account was closed."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.user is not None and not self.user.is_active:
            ban = Ban.objects.in_force().filter(user=self.user).first()
            raise ValidationError(ban.sentence if ban else _("This account is closed."))
        return cleaned
