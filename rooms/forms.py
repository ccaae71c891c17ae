"""What people type into forms, checked. What a form keeps is one line where one line is meant."""

from __future__ import annotations

import unicodedata
import zoneinfo
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    get_default_password_validators,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from rooms.adapter import EMAIL_LENGTH
from rooms.models import Place, Role, Room, User
from rooms.models.ban import ban_of_address
from rooms.models.invitation import LIFETIME, InvitationOver
from rooms.models.permissions import may_arrange_bot
from rooms.models.second_factor import Requirement
from rooms.models.user import Scheme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

USERNAME_LENGTH = 30  # characters; Django's 150 would fill a line of the room's list of people
NAME_LENGTH = 60  # of a room, a place, a person
TOPIC_LENGTH = 200

# Continents and oceans of the time zone database. Its other names are kept for old systems only.
REGIONS = (
    gettext_noop("Africa"),
    gettext_noop("America"),
    gettext_noop("Antarctica"),
    gettext_noop("Arctic"),
    gettext_noop("Asia"),
    gettext_noop("Atlantic"),
    gettext_noop("Australia"),
    gettext_noop("Europe"),
    gettext_noop("Indian"),
    gettext_noop("Pacific"),
)


def password_help() -> str:
    """How a password must be, in a sentence. Whatever else is asked of it is said when it fails."""
    shortest = max(
        (
            validator.min_length
            for validator in get_default_password_validators()
            if isinstance(validator, MinimumLengthValidator)
        ),
        default=1,
    )
    return ngettext(
        "At least %(count)s character. A few words in a row are fine.",
        "At least %(count)s characters. A few words in a row are fine.",
        shortest,
    ) % {"count": shortest}


_password_help = lazy(password_help, str)


def _described(name: Any, description: Any) -> SafeString:
    return format_html("{} <small>{}</small>", name, description)


_described_lazy = lazy(_described, str)


class LineField(forms.CharField):
    """One line of text with something to see in it. White space in a row counts as one space."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return " ".join(value.split()) if isinstance(value, str) else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        # Separators, controls and formatting only: a name that nobody could see or click.
        if value and all(unicodedata.category(letter)[0] in "ZC" for letter in value):
            raise ValidationError(_("There is nothing to see in this. Write some letters."))


class UsernameField(forms.CharField):
    """A new account's username; the rules are `AccountAdapter.clean_username`'s."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Username"),
            max_length=USERNAME_LENGTH,
            help_text=gettext_lazy("You sign in with it. Letters, digits, and . _ + - in between."),
            widget=forms.TextInput(
                attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
            ),
        )

    def clean(self, value: Any) -> Any:
        return get_adapter().clean_username(super().clean(value))


def display_name_field() -> LineField:
    return LineField(
        label=gettext_lazy("Display name"),
        max_length=NAME_LENGTH,
        required=False,
        help_text=gettext_lazy("What others see. Your username if you leave it empty."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


def sign_up_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext_lazy("Who may make an account"),
        choices=Place.SignUp.choices,
        initial=Place.SignUp.INVITATION,
        widget=forms.RadioSelect,
    )


class SetupForm(forms.Form):
    """The first visit: the place and its owner's account."""

    name = LineField(
        label=gettext_lazy("Name of the place"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Shown at the top of every page."),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("A club, a team, a street"), "autocomplete": "off"}
        ),
    )
    username = UsernameField()
    display_name = display_name_field()
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=EMAIL_LENGTH,
        help_text=gettext_lazy("For a forgotten password. Nobody else sees it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        help_text=_password_help(),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    sign_up = sign_up_field()

    def clean_email(self) -> str:
        # As allauth keeps addresses, so that signing in and resetting find the account.
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        super().clean()
        if "password" in self.cleaned_data:
            try:
                validate_password(self.cleaned_data["password"], self._account())
            except ValidationError as error:
                self.add_error("password", error)
        return self.cleaned_data

    def owner(self) -> User:
        """The account that this form describes, unsaved."""
        owner = self._account()
        owner.set_password(self.cleaned_data["password"])
        return owner

    def _account(self) -> User:
        names = ("username", "display_name", "email")
        return User(**{name: self.cleaned_data.get(name, "") for name in names})


def refuse_banned(email: str) -> None:
    """Raises `ValidationError` if the account with this address is banned."""
    if (ban := ban_of_address(email)) is not None:
        raise ValidationError(ban.sentence)


class NewcomerForm(forms.BaseForm):
    """What all forms that make an account have, before one of allauth's; see `AccountAdapter.save_user`
    for what is done with it."""

    field_order: Any = ("username", "display_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"] = UsernameField()
        self.fields["display_name"] = display_name_field()
        self.fields["email"].label = _("E-mail (optional)")
        self.fields["email"].help_text = _("For a forgotten password. Nobody else sees it.")
        self.order_fields(self.field_order)

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"])  # UsernameField has asked the adapter

    def clean_email(self) -> str:
        # Before it is called taken, which is no help then.
        refuse_banned(self.cleaned_data["email"])
        form: Any = super()
        return str(form.clean_email())

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """As allauth's. Of two people who take the same name at once, or an invitation's last use, one is
        told so."""
        form: Any = super()
        try:
            with transaction.atomic():
                user, response = form.try_save(request)
        except InvitationOver as over:
            self.add_error(None, over)
            answer = self.again(request)
            answer.status_code = 409
            return None, answer
        except IntegrityError:
            if not User.objects.filter(username=self.cleaned_data["username"]).exists():
                raise
            self.add_error("username", get_adapter().validation_error("username_taken"))
            return None, self.again(request)
        return user, response

    def again(self, request: HttpRequest) -> HttpResponse:
        """The page of the form once more, with what was typed and what is wrong with it."""
        response: HttpResponse = get_adapter().respond_signup_form(request, self)
        return response


class SignupForm(NewcomerForm, AllauthSignupForm):
    """A new account with a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = password_help()


def _offset(zone: zoneinfo.ZoneInfo) -> str:
    """Today's distance from UTC, as people write it: "+1", "−3:30"."""
    offset = timezone.now().astimezone(zone).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"{sign}{hours}:{rest:02}" if rest else f"{sign}{hours}"


@lru_cache(maxsize=1)
def _zones(_today: date) -> list[tuple[str, list[tuple[str, str]]]]:
    """All zones by region. Reading some 500 files takes a moment; the offsets hold for the day."""
    groups: dict[str, list[tuple[str, str]]] = {region: [] for region in REGIONS}
    for name in sorted(zoneinfo.available_timezones()):
        region, _slash, rest = name.partition("/")
        if rest and region in groups:
            place = ", ".join(reversed(rest.split("/"))).replace("_", " ")
            groups[region].append((name, f"{place} (UTC{_offset(zoneinfo.ZoneInfo(name))})"))
    return [(region, sorted(zones, key=lambda zone: zone[1])) for region, zones in groups.items()]


class ProfileForm(forms.Form):
    """How somebody is called here, and what they read in."""

    display_name = display_name_field()
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        help_text=gettext_lazy("Times are shown in it."),
        error_messages={"invalid_choice": gettext_lazy("There is no such time zone. Choose one.")},
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        error_messages={
            "invalid_choice": gettext_lazy("Roomful does not speak this language yet. Choose one.")
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = _zones(timezone.localdate())
        usual: list[Any] = [
            ("", _("As this place: %(zone)s") % {"zone": settings.TIME_ZONE}),
            ("UTC", "UTC"),
        ]
        offered = {name for _region, group in zones for name, _label in group} | {"UTC"}
        kept = self.initial.get("time_zone", "")
        if kept and kept not in offered:
            usual.append((kept, kept))  # an old name that was stored once stays possible
        self._choices("time_zone", [*usual, *((_(region), group) for region, group in zones)])
        self._choices(
            "language",
            [
                ("", _("As the browser asks")),
                *settings.LANGUAGES,
            ],
        )

    def _choices(self, name: str, choices: list[Any]) -> None:
        field: Any = self.fields[name]
        field.choices = choices


class LookForm(forms.Form):
    """What somebody's pages look like."""

    scheme = forms.ChoiceField(
        label=gettext_lazy("Light or dark"),
        choices=Scheme.choices,
        required=False,
        widget=forms.RadioSelect,
    )


class PlaceForm(forms.Form):
    """What owners and admins decide about the place."""

    name = LineField(
        label=gettext_lazy("Name of the place"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Shown at the top of every page."),
    )
    sign_up = sign_up_field()
    rooms_by = forms.ChoiceField(
        label=gettext_lazy("Who may make rooms"),
        choices=[
            ("members", gettext_lazy("All members")),
            ("admins", gettext_lazy("Only owners and admins")),
        ],
        required=False,  # what a form does not say stays as it is
        widget=forms.RadioSelect,
    )
    bots_by = forms.ChoiceField(
        label=gettext_lazy("Who may make bots"),
        choices=[
            ("members", gettext_lazy("All members")),
            ("admins", gettext_lazy("Only owners and admins")),
        ],
        required=False,  # as above
        widget=forms.RadioSelect,
    )
    link_previews = forms.BooleanField(
        label=gettext_lazy("Show previews of links"),
        required=False,
        help_text=gettext_lazy(
            "This server then visits the first pages that a message links to, and shows their title and"
            " picture. If you turn it off, they go from all messages."
        ),
    )
    file_limit = forms.IntegerField(
        label=gettext_lazy("Largest file, in MB"),
        min_value=1,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["file_limit"]
        most = settings.FILE_LIMIT // 1_000_000
        field.max_value = field.widget.attrs["max"] = most
        field.validators.append(MaxValueValidator(most))
        field.help_text = _("Up to %(most)s, which is also what holds if you leave it empty.") % {
            "most": most
        }


class SecondFactorForm(forms.Form):
    """Of whom the place wants more than a password."""

    second_factor = forms.ChoiceField(
        label=gettext_lazy("Who must have a second factor"),
        choices=Requirement.choices,
        widget=forms.RadioSelect,
    )


ROLES = {
    Role.OWNER: gettext_lazy("Decides everything, and who else is an owner or an admin"),
    Role.ADMIN: gettext_lazy("Changes this place, invites, and looks after members and guests"),
    Role.MEMBER: gettext_lazy("Finds the open rooms and joins them"),
    Role.GUEST: gettext_lazy("Sees only the rooms they were put into, and who is in them"),
}


class RoleForm(forms.Form):
    """What somebody is in the place; `roles` are those to choose from."""

    role = forms.ChoiceField(label=gettext_lazy("In this place they are"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, roles: Iterable[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["role"]
        field.choices = [(role.value, _described_lazy(role.label, ROLES[role])) for role in roles]


class InvitationForm(forms.Form):
    """Whom an invitation lets in, how long and where to; `rooms` are those to choose from."""

    LIFETIMES = {
        "day": timedelta(days=1),
        "week": LIFETIME,
        "month": timedelta(days=30),
        "": LIFETIME,
    }
    MOST_USES = 10_000

    lifetime = forms.ChoiceField(
        label=gettext_lazy("It can be used"),
        choices=[
            ("day", gettext_lazy("For a day")),
            ("week", gettext_lazy("For a week")),
            ("month", gettext_lazy("For a month")),
            ("never", gettext_lazy("Until it is revoked")),
        ],
        initial="week",
        required=False,
    )
    max_uses = forms.IntegerField(
        label=gettext_lazy("By how many people"),
        min_value=1,
        max_value=MOST_USES,
        required=False,
        help_text=gettext_lazy("Any number if you leave it empty."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("They come as"),
        choices=[
            (role.value, _described_lazy(role.label, ROLES[role]))
            for role in (Role.MEMBER, Role.GUEST)
        ],
        initial=Role.MEMBER,
        required=False,
        widget=forms.RadioSelect,
    )
    rooms = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Into these rooms"),
        coerce=int,
        required=False,
        help_text=gettext_lazy("Members also begin in the first open room."),
        error_messages={
            "invalid_choice": gettext_lazy("One of these rooms is no longer yours to choose.")
        },
        widget=forms.CheckboxSelectMultiple,
    )
    note = LineField(
        label=gettext_lazy("Note"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("For those who look after invitations, such as whom it is for."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, rooms: Iterable[Room], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["rooms"]
        field.choices = [(room.pk, room.name) for room in rooms]

    def clean(self) -> dict[str, Any]:
        super().clean()
        as_guest = self.cleaned_data.get("role") == Role.GUEST
        if as_guest and self.cleaned_data.get("rooms") == []:
            self.add_error(
                "rooms", _("A guest sees only the rooms they are put into. Choose at least one.")
            )
        return self.cleaned_data

    def wanted(self) -> dict[str, Any]:
        """What `Invitation.make` takes."""
        said = self.cleaned_data
        return {
            "lifetime": self.LIFETIMES.get(said["lifetime"]),
            "max_uses": said["max_uses"],
            "role": said["role"] or Role.MEMBER,
            "rooms": said["rooms"],
            "note": said["note"],
        }


class RoomDetailsForm(forms.Form):
    """What a room is called and about."""

    name = LineField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Up to 60 characters. It can be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    topic = LineField(
        label=gettext_lazy("Topic"),
        max_length=TOPIC_LENGTH,
        required=False,
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("What is talked about here"), "autocomplete": "off"}
        ),
    )


class RoomSettingsForm(RoomDetailsForm):
    """What is decided about a room that there is."""

    writers = forms.ChoiceField(
        label=gettext_lazy("Who may write"),
        choices=[
            ("everybody", gettext_lazy("Everybody")),
            (
                "moderators",
                _described_lazy(
                    gettext_lazy("Only moderators"),
                    gettext_lazy("The others read; owners and admins count as moderators"),
                ),
            ),
        ],
        required=False,  # what a form does not say stays as it is
        widget=forms.RadioSelect,
    )

    slow_mode = forms.TypedChoiceField(
        label=gettext_lazy("Slow mode"),
        coerce=int,
        choices=[
            (0, gettext_lazy("Off")),
            (5, gettext_lazy("A message every 5 seconds")),
            (10, gettext_lazy("A message every 10 seconds")),
            (30, gettext_lazy("A message every 30 seconds")),
            (60, gettext_lazy("A message every minute")),
            (300, gettext_lazy("A message every 5 minutes")),
            (900, gettext_lazy("A message every 15 minutes")),
            (3600, gettext_lazy("A message every hour")),
        ],
        empty_value=None,
        required=False,  # as above
        help_text=gettext_lazy("How often one person may write. Moderators are not slowed."),
    )


class RoomForm(RoomDetailsForm):
    """A new room."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Who may enter"),
        choices=[
            (
                "open",
                _described_lazy(
                    gettext_lazy("Open"), gettext_lazy("Everyone here can find it and join")
                ),
            ),
            (
                "private",
                _described_lazy(
                    gettext_lazy("Private"), gettext_lazy("Only who is added knows that it exists")
                ),
            ),
        ],
        initial="open",
        widget=forms.RadioSelect,
    )


class MemberForm(forms.Form):
    """Somebody to let into a room. What it finds under `username` is the person."""

    username = forms.CharField(
        label=gettext_lazy("Username or display name"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by = by

    def clean_username(self) -> User:
        """A username wins over a display name that is spelt the same."""
        found = self._named()
        if found.is_bot and not may_arrange_bot(self._by, found.bot.owner_id):
            raise ValidationError(
                _("This is a bot of somebody else. Ask them to put it into the room.")
            )
        return found

    def _named(self) -> User:
        name = " ".join(self.cleaned_data["username"].split()).removeprefix("@")
        active = User.objects.filter(is_active=True)
        for spelling in ({"username": name}, {"username__iexact": name}, {"display_name": name}):
            people = list(active.filter(**spelling)[:2]) if name else []
            if len(people) == 1:
                return people[0]
            if people:
                raise ValidationError(
                    _("Several people are called “%(name)s”. Write the username instead."),
                    params={"name": name},
                )
        raise ValidationError(
            _("Nobody here is called “%(name)s”. Write a username or the whole display name."),
            params={"name": name},
        )
