"""Queries that are put together once.

Django builds the SQL of a query anew each time, which takes several times as long as SQLite takes to
answer it. The few queries that every page makes are built once for each thread, by the same querysets
as ever, with a marker in the place of each value; afterwards they are only asked.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet


class Prepared:
    """Tuples as `build` says, a function of as many values as `kinds` names: each an int or a str.

    `build` returns a queryset after `values_list()`. It may use its arguments only as values that the
    query compares with, and each of them as it is.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *kinds: type[int | str]) -> None:
        self._build = build
        self._markers = [_marker(kind, place) for place, kind in enumerate(kinds)]
        self._of_thread = threading.local()

    def rows(self, *values: int | str) -> list[Any]:
        """What the query gives for these values, in the order of the queryset."""
        if not hasattr(self._of_thread, "built"):
            self._of_thread.built = self._compiled()
        compiler, sql, parameters, converters = self._of_thread.built
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(sql, [values[each] if marked else each for marked, each in parameters])
            rows: list[Any] = cursor.fetchall()
        return list(compiler.apply_converters(rows, converters)) if converters else rows

    def _compiled(self) -> tuple[Any, str, list[tuple[bool, Any]], Any]:
        compiler = self._build(*self._markers).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        selected = [column for column, _sql, _alias in compiler.select]
        of_values = [
            (True, self._markers.index(each)) if each in self._markers else (False, each)
            for each in parameters
        ]
        return compiler, sql, of_values, compiler.get_converters(selected)


def _marker(kind: type[int | str], place: int) -> int | str:
    """A value that no query has by itself."""
    return 7_205_759_403_792_793_000 + place if kind is int else f"\ue000{place}"
