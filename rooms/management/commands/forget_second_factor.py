"""`manage.py forget_second_factor NAME`: for an owner who lost theirs and has nobody to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from rooms.models import User, second_factor

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    help = "Takes somebody's second factor away, with its recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username__iexact=options["username"]).first()
        if person is None:
            raise CommandError(f"Nobody has the username “{options['username']}”.")
        if not second_factor.forget(person, by=None):
            raise CommandError(f"{person.username} has no second factor.")
        self.stdout.write(f"{person.username} signs in without a second factor now.")
