"""A pytest plugin: what the tests run on. Settings read the environment once, so it comes before.

--stack=small    SQLite and the memory of the process, which is what `make run` gives
--stack=full     PostgreSQL and Redis, both real and private to this run
--stack=browser  SQLite, shared with a Roomful that runs as a process of its own
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.services import PostgresServer, RedisServer, free_port

# All that settings.py reads: a developer's own values would make other tests of these.
VARIABLES = """
    ADMIN_PATH ALLOWED_HOSTS ALLOW_PRIVATE_ADDRESSES API_READS_PER_MINUTE API_WRITES_PER_MINUTE
    AUDIT_DAYS DATABASE_URL DATA_DIR DEBUG EMAIL_FROM EMAIL_URL FETCH_PORTS FILES_BY_PROXY
    FILES_DIR FILES_LIMIT FILE_LIMIT GITHUB_CLIENT_ID GITHUB_CLIENT_SECRET GITHUB_URL
    GITLAB_CLIENT_ID GITLAB_CLIENT_SECRET GITLAB_URL GOOGLE_CLIENT_ID GOOGLE_CLIENT_SECRET HOST
    JWT_SECRETS LANGUAGE_CODE LOG_FORMAT LOG_LEVEL METRICS_TOKEN OIDC_CLIENT_ID
    OIDC_CLIENT_SECRET OIDC_NAME OIDC_SERVER_URL PORT POSTS_AT_ONCE POSTS_PER_MINUTE PROCESSES
    PSEUDO_LANGUAGE REDIS_URL SECRET_KEY SESSION_DAYS SITE_URL TIME_ZONE TRUST_PROXY WORKER
""".split()  # noqa: SIM905  # shorter than a line for each

# Databases wait for the disk; in memory the tests take a fraction of the time.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 * 1024**3  # bytes; in a container there are often just 64 MiB

folder_key = pytest.StashKey[str]()
postgres_key = pytest.StashKey[PostgresServer]()
redis_key = pytest.StashKey[RedisServer]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", choices=["small", "full", "browser"], default="small")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    # A wrapper, because it is the only way to come before pytest-django, which loads the settings.
    stack = early_config.known_args_namespace.stack
    # By itself Python would end at once on SIGTERM and leave the servers running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in VARIABLES:
        os.environ.pop(name, None)
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    folder = tempfile.mkdtemp(prefix="roomful-test-")
    early_config.stash[folder_key] = folder
    os.environ["DATA_DIR"] = folder
    os.environ["PSEUDO_LANGUAGE"] = "on"
    os.environ["POSTS_PER_MINUTE"] = "0"  # tests do in a second what people do in an hour
    # With pytest-xdist each worker has a stack of its own, and who only hands out the tests needs none.
    only_hands_out = early_config.known_args_namespace.numprocesses and not os.environ.get(
        "PYTEST_XDIST_WORKER"
    )
    if stack == "full" and not only_hands_out:
        early_config.stash[postgres_key] = postgres = PostgresServer()
        postgres.start()
        early_config.stash[redis_key] = redis = RedisServer()
        redis.start()
        os.environ["DATABASE_URL"] = postgres.url
        os.environ["REDIS_URL"] = redis.url
    if stack == "browser":
        os.environ["PORT"] = str(free_port())
        # Playwright keeps an event loop on the tests' thread, where Django would refuse to query.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    return f"stack: {config.option.stack}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if redis := config.stash.get(redis_key, None):
        redis.remove()
    if postgres := config.stash.get(postgres_key, None):
        postgres.remove()
    shutil.rmtree(config.stash.get(folder_key, ""), ignore_errors=True)
