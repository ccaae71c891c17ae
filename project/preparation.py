"""What has to be in place before the server starts: services, tables, static files."""

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from project import environment
from rooms.sessions import SessionStore

PATIENCE = 5  # seconds
# Any number will do, so long as nothing else in the database takes the same advisory lock.
MIGRATION_LOCK = 7_662_663_857


def reach_services() -> None:
    """Stops the start with one sentence if the database or Redis can't be reached."""
    try:
        if connection.vendor == "postgresql":
            # The pool would go on trying for a while, and then not say what was wrong.
            parameters = connection.get_connection_params()
            psycopg.connect(**{**parameters, "connect_timeout": PATIENCE}).close()
        connection.ensure_connection()
    except (DatabaseError, psycopg.Error) as error:
        environment.stop(f"The database of DATABASE_URL can't be reached: {_in_one_line(error)}.")
    for number, url in enumerate(settings.REDIS_URLS, start=1):
        try:
            with redis.Redis.from_url(
                url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
            ) as client:
                client.ping()
        except (redis.RedisError, OSError, ValueError) as error:
            which = f"Redis {number}" if len(settings.REDIS_URLS) > 1 else "The Redis"
            environment.stop(f"{which} of REDIS_URL can't be reached: {_in_one_line(error)}.")


def is_migrated() -> bool:
    """Whether nothing of this version is left to apply."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def prepare() -> None:
    """Migrates, forgets sessions that are over and collects static files, each if needed; several
    processes may call it at once."""
    with _alone():
        if not is_migrated():
            call_command("migrate", interactive=False, verbosity=0)
        SessionStore.clear_expired()
        collect_static_files()


# Of these the site for operators loads the short copies. Compressing the long ones as well would take as
# long as all files of Roomful.
UNREAD = ["jquery.js", "select2.full.js", "xregexp.js"]


def collect_static_files() -> None:
    """Stores hashed and compressed copies, unless those there were made from just these files."""
    if settings.DEBUG:
        return
    root = Path(settings.STATIC_ROOT)
    stamp = root / "collected"
    made_from = _fingerprint()
    manifest = root / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == made_from:
        return
    # Files of before stay: a process that is still running serves them.
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNREAD)
    stamp.write_text(made_from)


def _fingerprint() -> str:
    """Of the files' contents, since times and sizes can deceive, and of what processes them."""
    digest = hashlib.sha256()
    for library in ("Django", "servestatic", "Brotli"):
        digest.update(f"{library} {version(library)}\n".encode())
    for finder in get_finders():
        for path, storage in finder.list(None):
            content = hashlib.sha256(Path(storage.path(path)).read_bytes()).hexdigest()
            digest.update(json.dumps([path, content]).encode())
    return digest.hexdigest()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Waits until no other process prepares, on this machine or on this PostgreSQL."""
    with (Path(settings.DATA_DIR) / "prepare.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
