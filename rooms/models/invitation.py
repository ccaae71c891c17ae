"""A link that lets somebody make an account while sign-up is not open to all."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .user import User

LIFETIME = timedelta(days=7)  # long enough for a mail to be read, short enough to be forgotten


def new_token() -> str:
    return secrets.token_urlsafe(24)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def valid(self) -> InvitationQuerySet:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """Any number of people may come in by it until it expires or is revoked."""

    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    created_by = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used = models.PositiveIntegerField(_("accounts made by it"), default=0)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation by {self.created_by_id} until {self.expires_at:%Y-%m-%d}"

    @classmethod
    def make(cls, by: User) -> Invitation:
        return cls.objects.create(created_by=by, expires_at=timezone.now() + LIFETIME)

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()

    def revoke(self) -> None:
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])

    def count_use(self) -> None:
        type(self).objects.filter(pk=self.pk).update(used=models.F("used") + 1)
