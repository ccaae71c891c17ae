"""What people and programs prove themselves by: in no log, however much is logged, and in no answer but
the one that is there to show it."""

from __future__ import annotations

import re
import socketserver
import sqlite3
import threading
import time
from collections import defaultdict
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from allauth.mfa.totp.internal import auth

from rooms.second_factor import STEP
from tests.factories import PASSWORD
from tests.process import TOKEN, Roomful
from tests.programs import CSRF, PATIENCE, Program
from tests.provider import OpenIDProvider
from tests.services import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Its process is on SQLite in either case; what PostgreSQL quotes test_logs.py looks at.
pytestmark = pytest.mark.one_stack

NEW_PASSWORD, WRONG_PASSWORD = "another horse battery", "hunter2-and-wrong"
JWT_SECRET, CLIENT_SECRET = "j" * 20 + "-signs-tokens-" + "j" * 20, "what-the-provider-knows"
WORDS = "what alice told bob"
JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ")  # any, such as those that a provider sends


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is sent."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def found(self, pattern: str) -> str:
        """The first group, in one of the mails, once it has come."""
        compiled = re.compile(pattern)
        wait_until(lambda: bool(compiled.search("\n".join(self.mails))), f"a mail with {pattern}")
        (found,) = compiled.findall("\n".join(self.mails))[:1]
        return str(found)


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                self.server.mails.append(mail.replace("=\r\n", "").replace("=3D", "="))
            self.wfile.write(b"250 yes\r\n" if not line.startswith(b"QUIT") else b"221 bye\r\n")


class Watched:
    """A place, and all that it answers; secrets that were met, with the addresses that may show each."""

    def __init__(self, process: Roomful, ends: ExitStack) -> None:
        self.process, self._ends = process, ends
        self.answers: list[tuple[str, str]] = []
        self.secrets: dict[str, set[str]] = defaultdict(set)

    def known(self, secret: str, *shown_at: str) -> str:
        assert len(secret) >= 6
        self.secrets[secret] |= set(shown_at)
        return secret

    def visitor(self) -> Program:
        program = Program(self.process.url)
        program.http.event_hooks = {"response": [self._keep]}
        program.http.cookies.set(program.csrf_cookie, CSRF)
        self._ends.callback(program.close)
        return program

    def program(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.process.url, headers=headers, timeout=PATIENCE)
        client.event_hooks = {"response": [self._keep]}
        self._ends.callback(client.close)
        return client

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        heads = [f"{name}: {value}" for name, value in answer.headers.multi_items()]
        shown = [head for head in heads if not head.startswith("set-cookie")]
        self.answers.append((answer.request.url.path, "\n".join([*shown, whole(answer.text)])))

    def check(self) -> None:
        log = self.process.log.read_text()
        for secret, shown_at in self.secrets.items():
            assert secret not in log, f"the log has {secret}, shown at {shown_at}"
            showing = {path for path, answer in self.answers if secret in answer}
            assert showing <= shown_at, f"{secret} stands at {showing - shown_at}"
            assert showing == shown_at, f"nobody was ever shown {secret}, so this looks in vain"
        assert not JWT.search(log)


def whole(text: str) -> str:
    """With what is shown in groups of four in one piece."""
    return text.replace("</span><span>", "")


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIDProvider]:
    running = OpenIDProvider()
    running.start()
    yield running
    running.remove()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as made:
        yield made
        made.shutdown()


@pytest.fixture(params=["text", "json"])
def watched(
    request: pytest.FixtureRequest, provider: OpenIDProvider, mailbox: Mailbox, tmp_path: Path
) -> Iterator[Watched]:
    process = Roomful(
        tmp_path,
        **provider.variables_of_roomful
        | {"OIDC_CLIENT_SECRET": CLIENT_SECRET, "EMAIL_URL": mailbox.url},
        LOG_FORMAT=request.param,
        LOG_LEVEL="DEBUG",
        JWT_SECRETS=JWT_SECRET,
        METRICS_TOKEN=TOKEN,
    )
    process.start()
    with ExitStack() as ends:
        ends.callback(process.end)
        found = Watched(process, ends)
        for secret in (PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, JWT_SECRET, CLIENT_SECRET, TOKEN):
            found.known(secret)
        yield found


def test_no_secret_gets_anywhere(
    watched: Watched, provider: OpenIDProvider, mailbox: Mailbox, tmp_path: Path
) -> None:
    watched.known((tmp_path / "secret_key").read_text().strip())
    alice = watched.visitor()
    alice.set_up()
    slug = str(alice.http.get("/").headers["location"]).strip("/").split("/")[-1]
    by_invitation(watched, alice)
    by_programs(watched, alice, slug)
    by_provider(watched, provider)
    by_second_factor(watched)
    by_mail(watched, mailbox)
    watched.known(alice.session)
    provoked(watched, alice, slug, tmp_path)
    watched.process.stop()
    watched.check()


def by_invitation(watched: Watched, alice: Program) -> None:
    """An invitation, a sign-up by it, and signing in."""
    shown = "/place/invitations/"
    alice.submit(shown, lifetime="day")
    (token,) = set(re.findall(r"/join/([\w-]+)/", alice.http.get(shown).text))
    bob = watched.visitor()
    bob.http.get(f"/join/{token}/")
    forged(watched, f"/join/{token}/")
    watched.known(token, shown)
    sign_up = {"username": "bob", "email": "bob@example.org", "password1": PASSWORD}
    bob.submit("/accounts/signup/", **sign_up)
    watched.known(bob.session)
    for password, status in ((WRONG_PASSWORD, 200), (PASSWORD, 302)):
        again = watched.visitor()
        form = {"login": "bob", "password": password}
        assert again.http.post("/accounts/login/", data=form).status_code == status
        if status == 302:
            watched.known(again.session)


def by_programs(watched: Watched, alice: Program, slug: str) -> None:
    """Tokens of each kind, and what is refused to them."""
    page = alice.http.post("/accounts/tokens/", data={"name": "x", "scopes": ["read"]})
    (token,) = set(re.findall(r"roomful_[\w-]{43}", page.text))
    watched.known(token, "/accounts/tokens/")
    named = watched.program(token)
    named.get("/api/me").raise_for_status()
    alice.http.get("/accounts/tokens/")
    who = {"username": "alice", "password": PASSWORD}
    anybody = watched.program()
    given = anybody.post("/api-token-auth/", data=who).raise_for_status().json()["token"]
    watched.known(given, "/api-token-auth/")
    pair = anybody.post("/api/token", json=who).raise_for_status().json()
    next_pair = anybody.post("/api/token/refresh", json={"refresh": pair["refresh"]}).json()
    for path, shown in (("/api/token", pair), ("/api/token/refresh", next_pair)):
        for each in shown.values():
            watched.known(each, path)
            watched.known(each.rpartition(".")[2], path)
    access = watched.program(next_pair["access"])
    messages = f"/api/rooms/{slug}/messages"
    key = {"Idempotency-Key": watched.known("a-key-that-nobody-knows")}
    assert access.post(messages, json={"text": WORDS}, headers=key).status_code == 201
    as_json = {"Content-Type": "application/json"}
    wrong = [
        (400, access.post(messages, content=f"{{{PASSWORD}", headers=as_json)),
        (400, access.post(messages, json={"text": f"{WRONG_PASSWORD}\0"})),
        (401, watched.program(f"{token}x").get("/api/me")),
        (401, anybody.post("/api/token", json={**who, "password": WRONG_PASSWORD})),
        (403, named.post(messages, json={"text": "x"})),
        (404, access.get(f"/api/rooms/nowhere?token={token}")),
        (401, anybody.get(f"/api/me?access_token={given}")),
        (422, access.post(messages, json={"text": "otherwise"}, headers=key)),
    ]
    for status, answer in wrong:
        assert answer.status_code == status, (status, answer.text)
    anybody.post("/api/token/blacklist", json={"refresh": next_pair["refresh"]}).raise_for_status()
    guess = {"username": "mallory", "password": WRONG_PASSWORD}
    statuses = [anybody.post("/api/token", json=guess).status_code for _guess in range(6)]
    assert statuses[-1] == 429


def by_provider(watched: Watched, provider: OpenIDProvider) -> None:
    provider.knows("c1", preferred_username="carol", name="Carol")
    carol = watched.visitor()
    page = carol.http.post("/accounts/oidc/login/")
    onward = re.findall(r"url=([^\"]+)\">", page.text)[0].replace("&amp;", "&")
    back = provider.lets("c1", onward)
    for name in ("state", "nonce"):
        (found,) = re.findall(rf"[?&]{name}=([^&]+)", onward)
        watched.known(found, "/accounts/oidc/login/")
    (code,) = re.findall(r"[?&]code=([^&]+)", back)
    watched.known(code)
    assert carol.http.get(back).is_redirect
    watched.known(carol.session)


def by_second_factor(watched: Watched) -> None:
    """Set up, and used by a recovery code."""
    bob = watched.visitor()
    bob.submit("/accounts/login/", login="bob", password=PASSWORD)
    set_up, codes = "/accounts/2fa/totp/activate/", "/accounts/2fa/recovery-codes/"
    page = whole(bob.http.get(set_up).text)
    (secret,) = re.findall(r'<code class="secret"><span>([A-Z2-7]{32})<', page)
    watched.known(secret, set_up)
    code = str(auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // STEP)))
    bob.submit(set_up, code=code)
    recovery = re.findall(r"<code>(\d+)</code>", bob.http.get(codes).text)
    for each in recovery:
        watched.known(each, codes)
    again = watched.visitor()
    again.submit("/accounts/login/", login="bob", password=PASSWORD)
    again.http.post("/accounts/2fa/authenticate/", data={"code": "000000"})
    again.submit("/accounts/2fa/authenticate/", code=recovery[0])
    watched.known(again.session)


def by_mail(watched: Watched, mailbox: Mailbox) -> None:
    """A forgotten password, and the address that was confirmed."""
    forgetful = watched.visitor()
    forgetful.submit("/accounts/password/reset/", email="alice@example.org")
    path = mailbox.found(r"(/accounts/password/reset/key/[\w-]+/)")
    watched.known(path.strip("/").split("/")[-1])
    forged(watched, path)
    asked = forgetful.http.get(path)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    forgetful.submit(asked.headers["location"], **form)
    confirm = mailbox.found(r"(/accounts/confirm-email/[^/\s]+/)")
    key = confirm.strip("/").split("/")[-1]
    forged(watched, confirm)
    page = forgetful.http.get(confirm)
    watched.known(key, *([confirm] if key in page.text else []))


def forged(watched: Watched, path: str) -> None:
    """What another site's page sends is refused, and logged with its address."""
    assert watched.program().post(path).status_code == 403
    assert path[:6] in watched.process.log.read_text()


def provoked(watched: Watched, alice: Program, slug: str, folder: Path) -> None:
    """What goes wrong on pages: forged, not there, and broken."""
    alice.submit("/accounts/login/", login="alice", password=NEW_PASSWORD)
    watched.known(alice.session)
    form = {"oldpassword": NEW_PASSWORD, "password1": WRONG_PASSWORD, "password2": "x"}
    answer = alice.http.post("/accounts/password/change/", data=form)
    assert answer.status_code == 403, "signing in has set another token"
    alice.http.cookies.delete(alice.csrf_cookie)
    alice.http.cookies.set(alice.csrf_cookie, CSRF)
    assert alice.http.post("/accounts/password/change/", data=form).status_code == 200
    assert alice.http.get(f"/nowhere/?key={NEW_PASSWORD}").status_code == 404
    with closing(sqlite3.connect(folder / "roomful.sqlite3")) as database:
        for table in ("rooms_message", "rooms_token"):
            database.execute(
                f"CREATE TRIGGER silence_{table} BEFORE INSERT ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'silence'); END"
            )
    sent: Any = {"key": watched.known("another-key-of-alice"), "text": WORDS}
    assert alice.http.post(f"/rooms/{slug}/send/", data=sent).status_code == 500
    who = {"username": "carol", "password": WRONG_PASSWORD}
    assert watched.program().post("/api/token", json=who).status_code in {401, 429}
    log = watched.process.log.read_text()
    assert "silence" in log
    assert WORDS not in log
