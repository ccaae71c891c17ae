"""The accounts elsewhere that somebody signs in with."""

from __future__ import annotations

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from rooms.models import User


class LastWayIn(ValidationError):
    """Without it nobody could sign in to the account any more."""

    message: str

    def __init__(self) -> None:
        super().__init__(
            _("Without this you could not sign in any more. Choose a password first."),
            code="last_way_in",
        )


def disconnect(account: SocialAccount) -> None:
    """From now on nobody signs in by it. Raises `LastWayIn`."""
    with transaction.atomic():
        # Of two that are taken away at once, the second finds the first gone.
        user = User.objects.select_for_update(no_key=True).get(pk=account.user_id)
        others = SocialAccount.objects.filter(user=user).exclude(pk=account.pk)
        good = {each.sub_id for each in get_adapter().list_providers(None)}
        if not user.has_usable_password() and not others.filter(provider__in=good).exists():
            raise LastWayIn
        account.delete()
