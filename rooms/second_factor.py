"""The second factor: a code out of an app (TOTP, RFC 6238), or one of a few that were written down.

allauth has the pages, what is stored, and the step between a password and being signed in. Here a
code counts once: allauth forgets after half a minute which were used, and in the memory of one process.
"""

from __future__ import annotations

import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import segno
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base import forms as base
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from rooms.models import Place, second_factor
from rooms.sealing import SecretLost, seal, unseal

if TYPE_CHECKING:
    from rooms.models import User

STEP = 30  # seconds that a code is shown for
DRIFT = 1  # steps that somebody's clock may be off, or that they may take to type
PURPOSE = "second factor"
CODE_LENGTH = 50  # characters; who types more types no code


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _("This place wants a second factor of you, so it stays."),
        "incorrect_code": _(
            "This code is wrong, or was used already. Wait until your app shows the next one."
        ),
        "secret_lost": _(
            "Your second factor cannot be read any more. Ask an owner of this place to take it away."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Whoever gets hold of the database alone cannot make codes of what is in it."""
        return seal(PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises `SecretLost`."""
        return unseal(PURPOSE, encrypted_text)

    def get_totp_issuer(self) -> str:
        place = Place.objects.first()
        return place.name if place else "Roomful"

    def get_totp_label(self, user: User) -> str:
        return user.username

    def build_totp_svg(self, url: str) -> str:
        image = BytesIO()
        segno.make(url, micro=False).save(
            image, kind="svg", border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
        )
        return image.getvalue().decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not second_factor.is_bound(authenticator.user)


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def step_of(secret: str, code: str) -> int | None:
    """The step, counted from 1970, that the code belongs to, if it is near."""
    code = "".join(code.split())
    current = now() // STEP
    for step in range(current - DRIFT, current + DRIFT + 1):
        if auth.compare_user_code(
            actual=code, expected=auth.format_hotp_value(auth.hotp_value(secret, step))
        ):
            return step
    return None


def use_code(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is one of this app, and newer than the last that was used. Raises `SecretLost`."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        step = step_of(get_adapter().decrypt(row.data["secret"]), code)
        if step is None or step <= row.data.get("step", -1):
            return False
        row.data["step"] = step
        row.save(update_fields=["data"])
    return True


def begin_with(user: User, step: int) -> None:
    """The code of this step was used already, to set it up."""
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update()
        row = rows.get(user=user, type=Authenticator.Type.TOTP)
        row.data["step"] = step
        row.save(update_fields=["data"])


def _is_right(authenticator: Authenticator, code: str) -> bool:
    if authenticator.type == Authenticator.Type.TOTP:
        return use_code(authenticator, code)
    return bool(authenticator.wrap().validate_code("".join(code.split())))


class _CodeForm(base.BaseAuthenticateForm):
    """Checks a code once it is one that could be; `user` is whose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code(self.fields["code"], _("Out of your app, or one of your recovery codes."))

    def clean_code(self) -> str:
        clear = check_rate_limit(self.user)
        code = str(self.cleaned_data["code"])
        try:
            for authenticator in Authenticator.objects.filter(user=self.user).order_by("-type"):
                if _is_right(authenticator, code):
                    authenticator.user = self.user
                    self.authenticator = authenticator
                    clear()
                    return code
        except SecretLost:
            raise get_adapter().validation_error("secret_lost") from None
        raise get_adapter().validation_error("incorrect_code")


class SignInForm(_CodeForm, base.AuthenticateForm):
    """Between the password and being signed in."""


class ReauthenticationForm(_CodeForm, base.ReauthenticateForm):
    """Before something that protects the account."""


class ActivationForm(ActivateTOTPForm):
    """The first code shows that the app has the secret, and is used by that."""

    step: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Not allauth's, which makes a new secret with every look at the page: the app may have the one
        # that it showed before.
        self.user = kwargs.pop("user")
        super(ActivateTOTPForm, self).__init__(*args, **kwargs)
        self.secret = auth.get_totp_secret()
        _as_code(self.fields["code"], _("Six digits; they change every half a minute."))

    def clean_code(self) -> str:
        validate_can_add_authenticator(self.user)
        clear = check_rate_limit(self.user)
        code = str(self.cleaned_data["code"])
        step = step_of(self.secret, code)
        if step is None:
            raise ValidationError(
                _("This code is not the one. Does the clock of your telephone show the right time?")
            )
        clear()
        self.step = step
        return code


def _as_code(field: Any, help_text: Any) -> None:
    field.max_length = CODE_LENGTH
    field.label, field.help_text = _("Code"), help_text
    field.widget.attrs = {
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "maxlength": str(CODE_LENGTH),
    }
