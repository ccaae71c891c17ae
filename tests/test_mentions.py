"""Whom a message names, and who may name whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.live import presence
from rooms.models import Mention, Role, Room, User, unread
from rooms.models.mentions import MENTIONED
from tests.cast import signed_in
from tests.factories import add_all, make_crowd, make_room, make_user, say
from tests.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from rooms.models import Message


@pytest.fixture(autouse=True)
def nobody_here() -> Iterator[None]:
    presence.store().clear()
    yield
    presence.store().clear()


def named(message: Message) -> set[str]:
    """The usernames of those who are called; `*` for all who belong."""
    found = message.mentioned.values_list("user__username", flat=True)
    return {each or "*" for each in found}


def said(room: Room, author: User, body: str) -> set[str]:
    (message,) = say(room, author, body)
    return named(message)


def spans(client: Client, room: Room) -> list[tuple[str, str]]:
    """What is marked on the room's page as naming somebody, and whom."""
    page = Page(client.get(f"/rooms/{room.slug}/").content.decode())
    return [(each.text, each.attributes["data-person"]) for each in page.all(".body .mention")]


def mentions_of(user: User, room: Room) -> int:
    return unread.waiting([user.pk])[user.pk].get(room.pk, unread.NONE).mentions


# Names


@pytest.mark.parametrize(
    "body",
    [
        "@alice",
        "@ALICE",
        "@Alice Archer",
        "@alice archer, look",
        "ask @alice.",
        "is that @alice's?",
        "(@alice)",
        "*@alice*",
        "你好@alice你好",
        "one line\n@alice",
        "> @alice",
        "@alice @alice @alice",
    ],
)
def test_a_name_behind_an_at_names_somebody(
    body: str, alice: User, bob: User, open_room: Room
) -> None:
    assert said(open_room, bob, body) == {"alice"}


@pytest.mark.parametrize(
    "body",
    [
        "alice",
        "@ alice",
        "@alicea",
        "@alice-2",
        "@alice@example.org",
        "write to x@alice",
        "`@alice`",
        "```\n@alice\n```",
        "[@alice](https://example.org)",
        "https://example.org/@alice",
        "\\@alice",
        "@\nalice",
        "@nobody",
        "@",
        "@Alice",  # nobody's whole name, were it not a username
    ],
)
def test_whatever_else_names_nobody(body: str, alice: User, bob: User, open_room: Room) -> None:
    expected = {"alice"} if body == "@Alice" else set()
    assert said(open_room, bob, body) == expected


def test_names_may_have_spaces_and_any_letters(alice: User, bob: User, open_room: Room) -> None:
    for username, display in {
        "li": "李晓雯",
        "noor": "نور حدّاد",
        "kim": "김철수",
        "zoe": "Zoë van der *Berg*",
        "sam": "Sam (he)",
    }.items():
        add_all(open_room, [make_user(username, display)])
    assert said(open_room, bob, "@李晓雯你好") == {"li"}
    assert said(open_room, bob, "@نور حدّاد مرحبا") == {"noor"}
    assert said(open_room, bob, "@김철수님") == {"kim"}
    assert said(open_room, bob, "@Zoë van der *Berg* and @Sam (he)!") == {"zoe", "sam"}


def test_the_longest_name_is_meant(alice: User, bob: User, open_room: Room) -> None:
    make_user("anna"), make_user("anna.b"), make_user("ab", "Anna Blue")
    assert said(open_room, bob, "@anna and") == {"anna"}
    assert said(open_room, bob, "@anna.b.") == {"anna.b"}
    assert said(open_room, bob, "@Anna Blue") == {"ab"}
    assert said(open_room, bob, "@Anna Bluebell") == {"anna"}


def test_of_two_who_are_called_alike_the_one_who_belongs_is_meant(
    alice: User, bob: User, open_room: Room
) -> None:
    one, other = make_user("sam-1", "Sam Smith"), make_user("sam-2", "Sam Smith")
    assert said(open_room, bob, "@Sam Smith") == set()
    add_all(open_room, [one])
    assert said(open_room, bob, "@Sam Smith") == {"sam-1"}
    add_all(open_room, [other])
    assert said(open_room, bob, "@Sam Smith") == set()
    assert said(open_room, bob, "@sam-2") == {"sam-2"}


def test_a_username_is_stronger_than_a_display_name(
    alice: User, bob: User, open_room: Room
) -> None:
    make_user("mallory", "alice")
    assert said(open_room, bob, "@alice") == {"alice"}


def test_nobody_calls_themselves(bob: User, bob_client: Client, open_room: Room) -> None:
    assert said(open_room, bob, "@bob") == set()
    assert spans(bob_client, open_room) == [("@bob", str(bob.pk))]


# Who may be named


def test_only_who_may_read_the_room_is_named(  # noqa: PLR0917
    alice: User, bob: User, charlie: User, greta: User, open_room: Room, private_room: Room
) -> None:
    assert said(open_room, bob, "@charlie") == {"charlie"}
    assert said(private_room, bob, "@charlie") == set()
    assert said(open_room, bob, "@greta") == set(), "a guest who was not put there"
    add_all(open_room, [greta])
    assert said(open_room, bob, "@greta") == {"greta"}
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    assert said(open_room, bob, "@charlie") == set()


def test_a_guest_names_those_alone_whom_they_may_know(
    alice: User, bob: User, charlie: User, greta: User, open_room: Room
) -> None:
    add_all(open_room, [greta])
    assert said(open_room, greta, "@bob") == {"bob"}
    assert said(open_room, greta, "@charlie") == set()
    make_room("Shared", alice, greta, charlie)
    assert said(open_room, greta, "@charlie") == {"charlie"}


def test_in_a_direct_conversation_its_people_are_named(
    alice: User, bob: User, charlie: User
) -> None:
    talk = Room.direct_with([charlie], by=bob)
    assert said(talk, bob, "@charlie @alice @room") == {"charlie", "*"}


# Everybody


def test_here_names_those_who_are_here(
    alice: User, bob: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    add_all(open_room, [charlie])
    here = [(open_room.pk, user.pk) for user in (alice, bob)]
    presence.renew("here", here, "test", 60)
    assert said(open_room, bob, "@here, tea!") == {"alice"}
    assert spans(bob_client, open_room) == [
        ("@here", f"here {' '.join(map(str, sorted([alice.pk, bob.pk])))}")
    ]


def test_room_names_all_who_belong(
    alice: User, bob: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    assert said(open_room, bob, "@ROOM look, @room") == {"*"}
    assert spans(bob_client, open_room) == [("@ROOM", "room"), ("@room", "room")]
    assert mentions_of(alice, open_room) == 1
    assert mentions_of(bob, open_room) == 0, "not who said it"
    assert mentions_of(charlie, open_room) == 0, "nor who does not belong"


def test_many_are_called_by_moderators_alone(
    alice: User, amir: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(open_room, bob, "@room") == {"*"}
    monkeypatch.setattr("rooms.models.permissions.CALLED_AT_ONCE", 1)
    presence.renew("here", [(open_room.pk, each.pk) for each in (alice, bob)], "test", 60)
    assert said(open_room, bob, "@room and @here") == set()
    assert said(open_room, alice, "@room") == {"*"}, "its moderator"
    assert said(open_room, amir, "@here") == {"alice", "bob"}, "an admin"


def test_nobody_can_take_the_name_of_all(alice: User, bob: User, open_room: Room) -> None:
    User.objects.filter(pk=alice.pk).update(display_name="Room")
    assert said(open_room, bob, "@room") == {"*"}
    User.objects.filter(pk=alice.pk).update(display_name="Room Service")
    assert said(open_room, bob, "@room service") == {"alice"}


# What the row shows


def test_each_name_is_marked_and_code_is_not(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "@Alice Archer and @alice, `@alice`, @nobody <b>@bob</b>")
    assert spans(bob_client, open_room) == [
        ("@Alice Archer", str(alice.pk)),
        ("@alice", str(alice.pk)),
        ("@bob", str(bob.pk)),
    ]


def test_nobody_types_what_a_name_looks_like(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, '<span class="mention" data-person="1">@alice-not</span>')
    assert spans(bob_client, open_room) == []


def test_the_reader_s_own_sheet_makes_it_stand_out(bob: User, bob_client: Client) -> None:
    sheet = bob_client.get("/me.css").content.decode()
    assert f'.mention:is([data-person~="{bob.pk}"], [data-person="room"]' in sheet


# Edits and deletions


def test_an_edit_names_others(alice: User, bob: User, charlie: User, open_room: Room) -> None:
    (message,) = say(open_room, bob, "@alice and @room")
    assert mentions_of(alice, open_room) == 1
    kept = message.mentioned.get(user=alice).pk
    message.edit("@alice and @charlie", by=bob)
    assert named(message) == {"alice", "charlie"}
    assert message.mentioned.get(user=alice).pk == kept, "who was called is not called anew"
    message.edit("nobody", by=bob)
    assert named(message) == set()
    assert mentions_of(alice, open_room) == 0
    message.refresh_from_db()
    assert message.mentions is None
    message.edit("@alice", by=bob)
    assert mentions_of(alice, open_room) == 1


def test_who_was_here_stays_who_was_called(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    presence.renew("here", [(open_room.pk, alice.pk)], "test", 60)
    (message,) = say(open_room, bob, "@here look")
    presence.store().clear()
    presence.renew("here", [(open_room.pk, charlie.pk)], "test", 60)
    message.edit("@here look at this", by=bob)
    assert named(message) == {"alice"}


def test_what_is_deleted_calls_nobody(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, bob, "@alice")
    message.delete_for_everybody(by=bob)
    assert mentions_of(alice, open_room) == 0
    assert not Mention.objects.exists()
    assert spans(bob_client, open_room) == []


def test_an_edit_by_a_form_shows_whom_it_names(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "hello")
    address = f"/rooms/{open_room.slug}/1/edit/"
    row = bob_client.post(address, {"text": "@alice"}, headers={"HX-Request": "true"})
    assert f'data-person="{alice.pk}"' in row.content.decode()


def test_who_leaves_is_called_no_more(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, alice, "@bob")
    open_room.remove(bob)
    assert not Mention.objects.filter(user=bob).exists()


# Bounds and costs


@pytest.mark.parametrize("body", ["@" * 4_000, "@a " * 1_333, "@alice " * 571, "@\0@" * 1_000])
def test_a_great_many_ats_are_bounded(
    body: str, alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "@alice")
    with CaptureQueriesContext(connection) as captured:
        (message,) = say(open_room, bob, body)
    assert len(captured) < 15
    assert message.mentioned.count() <= 1
    assert bob_client.get(f"/rooms/{open_room.slug}/").status_code == 200


def test_a_message_names_only_so_many(alice: User, bob: User, open_room: Room) -> None:
    crowd = make_crowd(open_room, MENTIONED + 20)
    (message,) = say(open_room, bob, " ".join(f"@{each.username}" for each in crowd))
    assert message.mentioned.count() == MENTIONED


def statements(room: Room, author: User, body: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        say(room, author, body)
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def test_what_names_nobody_costs_nothing_more(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, bob, "first")
    plain = len(statements(open_room, bob, "nobody"))
    assert len(statements(open_room, bob, "bob@example.org and `@alice`")) == plain
    assert len(statements(open_room, bob, "@alice")) == plain + 2
    assert len(statements(open_room, bob, "@alice @amir @nobody @here")) == plain + 2
    assert len(statements(open_room, bob, "@alice @room")) == plain + 3


def test_reading_costs_nothing_more(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    address = f"/rooms/{private_room.slug}/"

    def asked() -> int:
        bob_client.get(address)
        with CaptureQueriesContext(connection) as captured:
            bob_client.get(address)
        return len(captured)

    say(private_room, alice, "one")
    say(open_room, alice, "one")
    before = asked()
    say(private_room, alice, *["@bob and @room"] * 10)
    say(open_room, alice, *["@bob and @room"] * 10)
    assert asked() == before


def test_guests_read_whom_a_message_names(alice: User, open_room: Room) -> None:
    """What is marked is the same for all; whoever reads the text reads the name."""
    greta = make_user("greta", role=Role.GUEST)
    add_all(open_room, [greta])
    make_user("dora")
    say(open_room, alice, "@dora")
    assert [text for text, _who in spans(signed_in(greta), open_room)] == ["@dora"]
