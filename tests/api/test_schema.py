"""The OpenAPI document holds: whatever it allows to be asked, and much that it does not, is answered as
it says, with every kind of credential, and nothing is read or changed without the right."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.conf import settings as django
from django.contrib.staticfiles.finders import get_finders
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import checks
from schemathesis.generation import GenerationMode

from rooms import jwts
from rooms.api import schema
from rooms.models import Token, User
from tests import files
from tests.api.caller import Caller, token_of
from tests.factories import make_room, say, say_with_files
from tests.programs import CSRF, session_key
from tests.test_permissions import everything

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pytest_django import Settings

    from rooms.models import Room

pytestmark = pytest.mark.on_postgresql

EXAMPLES = 8  # of each operation, of what the document allows and of what it does not
FEWER = 4  # with what differs from another only in who is let in
ENDLESS = {"/api/rooms/{slug}/events"}  # has tests of its own
SECRET = "what-nobody-else-may-read"
COMMITTEE = "what-the-committee-may-read"
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@dataclass
class Cast:
    """`slugs` are of rooms that bob sees, and of one that he does not; greta sees the first."""

    bob: User
    greta: User
    open_room: Room
    slugs: list[str]


@pytest.fixture
def cast(alice: User, bob: User, charlie: User, greta: User, private_room: Room) -> Cast:
    open_room = make_room("Workbench", alice, bob)
    for room in (open_room, private_room):
        first = say(room, bob, "hello")[0]
        room.post(alice, "yes", "the-key-1", reply=first.number)
        first.react("🎉", by=alice)
        say_with_files(room, bob, "see", {"cup.png": files.picture(), "a.txt": b"text"})
    say(private_room, alice, COMMITTEE)
    open_room.add(greta)
    hidden = make_room("Hidden", charlie, topic=SECRET, private=True)
    say(hidden, charlie, SECRET)
    slugs = [open_room.slug, private_room.slug, hidden.slug]
    return Cast(bob, greta, open_room, slugs)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """A request would close the one that the test's transaction is on; Django's client sees to that."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def arranged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file that is streamed cannot be read where nothing is asynchronous.
    settings.FILES_BY_PROXY = True
    settings.POSTS_PER_MINUTE = 0
    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 0
    monkeypatch.setattr("rooms.api.limits.SIGN_INS", 10**6)
    monkeypatch.setattr("rooms.views.search.SEARCHES", 10**6)


@dataclass(frozen=True)
class Credential:
    """What a program shows, and what that is good for."""

    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    opens: bool = True
    writes: bool = False
    rooms: Collection[Room] | None = None
    examples: int = FEWER

    @classmethod
    def bearer(cls, secret: str, **good_for: Any) -> Credential:
        return cls({"Authorization": f"Bearer {secret}"}, **good_for)


def anonymous(cast: Cast) -> Credential:
    return Credential(opens=False, examples=EXAMPLES)


def read_token(cast: Cast) -> Credential:
    return Credential.bearer(token_of(cast.bob, "read"), examples=EXAMPLES)


def write_token(cast: Cast) -> Credential:
    secret = token_of(cast.bob, "read", "write")
    return Credential.bearer(secret, writes=True, examples=EXAMPLES)


def token_for_a_room(cast: Cast) -> Credential:
    rooms = [cast.open_room]
    return Credential.bearer(token_of(cast.bob, rooms=rooms), writes=True, rooms=rooms)


def guests_token(cast: Cast) -> Credential:
    return Credential.bearer(token_of(cast.greta), writes=True, rooms=[cast.open_room])


def access_token(cast: Cast) -> Credential:
    return Credential.bearer(jwts.sign_in(cast.bob, "a phone").access, writes=True)


def expired_token(cast: Cast) -> Credential:
    made = Token.make(cast.bob, name="x", may_write=True, lifetime=timedelta(seconds=-1))
    return Credential.bearer(made.secret, opens=False)


def expired_access_token(cast: Cast) -> Credential:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jwts.Access, "lifetime", timedelta(seconds=-1))
        return Credential.bearer(jwts.sign_in(cast.bob, "a phone").access, opens=False)


def token_of_a_closed_account(cast: Cast) -> Credential:
    secret = token_of(cast.bob)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    return Credential.bearer(secret, opens=False)


def session_cookie(cast: Cast) -> Credential:
    """Of a browser, with what its forms have."""
    cookies = {django.SESSION_COOKIE_NAME: session_key(cast.bob), django.CSRF_COOKIE_NAME: CSRF}
    return Credential({"X-CSRFToken": CSRF}, cookies, writes=True)


def session_cookie_alone(cast: Cast) -> Credential:
    """As another site's page would make a browser send it."""
    return Credential(cookies={django.SESSION_COOKIE_NAME: session_key(cast.bob)})


CREDENTIALS = [
    *(anonymous, read_token, write_token, token_for_a_room, guests_token, access_token),
    *(expired_token, expired_access_token, token_of_a_closed_account),
    *(session_cookie, session_cookie_alone),
]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("made", CREDENTIALS, ids=[each.__name__ for each in CREDENTIALS])
def test_every_answer_is_as_the_document_says(
    cast: Cast, made: Callable[[Cast], Credential], mode: GenerationMode
) -> None:
    credential = made(cast)
    Token.objects.update(last_used_at=timezone.now())
    described = schemathesis.openapi.from_dict(schema.document("en"))
    described.app = get_wsgi_application()
    before = everything()
    done: list[int] = []  # statuses
    operations: Any = described.get_all_operations()
    for found in operations:
        operation = found.ok()
        if operation.path not in ENDLESS:
            done += _ask(operation, mode, cast.slugs, credential)
    assert len(done) > 18 * credential.examples
    if mode == GenerationMode.POSITIVE:
        assert (200 in done) == credential.opens, "it opens nothing, or what it should not"
    if not credential.writes:
        assert everything() == before


def _ask(
    operation: Any, mode: GenerationMode, rooms: list[str], credential: Credential
) -> list[int]:
    """The statuses of the answers."""
    answers = []
    headers = {"Accept-Encoding": "identity", **credential.headers}
    hidden = [SECRET, *([] if credential.opens and credential.rooms is None else [COMMITTEE])]

    @settings(
        max_examples=credential.examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        slug=st.sampled_from([*rooms, None]),
        number=st.sampled_from([1, 2, 3, 4, None]),
    )
    def ask(case: Any, slug: str | None, number: int | None) -> None:
        real = {"slug": slug, "number": number, "id": number, "pk": number, "emoji": "🎉"}
        for name, value in real.items():
            if name in (case.path_parameters or {}) and value is not None:
                case.path_parameters[name] = value
        for generated in (case.headers or {}, case.cookies or {}):
            for name in ("Authorization", *credential.cookies):
                generated.pop(name, None)
        with transaction.atomic():
            answer = case.call(headers=headers, cookies=credential.cookies)
            answers.append(answer.status_code)
            # Who may change something may revoke what they ask with.
            transaction.set_rollback(credential.writes)
        case.validate_response(answer, checks=CHECKS)
        assert not [each for each in hidden if each in answer.text]
        if operation.path not in schema.OPEN:
            if not credential.opens:
                assert answer.status_code in {401, 404, 405}, answer.status_code
            elif operation.method.upper() != "GET" and not credential.writes:
                assert answer.status_code in {403, 404, 405}, answer.status_code

    ask()
    return answers


def test_the_document_is_one(bob: User) -> None:
    client = Client()
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    for described in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(described)
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names) > 25


def test_the_page_leads_to_what_can_be_tried(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    page = bob_client.get("/api/")
    text = page.content.decode()
    for methods in schema.document("en")["paths"].values():
        for operation in methods.values():
            assert operation["summary"] in text
    tried = bob_client.get(
        f"/api/?try=messages.list_messages&path-slug={open_room.slug}&query-limit=2&query-before="
    )
    assert tried.headers["Location"] == f"/api/rooms/{open_room.slug}/messages?limit=2"
    assert bob_client.get(tried.headers["Location"]).status_code == 200
    strange = bob_client.get("/api/?try=messages.list_messages&path-slug=//evil.example/x")
    assert strange.headers["Location"] == "/api/rooms/%2F%2Fevil.example%2Fx/messages"
    for nothing in ("messages.post_message", "x", "\0"):
        assert bob_client.get("/api/", {"try": nothing}).status_code == 200


def test_programs_are_told_in_their_persons_language_only_words(bob: User) -> None:
    """What a program looks at, the code, is the same in each."""
    assert Caller.of(bob).get("rooms/nowhere", 404)["code"] == "not_found"


def test_no_script_comes_with_the_libraries() -> None:
    folders = {path.split("/")[0] for finder in get_finders() for path, _file in finder.list([])}
    assert "django_htmx" in folders
    assert "rest_framework" not in folders
