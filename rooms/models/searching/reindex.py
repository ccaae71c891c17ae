"""Puts into the index what is not in it, or all anew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connection, transaction

from . import index

if TYPE_CHECKING:
    from collections.abc import Generator

BATCH = 1_000  # messages of one transaction: those who post wait for it, a tenth of a second
PAUSE = (
    0.1  # seconds after it, in which they get their turn: SQLite has one lock and no queue for it
)

# The row's lock: who changes the message just now is waited for, or waits. SQLite's transactions have the
# lock for writing from their beginning (see the settings).
MESSAGES = """
SELECT m.id, m.room_id, m.author_id, m.created_at, m.body, {files} FROM rooms_message m
WHERE m.id > %s AND m.deleted_at IS NULL {only} ORDER BY m.id LIMIT %s {lock}
"""
WITH_FILES = "m.files <> ''"
MISSING = {
    "sqlite": "AND NOT EXISTS (SELECT 1 FROM rooms_search_content c WHERE c.id = m.id)",
    "postgresql": "AND NOT EXISTS (SELECT 1 FROM rooms_search s WHERE s.message_id = m.id)",
}


def reindex(
    *, after: int = 0, everything: bool = True, pause: float = 0.0
) -> Generator[tuple[int, int]]:
    """Index the messages with keys above `after`, or just those that are not in the index. Yields after
    each batch how many these were and the last one's key: what is done stays done."""
    yield from _index(after, "" if everything else MISSING[connection.vendor], pause=pause)


def index_before_files() -> Generator[tuple[int, int]]:
    """Index what is not in the index, where messages have no files yet: for that migration alone."""
    yield from _index(0, MISSING[connection.vendor], files="FALSE")


def index_files() -> Generator[tuple[int, int]]:
    """Index the messages with files: for the migration that has them found by that."""
    yield from _index(0, f"AND {WITH_FILES}")


def _index(
    after: int, only: str, *, files: str = WITH_FILES, pause: float = 0.0
) -> Generator[tuple[int, int]]:
    sql = MESSAGES.format(
        files=files,
        only=only,
        lock="FOR UPDATE OF m" if connection.features.has_select_for_update else "",
    )
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(sql, [after, BATCH])
                batch = cursor.fetchall()
            index.add_all(batch)
        if not batch:
            return
        after = batch[-1][0]
        yield len(batch), after
        time.sleep(pause)
