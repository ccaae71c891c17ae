"""The messages that match, newest first: the statements for each kind of database.

Both give the same. What differs is how a database comes by the newest of very many:

- FTS5 reads the list of a word from its end and stops when there are enough.
- A GIN index has no order: all that match are fetched and sorted, which for a word in every fifth of a
  million messages takes a quarter of a second. Such a word is found sooner by going through the newest
  messages one by one. So a few thousand of them are looked at first, and tell how common it is.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, transaction

from .index import FILES, author_word, is_postgresql, room_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from .query import Phrase

LONGEST = 2.0  # seconds that the database may take for a search
TICK = 10_000  # instructions of SQLite's between two looks at the clock
SAMPLE = 4_000  # newest messages that tell how common it is what is looked for
# Matches among these with which going through more of them is the quicker way: to look at a message takes
# a quarter of a microsecond, to fetch one by the index three. Of a phrase all with its words are fetched.
COMMON = 36
COMMON_PHRASE = 12
WALK = 350_000  # messages that are gone through at most
# Of a reader's rooms the index is asked too, where they have less of all messages than this.
NARROW = 0.05
NARROW_IN_GIN = 0.5  # which fetches whatever is not ruled out by it, so it is worth more there
ROOMS_IN_GIN = 50
ROOMS = 1_000  # with more, reading the question itself takes long


class SearchTooLong(Exception):
    """The database was not done within `LONGEST`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, in the database's terms. A list that is None demands nothing."""

    phrases: Sequence[Phrase]
    without: Sequence[Phrase]
    rooms: Sequence[int]  # those that the reader sees, or some of them
    narrow: bool  # whether the index is to be asked for them
    authors: Sequence[int] | None = None
    files: bool = False  # only messages that have some
    since: datetime | None = None
    until: datetime | None = None
    below: int | None = None  # keys of messages


def is_narrow(rooms: int, share: float) -> bool:
    """Whether to ask the index for these rooms, in which this share of all messages is. If not, those in
    other rooms are left out one by one."""
    if is_postgresql() and rooms <= ROOMS_IN_GIN and share < NARROW_IN_GIN:
        return True
    return rooms <= ROOMS and share < NARROW


def newest(wanted: Wanted, limit: int) -> list[int]:
    """The keys of up to `limit` messages that match, the newest first. Raises `SearchTooLong`."""
    if not wanted.rooms or wanted.authors == []:
        return []
    with _in_time():
        return _newest_by_gin(wanted, limit) if is_postgresql() else _newest_by_fts5(wanted, limit)


def bodies(keys: Sequence[int]) -> dict[int, str]:
    """What these messages say."""
    if is_postgresql():
        return dict(
            _rows("SELECT id, body FROM rooms_message WHERE id = ANY(%s::bigint[])", [list(keys)])
        )
    listed = "SELECT value FROM json_each(%s)"
    sql = f"SELECT id, body FROM rooms_message WHERE id IN ({listed})"  # noqa: S608
    return dict(_rows(sql, [json.dumps(list(keys))]))


def _rows(sql: str, values: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[Any] = cursor.fetchall()
    return rows


@contextmanager
def _in_time() -> Iterator[None]:
    """Ends a statement that takes too long."""
    if is_postgresql():
        with _postgresql_in_time():
            yield
        return
    connection.ensure_connection()
    end = time.monotonic() + LONGEST
    handle: Any = connection.connection
    handle.set_progress_handler(lambda: time.monotonic() > end, TICK)
    try:
        yield
    except DatabaseError as error:
        if time.monotonic() > end:
            raise SearchTooLong from error
        raise
    finally:
        handle.set_progress_handler(None, 0)


@contextmanager
def _postgresql_in_time() -> Iterator[None]:
    try:
        with transaction.atomic():
            # Compiling a statement to machine code takes longer than any of these.
            _rows(
                "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)",
                [str(int(LONGEST * 1000))],
            )
            yield
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) == "57014":  # query_canceled
            raise SearchTooLong from error
        raise


# SQLite


def _fts5_phrase(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"' + (" *" if phrase.begun else "")


def _fts5_any(words: Iterable[str]) -> str:
    return "(" + " OR ".join(words) + ")"


def fts5_expression(wanted: Wanted) -> str:
    """All that is to be found by the index alone, as FTS5 is asked for it; "" if that is nothing."""
    asked = [_fts5_phrase(phrase) for phrase in wanted.phrases]
    if wanted.authors is not None:
        asked.append(_fts5_any(f'"{author_word(author)}"' for author in wanted.authors))
    if wanted.files:
        asked.append(f'"{FILES}"')
    if wanted.narrow:
        asked.append(_fts5_any(f'"{room_word(room)}"' for room in wanted.rooms))
    expression = " AND ".join(asked)
    if wanted.without and asked:
        expression = f"({expression}) NOT {_fts5_any(map(_fts5_phrase, wanted.without))}"
    return expression


def _newest_by_fts5(wanted: Wanted, limit: int) -> list[int]:
    key, source = "m.id", "rooms_message m"
    conditions: list[str] = []
    values: list[Any] = []
    if expression := fts5_expression(wanted):
        # CROSS JOIN: the index is the outer loop, which gives the order and ends at the limit
        key, source = "s.rowid", "rooms_search s CROSS JOIN rooms_message m ON m.id = s.rowid"
        conditions.append("rooms_search MATCH %s")
        values.append(expression)
    elif wanted.without:
        conditions.append("m.id NOT IN (SELECT rowid FROM rooms_search WHERE words MATCH %s)")
        values.append(_fts5_any(map(_fts5_phrase, wanted.without)))
    conditions += ["m.deleted_at IS NULL", "m.room_id IN (SELECT value FROM json_each(%s))"]
    values.append(json.dumps(list(wanted.rooms)))
    if wanted.below is not None:
        conditions.append(f"{key} < %s")
        values.append(wanted.below)
    _between(wanted, "m.created_at", conditions, values)
    sql = (
        f"SELECT {key} FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608
        f" ORDER BY {key} DESC LIMIT %s"
    )
    return [found for (found,) in _rows(sql, [*values, limit])]


# PostgreSQL


def _tsquery_phrase(phrase: Phrase) -> str:
    return " <-> ".join(f"'{word}'" for word in phrase.words) + (":*" if phrase.begun else "")


def _tsquery_any(words: Iterable[str]) -> str:
    return "(" + " | ".join(words) + ")"


def tsquery(wanted: Wanted) -> str:
    """The same as PostgreSQL is asked for it."""
    asked = [f"({_tsquery_phrase(phrase)})" for phrase in wanted.phrases]
    if wanted.authors is not None:
        asked.append(_tsquery_any(f"'{author_word(author)}'" for author in wanted.authors))
    if wanted.files:
        asked.append(f"'{FILES}'")
    if wanted.narrow:
        asked.append(_tsquery_any(f"'{room_word(room)}'" for room in wanted.rooms))
    if wanted.without:
        without = _tsquery_any(f"({_tsquery_phrase(phrase)})" for phrase in wanted.without)
        asked.append(f"!{without}")
    return " & ".join(asked)


def _newest_by_gin(wanted: Wanted, limit: int) -> list[int]:
    if wanted.until is not None:
        return _by_index(wanted, limit)  # the newest messages tell nothing of older ones
    top = wanted.below
    if top is None:
        ((top,),) = _rows("SELECT COALESCE(MAX(message_id), 0) + 1 FROM rooms_search", [])
    found = _by_walk(wanted, limit, top, top - SAMPLE)
    several = any(len(phrase.words) > 1 for phrase in wanted.phrases)
    if (COMMON_PHRASE if several else COMMON) <= len(found) < limit:
        more = limit - len(found)
        found += _by_walk(wanted, more, top - SAMPLE, top - WALK)
    if len(found) < limit and top > SAMPLE:
        return _by_index(wanted, limit)
    return found


def _by_walk(wanted: Wanted, limit: int, below: int, down_to: int) -> list[int]:
    """Those with keys from `down_to` to below `below`, one after the other."""
    conditions, values = _gin_conditions(replace(wanted, below=below))
    conditions.append("message_id >= %s")
    sql = (
        f"SELECT message_id FROM rooms_search WHERE {' AND '.join(conditions)}"  # noqa: S608
        " ORDER BY message_id DESC LIMIT %s"
    )
    return [key for (key,) in _rows(sql, [*values, down_to, limit])]


def _by_index(wanted: Wanted, limit: int) -> list[int]:
    """All that the index knows, sorted: MATERIALIZED keeps the planner from going through the table."""
    conditions, values = _gin_conditions(wanted)
    sql = (
        "WITH matching AS MATERIALIZED (SELECT message_id FROM rooms_search"  # noqa: S608
        f" WHERE {' AND '.join(conditions)})"
        " SELECT message_id FROM matching ORDER BY message_id DESC LIMIT %s"
    )
    return [key for (key,) in _rows(sql, [*values, limit])]


def _gin_conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    values: list[Any] = [list(wanted.rooms)]
    conditions = ["room_id = ANY(%s::bigint[])"]
    if asked := tsquery(wanted):
        conditions.append("words @@ %s::tsquery")
        values.append(asked)
    if wanted.below is not None:
        conditions.append("message_id < %s")
        values.append(wanted.below)
    _between(wanted, "created_at", conditions, values)
    return conditions, values


def _between(wanted: Wanted, column: str, conditions: list[str], values: list[Any]) -> None:
    for moment, comparison in ((wanted.since, ">="), (wanted.until, "<")):
        if moment is not None:
            conditions.append(f"{column} {comparison} %s")
            values.append(connection.ops.adapt_datetimefield_value(moment))
