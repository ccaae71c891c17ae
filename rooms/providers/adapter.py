"""What becomes here of somebody whom a provider knows.

An address is never a way into an account. A provider may say of anybody that an address is theirs, and
an account here may have been made with an address that its maker does not own. So an account elsewhere
signs in to the account here that it was connected to by somebody who was signed in to that, and to no
other; whoever comes with an address that is in use here is told how to connect the two.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from allauth.account.internal.userkit import filter_users_by_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.conf import settings
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from rooms.adapter import RESERVED_USERNAMES, USERNAME, AccountAdapter
from rooms.forms import NAME_LENGTH, USERNAME_LENGTH
from rooms.models import User
from rooms.models.ban import ban_of_address
from rooms.models.people import lift_bans_that_are_over

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialLogin
    from allauth.socialaccount.providers.base import Provider
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

# What is kept of all that a provider tells: enough to tell one's accounts apart.
KEPT = ("email", "login", "name", "preferred_username")
KEPT_LENGTH = 200  # characters of each
CONFLICT = 409


def _clean(said: Any) -> str:
    """One line without what nobody can see, whatever it was."""
    text = said if isinstance(said, str) else ""
    unseen = {"Cc", "Cs", "Cn", "Co"}
    visible = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in unseen)
    return " ".join(visible.split())[:KEPT_LENGTH]


def free_username(*wishes: str) -> str:
    """The first of the wishes that makes a username, with a number if somebody has it already; ""
    if none does."""
    for wish in wishes:
        base = re.sub(r"[^\w.+-]+", ".", wish.partition("@")[0]).strip("._+-")[:USERNAME_LENGTH]
        base = base.strip("._+-")
        if not USERNAME.fullmatch(base):
            continue
        begin = base[: USERNAME_LENGTH - 4]
        names = User.objects.filter(username__istartswith=begin).values_list("username", flat=True)
        taken = RESERVED_USERNAMES | {name.lower() for name in names}
        if base.lower() not in taken:
            return base
        for number in range(2, 1_000):
            if f"{begin}{number}".lower() not in taken:
                return f"{begin}{number}"
    return ""


class ProviderAdapter(DefaultSocialAccountAdapter):
    error_messages = {
        **DefaultSocialAccountAdapter.error_messages,
        "email_taken": _(
            "There is an account with this address already. Sign in to it, then connect your"
            " account at %s in your settings. Or leave the address out."
        ),
    }

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Those of the settings alone; allauth would ask the database as well."""
        apps = [
            SocialApp(**{"provider": kind, **app})
            for kind, its_settings in settings.SOCIALACCOUNT_PROVIDERS.items()
            for app in its_settings["APPS"]
        ]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id)
            and client_id in (None, app.client_id)
        ]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return AccountAdapter(request).is_open_for_signup(request)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:
        """What somebody new could be called here; and of what the provider told, only that is kept by
        which they recognise the account."""
        user: User = super().populate_user(request, sociallogin, data)
        told = sociallogin.account.extra_data
        told = told.get("userinfo", told)
        kept = {name: _clean(told.get(name)) for name in KEPT}
        sociallogin.account.extra_data = {name: value for name, value in kept.items() if value}
        user.username = _clean(data.get("username"))
        user.display_name = _clean(data.get("name"))[:NAME_LENGTH]
        user.first_name = user.last_name = ""
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Whoever shows that an address is theirs learns that there is an account with it, and how to
        connect the two."""
        lift_bans_that_are_over()
        if sociallogin.is_existing:
            sociallogin.user.refresh_from_db(fields=["is_active"])
            return
        if sociallogin.state.get("process") != "login":
            return
        for address in sociallogin.email_addresses:
            if address.verified and (ban := ban_of_address(address.email)) is not None:
                context = {"sentence": ban.sentence}
                raise ImmediateHttpResponse(
                    render(request, "account/banned.html", context, status=403)
                )
            if address.verified and filter_users_by_email(address.email):
                context = {"email": address.email, "provider": sociallogin.provider}
                page = render(request, "socialaccount/email_taken.html", context, status=CONFLICT)
                raise ImmediateHttpResponse(page)

    def get_signup_form_initial_data(self, sociallogin: SocialLogin) -> dict[str, str]:
        user: Any = sociallogin.user
        # An address that the provider does not vouch for may be anybody's.
        email = next((each.email for each in sociallogin.email_addresses if each.verified), "")
        name = user.display_name
        return {
            "username": free_username(user.username, email, name),
            "display_name": name,
            "email": email,
        }

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """With the address that was chosen, which is verified if the provider says so of just that."""
        chosen = form.cleaned_data.get("email", "").lower()
        sociallogin.email_addresses = [
            each for each in sociallogin.email_addresses if each.email.lower() == chosen
        ]
        saved: User = super().save_user(request, sociallogin, form)
        return saved

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """The visitor is told that it did not work, whoever runs the place why. What a provider answers
        may have secrets in it, and is long."""
        if exception is not None:
            reason = f"{type(exception).__name__}: {str(exception)[:KEPT_LENGTH]}"
            logger.warning("signing in by %s failed: %s", provider.sub_id, reason)


def known_as(account: SocialAccount) -> str:
    """By what somebody recognises their account elsewhere."""
    told = account.extra_data if isinstance(account.extra_data, dict) else {}
    names = ("login", "preferred_username", "email", "name")
    return next((told[name] for name in names if told.get(name)), "")
