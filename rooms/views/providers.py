"""The way to a provider of identities and back, and the accounts there that one has connected."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from requests import RequestException

from rooms.providers import connections as verbs
from rooms.providers.adapter import known_as
from rooms.providers.openid import GitHubAdapter, OpenIDAdapter, nonsense_refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.models import User
    from rooms.views.doors import AuthenticatedHttpRequest

# Those that the settings named once, and no longer.
NAMES = {"github": "GitHub", "gitlab": "GitLab", "google": "Google"}


def _provider_or_404(request: HttpRequest, name: str) -> Any:
    """The provider that the address names, if it is configured."""
    wanted = "github" if name == "github" else "openid_connect"
    for app in get_adapter().list_apps(request, provider=wanted):
        if name in (app.provider_id, wanted if wanted == "github" else None):
            return app.get_provider(request)
    raise Http404


@never_cache
@require_http_methods(["GET", "POST"])
def go(request: HttpRequest, name: str) -> HttpResponse:
    """To the provider, which has to be asked for by a form: by a mere link somebody else could have a
    visitor signed in.

    The answer is a page that leads on, not a redirect. A browser holds every redirect that a form ends
    up with against the page's Content-Security-Policy, and where a provider sends its visitors on to
    nobody here knows.
    """
    provider = _provider_or_404(request, name)
    process = AuthProcess.LOGIN
    if "connect" in (request.POST.get("process"), request.GET.get("process")):
        process = AuthProcess.CONNECT
    next_url = get_next_redirect_url(request)
    if request.method != "POST":
        context = {"provider": provider, "process": process, "next": next_url}
        return render(request, "socialaccount/login.html", context)
    if process == AuthProcess.CONNECT:
        if not request.user.is_authenticated:
            return redirect("account_login")
        raise_if_reauthentication_required(request, app="allauth.socialaccount")
    # What an OpenID provider signs together with who it is, so that no other answer will do.
    question = {} if name == "github" else {"nonce": secrets.token_urlsafe(24)}
    try:
        with nonsense_refused():
            answer: HttpResponse = provider.redirect(
                request,
                process,
                next_url=next_url,
                auth_params={**provider.get_auth_params(), **question},
                **question,  # kept with the state
            )
    except (OAuth2Error, RequestException) as error:
        return _failed(request, provider, error)
    if not isinstance(answer, HttpResponseRedirect):
        return answer
    context = {"provider": provider, "address": answer.url}
    return render(request, "socialaccount/go.html", context)


class Return(OAuth2CallbackView):
    """allauth's, which tells what checks the token what it is to answer."""

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, response = super()._get_state(request, provider)
        if state is not None:
            self.adapter.nonce = state.get("nonce", "")
        return state, response


@never_cache
@require_GET
def back(request: HttpRequest, name: str) -> HttpResponse:
    """Where the provider sends its visitors back to."""
    provider = _provider_or_404(request, name)
    if request.GET.get("error") == "access_denied":  # with which some say nothing else
        return redirect("socialaccount_login_cancelled")
    adapter = GitHubAdapter(request) if name == "github" else OpenIDAdapter(request, name)
    try:
        response: HttpResponse = Return.adapter_view(adapter)(request)
    except (OAuth2Error, RequestException) as error:
        return _failed(request, provider, error)
    return response


def _failed(request: HttpRequest, provider: Any, error: Exception) -> HttpResponse:
    response: HttpResponse = render_authentication_error(
        request, provider, exception=error, extra_context=get_entrance_context_data(request)
    )
    return response


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def connections(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The accounts elsewhere that the reader signs in with, to be connected and disconnected."""
    if request.method == "POST":
        wanted = request.POST.get("account", "")
        known = wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18
        mine = SocialAccount.objects.filter(user=request.user)
        account = get_object_or_404(mine, pk=wanted if known else None)
        raise_if_reauthentication_required(request, app="allauth.socialaccount")
        return _disconnect(request, account)
    return _shown(request)


def _disconnect(request: AuthenticatedHttpRequest, account: SocialAccount) -> HttpResponse:
    try:
        verbs.disconnect(account)
    except verbs.LastWayIn as refusal:
        return _shown(request, refusal.message, status=409)
    messages.success(request, _("It is disconnected."))
    return redirect("socialaccount_connections")


def _shown(request: AuthenticatedHttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    user: User = request.user
    providers = {each.sub_id: each for each in get_adapter().list_providers(request)}
    accounts = [
        {
            "pk": account.pk,
            "kind": account.provider.partition(":")[0],
            "provider": providers[account.provider].name if account.provider in providers else "",
            "called": NAMES.get(account.provider.partition(":")[0], ""),
            "known_as": known_as(account),
            "used": account.last_login,
        }
        for account in SocialAccount.objects.filter(user=user).order_by("date_joined", "pk")
    ]
    connected = {each["kind"] for each in accounts}
    context = {
        "accounts": accounts,
        "others": [
            each for name, each in providers.items() if name.partition(":")[0] not in connected
        ],
        "error": error,
        "has_password": user.has_usable_password(),
    }
    return render(request, "socialaccount/connections.html", context, status=status)
