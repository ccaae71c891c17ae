import gc
import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from project import environment, logs, preparation
from project.server import Server
from rooms import metrics
from rooms.models import Place

logger = logging.getLogger(__name__)

WORKER_PATIENCE = 5.0  # seconds that what the worker has begun may still take at the end
GC_THRESHOLD = 10_000  # new objects before a look at the young ones; Python's own is 700


class Command(BaseCommand):
    help = "Serves this place until it is interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="first bring the database and the static files up to date",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        logs.take_over()
        preparation.reach_services()
        if options["prepare"]:
            preparation.prepare()
        elif not preparation.is_migrated():
            environment.stop(
                "The database is not up to date: start with --prepare, or run manage.py migrate."
            )
        self.empty = not Place.objects.exists()
        # Closing the last connection to a SQLite file in WAL mode moves the log into it and waits
        # for the disk: 14 ms for every request that writes, against 0.5 ms while this one is open.
        connections.close_all()
        kept = connections["default"].copy()
        if kept.vendor == "sqlite":
            with kept.cursor() as cursor:
                cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")

        # Building the application loads every module, so that a mistake in one stops the start.
        from project.asgi import application  # noqa: PLC0415
        from rooms.background import start_worker  # noqa: PLC0415
        from rooms.live.hub import drain_hub  # noqa: PLC0415

        worker = start_worker() if settings.WORKER else None

        server = Server(application, settings.HOST, settings.PORT, self.announce, drain_hub)
        metrics.REGISTRY.register(server)
        server.run()
        if worker:
            worker.stop(WORKER_PATIENCE)
        kept.close()
        if server.failure:
            environment.stop(server.failure)

    def say(self, sentence: str) -> None:
        """To who has started it; to programs that read its log, as an event of that."""
        if settings.LOG_FORMAT == "json":
            logger.info("%s", sentence)
        else:
            self.stdout.write(sentence)

    def announce(self, port: int) -> None:
        site = settings.SITE_URL
        if settings.PORT == 0:
            site = f"{site.rsplit(':', 1)[0]}:{port}"
        self.say(f"Roomful is at {site}/ (Ctrl-C stops it)")
        if self.empty:
            self.say("Nobody has an account yet: open that address to make the first one.")
        if settings.LISTENS_EVERYWHERE and site.startswith("http://localhost:"):
            self.say("For other machines, set SITE_URL to the address they reach it at.")
        self.stdout.flush()
        # All that was imported stays for ever: the collector need not look at it again and again, which
        # with some hundred sockets open would stop the process for 80 ms at a time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])
