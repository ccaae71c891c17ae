"""Reads the environment strictly: a value that makes no sense stops the start with one sentence.

Every reader takes a variable's name and what holds without it. A variable that is set but empty
counts as not set: that is what a compose file makes of a value nobody filled in.
"""

import ipaddress
import os
import re
import secrets
import zoneinfo
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from environ import Env

# Django's own check wants as much; what we make has this many characters as well.
SECRET_KEY_LENGTH = 50
TOKEN_LENGTH = 32  # 128 bits as `openssl rand -hex 16` writes them

# What addresses of Roomful's own begin with.
TAKEN = frozenset(
    """accounts api api-token-auth composer direct exports healthz help hooks join language manifest
    metrics people place previews readyz reports rooms search setup static unread unsubscribe ws
    """.split()  # noqa: SIM905  # shorter than a line for each
)

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)

_SQLITE_SCHEMES = ("sqlite",)
_POSTGRES_SCHEMES = ("postgres", "postgresql")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_EMAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}


def stop(sentence: str) -> NoReturn:
    """Ends the process with this one sentence on stderr, exit code 1 and no traceback."""
    raise SystemExit(sentence)


def refuse(name: str, was: str, allowed: str) -> NoReturn:
    stop(f"{name} is {was}, but {allowed}.")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    value = text(name)
    if not value:
        return default
    if value.lower() in {"1", "on", "true", "yes"}:
        return True
    if value.lower() in {"0", "off", "false", "no"}:
        return False
    refuse(name, f'"{value}"', "it may be on or off")


def number(name: str, default: int, lowest: int, highest: int) -> int:
    value = text(name)
    if not value:
        return default
    # isdecimal() would take digits of other scripts, int() takes underscores and signs.
    if not re.fullmatch(r"[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
        refuse(name, f'"{value}"', f"it must be a whole number from {lowest} to {highest}")
    return int(value)


def ports(name: str, default: list[int]) -> list[int]:
    """Numbers of ports, separated by commas."""
    value = text(name)
    if not value:
        return default
    found = [part.strip() for part in value.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,5}", part) and 0 < int(part) <= 65535 for part in found):
        refuse(name, f'"{value}"', "it must be numbers from 1 to 65535, separated by commas")
    return [int(part) for part in found]


def choice(name: str, default: str, choices: Collection[str]) -> str:
    value = text(name, default)
    if value not in choices:
        refuse(name, f'"{value}"', f"it may be {_either(choices)}")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    if value not in zoneinfo.available_timezones():
        refuse(name, f'"{value}"', 'it must be the name of a time zone such as "Europe/Berlin"')
    return value


def host(name: str, default: str) -> str:
    """An IP address or a host name, an IPv6 address without its brackets."""
    value = text(name, default)
    if not is_host(value):
        refuse(name, f'"{value}"', 'it must be an IP address or a host name such as "0.0.0.0"')
    return value


def hosts(name: str, default: list[str]) -> list[str]:
    """A comma-separated list in the form of Django's ALLOWED_HOSTS."""
    value = text(name)
    if not value:
        return default
    found = [part.strip() for part in value.split(",") if part.strip()]
    for part in found:
        if part != "*" and not is_host(part.removeprefix(".").removeprefix("[").removesuffix("]")):
            refuse(
                name,
                f'"{value}"',
                "it must be host names without port, separated by commas",
            )
    return found


def origin(name: str) -> SplitResult | None:
    """A web address without a path: its scheme, host and, where it has one, port."""
    value = text(name)
    if not value:
        return None
    allowed = 'it must be a web address without a path, such as "https://chat.example.org"'
    try:
        parts = urlsplit(value)
        port_makes_sense = parts.port is None or parts.port > 0
    except ValueError:
        refuse(name, f'"{value}"', allowed)
    if "@" in parts.netloc:
        refuse(name, "not shown here because it contains a user or a password", allowed)
    if (
        parts.scheme not in {"http", "https"}
        or not is_host(parts.hostname or "")
        or not port_makes_sense
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        refuse(name, f'"{value}"', allowed)
    return parts


def address(name: str, default: str) -> str:
    """The sender of mail, with or without a display name."""
    value = text(name, default)
    if not re.fullmatch(r"[^@<>\r\n]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s]+@[^@<>\s]+", value):
        refuse(name, f'"{value}"', 'it must be a sender such as "Roomful <chat@example.org>"')
    return value


def folder(name: str, default: Path, mode: int = 0o700) -> Path:
    """A folder only this user can look into; it is made if it is missing, with this mode."""
    path = Path(text(name, str(default))).expanduser().absolute()
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        refuse(name, f'"{path}"', f"it must be a folder or be possible to make ({error.strerror})")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        refuse(name, f'"{path}"', "it must be a folder that can be written to")
    return path


def secret_key(name: str, file: Path) -> str:
    """The variable if it is set; else what `file` holds, made on the first start."""
    key = text(name)
    if key:
        if len(key) < SECRET_KEY_LENGTH:
            refuse(name, "too short", f"it must be at least {SECRET_KEY_LENGTH} characters long")
        if len(set(key)) < 5 or key.startswith("django-insecure-"):
            refuse(name, "too easy to guess", f"it must be {SECRET_KEY_LENGTH} random characters")
        return key
    try:
        if not file.exists():
            _write_once(file, secrets.token_urlsafe(SECRET_KEY_LENGTH))
        key = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        stop(f"{name} is not set, and the one kept in {file} could not be read or made ({error}).")
    if len(key) < SECRET_KEY_LENGTH:
        stop(
            f"{name} is not set, and {file}, where it is kept, is damaged: remove it or restore it."
        )
    return key


def path(name: str, default: str) -> str:
    """Where something is on this site, without the first slash and with the last; "" if it is off."""
    value = text(name, default).strip("/")
    if value.lower() == "off":
        return ""
    first = value.partition("/")[0]
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", value) or first in TAKEN:
        refuse(name, f'"{value}"', 'it must be an address that is free, such as "admin/", or off')
    return f"{value}/"


def token(name: str) -> str:
    """What somebody proves themselves by, or "" if nobody can."""
    value = text(name)
    if value and (len(value) < TOKEN_LENGTH or not re.fullmatch(r"[!-~]+", value)):
        refuse(
            name,
            "not shown here because it is too short or has spaces or other such characters in it",
            f"it must be at least {TOKEN_LENGTH} random letters and digits",
        )
    return value


def tokens(name: str) -> list[str]:
    """Several such, separated by commas."""
    found = [each.strip() for each in text(name).split(",") if each.strip()]
    if any(len(each) < TOKEN_LENGTH or not re.fullmatch(r"[!-~]+", each) for each in found):
        refuse(
            name,
            "not shown here because one of them is too short or has spaces or such characters in it",
            f"each must be at least {TOKEN_LENGTH} random letters and digits, with commas between them",
        )
    return found


def _write_once(file: Path, content: str) -> None:
    """Of several processes that start at once, one gets its content kept, and all read that."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(content + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # Unlike a rename, a link never replaces what another process put there a moment ago.
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def database(name: str, default: Path) -> dict[str, Any]:
    """Django's description of a database from a URL: SQLite in a file, or PostgreSQL."""
    value = text(name)
    allowed = (
        'it must be like "postgres://user:password@host:5432/name"'
        ' or "sqlite:////var/lib/roomful/roomful.sqlite3"'
    )
    if not value:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default), "OPTIONS": {}}
    parts = _secret_url(name, value, allowed, (*_SQLITE_SCHEMES, *_POSTGRES_SCHEMES))
    if parts.scheme in _SQLITE_SCHEMES:
        # Not in memory either: each thread would see a database of its own.
        path = unquote(parts.path.removeprefix("/"))
        if parts.netloc or not path or path == ":memory:" or parts.query:
            refuse(name, f"{_shown(value)} without a file", allowed)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(path).absolute()),
            "OPTIONS": {},
        }
    found: dict[str, Any] = Env.db_url_config(value)
    if not found.get("NAME"):
        refuse(name, f"{_shown(value)} without the name of a database", allowed)
    return {"OPTIONS": {}, **found}


def redis(name: str) -> list[str]:
    """Redis servers, separated by commas, in the order in which rooms are dealt out to them."""
    value = text(name)
    if not value:
        return []
    allowed = (
        'it must be like "redis://host:6379/0", "rediss://…" or "unix:///run/redis.sock",'
        " or several of these separated by commas"
    )
    urls = [part.strip() for part in value.split(",")]
    for url in urls:
        if not url:
            refuse(name, "a list with an empty place in it", allowed)
        parts = _secret_url(name, url, allowed, _REDIS_SCHEMES)
        if parts.scheme == "unix":
            if not parts.path.startswith("/"):
                refuse(name, f"{_shown(url)} without a path", allowed)
        elif not parts.hostname or not re.fullmatch(r"/?[0-9]*", parts.path):
            refuse(
                name, f"{_shown(url)} without a host, or with a database that is no number", allowed
            )
    if len(set(urls)) < len(urls):
        refuse(name, "a list that names one Redis twice", "each must be another")
    return urls


def email(name: str) -> dict[str, Any]:
    """Django's EMAIL_* settings; without the variable, mail is printed to the console."""
    value = text(name)
    console = {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if not value or value == "console":
        return console
    allowed = (
        'it may be "console", or like "smtp+tls://user:password@host:587"'
        " with smtp, smtp+tls (STARTTLS) or smtp+ssl"
    )
    parts = _secret_url(name, value, allowed, _EMAIL_PORTS)
    if not parts.hostname or parts.path not in {"", "/"} or parts.query:
        refuse(name, f"{_shown(value)} without a host, or with more than one", allowed)
    found: dict[str, Any] = {
        key: given for key, given in Env.email_url_config(value).items() if given is not None
    }
    found.pop("EMAIL_FILE_PATH", None)
    return {"EMAIL_PORT": _EMAIL_PORTS[parts.scheme], **found}


def _secret_url(name: str, value: str, allowed: str, schemes: Collection[str]) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # only reading it finds a port that is no number
    except ValueError:
        refuse(name, f"{_shown(value)} with a host or port that makes no sense", allowed)
    if parts.scheme not in schemes or not value.startswith(f"{parts.scheme}://"):
        refuse(name, _shown(value), allowed)
    return parts


def _shown(value: str) -> str:
    """As much of a URL as can be told: what follows the scheme may hold a password."""
    scheme = _SCHEME.match(value)
    return f'"{scheme[1]}:…"' if scheme else "not a URL"


def is_host(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(value)) and len(value) <= 253
    return True


def in_brackets(value: str) -> str:
    """A host as it stands in a web address and in a Host header."""
    return f"[{value}]" if ":" in value else value


def _either(choices: Collection[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
