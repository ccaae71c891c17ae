"""Who may do what over the API: the same as on the pages, whose table in tests/test_permissions.py is
asked for it. Each address of the API is paired with the one of a page that does the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from rooms.api import urls
from rooms.models import Place, Role, Token, User
from rooms.models.permissions import Standing
from tests import files
from tests.test_permissions import (
    IN_PLACE,
    IN_ROOMS,
    KINDS,
    PLACE_ROLES,
    ROOM_ROLES,
    SETTINGS,
    Scene,
    compare,
    everything,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rooms.models import Room

# What a program asks for, and the line of the pages' table that says who may.
IN_A_ROOM = {
    "GET api-room": "GET room",
    "POST api-join": "POST room-join",
    "POST api-leave": "POST room-leave",
    "GET api-members": "GET members",
    "GET api-online": "GET here",
    "POST api-read": "GET room",
    "GET api-changes": "GET changes",
    "GET api-events": "GET stream",
    "GET api-messages": "GET room/past",
    "POST api-messages": "POST send",
    "GET api-message": "GET message",
    "PATCH api-message": "POST message-edit",
    "DELETE api-message": "POST message-delete",
    "PUT api-reaction": "POST reactions",
    "DELETE api-reaction": "POST reactions",
    "GET api-files": "GET files",
    "POST api-files": "POST files",
    "GET api-file": "GET file",
    "GET api-thumbnail": "GET thumbnail",
}
IN_THE_PLACE = {
    "GET api-rooms": "GET rooms",
    "POST api-rooms": "POST room-new",
    "GET api-search": "GET search",
    "GET api-unread": "GET unread",
    "GET api-me": "GET profile",
    "DELETE api-my-token": "GET profile",
}
# These are for whoever has the password, or are pages.
OTHERS = {
    *("api", "api-openapi", "api-without-slash"),
    *("api-token-auth", "api-sign-in", "api-exchange", "api-sign-out"),
}
BODIES: dict[str, Any] = {
    "POST api-messages": {"text": "hi"},
    "PATCH api-message": {"text": "otherwise"},
    "POST api-rooms": {"name": "Shed"},
    "POST api-read": {},
}


@dataclass
class Programs:
    """One for each person of the table, with a token for all that they may."""

    scene: Scene
    secrets: dict[str, str]

    @classmethod
    def of(cls, scene: Scene) -> Programs:
        # Else each first request would be noted.
        secrets = {
            name: Token.make(person, name="all", may_write=True).secret
            for name, person in scene.people.items()
        }
        Token.objects.update(last_used_at=timezone.now())
        return cls(scene, secrets)

    def ask(self, line: str, who: str, path: str) -> str:
        """The letter for what comes of it."""
        method, _name = line.split()
        headers = {"Authorization": f"Bearer {self.secrets[who]}"} if who in self.secrets else {}
        client: Any = Client()
        if line == "POST api-files":
            form = {"file": SimpleUploadedFile("cup.png", files.picture())}
            answer = client.post(path, form, headers=headers)
        else:
            body = json.dumps(BODIES[line]) if line in BODIES else ""
            answer = client.generic(
                method, path, body, content_type="application/json", headers=headers
            )
        if answer.streaming:
            async_to_sync(ended)(answer)
        if answer.status_code < 400:
            return "+"
        assert answer.json()["status"] == answer.status_code
        return {400: "!", 409: "!", 401: ">", 403: "-", 404: "0"}[answer.status_code]


async def ended(answer: Any) -> None:
    """A stream has no end, and has asked who may before its beginning."""
    await answer.streaming_content.aclose()
    for closer in answer._resource_closers:
        closer()


def address(scene: Scene, line: str, room: Room | None) -> str:
    _method, name = line.split()
    (pattern,) = [each.pattern for each in urls.urlpatterns if each.name == name]
    path = f"/{pattern}".replace("<int:number>", "1").replace("<str:emoji>", "🎉")
    if room is not None:
        path = path.replace("<str:slug>", room.slug)
        if "<int:pk>" in path:
            path = path.replace("<int:pk>", str(room.attachments.get(message__number=1).pk))
    query = {"GET api-search": "?q=hello", "GET api-changes": "?after=0"}.get(line, "")
    return path + query


@pytest.fixture
def programs(db: None) -> Programs:
    return Programs.of(Scene.arrange())


def said_by(table: str, line: str) -> str:
    """What the pages' table says of it."""
    method, name = line.split()
    (found,) = [each for each in rows_of(table) if each.split()[:2] == [method, name]]
    return found[30:].rstrip()


def expected(table: str, pairs: dict[str, str]) -> list[str]:
    return [f"{line:<30}{said_by(table, of_page)}" for line, of_page in pairs.items()]


def compare_in_rooms(programs: Programs, lines: list[str]) -> None:
    scene = programs.scene

    def answers(line: str) -> list[Callable[[], str]]:
        verb = line[:30].strip()
        return [
            partial(programs.ask, verb, who, address(scene, verb, scene.rooms[kind]))
            for kind, who in product(KINDS, ROOM_ROLES.values())
        ]

    compare(lines, answers, len(ROOM_ROLES))


def compare_in_place(programs: Programs, lines: list[str]) -> None:
    def asked(verb: str, who: str, setting: str) -> str:
        Place.objects.update(rooms_by_admins=setting == "admins")
        return programs.ask(verb, who, address(programs.scene, verb, None))

    def answers(line: str) -> list[Callable[[], str]]:
        verb = line[:30].strip()
        return [
            partial(asked, verb, who, setting)
            for setting, who in product(SETTINGS, PLACE_ROLES.values())
        ]

    compare(lines, answers, len(PLACE_ROLES))


@pytest.mark.on_postgresql
def test_in_rooms_as_on_the_pages(programs: Programs) -> None:
    compare_in_rooms(programs, expected(IN_ROOMS, IN_A_ROOM))


@pytest.mark.on_postgresql
def test_in_the_place_as_on_the_pages(programs: Programs) -> None:
    compare_in_place(programs, expected(IN_PLACE, IN_THE_PLACE))


def test_no_address_is_forgotten() -> None:
    """Nor is a method of one."""
    named = {tuple(line.split()) for line in (*IN_A_ROOM, *IN_THE_PLACE)}
    there = {
        (method, str(pattern.name))
        for pattern in urls.urlpatterns
        if pattern.name not in OTHERS
        for method in methods_of(pattern.callback)
    }
    assert there == named
    assert {pattern.name for pattern in urls.urlpatterns} >= OTHERS


def methods_of(view: Any) -> set[str]:
    """HEAD is a GET whose body is left out."""
    known = [name for name in view.cls.http_method_names if name != "head"]
    return {name.upper() for name in known if hasattr(view.cls, name)}


def test_the_table_sees(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that no mistake disturbs would be worth nothing."""
    lines = expected(IN_ROOMS, {"PATCH api-message": IN_A_ROOM["PATCH api-message"]})
    compare_in_rooms(programs, lines)
    monkeypatch.setattr(Standing, "may_edit", lambda self, author: self.may_read)
    with pytest.raises(AssertionError, match="PATCH api-message"):
        compare_in_rooms(programs, lines)


def test_a_token_for_reading_changes_nothing(programs: Programs) -> None:
    Token.objects.update(may_write=False)
    before = everything()
    scene = programs.scene
    for line in (*IN_A_ROOM, *IN_THE_PLACE):
        if not line.startswith("GET"):
            for room in scene.rooms.values():
                assert programs.ask(line, "moderator", address(scene, line, room)) == "-"
    assert everything() == before


def test_a_token_for_writing_reads_nothing(programs: Programs) -> None:
    Token.objects.update(may_read=False)
    scene = programs.scene
    for line in (*IN_A_ROOM, *IN_THE_PLACE):
        if line.startswith("GET"):
            assert programs.ask(line, "moderator", address(scene, line, scene.rooms["open"])) == "-"


def test_a_token_for_other_rooms_finds_none_of_these(programs: Programs) -> None:
    scene = programs.scene
    Token.objects.update(limited=True)
    for token in Token.objects.all():
        token.rooms.set([scene.rooms["archived"]])
    before = everything()
    for line in IN_A_ROOM:
        for kind in set(KINDS) - {"archived"}:
            assert programs.ask(line, "moderator", address(scene, line, scene.rooms[kind])) == "0"
    assert everything() == before


def test_roles_are_those_of_the_moment(programs: Programs) -> None:
    scene = programs.scene
    path = address(scene, "GET api-room", scene.rooms["open"])
    assert programs.ask("GET api-room", "visitor", path) == "+"
    User.objects.filter(pk=scene.people["visitor"].pk).update(role=Role.GUEST)
    assert programs.ask("GET api-room", "visitor", path) == "0"
