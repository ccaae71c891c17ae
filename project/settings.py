"""All configuration, read from the environment; README.md lists the variables."""

import hashlib
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from project import environment, providers, pseudo_language

BASE_DIR = Path(__file__).resolve().parent.parent

# Where this place keeps what it knows.

DEBUG = environment.flag("DEBUG")
DATA_DIR = environment.folder("DATA_DIR", BASE_DIR / "data")
SECRET_KEY = environment.secret_key("SECRET_KEY", DATA_DIR / "secret_key")

# Where it listens, and under which names it answers.

HOST = environment.host("HOST", "127.0.0.1")
PORT = environment.number("PORT", 8000, 0, 65535)
PROCESSES = environment.number("PROCESSES", 1, 1, 1000)
TRUST_PROXY = environment.number("TRUST_PROXY", 0, 0, 10)

LISTENS_EVERYWHERE = HOST in {"0.0.0.0", "::"}  # noqa: S104  # compared with, not listened on
_site = environment.origin("SITE_URL")
HTTPS = _site is not None and _site.scheme == "https"
if _site is not None:
    SITE_URL = f"{_site.scheme}://{_site.netloc}"
else:
    _name = "localhost" if LISTENS_EVERYWHERE or HOST in {"127.0.0.1", "::1"} else HOST
    SITE_URL = f"http://{environment.in_brackets(_name)}:{PORT}"

ALLOWED_HOSTS = environment.hosts(
    "ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]"]
    + ([] if LISTENS_EVERYWHERE else [environment.in_brackets(HOST)]),
)
CSRF_TRUSTED_ORIGINS: list[str] = []
if _site is not None:
    ALLOWED_HOSTS.append(environment.in_brackets(_site.hostname or ""))
    CSRF_TRUSTED_ORIGINS.append(SITE_URL)
ALLOWED_HOSTS = list(dict.fromkeys(ALLOWED_HOSTS))

# A header that no proxy wrote is a visitor's own claim, so they count only where one is declared.
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUST_PROXY

# The application.

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",  # of which rooms/admin/ makes a site of its own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "servestatic",
    "channels",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "django_tasks",
    "django_tasks_db",
    "rest_framework",
    "drf_spectacular",
    "rooms",
]

MIDDLEWARE = [
    # Before all else, as a monitor has no session and calls a process by whatever name it finds.
    "project.probes.ProbeMiddleware",
    # Early, so that a static file is answered on the event loop: what comes after it is run on a thread,
    # see project/handler.py. What the file then goes without is in _static_headers below.
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Compressing pages that hold a secret invites BREACH. Django answers it: each rendering masks
    # the CSRF token anew, and its middleware, as ours, adds a random number of bytes to every response.
    "project.compression.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "rooms.middleware.NullMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "rooms.sessions.SessionUserMiddleware",
    "rooms.edge.EdgeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "rooms.middleware.PlaceMiddleware",
    "rooms.middleware.ReaderMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "rooms.context.page",
            ],
            "builtins": ["rooms.templatetags.pieces"],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# One form post; what is uploaded as a file does not count here.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
# One file, and all files of the place together.
FILE_LIMIT = environment.number("FILE_LIMIT", 25, 1, 2000) * 1_000_000  # bytes
FILES_LIMIT = environment.number("FILES_LIMIT", 10, 1, 1_000_000) * 1_000_000_000  # bytes
# A whole request. The server breaks off what is larger before any view is asked, so that nobody can
# fill the disk. Only addresses that take files are given so much as several of them have.
REQUEST_MAX_SIZE = 2 * 1024 * 1024  # bytes
UPLOAD_MAX_SIZE = 4 * FILE_LIMIT + REQUEST_MAX_SIZE  # bytes
# What a process is being sent, all requests together.
RECEIVING_MAX_SIZE = max(1_000_000_000, 4 * UPLOAD_MAX_SIZE)  # bytes
# One frame on a socket, likewise. It carries at most one message; pages send theirs by HTTP.
FRAME_MAX_SIZE = 256 * 1024  # bytes

# The database.

_database = environment.database("DATABASE_URL", DATA_DIR / "roomful.sqlite3")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        # Readers and the one writer do not wait for each other; NORMAL is safe with WAL.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        # A transaction that reads first and writes later can't wait for the lock: it fails at once.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds a writer waits for its turn
    }
    # In memory, as is Django's default, the test database is locked as a whole by every thread.
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    # Connecting to PostgreSQL takes 10 ms, taking a connection from the pool 0.3 ms. Asking each
    # whether it is alive is one round trip, and lets a restart of the database go unnoticed.
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}
    _database["CONN_HEALTH_CHECKS"] = True
# A SQLite file stays open: opening it, its settings and reading its tables take half a millisecond, and
# requests share a few threads, see project/handler.py. A pool keeps its connections itself.
_max_age = 60 if _database["ENGINE"] == "django.db.backends.sqlite3" else 0  # seconds
DATABASES: dict[str, dict[str, Any]] = {"default": {**_database, "CONN_MAX_AGE": _max_age}}

# What processes share.

REDIS_URLS = environment.redis("REDIS_URL")
if PROCESSES > 1 and not REDIS_URLS:
    environment.refuse("PROCESSES", f'"{PROCESSES}"', "more than 1 needs REDIS_URL to be set")

# Two places can use one Redis, and pub/sub knows no databases, so their names must differ. The
# secret key is what all processes of one place have in common.
REDIS_PREFIX = "roomful-" + hashlib.sha256(b"prefix" + SECRET_KEY.encode()).hexdigest()[:8]

CHANNEL_LAYERS: dict[str, dict[str, Any]]
CACHES: dict[str, dict[str, Any]]
if REDIS_URLS:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # Deals the groups, and so the rooms, out to all of them by name.
            "CONFIG": {"hosts": REDIS_URLS, "prefix": REDIS_PREFIX},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "project.cache.SharedCache",
            # Of several, Django would take the others for replicas of the first.
            "LOCATION": REDIS_URLS[0],
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},  # seconds
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            # Over capacity it drops silently; the default of 100 is less than one busy moment.
            "CONFIG": {"capacity": 10_000},
        }
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# What Roomful asks of other servers, see rooms/fetch.py.

FETCH_PORTS = environment.ports("FETCH_PORTS", [80, 443])
ALLOW_PRIVATE_ADDRESSES = environment.flag("ALLOW_PRIVATE_ADDRESSES")

# Work that nobody waits for: who does it, and where it is noted down.

WORKER = environment.flag("WORKER", True)
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}

# Static files, and files people upload.

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "project.finders.AppFinder",
]
# A proxy that hands files out comes through it and may list nothing.
MEDIA_ROOT = environment.folder("FILES_DIR", DATA_DIR / "files", mode=0o711)
# What is being uploaded lies on the same disk, not in the memory that /tmp often is.
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT
# Whether the proxy in front hands files out when it is told which: X-Accel-Redirect, as nginx has it.
FILES_BY_PROXY = environment.flag("FILES_BY_PROXY")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "project.static.StaticStorage"
        )
    },
}
SERVESTATIC_ALLOW_ALL_ORIGINS = False
# Under its plain name a file could be cached only briefly; templates name files by {% static %}.
SERVESTATIC_KEEP_ONLY_HASHED_FILES = True


def _static_headers(headers: Any, _path: str, url: str) -> None:
    """Static files are answered before the middlewares that set these for pages."""
    policy = "default-src 'none'"
    if not url.endswith(
        (".css", ".js")
    ):  # what a browser shows as a page, such as a picture in SVG
        policy += "; style-src 'self'; frame-ancestors 'self'"
    headers["Content-Security-Policy"] = policy
    headers["X-Content-Type-Options"] = "nosniff"


SERVESTATIC_ADD_HEADERS_FUNCTION = _static_headers

# Accounts and sessions.

AUTH_USER_MODEL = "rooms.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/rooms/"

_email = environment.email("EMAIL_URL")
MAIL_IS_SENT = not _email["EMAIL_BACKEND"].endswith("console.EmailBackend")

ACCOUNT_ADAPTER = "rooms.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "rooms.forms.SignupForm",
    "reset_password": "rooms.banned_forms.ResetPasswordForm",
    "reset_password_from_key": "rooms.banned_forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional" if MAIL_IS_SENT else "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None  # the sign-in form has a box to tick

# Accounts elsewhere that somebody can sign in with, and the second factor.

SOCIALACCOUNT_PROVIDERS = providers.configured()
SOCIALACCOUNT_ADAPTER = "rooms.providers.adapter.ProviderAdapter"
SOCIALACCOUNT_FORMS = {"signup": "rooms.providers.forms.ProviderSignupForm"}
SOCIALACCOUNT_QUERY_EMAIL = True
# Nobody is taken for somebody by an address: who has an account signs in, and then connects another.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_AUTO_SIGNUP = False  # everybody chooses their username, as it stays
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""

MFA_ADAPTER = "rooms.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "activate_totp": "rooms.second_factor.ActivationForm",
    "authenticate": "rooms.second_factor.SignInForm",
    "reauthenticate": "rooms.second_factor.ReauthenticationForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]  # a passkey needs script
# Where no mail is sent no address is ever verified.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# In the database alone: a session that is revoked ends at once, in every process.
SESSION_ENGINE = "rooms.sessions"
SESSION_COOKIE_AGE = environment.number("SESSION_DAYS", 90, 1, 3650) * 24 * 60 * 60  # seconds
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "rooms.views.errors.csrf_failure"
# Cookies ignore ports: under Django's names, another application on this machine overwrites them.
# With the prefix, a browser takes no cookie that a subdomain set for the whole domain.
_cookie = "__Host-roomful_" if HTTPS else "roomful_"
SESSION_COOKIE_NAME = f"{_cookie}session"
CSRF_COOKIE_NAME = f"{_cookie}csrf"
LANGUAGE_COOKIE_NAME = "roomful_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60  # seconds
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

# Where the site for operators is, "" for nowhere.
ADMIN_PATH = environment.path("ADMIN_PATH", "admin/")

# Of one person; more is refused with the seconds until it is taken. 0: no limits of this kind at all.
POSTS_PER_MINUTE = environment.number("POSTS_PER_MINUTE", 60, 0, 100_000)
POSTS_AT_ONCE = environment.number("POSTS_AT_ONCE", 20, 1, 100_000)

# How long it is kept who decided what; 0 for ever.
AUDIT_DAYS = environment.number("AUDIT_DAYS", 365, 0, 36_500)

# Programs, see rooms/api and docs/api.md.

# What one person's programs may ask for within a minute, by all tokens together; 0 for any number.
API_READS_PER_MINUTE = environment.number("API_READS_PER_MINUTE", 1200, 0, 1_000_000)
API_WRITES_PER_MINUTE = environment.number("API_WRITES_PER_MINUTE", 300, 0, 1_000_000)
# The first signs JSON Web Tokens, any of them is believed: so a new one is put in front, and the old
# one taken away once what it signed is over.
JWT_SECRETS = environment.tokens("JWT_SECRETS") or [
    hashlib.sha256(b"json web tokens" + SECRET_KEY.encode()).hexdigest()
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rooms.api.authentication.BearerAuthentication",
        "rooms.api.authentication.PageAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rooms.api.authentication.WithinScopes"],
    "DEFAULT_THROTTLE_CLASSES": ["rooms.api.limits.PerMinute"],
    "DEFAULT_PARSER_CLASSES": [
        "rooms.api.formats.Json",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "rooms.api.formats.AlwaysJson",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "rooms.api.schema.Schema",
    "EXCEPTION_HANDLER": "rooms.api.problems.handle",
}
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Roomful",
    "DESCRIPTION": "Rooms, their people and what is said in them, for programs.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # says each choice twice
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rooms.api.schema.with_problems",
    ],
    "PREPROCESSING_HOOKS": ["rooms.api.schema.documented"],
}

# Who asks /metrics shows this; without it there is no such address.
METRICS_TOKEN = environment.token("METRICS_TOKEN")

# What browsers are told.

SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
# Roomful itself never speaks TLS. Without a proxy whose word counts every request looks like plain
# http, and a redirect would lead to itself for ever.
SECURE_SSL_REDIRECT = HTTPS and TRUST_PROXY > 0
# Over plain http a browser ignores this header and says so in its console.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if HTTPS else None
X_FRAME_OPTIONS = "SAMEORIGIN"  # without JavaScript a page shows its own live stream in a frame

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [SELF],
        "manifest-src": [SELF],
        "media-src": [SELF],
    }
}

SILENCED_SYSTEM_CHECKS = [
    # Whether all subdomains speak https is not for one of them to say; nor is the preload list.
    "security.W005",
    "security.W021",
    # One page frames another of the same site, see X_FRAME_OPTIONS.
    "security.W019",
]
if not HTTPS:
    # Without a public https address there is no TLS to insist on by HSTS, redirect, secure cookies.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W011", "security.W016"]
elif not SECURE_SSL_REDIRECT:
    SILENCED_SYSTEM_CHECKS += ["security.W008"]

# Mail.

EMAIL_BACKEND: str = _email["EMAIL_BACKEND"]
EMAIL_HOST: str = _email.get("EMAIL_HOST", "localhost")
EMAIL_PORT: int = _email.get("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = _email.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = _email.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20  # seconds; a mail server that hangs must not hold a request for ever
DEFAULT_FROM_EMAIL = environment.address(
    "EMAIL_FROM", f"Roomful <roomful@{(_site.hostname if _site else None) or 'localhost'}>"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# Language and time.

# Each by its own name. `make messages` looks after the catalogues, see docs/translating.md.
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
if environment.flag("PSEUDO_LANGUAGE"):
    _pseudo = DATA_DIR / "pseudo-locale"
    pseudo_language.write(_pseudo, BASE_DIR / "locale/zh_Hans/LC_MESSAGES/django.mo")
    LANGUAGES.append((pseudo_language.CODE, pseudo_language.NAME))
    LOCALE_PATHS.append(_pseudo)
# Not the variable LANGUAGE: that one is gettext's, and many desktops set it to a list of locales.
LANGUAGE_CODE = environment.choice("LANGUAGE_CODE", "en", [code for code, _ in LANGUAGES])
USE_I18N = True
USE_THOUSAND_SEPARATOR = False
TIME_ZONE = environment.time_zone("TIME_ZONE", "UTC")
USE_TZ = True

# The log: one line per event on stderr; project/logs.py says how it is written.

LOG_FORMAT = environment.choice("LOG_FORMAT", "text", ["text", "json"])
_level = environment.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])


def _refusal(record: logging.LogRecord) -> bool:
    """An answer that refuses what a visitor asked is no fault of anybody who reads the log."""
    if getattr(record, "status_code", 500) < 500:
        record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
    return record.levelno >= logging.getLevelNamesMapping()[_level]


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "project.logs.TextFormatter"},
        "json": {"()": "project.logs.JSONFormatter"},
    },
    "filters": {
        "refusals": {"()": "django.utils.log.CallbackFilter", "callback": _refusal},
        "terse": {"()": "django.utils.log.CallbackFilter", "callback": _without_traceback},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "level": _level},
    },
    # Libraries, when they explain themselves, quote what they are handed: SQL with all its values.
    "root": {"handlers": ["stderr"], "level": "INFO" if _level == "DEBUG" else _level},
    "loggers": {
        "project": {"level": _level},
        "rooms": {"level": _level},
        # Instead of Django's own handlers, which print in DEBUG and mail administrators otherwise.
        "django": {"handlers": [], "level": "NOTSET", "propagate": True},
        "django.request": {"filters": ["refusals"]},
        # Whoever scans addresses for weaknesses causes these; where they come from tells nothing.
        "django.security.DisallowedHost": {"filters": ["terse"]},
        # These tell at INFO what only their authors want to know.
        "daphne": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
        "markdown_it": {"level": "WARNING"},
        "django_tasks_db": {"level": "WARNING"},
    },
}
