"""Somebody new, whom a provider vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.socialaccount.forms import SignupForm
from allauth.socialaccount.internal.flows.signup import redirect_to_signup
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from rooms.forms import NewcomerForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.models import User


class ProviderSignupForm(NewcomerForm, SignupForm):
    """allauth's, with a display name. A password is not needed."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        try:
            user, response = super().try_save(request)
        except IntegrityError:
            account = self.sociallogin.account
            if not SocialAccount.objects.filter(
                provider=account.provider, uid=account.uid
            ).exists():
                raise
            # In another tab, a moment ago.
            messages.info(request, _("You have an account here meanwhile. Sign in with it."))
            return None, redirect("account_login")
        if user is None:
            redirect_to_signup(request, self.sociallogin)  # which was taken as done: it goes on
        return user, response

    def again(self, request: HttpRequest) -> HttpResponse:
        context = {
            "form": self,
            "account": self.sociallogin.account,
            **get_entrance_context_data(request),
        }
        return render(request, "socialaccount/signup.html", context)
