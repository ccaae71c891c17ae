import logging
from typing import Any

from django.db import migrations

from rooms.models.searching.reindex import index_before_files

logger = logging.getLogger("rooms.search")


def fill(apps: Any, schema_editor: Any) -> None:
    """What was said so far; if it is interrupted, it goes on with what is missing."""
    done = told = 0
    for size, _last in index_before_files():
        done += size
        if done - told >= 100_000:
            told = done
            logger.info("%s messages are in the search index", f"{done:,}")


class Migration(migrations.Migration):
    atomic = False  # in batches, so that nobody waits for all of them

    dependencies = [
        ("rooms", "0009_search"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=False),
    ]
