from typing import Any

from django.core.management.base import BaseCommand

from project import logs, preparation


class Command(BaseCommand):
    help = "Brings the database and the static files up to date; several may run at once."

    def handle(self, *args: Any, **options: Any) -> None:
        logs.take_over()
        preparation.reach_services()
        preparation.prepare()
