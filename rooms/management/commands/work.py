import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from project import environment, logs, preparation
from rooms.background import Worker

PATIENCE = 30  # seconds


class Command(BaseCommand):
    help = (
        "Does the work that nobody waits for, until it is interrupted."
        " For servers that were started with WORKER=off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        logs.take_over()
        preparation.reach_services()
        if not preparation.is_migrated():
            environment.stop("The database is not up to date: run manage.py prepare first.")
        told = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told.set())
        worker = Worker()
        worker.start()
        self.stdout.write("Working (Ctrl-C stops it)")
        self.stdout.flush()
        told.wait()
        worker.stop(PATIENCE)
