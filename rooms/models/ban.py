"""An account that was closed for what its person did, for a time or for good.

The verbs are in people.py.
"""

from __future__ import annotations

from typing import ClassVar

from allauth.account.models import EmailAddress
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .audit import REASON_LENGTH
from .restriction import when
from .user import User


class BanQuerySet(models.QuerySet["Ban"]):
    def in_force(self) -> BanQuerySet:
        return self.filter(models.Q(until=None) | models.Q(until__gt=timezone.now()))

    def over(self) -> BanQuerySet:
        return self.filter(until__lte=timezone.now())


class Ban(models.Model):
    """While there is one, nobody signs in to the account."""

    user = models.OneToOneField(User, models.CASCADE, related_name="ban")
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, help_text=gettext_lazy("For good if there is none."))
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    was_active = models.BooleanField(
        default=True, help_text=gettext_lazy("Whether the account is open again after it.")
    )

    objects: ClassVar[BanQuerySet] = BanQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [
            models.Index(
                fields=["until"], condition=models.Q(until__isnull=False), name="ban_by_end"
            )
        ]

    def __str__(self) -> str:
        return f"ban of {self.user_id}"

    @property
    def sentence(self) -> str:
        """For whoever can't sign in; in the active language and time zone."""
        if self.until is None:
            said = _("This account is banned here.")
        else:
            said = _("This account is banned here until %(moment)s.") % {"moment": when(self.until)}
        return f"{said} {_('Reason: %s') % self.reason}" if self.reason else said


def ban_of_address(email: str) -> Ban | None:
    """The ban of whose account has this e-mail address, if it has one."""
    owned = EmailAddress.objects.filter(email__iexact=email).values("user")
    theirs = models.Q(user__email__iexact=email) | models.Q(user__in=owned)
    return Ban.objects.in_force().filter(theirs).first() if email else None
