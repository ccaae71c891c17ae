"""Who has an account, and by what invitation others may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms.forms import display_name_field
from rooms.models import Invitation, Profile, Session, User
from rooms.models import people as verbs

from .base import OperatorAdmin, few
from .site import operators

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


def masked(address: str) -> str:
    """An e-mail address so that only who knows it knows it again: people are told that nobody sees it."""
    name, at, host = address.partition("@")
    return f"{name[:1]}…@{host}" if at else ""


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    display_name = display_name_field()

    class Meta:
        model = User
        fields = ["display_name", "role", "is_active"]


@admin.register(User, site=operators)
class UserAdmin(OperatorAdmin):
    """Password and addresses are their own business; who is an operator, is said on the server's command
    line."""

    form = UserForm
    editable = "display_name", "role", "is_active"
    fields = (
        *("username", "display_name", "role", "is_active", "is_staff", "email_masked"),
        *("rooms", "signed_in", "time_zone", "language", "date_joined", "last_login"),
    )
    list_display = "username", "display_name", "role", "is_active", "is_staff", "date_joined"
    list_filter = "role", "is_active", "is_staff"
    search_fields = "username", "display_name", "=email"
    search_help_text = gettext_lazy("A part of a name, or a whole e-mail address")
    actions = ("sign_out",)

    @admin.display(description=gettext_lazy("e-mail"))
    def email_masked(self, person: User) -> str:
        return masked(person.email)

    @admin.display(description=gettext_lazy("rooms"))
    def rooms(self, person: User) -> int:
        return person.memberships.filter(room__direct=False).count()

    @admin.display(description=gettext_lazy("signed in, times"))
    def signed_in(self, person: User) -> int:
        return person.sessions.count()

    def save_model(self, request: Any, obj: User, form: Any, change: bool) -> None:
        person, wanted = User.objects.get(pk=obj.pk), form.cleaned_data
        if "display_name" in form.changed_data:
            person.change_profile(
                display_name=wanted["display_name"],
                time_zone=person.time_zone,
                language=person.language,
            )
        if "role" in form.changed_data:
            verbs.change_role(person, wanted["role"], by=request.user)
        if "is_active" in form.changed_data:
            verb = verbs.reactivate if wanted["is_active"] else verbs.deactivate
            verb(person, by=request.user)

    @admin.action(description=gettext_lazy("Sign out everywhere"))
    def sign_out(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in few(people):
            Session.end_all(person)
            self.log_change(request, person, "signed out everywhere")


@admin.register(Profile, site=operators)
class ProfileAdmin(OperatorAdmin):
    """What a card says, which everybody here reads: an operator may take out what should not stand
    there."""

    editable = "pronouns", "about"
    fields = "user", "pronouns", "about", "status_emoji", "status_text", "status_until"
    list_display = "user", "pronouns", "about", "status_text"
    list_select_related = ("user",)
    search_fields = "=user__username", "about", "status_text"
    actions = ("clear_status",)

    def save_model(self, request: Any, obj: Profile, form: Any, change: bool) -> None:
        obj.describe(pronouns=form.cleaned_data["pronouns"], about=form.cleaned_data["about"])

    @admin.action(description=gettext_lazy("Clear the status"))
    def clear_status(self, request: HttpRequest, profiles: QuerySet[Profile]) -> None:
        for profile in few(profiles):
            profile.show_status(None, None)
            self.log_change(request, profile, "status cleared")


@admin.register(EmailAddress, site=operators)
class EmailAddressAdmin(OperatorAdmin):
    fields = "user", "address", "verified", "primary"
    list_display = "user", "address", "verified", "primary"
    list_select_related = ("user",)
    list_filter = "verified", "primary"
    search_fields = "=email", "=user__username"
    search_help_text = gettext_lazy("A whole address, or a username")

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        """Django heads its page with what it calls itself, which is the address."""
        found = super().get_object(*args, **kwargs)
        if found is not None:
            found.email = masked(found.email)
        return found

    @admin.display(description=gettext_lazy("address"))
    def address(self, address: EmailAddress) -> str:
        return masked(address.email)


@admin.register(Invitation, site=operators)
class InvitationAdmin(OperatorAdmin):
    """Without their links, which let in whoever has them."""

    fields = (
        *(
            "created_by",
            "created_at",
            "expires_at",
            "state",
            "role",
            "leads_to",
            "used",
            "max_uses",
        ),
        *("note", "revoked_at"),
    )
    list_display = "created_at", "created_by", "role", "used", "max_uses", "expires_at", "state"
    list_select_related = ("created_by",)
    list_filter = "role", ("revoked_at", admin.EmptyFieldListFilter)
    search_fields = "=created_by__username", "note"
    actions = ("revoke",)

    @admin.display(description=gettext_lazy("state"))
    def state(self, invitation: Invitation) -> str:
        ended = invitation.ended
        return str(ended.label) if ended else _("lets people in")

    @admin.display(description=gettext_lazy("rooms"))
    def leads_to(self, invitation: Invitation) -> str:
        return ", ".join(invitation.rooms.order_by("name").values_list("name", flat=True))

    @admin.action(description=gettext_lazy("Revoke"))
    def revoke(self, request: HttpRequest, invitations: QuerySet[Invitation]) -> None:
        for invitation in few(invitations.filter(revoked_at=None)):
            invitation.revoke(by=request.user)
            self.log_change(request, invitation, "revoked")
