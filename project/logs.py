"""The log: one line per event, and nothing in it that people wrote or prove themselves by.

What an event says is ours, but an exception's text may quote what it failed at: PostgreSQL shows the row
that it refused, Python the value that is no number. So an exception is told by its type, its traceback
and, where that is known to quote nothing, its text; wherever it stands in an event. And a traceback that
comes again and again, as with a full disk at every try, is shown once a minute.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import sys
import threading
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import IntegrityError
from django.template import TemplateDoesNotExist, TemplateSyntaxError

from rooms import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

logger = logging.getLogger(__name__)

AGAIN = 60.0  # seconds before the same traceback is shown in full once more
REMEMBERED = 1_000  # tracebacks whose last showing is known; there are far fewer places in the code
LONGEST = 2_000  # characters of a message; an address may have 64 kB

WITHHELD = "its text is not logged"

# What stands in an address and opens something: invitations, webhooks, and allauth's links in mails.
_SECRET_PATH = re.compile(
    r"(/join/|/hooks/|/unsubscribe/|/accounts/confirm-email/|/accounts/password/reset/key/)[^\s?'\"]+"
)
_QUERY = re.compile(r"(/[^\s?'\"]*)\?[^\s'\"]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Their texts name what is in the code or on the machine.
_HARMLESS = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    NameError,
    TemplateDoesNotExist,
    TemplateSyntaxError,
    redis.ConnectionError,
    redis.OutOfMemoryError,
    redis.ReadOnlyError,
    redis.TimeoutError,
)
# What Python says of a call with other arguments than the function takes; it names them, without values.
_CALL = re.compile(r"[\w.<>]+\(\) (takes|missing|got an unexpected|got multiple)\b")
_OUR_CODE = tuple(f"{Path(__file__).parent.parent / folder}/" for folder in ("project", "rooms"))


# What an exception may say


def text_of(error: BaseException) -> str:
    """The exception's own words, where they are known to quote nothing."""
    if isinstance(error, DatabaseError) and error.__cause__ is not None:
        error = error.__cause__  # whose words it repeats
    if not error.args:
        said = ""
    elif isinstance(error, psycopg.Error):
        said = _of_postgresql(error)
    elif isinstance(error, sqlite3.Error):
        said = _of_sqlite(error)
    elif isinstance(error, OSError) and error.strerror:
        said = f"[Errno {error.errno}] {error.strerror}"  # without the name of the file
    else:
        said = str(error) if _quotes_nothing(error) else WITHHELD
    return _in_one_line(said)


def _quotes_nothing(error: BaseException) -> bool:
    if isinstance(error, TypeError):
        return bool(_CALL.match(str(error)))
    if isinstance(error, DatabaseError):  # Django's own
        return not isinstance(error, IntegrityError)
    return isinstance(error, (*_HARMLESS, OSError))


def _of_postgresql(error: psycopg.Error) -> str:
    """Without its DETAIL, which quotes rows and keys. The message itself quotes only what is no value of
    its type, and those errors have a class of their own."""
    if error.sqlstate is None:
        return str(error) if isinstance(error, psycopg.OperationalError) else WITHHELD
    if error.sqlstate.startswith("22"):
        return f"SQLSTATE {error.sqlstate}"
    return error.diag.message_primary or f"SQLSTATE {error.sqlstate}"


def _of_sqlite(error: sqlite3.Error) -> str:
    """All its errors have fixed words, but for those of SQL that it can't make sense of."""
    said = str(error)
    if getattr(error, "sqlite_errorname", "") != "SQLITE_ERROR" or said.startswith("no such "):
        return said
    return "SQLITE_ERROR"


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _described(error: BaseException) -> str:
    return f"{_name(error)}: {text_of(error)}".removesuffix(": ")


def traceback_of(error: BaseException) -> str:
    """As Python shows it, with the exceptions that led to it, each with the words that it may have."""
    lines: list[str] = []
    for each, led_to_next in _chain(error):
        lines.append("Traceback (most recent call last):\n")
        lines += traceback.format_tb(each.__traceback__)
        lines.append(f"{_described(each)}\n")
        if isinstance(each, BaseExceptionGroup):
            lines += [f"  with {_described(member)}\n" for member in each.exceptions]
        if led_to_next:
            lines.append(f"\n{led_to_next}\n\n")
    return "".join(lines).rstrip("\n")


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """The exceptions in the order in which they came, each with how it led to the next."""
    found: list[tuple[BaseException, str]] = [(error, "")]
    while True:
        last = found[-1][0]
        if last.__cause__ is not None:
            before, how = last.__cause__, "The above exception was the direct cause of this one:"
        elif last.__context__ is not None and not last.__suppress_context__:
            before, how = (
                last.__context__,
                "During handling of the above exception, this one occurred:",
            )
        else:
            break
        if any(before is known for known, _how in found):
            break
        found.append((before, how))
    return reversed(found)


def _place(error: BaseException) -> str:
    """Where in our code it came from, or where at all if that was not in it."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in [each for each in frames if each.filename.startswith(_OUR_CODE)][-1:] or frames[
        -1:
    ]:
        return f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"
    return "nowhere"


# What an event says


def _in_one_line(text: str) -> str:
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text.strip())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _message(record: logging.LogRecord) -> str:
    """Only its first line: below, libraries put tracebacks and the insides of tasks."""
    said = _template(record)
    if record.args:
        args = record.args
        with_words: Any = (
            {name: _worded(value) for name, value in args.items()}
            if isinstance(args, dict)
            else tuple(_worded(value) for value in args)
        )
        with suppress(TypeError, ValueError, KeyError):  # whoever logs may be mistaken
            said %= with_words
    first, *below = said.strip().splitlines() or [""]
    cut = " …" if below else ""
    return _in_one_line(_QUERY.sub(r"\1?…", _SECRET_PATH.sub(r"\1…", first))) + cut


def _template(record: logging.LogRecord) -> str:
    error = _logged_itself(record)
    return _described(error) if error else str(record.msg)


def _logged_itself(record: logging.LogRecord) -> BaseException | None:
    """An exception in the place of a message, as it is or as Twisted holds one."""
    held = getattr(record.msg, "value", record.msg)
    return held if isinstance(held, BaseException) else None


def _worded(value: object) -> object:
    return text_of(value) if isinstance(value, BaseException) else value


def _error(record: logging.LogRecord) -> BaseException | None:
    if record.exc_info and record.exc_info[1] is not None:
        _kind, error, trace = record.exc_info
        # Twisted keeps the two apart.
        return error if error.__traceback__ else error.with_traceback(trace)
    # daphne logs the text of the traceback that it is just handling.
    handled = "Traceback (most recent call last)" in str(record.msg)
    return _logged_itself(record) or (sys.exc_info()[1] if handled else None)


class Formatter(logging.Formatter):
    """What both ways to write an event have in common. The handler's lock keeps threads apart."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[tuple[str, str, str], float] = {}

    def told(self, record: logging.LogRecord) -> tuple[str, str]:
        """The event in one line, and the traceback below it or ""."""
        metrics.LOGGED.labels(record.levelname).inc()
        message, error = _message(record), _error(record)
        if error is None:
            return message, ""
        place, now = _place(error), time.monotonic()
        same = (record.name, _name(error), place)
        if now - self._shown.get(same, -AGAIN) < AGAIN:
            return f"{message} ({_described(error)}, at {place} as within the last minute)", ""
        if len(self._shown) >= REMEMBERED:
            self._shown.clear()
        self._shown[same] = now
        return message, traceback_of(error)


class TextFormatter(Formatter):
    """For people: a traceback stands below its event."""

    def format(self, record: logging.LogRecord) -> str:
        message, below = self.told(record)
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {message}"
        return f"{line}\n{below}" if below else line


class JSONFormatter(Formatter):
    """For programs: an object a line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        message, below = self.told(record)
        moment = datetime.fromtimestamp(record.created, UTC)
        event = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if below:
            event["exception"] = below
        return json.dumps(event)


# What would otherwise be written past the log


def take_over() -> None:
    """Have exceptions that nobody caught logged; Python itself would print them with all their words, and
    what can't be written to the log with all its arguments."""

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("the process ends", exc_info=(kind, error, trace))

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        logger.error("a thread failed", exc_info=failed.exc_value)

    def unraisable(failed: sys.UnraisableHookArgs) -> None:
        logger.error("an object was not cleared away", exc_info=failed.exc_value)

    logging.raiseExceptions = False
    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
