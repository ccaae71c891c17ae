"""The OpenAPI document holds: whatever it allows to be asked, and much that it does not, is answered as
it says, with every kind of credential, and nothing is read or changed without the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
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

from rooms.api import schema
from rooms.models import Token
from tests import files
from tests.api.caller import Caller, token_of
from tests.factories import make_room, say, say_with_files
from tests.test_permissions import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from rooms.models import Room, User

EXAMPLES = 4  # of each operation, of what the document allows and of what it does not
ENDLESS = {"/api/rooms/{slug}/events"}  # has tests of its own
SECRET = "what-nobody-else-may-read"
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def rooms(alice: User, bob: User, charlie: User, open_room: Room, private_room: Room) -> list[str]:
    """Slugs of rooms that bob sees, and of one that he does not."""
    for room in (open_room, private_room):
        first = say(room, bob, "hello")[0]
        room.post(alice, "yes", "the-key-1", reply=first.number)
        first.react("🎉", by=alice)
        say_with_files(room, bob, "see", {"cup.png": files.picture(), "a.txt": b"text"})
    hidden = make_room("Hidden", charlie, topic=SECRET, private=True)
    say(hidden, charlie, SECRET)
    return [open_room.slug, private_room.slug, hidden.slug]


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


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("credential", ["none", "read", "write"])
def test_every_answer_is_as_the_document_says(
    bob: User, rooms: list[str], credential: str, mode: GenerationMode
) -> None:
    headers = {"Accept-Encoding": "identity"}
    if credential != "none":
        scopes = ["read"] if credential == "read" else ["read", "write"]
        headers["Authorization"] = f"Bearer {token_of(bob, *scopes)}"
    Token.objects.update(last_used_at=timezone.now())
    described = schemathesis.openapi.from_dict(schema.document("en"))
    described.app = get_wsgi_application()
    before, done = everything(), 0
    operations: Any = described.get_all_operations()
    for found in operations:
        operation = found.ok()
        if operation.path not in ENDLESS:
            done += _ask(operation, mode, rooms, headers, credential)
    assert done > 150
    if credential != "write":
        assert everything() == before


def _ask(
    operation: Any, mode: GenerationMode, rooms: list[str], headers: dict[str, str], who: str
) -> int:
    """So many answers came."""
    answers = []

    @settings(
        max_examples=2 * EXAMPLES,
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
        with transaction.atomic():
            answer = case.call(headers=headers)
            answers.append(answer)
            # Who may change something may revoke what they ask with.
            transaction.set_rollback(who == "write")
        case.validate_response(answer, checks=CHECKS)
        assert SECRET not in answer.text
        if who == "none" and operation.path not in schema.OPEN:
            assert answer.status_code in {401, 404, 405}, answer.status_code

    ask()
    return len(answers)


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
