"""Who comes in, and how: by the place's own sign-in, with its rate limits, and by no other."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from rooms.models import User
from rooms.models.permissions import may_operate

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class OperatorSite(AdminSite):
    site_header = _("Roomful for operators")
    site_title = _("Roomful for operators")
    index_title = _("What there is")
    site_url = "/rooms/"

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and may_operate(request.user)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """For whoever is signed in and no operator there is no such page."""
        guarded = super().admin_view(view, cacheable)

        def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not self.has_permission(request):
                raise Http404
            answer: HttpResponseBase = guarded(request, *args, **kwargs)
            return answer

        return update_wrapper(enter, view)

    # The place's own pages instead of three of Django's

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect_to_login(reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")


operators = OperatorSite(name="admin")
