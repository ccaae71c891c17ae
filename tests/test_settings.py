"""The environment is read strictly: what makes no sense stops the start with one sentence."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.process import REPOSITORY, environment, manage
from tests.stack import VARIABLES

pytestmark = pytest.mark.one_stack

SECRET = "hunter2-hunter2"

# Variable, value, what the sentence shows of it, what it says is allowed.
WRONG = [
    ("ADMIN_PATH", "rooms/all", '"rooms/all"', "that is free"),
    ("ADMIN_PATH", "https://example.org/", '"https:', "that is free"),
    ("ALLOWED_HOSTS", "http://chat.example.org", '"http://chat.example.org"', "host names"),
    ("ALLOWED_HOSTS", "chat.example.org:8000", '"chat.example.org:8000"', "without port"),
    ("ALLOW_PRIVATE_ADDRESSES", "some", '"some"', "on or off"),
    ("API_READS_PER_MINUTE", "many", '"many"', "from 0 to 1000000"),
    ("API_WRITES_PER_MINUTE", "-1", '"-1"', "from 0 to 1000000"),
    ("DATABASE_URL", f"mysql://me:{SECRET}@db/chat", '"mysql:…"', "postgres://"),
    ("DATABASE_URL", f"postgres://me:{SECRET}@db", '"postgres:…"', "postgres://"),
    ("DATABASE_URL", f"postgres://me:{SECRET}@db:many/chat", '"postgres:…"', "postgres://"),
    ("DATABASE_URL", f"me:{SECRET}@db/chat", '"me:…"', "postgres://"),
    ("DATABASE_URL", "sqlite://:memory:", '"sqlite:…"', "sqlite:////"),
    ("DATABASE_URL", "sqlite://", '"sqlite:…"', "sqlite:////"),
    ("DATA_DIR", "/dev/null/data", '"/dev/null/data"', "must be a folder"),
    ("DATA_DIR", "/dev/null", '"/dev/null"', "must be a folder"),
    ("DEBUG", "maybe", '"maybe"', "on or off"),
    ("EMAIL_FROM", "Roomful", '"Roomful"', "chat@example.org"),
    ("EMAIL_URL", f"imap://me:{SECRET}@mail", '"imap:…"', "smtp+tls"),
    ("EMAIL_URL", f"smtp://me:{SECRET}@", '"smtp:…"', "smtp+tls"),
    ("FETCH_PORTS", "80,http", '"80,http"', "separated by commas"),
    ("FETCH_PORTS", "0", '"0"', "from 1 to 65535"),
    ("FILES_BY_PROXY", "nginx", '"nginx"', "on or off"),
    ("FILES_DIR", "/dev/null/files", '"/dev/null/files"', "must be a folder"),
    ("FILES_LIMIT", "0", '"0"', "from 1 to 1000000"),
    ("FILE_LIMIT", "25 MB", '"25 MB"', "from 1 to 2000"),
    ("GITHUB_CLIENT_ID", SECRET, "set", "GITHUB_CLIENT_SECRET is not"),
    ("GITHUB_CLIENT_SECRET", SECRET, "set", "GITHUB_CLIENT_ID is not"),
    ("GITHUB_URL", "git.example.org", '"git.example.org"', "https://id.example.org"),
    ("GITLAB_CLIENT_ID", SECRET, "set", "GITLAB_CLIENT_SECRET is not"),
    ("GITLAB_CLIENT_SECRET", SECRET, "set", "GITLAB_CLIENT_ID is not"),
    ("GITLAB_URL", "http://git.example.org", '"http://git.example.org"', "https://"),
    ("GOOGLE_CLIENT_ID", SECRET, "set", "GOOGLE_CLIENT_SECRET is not"),
    ("GOOGLE_CLIENT_SECRET", SECRET, "set", "GOOGLE_CLIENT_ID is not"),
    ("HOST", "here and there", '"here and there"', "IP address or a host name"),
    ("HOST", "127.0.0.1:8000", '"127.0.0.1:8000"', "IP address or a host name"),
    ("JWT_SECRETS", f"{SECRET * 3},{SECRET}", "not shown here", "at least 32 random"),
    ("LANGUAGE_CODE", "tlh", '"tlh"', "it may be en"),
    ("LOG_FORMAT", "xml", '"xml"', "text or json"),
    ("LOG_LEVEL", "loud", '"loud"', "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ("METRICS_TOKEN", SECRET, "not shown here", "at least 32 random"),
    ("METRICS_TOKEN", f"{SECRET} {SECRET} {SECRET}", "not shown here", "at least 32 random"),
    ("OIDC_CLIENT_ID", SECRET, "set", "OIDC_CLIENT_SECRET is not"),
    ("OIDC_CLIENT_SECRET", SECRET, "set", "OIDC_CLIENT_ID is not"),
    ("OIDC_NAME", "n" * 41, "41 characters", "at most 40"),
    ("OIDC_SERVER_URL", "https://id.example.org", "set", "OIDC_CLIENT_ID is not"),
    ("OIDC_SERVER_URL", f"https://me:{SECRET}@id.example.org", "not shown", "https://id"),
    ("OIDC_SERVER_URL", "https://id.example.org:x", '"https://id.example.org:x"', "web address"),
    ("OIDC_SERVER_URL", "https://id.example.org/?a=b", '"https://id', "web address"),
    ("PORT", "http", '"http"', "from 0 to 65535"),
    ("PORT", "65536", '"65536"', "from 0 to 65535"),
    ("PORT", "٨٠", '"٨٠"', "from 0 to 65535"),
    ("PROCESSES", "0", '"0"', "from 1 to 1000"),
    ("PROCESSES", "2", '"2"', "REDIS_URL"),
    ("PSEUDO_LANGUAGE", "perhaps", '"perhaps"', "on or off"),
    ("REDIS_URL", f"http://me:{SECRET}@redis", '"http:…"', "redis://"),
    ("REDIS_URL", f"redis://me:{SECRET}@redis/zero", '"redis:…"', "redis://"),
    ("REDIS_URL", f"redis://me:pass:{SECRET}", '"redis:…"', "redis://"),
    ("REDIS_URL", f"redis://a,http://me:{SECRET}@b", '"http:…"', "separated by commas"),
    ("REDIS_URL", f"redis://me:{SECRET}@a,", "an empty place", "separated by commas"),
    ("REDIS_URL", f"redis://me:{SECRET}@a, redis://me:{SECRET}@a", "twice", "another"),
    ("SECRET_KEY", SECRET, "too short", "at least 50 characters"),
    ("SECRET_KEY", SECRET[0] * 60, "too easy to guess", "random"),
    ("POSTS_PER_MINUTE", "-1", '"-1"', "from 0 to 100000"),
    ("POSTS_AT_ONCE", "0", '"0"', "from 1 to 100000"),
    ("AUDIT_DAYS", "-1", '"-1"', "from 0 to 36500"),
    ("SESSION_DAYS", "-1", '"-1"', "from 1 to 3650"),
    ("SITE_URL", "chat.example.org", '"chat.example.org"', "https://chat.example.org"),
    ("SITE_URL", "https://chat.example.org/rooms", "/rooms", "without a path"),
    ("SITE_URL", f"https://me:{SECRET}@chat.example.org", "not shown here", "without a path"),
    ("TIME_ZONE", "Mars/Olympus", '"Mars/Olympus"', "Europe/Berlin"),
    ("TRUST_PROXY", "yes", '"yes"', "from 0 to 10"),
    ("WORKER", "sometimes", '"sometimes"', "on or off"),
]


@pytest.fixture(scope="module")
def refusals(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, str], subprocess.CompletedProcess[str]]:
    """Each wrong value's attempt to start; all at once, since each takes a moment."""
    folder = tmp_path_factory.mktemp("wrong")

    def attempt(name: str, value: str) -> subprocess.CompletedProcess[str]:
        return manage("check", **{"DATA_DIR": str(folder), name: value})

    cases = [(name, value) for name, value, _, _ in WRONG]
    with ThreadPoolExecutor() as pool:
        return dict(zip(cases, pool.map(lambda case: attempt(*case), cases), strict=True))


@pytest.mark.parametrize(("name", "value", "shown", "allowed"), WRONG)
def test_what_makes_no_sense_stops_the_start_with_one_sentence(
    name: str,
    value: str,
    shown: str,
    allowed: str,
    refusals: dict[tuple[str, str], subprocess.CompletedProcess[str]],
) -> None:
    done = refusals[name, value]
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{name} is ")
    assert done.stderr.endswith(".\n")
    assert shown in done.stderr
    assert allowed in done.stderr
    assert SECRET not in done.stderr


def test_every_variable_can_be_wrong() -> None:
    assert {name for name, _, _, _ in WRONG} == set(VARIABLES)


def shown(data_dir: Path, *names: str, **variables: str) -> list[str]:
    """The values of these settings, as a process with this environment reads them."""
    code = "import project.settings as s;" + "".join(f"print(repr(s.{name}));" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=environment(DATA_DIR=str(data_dir), **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SITE_URL": "https://chat.example.org"},
        {"SITE_URL": "https://chat.example.org", "TRUST_PROXY": "1"},
        {"HOST": "0.0.0.0", "SITE_URL": "http://192.168.1.5:8000"},
        {"EMAIL_URL": "smtp://mail.example.org", "DATABASE_URL": "postgres://me@db/chat"},
    ],
    ids=lambda variables: " ".join(variables) or "defaults",
)
def test_check_for_deployment_finds_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    done = manage("check", "--deploy", "--fail-level", "DEBUG", DATA_DIR=str(tmp_path), **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("System check identified no issues")


def test_a_variable_that_is_set_but_empty_counts_as_not_set(tmp_path: Path) -> None:
    empty = dict.fromkeys(set(VARIABLES) - {"DATA_DIR"}, "")
    names = ["DEBUG", "PORT", "REDIS_URLS", "ALLOWED_HOSTS", "TIME_ZONE"]
    assert shown(tmp_path, *names, **empty) == [
        "False",
        "8000",
        "[]",
        "['localhost', '127.0.0.1', '[::1]']",
        "'UTC'",
    ]


def test_an_https_address_makes_cookies_secure_and_is_answered_to(tmp_path: Path) -> None:
    names = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_NAME", "ALLOWED_HOSTS"]
    https = shown(tmp_path, *names, "CSRF_TRUSTED_ORIGINS", SITE_URL="https://chat.example.org/")
    assert https == [
        "True",
        "True",
        "'__Host-roomful_session'",
        "['localhost', '127.0.0.1', '[::1]', 'chat.example.org']",
        "['https://chat.example.org']",
    ]
    http = shown(tmp_path, *names[:2], SITE_URL="http://[fd00::5]:8000")
    assert http == ["False", "False"]


def test_redirecting_to_https_needs_a_proxy_whose_word_counts(tmp_path: Path) -> None:
    site = {"SITE_URL": "https://chat.example.org"}
    assert shown(tmp_path, "SECURE_SSL_REDIRECT", **site) == ["False"]
    assert shown(tmp_path, "SECURE_SSL_REDIRECT", **site, TRUST_PROXY="1") == ["True"]


def test_an_address_to_listen_on_is_one_to_answer_to(tmp_path: Path) -> None:
    names = ["ALLOWED_HOSTS", "SITE_URL"]
    assert shown(tmp_path, *names, HOST="fd00::5", PORT="81") == [
        "['localhost', '127.0.0.1', '[::1]', '[fd00::5]']",
        "'http://[fd00::5]:81'",
    ]
    assert shown(tmp_path, *names, HOST="0.0.0.0") == [
        "['localhost', '127.0.0.1', '[::1]']",
        "'http://localhost:8000'",
    ]


def test_one_url_moves_everything_shared_to_redis(tmp_path: Path) -> None:
    url = "redis://127.0.0.1:6379/1"
    layer, cache, known = shown(
        tmp_path, "CHANNEL_LAYERS", "CACHES", "REDIS_URLS", REDIS_URL=url, PROCESSES="4"
    )
    assert "RedisPubSubChannelLayer" in layer
    assert url in layer
    assert "SharedCache" in cache
    assert url in cache
    assert known == repr([url])


def test_several_urls_share_the_channel_layer_and_the_first_has_the_cache(tmp_path: Path) -> None:
    first, second = "redis://127.0.0.1:6379/1", "unix:///run/redis.sock"
    layer, cache, known = shown(
        tmp_path, "CHANNEL_LAYERS", "CACHES", "REDIS_URLS", REDIS_URL=f"{first}, {second}"
    )
    assert known == repr([first, second])
    assert known in layer
    assert first in cache
    assert second not in cache


def test_mail_is_printed_until_there_is_a_server(tmp_path: Path) -> None:
    names = ["EMAIL_BACKEND", "ACCOUNT_EMAIL_VERIFICATION"]
    console, unverified = shown(tmp_path, *names)
    assert "console" in console
    assert unverified == "'none'"
    sent = shown(
        tmp_path,
        *names,
        *["EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS"],
        EMAIL_URL="smtp+tls://me%40example.org:p%2Fw@mail.example.org",
    )
    assert "smtp" in sent.pop(0)
    assert sent == [
        "'optional'",
        "'mail.example.org'",
        "587",
        "'me@example.org'",
        "'p/w'",
        "True",
    ]


def test_the_data_folder_and_the_secret_key_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    first = shown(folder, "SECRET_KEY")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert shown(folder, "SECRET_KEY") == first
    assert shown(tmp_path / "other", "SECRET_KEY") != first


def test_processes_that_start_at_once_agree_on_the_secret_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: shown(tmp_path, "SECRET_KEY")[0], range(8)))
    assert len(set(keys)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "secret_key"]


def test_a_damaged_secret_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    done = manage("check", DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "secret_key") in done.stderr
    assert (tmp_path / "secret_key").read_text() == ""
