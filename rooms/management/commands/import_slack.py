from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from project import preparation
from rooms.importing.slack import SlackImport
from rooms.importing.source import ExportProblem, SlackExport
from rooms.models import Place


class Command(BaseCommand):
    help = (
        "Brings the people, channels and messages of a Slack export here, while people use the place."
        " May be interrupted and begun again, and run twice: what is here already is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("export", type=Path, help="the ZIP file that Slack made")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would come; store nothing"
        )
        parser.add_argument(
            "--trust-addresses",
            action="store_true",
            help="take accounts here for the same people if their addresses, though never verified,"
            " are the same; whoever gave the address then reads what that person could",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not preparation.is_migrated() or not Place.objects.exists():
            raise CommandError("Start this place and set it up first.")
        dry = options["dry_run"]
        try:
            with SlackExport(options["export"]) as export:
                report = SlackImport(
                    export,
                    trusts_addresses=options["trust_addresses"],
                    dry=dry,
                    tell=self.stdout.write,
                ).run()
        except ExportProblem as problem:
            raise CommandError(f"{problem} What was brought so far stays; run it again.") from None
        except KeyboardInterrupt:
            self.stdout.write("Interrupted. Run it again to go on.")
            raise SystemExit(1) from None
        self.stdout.write("Nothing was stored. There would be:" if dry else "Done:")
        for what, count in sorted(report.counts.items()):
            if count:
                self.stdout.write(f"  {count:>9,} {what}")
        for sentence in report.warnings:
            self.stdout.write(f"- {sentence}")
        if report.counts["warnings"] > len(report.warnings):
            self.stdout.write(f"- and {report.counts['warnings'] - len(report.warnings):,} more")
