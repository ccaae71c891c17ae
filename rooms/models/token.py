"""What a program shows to be somebody: made by them, kept as a hash alone, good for as much as it says.

A token never widens what its person may do: the verbs ask for that as they do for a page. It narrows it:
to reading or writing, and to some of their rooms.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import announcements, second_factor
from .bot import works
from .prepared import Prepared
from .room import Room
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection

PREFIX = "roomful_"  # so that whoever finds one, in a file for instance, knows what it is
HINT = 4  # last characters of a token, by which its person tells it from another
MOST = 100  # tokens of one person
FOR_PASSWORD = 10  # of those the ones that were given for a password; the eleventh ends the first
USED = timedelta(minutes=5)  # between two notes that a token is in use: not one for each request
# A refresh token is exchanged once. Whoever did not get the answer may try again for so long.
LOST_ANSWER = timedelta(seconds=60)
EXPIRED_SHOWN = timedelta(days=30)
SESSION = (
    "token:"  # what a token opened is known by, where a browser's is known by its session's key
)


def hashed(secret: str) -> str:
    """A token has 256 random bits: nothing slower is needed to keep it from being found out."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TooManyTokens(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("You have %(most)s tokens. Revoke those that you need no more."),
            code="too_many_tokens",
            params={"most": MOST},
        )


class TokenNameUsed(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("You have a token with this name. Choose another name, or revoke that one first."),
            code="token_name_used",
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A new token, and the only time that its secret is known here."""

    token: Token
    secret: str


class TokenQuerySet(models.QuerySet["Token"]):
    def live(self) -> TokenQuerySet:
        """Those that open something."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, works("user"), user__is_active=True)


class Token(models.Model):
    """Somebody's token. `user` is who acts by it; a bot's is made by its owner, `made_by`."""

    class Kind(models.TextChoices):
        NAMED = "named", gettext_lazy("made by hand")
        PASSWORD = "password", gettext_lazy("given for name and password")
        SIGN_IN = "sign_in", gettext_lazy("a program's sign-in")

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.NAMED)
    name = models.CharField(gettext_lazy("name"), max_length=60)
    # Of a sign-in, this is the refresh token to be exchanged next, and the one before it.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    exchanged_at = models.DateTimeField(null=True)
    hint = models.CharField(max_length=8, blank=True)
    may_read = models.BooleanField(default=True)
    may_write = models.BooleanField(default=False)
    limited = models.BooleanField(
        default=False, help_text=gettext_lazy("Whether it is good for its rooms alone.")
    )
    rooms = models.ManyToManyField(Room, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=models.Q(kind="named"),
                name="one_token_per_name",
            ),
        ]
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"token {self.pk} of {self.user_id}"

    @classmethod
    def make(
        cls,
        user: User,
        *,
        name: str,
        kind: str = Kind.NAMED,
        may_read: bool = True,
        may_write: bool = False,
        rooms: Collection[Room] | None = None,
        lifetime: timedelta | None = None,
        by: User | None = None,
        secret: str = "",
    ) -> Made:
        """A new token. With `rooms` it is good for these alone; without a lifetime, until it is revoked.
        Raises `TooManyTokens` or `TokenNameUsed`."""
        secret = secret or PREFIX + secrets.token_urlsafe(32)
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two may count at once
            if kind == cls.Kind.NAMED:
                if user.tokens.filter(kind=kind).count() >= MOST:
                    raise TooManyTokens
            else:
                cls._make_room_for(user, kind)
            token = cls(
                user=user,
                made_by=by or user,
                kind=kind,
                name=name,
                digest=hashed(secret),
                hint=secret[-HINT:],
                may_read=may_read,
                may_write=may_write,
                limited=rooms is not None,
                expires_at=None if lifetime is None else timezone.now() + lifetime,
            )
            try:
                with transaction.atomic():
                    token.save(force_insert=True)
            except IntegrityError:
                raise TokenNameUsed from None
            if rooms is not None:
                token.rooms.set(rooms)
        return Made(token, secret)

    @classmethod
    def _make_room_for(cls, user: User, kind: str) -> None:
        """A script that asks for one each time that it runs does not fill the list."""
        kept = user.tokens.filter(kind=kind).order_by("-created_at", "-pk")
        for token in kept[FOR_PASSWORD - 1 :]:
            token.revoke()

    @property
    def session(self) -> str:
        """What open connections and announcements call it."""
        return f"{SESSION}{self.pk}"

    @property
    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @cached_property
    def only_rooms(self) -> frozenset[int] | None:
        """The rooms that it is good for, None for all that its person may see. One query, or none."""
        return frozenset(self.rooms.values_list("pk", flat=True)) if self.limited else None

    def covers(self, room: int) -> bool:
        return self.only_rooms is None or room in self.only_rooms

    def revoke(self) -> None:
        """End it, and what it has open, in every process. Harmless if repeated."""
        with transaction.atomic():
            session, ended = self.session, Token.objects.filter(pk=self.pk).delete()[0]
            if ended:
                announcements.session_ended(session)

    @classmethod
    def password_changed(cls, user: User) -> None:
        """Whoever had the old password has nothing by it any more. What somebody made by hand stays, and
        stands in their list."""
        for token in user.tokens.exclude(kind=cls.Kind.NAMED):
            token.revoke()

    def note_use(self) -> None:
        """Once in a while."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)

    def exchange(self, old: str, new: str, lifetime: timedelta) -> bool:
        """The refresh token `old` for `new`. If `old` was exchanged before, and not just now, two have
        it, and one of them is a thief: then the whole sign-in ends, and False is returned."""
        with transaction.atomic():
            now = Token.objects.select_for_update().filter(pk=self.pk).first()
            if now is None:
                return False
            moment = timezone.now()
            again = now.previous_digest == hashed(old) and (
                now.exchanged_at is not None and moment - now.exchanged_at < LOST_ANSWER
            )
            if now.digest != hashed(old) and not again:
                now.revoke()
                return False
            if not again:
                now.exchanged_at = moment
            now.previous_digest, now.digest = hashed(old), hashed(new)
            now.expires_at, now.last_used_at = moment + lifetime, moment
            now.save(
                update_fields=[
                    *("digest", "previous_digest", "exchanged_at", "expires_at", "last_used_at")
                ]
            )
        return True

    @classmethod
    def forget_old(cls) -> None:
        """Those that expired are shown for a while, so that whose program fails finds out why."""
        long_ago = timezone.now() - EXPIRED_SHOWN
        cls.objects.filter(expires_at__lt=long_ago).delete()
        cls.objects.filter(kind=cls.Kind.SIGN_IN, expires_at__lt=timezone.now()).delete()


_TOKEN = [field.attname for field in Token._meta.concrete_fields]
_USER = [field.attname for field in User._meta.concrete_fields]


def _with_user(**of_value: Any) -> Any:
    opens = works("user") & ~second_factor.owed_by("user")
    found = Token.objects.filter(opens, **of_value, user__is_active=True)
    return found.values_list(*_TOKEN, *(f"user__{name}" for name in _USER))


_by_digest = Prepared(lambda digest: _with_user(digest=digest), str)
_by_key = Prepared(lambda pk: _with_user(pk=pk), int)


def of_secret(secret: str) -> Token | None:
    """The token with its user, if it opens anything. One statement, whether there is one or not."""
    return _read(_by_digest.rows(hashed(secret)))


def of_key(pk: int) -> Token | None:
    """The same by its key: of a sign-in, whose access tokens name it."""
    return _read(_by_key.rows(pk))


def _read(rows: list[Any]) -> Token | None:
    for row in rows:
        token = Token.from_db(DEFAULT_DB_ALIAS, _TOKEN, row[: len(_TOKEN)])
        token.user = User.from_db(DEFAULT_DB_ALIAS, _USER, row[len(_TOKEN) :])
        return None if token.is_over else token
    return None


def roles_of(sessions: Collection[str]) -> dict[str, str]:
    """Of what these tokens opened, who may go on reading, by their `session`: the role of each user."""
    keys = [int(each.removeprefix(SESSION)) for each in sessions if each.startswith(SESSION)]
    if not keys:
        return {}
    live = Token.objects.live().filter(~second_factor.owed_by("user"), pk__in=keys, may_read=True)
    return {f"{SESSION}{pk}": role for pk, role in live.values_list("pk", "user__role")}
