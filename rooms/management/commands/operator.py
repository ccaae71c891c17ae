from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rooms.models import User


class Command(BaseCommand):
    help = (
        "Makes owners of the place its operators, who have the site at /admin/, or ends that. Without a"
        " name it says who they are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="*", help="of an owner of the place")
        parser.add_argument("--end", action="store_true", help="they are operators no longer")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in options["username"]:
            self._change(name, wanted=not options["end"])
        operators = User.objects.filter(is_staff=True).order_by("username")
        for each in operators:
            idle = (
                "" if each.is_owner and each.is_active else " (but no owner now, so without effect)"
            )
            self.stdout.write(f"{each.username}{idle}")
        if not operators:
            self.stdout.write("There is no operator.")

    @staticmethod
    def _change(name: str, *, wanted: bool) -> None:
        person = User.objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"Nobody has the username {name}.")
        if wanted and not (person.is_owner and person.is_active):
            raise CommandError(
                f"{name} is no owner of this place. An owner can make them one, under This place, People."
            )
        person.is_staff = wanted
        person.save(update_fields=["is_staff"])
