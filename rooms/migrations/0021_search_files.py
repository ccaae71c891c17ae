from typing import Any

from django.db import migrations

from rooms.models.searching.reindex import index_files


def fill(apps: Any, schema_editor: Any) -> None:
    """Messages with files are found by that; doing it twice is harmless."""
    for _size, _last in index_files():
        pass


class Migration(migrations.Migration):
    atomic = False  # in batches, so that nobody waits for all of them

    dependencies = [
        ("rooms", "0020_second_factor"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=False),
    ]
