"""The index: for each message that is there to be read, its words, where they stand, room and author,
and whether it has files.

It changes in the transaction that changes the message: what is stored is found, and what is deleted is
not. SQLite has it as an FTS5 table whose `rowid` is the message's key; PostgreSQL as a table with a
`tsvector`, put together from the same words, so that neither's own idea of a word counts. A migration
makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from .words import LEFT_OUT, words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..message import Message

PLACES = 16_383  # PostgreSQL numbers no more; a message has fewer
FILLER = "_"  # no word is or begins so
FILES = "_f"  # what each message with files has in the index among its words

FTS5_ADDED = "INSERT OR REPLACE INTO rooms_search (rowid, words) VALUES (%s, %s)"
# Whoever takes a message's row away, by whatever way, takes it out of the index. In PostgreSQL the
# migration sees to that; in SQLite a table that another one alters is made anew and loses its triggers.
FTS5_FORGETS = """
CREATE TRIGGER IF NOT EXISTS rooms_search_forgets AFTER DELETE ON rooms_message
BEGIN DELETE FROM rooms_search WHERE rowid = OLD.id; END
"""
FTS5_REMOVED = "DELETE FROM rooms_search WHERE rowid = %s"
TSVECTOR_ADDED = """
INSERT INTO rooms_search (message_id, room_id, created_at, words)
VALUES (%s, %s, %s, %s::tsvector)
ON CONFLICT (message_id) DO UPDATE SET words = EXCLUDED.words
"""
TSVECTOR_REMOVED = "DELETE FROM rooms_search WHERE message_id = %s"


def room_word(room: int) -> str:
    """What each message of the room has in the index among its words."""
    return f"_r{room}"


def author_word(author: int) -> str:
    """What each message of the author has in the index among its words."""
    return f"_a{author}"


def _about(room: int, author: int, *, files: bool) -> tuple[str, ...]:
    """What is to be found of a message besides what it says."""
    about = room_word(room), author_word(author)
    return (*about, FILES) if files else about


def document(room: int, author: int, body: str, *, files: bool = False) -> str:
    """A message as SQLite indexes it."""
    found = (word or FILLER for word in words(body)[:PLACES])
    return " ".join((*_about(room, author, files=files), FILLER, *found))


def vector(room: int, author: int, body: str, *, files: bool = False) -> str:
    """A message as PostgreSQL indexes it: each word with the places where it stands."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words(body)[:PLACES], start=1):
        if word != LEFT_OUT:
            places.setdefault(word, []).append(str(place))
    found = [f"'{word}':{','.join(standing)}" for word, standing in places.items()]
    about = (f"'{word}'" for word in _about(room, author, files=files))
    return " ".join((*about, *found))


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def add(message: Message) -> None:
    """Have the message found by its words from now on, and no more by others."""
    about = message.pk, message.room_id, message.author_id, message.created_at, message.body
    add_all([(*about, bool(message.files))])


def add_all(messages: Sequence[tuple[int, int, int, datetime, str, bool]]) -> None:
    """The same for several: key, room, author, moment and body of each, and whether it has files."""
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.executemany(
                TSVECTOR_ADDED,
                [
                    (pk, room, created_at, vector(room, author, body, files=files))
                    for pk, room, author, created_at, body, files in messages
                ],
            )
            return
        cursor.executemany(
            FTS5_ADDED,
            [
                (pk, document(room, author, body, files=bool(files)))
                for pk, room, author, _at, body, files in messages
            ],
        )


def follow_deletions() -> None:
    """After each migration: see `FTS5_FORGETS`."""
    tables = connection.introspection.table_names()
    if not is_postgresql() and {"rooms_search", "rooms_message"} <= set(tables):
        with connection.cursor() as cursor:
            cursor.execute(FTS5_FORGETS)


def remove(message: Message) -> None:
    """Have the message found no more."""
    with connection.cursor() as cursor:
        cursor.execute(TSVECTOR_REMOVED if is_postgresql() else FTS5_REMOVED, [message.pk])
