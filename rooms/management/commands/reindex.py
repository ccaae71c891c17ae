from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from rooms.models import Message
from rooms.models.searching.reindex import PAUSE, reindex

TOLD = 10_000  # messages between two lines


class Command(BaseCommand):
    help = (
        "Puts all messages into the search index anew, while people use the place. May be interrupted:"
        " what is done stays done, and --after goes on from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--after", type=int, default=0, metavar="N", help="leave out messages up to this one"
        )
        parser.add_argument(
            "--missing", action="store_true", help="only messages that are not in the index"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        last = options["after"]
        total = Message.objects.filter(pk__gt=last, deleted_at=None).count()
        done = 0
        try:
            everything = not options["missing"]
            for size, reached in reindex(after=last, everything=everything, pause=PAUSE):
                done, last = done + size, reached
                if done // TOLD > (done - size) // TOLD:
                    self.stdout.write(f"{done:,} of at most {total:,} messages, up to {last}")
        except KeyboardInterrupt:
            self.stdout.write(f"Interrupted. Go on with: manage.py reindex --after {last}")
            raise SystemExit(1) from None
        self.stdout.write(f"Done: {done:,} messages indexed.")
