"""A real Roomful, a real browser, and a watch on its console.

Tests arrange people and rooms by calling the models: the database is the server's own. Nothing is
rolled back, so each test makes what it needs under names of its own.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError
from pytest_django import DjangoDbBlocker

from rooms.models import Place, User
from rooms.sessions import SessionStore
from tests.browser.relay import Relay
from tests.process import Roomful
from tests.provider import OpenIDProvider

TIERS = ["no-script", "polling", "socket"]
PATIENCE = 30_000  # milliseconds for what a page should do within a second

# What a browser says of each socket that a proxy refused; no page can keep it from saying so.
REFUSED_SOCKET = r"WebSocket connection to '.*' failed"


@pytest.fixture(scope="session", autouse=True)
def django_db_setup(pytestconfig: pytest.Config, django_db_blocker: DjangoDbBlocker) -> None:
    """There is no test database: tests and server share the one in DATA_DIR."""
    assert pytestconfig.option.stack == "browser", "browser tests need --stack=browser"
    django_db_blocker.unblock()


@pytest.fixture
def db() -> None:
    """pytest-django's own would hide from the server, in a transaction, what a test arranges."""


@pytest.fixture
def place() -> Place:
    """All browser tests happen in one place; each makes its own people and rooms in it."""
    return Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})[0]


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """The server collects them for itself."""


@pytest.fixture(scope="session")
def stopped_provider() -> Iterator[OpenIDProvider]:
    """The server knows it, and asks it when somebody wants to sign in by it."""
    provider = OpenIDProvider()
    yield provider
    provider.remove()


@pytest.fixture(scope="session")
def provider(stopped_provider: OpenIDProvider) -> OpenIDProvider:
    stopped_provider.start()
    return stopped_provider


@pytest.fixture(scope="session")
def server(stopped_provider: OpenIDProvider) -> Iterator[Roomful]:
    variables = {**stopped_provider.variables_of_roomful, "PSEUDO_LANGUAGE": "on"}
    roomful = Roomful(Path(settings.DATA_DIR), PORT=str(settings.PORT), **variables)
    roomful.start()
    yield roomful
    roomful.end()


@pytest.fixture(autouse=True)
def running_server(server: Roomful, request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test finds the server running; what it logged meanwhile is shown if the test fails."""
    if server.process is None:
        server.start()
    before = server.log.stat().st_size
    yield
    with server.log.open(errors="replace") as log:
        log.seek(before)
        if said := log.read():
            print(f"\nThe server's log:\n{said}")  # noqa: T201  # pytest captures it


@pytest.fixture(scope="session")
def socketless(server: Roomful) -> Iterator[Relay]:
    """The server as it is seen through a proxy that lets no WebSocket through."""
    relay = Relay(server.port, refuse_sockets=True)
    yield relay
    relay.close()


@pytest.fixture
def relay(server: Roomful) -> Iterator[Relay]:
    """A way to the server that the test may cut, silence and take down."""
    relay = Relay(server.port)
    yield relay
    relay.close()


@pytest.fixture(scope="session")
def base_url() -> None:
    """Each context says for itself which way it takes to the server."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    installed = [
        found
        for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ]
    return {
        **browser_type_launch_args,
        **({"executable_path": installed[0]} if installed else {}),
        "args": [
            # Chromium's own sandbox refuses to run as root, which is what containers do.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


class Watch:
    """Collects what pages complain of: console errors, CSP violations, exceptions."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.stopped = False
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """From the start to the end of this test, complaints that match do not count."""
        self._allowed.append(re.compile(pattern))

    def stop(self) -> None:
        """What a page complains of while it is being closed does not count."""
        self.stopped = True

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def unexpected(self) -> list[str]:
        return [
            complaint
            for complaint in self.complaints
            if not any(pattern.search(complaint) for pattern in self._allowed)
        ]

    def _on_console(self, message: ConsoleMessage) -> None:
        if self.stopped:
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: WebError) -> None:
        if not self.stopped:
            self.complaints.append(str(error.error))


@pytest.fixture(autouse=True)
def watch() -> Iterator[Watch]:
    """Fails the test on any complaint that it did not `watch.allow`."""
    watch = Watch()
    yield watch
    assert not watch.unexpected()


@pytest.fixture
def new_context(
    new_context: Callable[..., BrowserContext], watch: Watch, server: Roomful
) -> Iterator[Callable[..., BrowserContext]]:
    """pytest-playwright's own, which `context` and `page` come from too, under watch."""

    def watched(**options: Any) -> BrowserContext:
        context = new_context(**{"base_url": server.url, **options})
        context.set_default_timeout(PATIENCE)
        watch.attach(context)
        return context

    yield watched
    watch.stop()


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> str:
    """Runs the test once for each tier: without JavaScript, without sockets, with all."""
    chosen: str = request.param
    return chosen


Open = Callable[..., Page]


@pytest.fixture
def open_page(new_context: Callable[..., BrowserContext], socketless: Relay, watch: Watch) -> Open:
    """`open_page(user, tier="socket", path="/")`: a new browser of that person, at that path.

    Without a user nobody is signed in. More options go to the browser's context.
    """

    def opened(
        user: User | None = None, tier: str = "socket", path: str | None = None, **options: Any
    ) -> Page:
        if tier == "no-script":
            options["java_script_enabled"] = False
        if tier == "polling":
            options.setdefault("base_url", socketless.url)
            watch.allow(REFUSED_SOCKET)
        context = new_context(**options)
        if user:
            sign_in(context, user)
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    return opened


def sign_in(context: BrowserContext, user: User) -> None:
    """Gives the browser a session of `user`, without the time that a password takes."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    context.add_cookies(
        [
            {
                "name": settings.SESSION_COOKIE_NAME,
                "value": str(session.session_key),
                # Cookies know no ports, so this is for the server and every relay to it.
                "url": "http://127.0.0.1",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
