"""Where sign-up, sign-in and their mail, which are allauth's, meet the place and its rooms."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.shortcuts import redirect, render, resolve_url
from django.utils import translation
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from rooms.browsers import note_browser
from rooms.edge import address_of
from rooms.models import Ban, Invitation, Place, Room, Standing, Token, announcements
from rooms.models.invitation import InvitationOver
from rooms.models.language import spoken
from rooms.models.people import lift_bans_that_are_over

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from rooms.forms import SignupForm
    from rooms.models import User

logger = logging.getLogger(__name__)

INVITATION_KEY = "invitation"  # of the session; holds the token that somebody came with

# It stands after an @ in a message, so it ends where the word ends; and it is no e-mail address, so
# that nobody can sign up under the address that somebody else signs in with.
USERNAME = re.compile(r"\w(?:[\w.+-]*\w)?")
RESERVED_USERNAMES = frozenset({"all", "everyone", "here", "room"})

EMAIL_LENGTH = 254  # characters; what an address can have at most, and what the database keeps

# Mail that somebody sits and waits for: they are told when it cannot be sent.
AWAITED_MAIL = frozenset({"account/email/password_reset_key", "account/email/unknown_account"})


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that this visitor came with, if it still lets anybody in."""
    token = request.session.get(INVITATION_KEY)
    valid = Invitation.objects.valid().select_related("created_by")
    return valid.filter(token=token).first() if token else None


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("This address or this password is wrong. Capitals count."),
        "email_taken": _("There is an account with this address already. Sign in with it instead."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
        "too_many_login_attempts": _(
            "Too many tries have failed. Wait five minutes, then try again."
        ),
        "username_password_mismatch": _("This name or this password is wrong. Capitals count."),
        "username_taken": _("Somebody has this username already. Choose another."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        place = Place.objects.first()
        if place is None or place.sign_up == Place.SignUp.CLOSED:
            return False
        if place.sign_up == Place.SignUp.OPEN:
            return True
        # Of an invitation that ended since the form was opened the form itself tells, with what was
        # typed into it; see `save_user`.
        filled_in = request.method == "POST" and INVITATION_KEY in request.session
        return filled_in or invitation_of(request) is not None

    def clean_username(self, username: str, shallow: bool = False) -> str:
        if not USERNAME.fullmatch(username):
            raise ValidationError(
                gettext(
                    "A username may have letters, digits, and . _ + - in between."
                    " Leave everything else out."
                )
            )
        if username.lower() in RESERVED_USERNAMES:
            raise self.validation_error("username_taken")
        return str(super().clean_username(username, shallow))

    def clean_email(self, email: str) -> str:
        # allauth's fields take more than the database does.
        MaxLengthValidator(EMAIL_LENGTH)(email)
        return str(super().clean_email(email))

    def save_user(
        self, request: HttpRequest, user: User, form: SignupForm, commit: bool = True
    ) -> User:
        """The account, in the rooms that it begins in, and the invitation counted. Raises
        `InvitationOver` where one would be needed and is no more."""
        user.display_name = form.cleaned_data.get("display_name", "")
        # Chosen before, where one signs in; a browser's own may be another one's tomorrow.
        user.language = spoken(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME))
        with transaction.atomic():
            invitation = self._used_invitation(request)
            if invitation is not None:
                user.role = invitation.role
            super().save_user(request, user, form, commit)
            self._let_in(user, invitation)
        request.session.pop(INVITATION_KEY, None)
        return user

    @staticmethod
    def _used_invitation(request: HttpRequest) -> Invitation | None:
        invitation = invitation_of(request)
        if invitation is not None:
            invitation.use()
        elif Place.objects.get().sign_up != Place.SignUp.OPEN:
            raise InvitationOver
        return invitation

    @staticmethod
    def _let_in(user: User, invitation: Invitation | None) -> None:
        """Into the oldest room that is open to them, where everybody begins, and those that they were
        invited to."""
        rooms = Room.objects.filter(private=False, archived_at=None)
        first_room = rooms.order_by("pk").first()
        if first_room is not None and Standing.of(user, first_room, None).may_join:
            first_room.join(user)
        if invitation is not None:
            invitation.let_in(user)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        """To the room that they were invited to, else to the one where everybody begins."""
        rooms = Room.objects.filter(memberships__user=request.user.pk)
        room = rooms.order_by("memberships__joined_at", "memberships__pk").last()
        return resolve_url("room", room.slug) if room is not None else resolve_url("rooms")

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Whoever followed an invitation, and has an account after all, goes on to its rooms."""
        token = request.session.get(INVITATION_KEY)
        return (
            resolve_url("invited", token) if token else str(super().get_login_redirect_url(request))
        )

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Whose ban has just ended need not wait for a worker to find out."""
        super().pre_authenticate(request, **credentials)
        lift_bans_that_are_over()

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Whoever has the password is told what became of the account."""
        ban = Ban.objects.in_force().filter(user=user).first()
        if ban is None:
            return redirect("account_inactive")
        return render(request, "account/banned.html", {"sentence": ban.sentence}, status=403)

    def get_logout_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        return resolve_url("account_login")

    def respond_signup_form(self, request: HttpRequest, form: SignupForm) -> HttpResponse:
        """The sign-up page once more, with what was typed and what is wrong with it."""
        return render(
            request,
            "account/signup.html",
            {"form": form, **get_entrance_context_data(request)},
        )

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        user.note_language(get_language())
        note_browser(request)
        session: Any = request.session
        session.address = address_of(request)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not again of whoever signed in a moment ago: they have just shown who they are."""
        request = allauth_context.request
        last = max(
            (each["at"] for each in get_authentication_records(request, request.user)), default=0
        )
        if time.time() - last < account_settings.REAUTHENTICATION_TIMEOUT:
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def logout(self, request: HttpRequest) -> None:
        session_key = request.session.session_key
        super().logout(request)
        if session_key:
            announcements.session_ended(session_key)

    def set_password(self, user: User, password: str) -> None:
        """Every session but the present one is void with it, and what they have open closes; the
        pages of the present one notice that they may go on."""
        with transaction.atomic():
            super().set_password(user, password)
            user.sessions.all().delete()
            Token.password_changed(user)
            announcements.access_ended([user.pk])

    def format_email_subject(self, subject: str) -> str:
        place = Place.objects.first()
        return f"{place.name if place else 'Roomful'}: {subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of whom it is for, if they chose one. A mail server that does not answer fails
        nothing but the mail."""
        user = context.get("user")
        language = spoken(user.language) if user is not None else ""
        try:
            with translation.override(language or get_language()):
                super().send_mail(
                    template_prefix, email, {**context, "place": Place.objects.first()}
                )
        except OSError as error:  # what smtplib raises is one, too
            logger.error("mail %s not sent: %s: %s", template_prefix, type(error).__name__, error)  # noqa: TRY400
            if template_prefix in AWAITED_MAIL:
                request = allauth_context.request
                messages.error(
                    request,
                    gettext(
                        "The mail could not be sent. Try again later, or ask whoever runs this."
                    ),
                )
                raise ImmediateHttpResponse(redirect(request.path)) from error
