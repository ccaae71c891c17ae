"""Who has to show more than a password, and who does not have it yet.

Whoever has to have a second factor and has none is nobody until they have set one up. The statement
that reads a session says so together with whose it is (`entrance.SESSION`), from the same rule: so
neither a change of the place, nor of a role, nor a factor that was taken away has to be written down
anywhere for it to hold at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from . import announcements, audit
from .permissions import RUNS_PLACE, PlaceStanding, Role, demand
from .user import User

if TYPE_CHECKING:
    from .place import Place


class Requirement(models.TextChoices):
    """Of whom the place wants a second factor."""

    NOBODY = "nobody", pgettext_lazy("of whom a second factor is wanted", "Nobody")
    RUNNERS = "runners", gettext_lazy("Whoever runs the place")
    EVERYBODY = "everybody", gettext_lazy("Everybody")


# As SQL, of the tables named so: whether somebody owes a second factor.
OWES = f"""
EXISTS (
    SELECT 1 FROM rooms_place WHERE second_factor = '{Requirement.EVERYBODY}' OR (
        second_factor = '{Requirement.RUNNERS}'
        AND rooms_user.role IN ({", ".join(f"'{role}'" for role in sorted(RUNS_PLACE))})
    )
) AND NOT rooms_user.is_bot AND NOT EXISTS (
    SELECT 1 FROM mfa_authenticator WHERE user_id = rooms_user.id AND type = '{Authenticator.Type.TOTP}'
)
"""  # noqa: S608  # constants


def roles_bound(requirement: str) -> frozenset[Role]:
    """Who has to have a second factor."""
    if requirement == Requirement.EVERYBODY:
        return frozenset(Role)
    return RUNS_PLACE if requirement == Requirement.RUNNERS else frozenset()


def owing(users: models.QuerySet[User], requirement: str) -> models.QuerySet[User]:
    """Those of the users who have to have a second factor and have none."""
    if not (roles := roles_bound(requirement)):
        return users.none()
    having = Authenticator.objects.filter(user=models.OuterRef("pk"), type=Authenticator.Type.TOTP)
    return users.filter(~models.Exists(having), role__in=roles, is_bot=False)


def owed_by(user: str) -> models.Q:
    """The same as a condition of a query that reaches an account by `user`, whatever the place wants. A
    bot has no first factor either: a token is all that it shows."""
    from .place import Place  # noqa: PLC0415  # which has a field of this module

    wanted = {of: models.Exists(Place.objects.filter(second_factor=of)) for of in Requirement}
    having = Authenticator.objects.filter(user=models.OuterRef(user), type=Authenticator.Type.TOTP)
    bound = models.Q(wanted[Requirement.EVERYBODY]) | models.Q(
        wanted[Requirement.RUNNERS], **{f"{user}__role__in": sorted(RUNS_PLACE)}
    )
    return bound & models.Q(**{f"{user}__is_bot": False}) & ~models.Q(models.Exists(having))


def requirement() -> str:
    """Of whom the place wants it now."""
    from .place import Place  # noqa: PLC0415  # which has a field of this module

    found = Place.objects.values_list("second_factor", flat=True).first()
    return found or Requirement.NOBODY


def owes(user: User) -> bool:
    """As the session's statement says; for whom was found in another way."""
    return owing(User.objects.filter(pk=user.pk), requirement()).exists()


def is_bound(user: User) -> bool:
    return not user.is_bot and user.role in roles_bound(requirement())


def require(place: Place, of: str, *, by: User) -> None:
    """Want a second factor of these from now on. Whoever has none is led to where it is set up, and
    what they have open closes. Raises `PermissionDenied`."""
    demand(PlaceStanding.of(by, place).may_require_second_factor)
    with transaction.atomic():
        place.change(by=by, second_factor=of)
        open_pages = owing(User.objects.filter(sessions__isnull=False), of).distinct()
        announcements.access_changed(open_pages.values_list("pk", flat=True))


def forget(person: User, *, by: User | None) -> bool:
    """Take somebody's second factor away, with its recovery codes: they lost it. Says whether they had
    one. Without `by` it is done on the server's command line. Raises `PermissionDenied`."""
    with transaction.atomic():
        if by is not None:
            _demand_manager(User.objects.get(pk=by.pk), person)
        gone, _what = Authenticator.objects.filter(user=person).delete()
        if gone:
            audit.record(audit.Kind.NO_FACTOR, by=by, whom=person)
            announcements.access_changed([person.pk])
    return bool(gone)


def _demand_manager(by: User, person: User) -> None:
    demand(by.is_active and PlaceStanding.of(by, None).may_manage_person(person.role))
    demand(person.pk != by.pk, _("Nobody takes their own away here: it is done in your settings."))


def has_one(person: User) -> bool:
    return bool(Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists())
