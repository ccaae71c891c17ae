"""What is kept of pages: it is never out of date, and nobody is shown another's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.live import moulds, parts, presence
from rooms.live.moulds import gap
from rooms.models import Membership, Message, Place, Room, User
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, say
from tests.markup import parse, text

if TYPE_CHECKING:
    from pytest_django import Settings

HTMX = {"HX-Request": "true"}
ROOMS = "/rooms/"

Look = Callable[[Client, Room], str]


def newest(client: Client, room: Room) -> str:
    return client.get(f"/rooms/{room.slug}/").content.decode()


def before(client: Client, room: Room) -> str:
    return client.get(f"/rooms/{room.slug}/?before=3").content.decode()


def before_by_htmx(client: Client, room: Room) -> str:
    return client.get(f"/rooms/{room.slug}/?before=3", headers=HTMX).content.decode()


def after(client: Client, room: Room) -> str:
    return client.get(f"/rooms/{room.slug}/?after=0").content.decode()


def directory(client: Client, _room: Room) -> str:
    return client.get(ROOMS).content.decode()


def messages_of(page: str) -> str:
    """The rows, without what stands around them."""
    return "".join(re.findall(r'<li id="m\d+".*?</li>', page, re.DOTALL))


in_each_part = pytest.mark.parametrize("look", [newest, before, before_by_htmx, after])
on_each_page = pytest.mark.parametrize("look", [newest, before, directory])


@pytest.fixture
def talk(alice: User, bob: User, open_room: Room) -> list[Message]:
    return [*say(open_room, alice, "first"), *say(open_room, bob, "second", "third")]


# Never out of date


@in_each_part
def test_an_author_who_is_called_otherwise_is_so_in_all_that_they_said(
    look: Look, alice: User, bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    assert "Alice Archer" in messages_of(look(bob_client, open_room))
    alice.change_profile(display_name="Alice Smith", time_zone="", language="")
    rows = messages_of(look(bob_client, open_room))
    assert "Alice Smith" in rows
    assert ">AS</span>" in rows
    assert "Alice Archer" not in rows
    alice.change_profile(display_name="", time_zone="", language="")
    assert ">alice</a>" in messages_of(look(bob_client, open_room))


@in_each_part
def test_a_change_of_a_message_shows(
    look: Look, alice: User, bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    assert "first" in look(bob_client, open_room)
    talk[0].edit("reworded", by=alice)
    page = look(bob_client, open_room)
    assert "reworded" in page
    assert "first" not in page
    talk[0].delete_for_everybody(by=alice)
    page = look(bob_client, open_room)
    assert "reworded" not in page
    assert "deleted by its author" in page


def test_what_is_said_shows(alice: User, bob_client: Client, open_room: Room) -> None:
    assert "Nobody has said anything" in newest(bob_client, open_room)
    for words in ("this", "and that"):
        say(open_room, alice, words)
        page = newest(bob_client, open_room)
        assert words in page
        version = Room.objects.get(pk=open_room.pk).version
        assert f'name="after" value="{version}"' in page
    assert "Nobody has said anything" not in page


@on_each_page
def test_a_room_that_is_renamed_is_so_everywhere(
    look: Look, bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    assert "Workbench" in look(bob_client, open_room)
    open_room.change_details(name="Shed", topic="Tools & <more>")
    page = look(bob_client, open_room)
    assert "Workbench" not in page
    assert "Shed" in page
    assert "Tools &amp; &lt;more&gt;" in page


def test_a_room_that_is_archived_takes_no_more(
    bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    assert "composers" in newest(bob_client, open_room)
    assert open_room.name in directory(bob_client, open_room)
    open_room.archive()
    assert 'id="composers"' not in newest(bob_client, open_room)
    assert f"entry-{open_room.pk}" not in directory(bob_client, open_room)
    open_room.restore()
    assert 'id="composers"' in newest(bob_client, open_room)
    assert f"entry-{open_room.pk}" in directory(bob_client, open_room)


@on_each_page
def test_the_place_is_called_as_it_is_now(
    look: Look, bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    assert "Millbrook" in look(bob_client, open_room)
    Place.objects.update(name="Cog & <Wheel>")
    page = look(bob_client, open_room)
    assert "Millbrook" not in page
    assert "Cog &amp; &lt;Wheel&gt;</title>" in page


@in_each_part
def test_a_database_that_went_back_and_on_is_shown_as_it_is(
    look: Look, alice: User, bob_client: Client, open_room: Room
) -> None:
    """A restored backup counts versions and messages a second time."""
    kept = {name: getattr(Room.objects.get(pk=open_room.pk), name) for name in _of_talk()}
    say(open_room, alice, "in the life that was lost")
    assert "was lost" in look(bob_client, open_room)
    Message.objects.all().delete()
    Room.objects.filter(pk=open_room.pk).update(**kept)
    say(open_room, alice, "in this life")
    page = look(bob_client, open_room)
    assert "in this life" in page
    assert "was lost" not in page


def _of_talk() -> list[str]:
    return ["version", "last_number", "last_author", "last_at", "run"]


def test_little_room_for_parts_changes_none_of_them(
    alice: User,
    bob_client: Client,
    open_room: Room,
    talk: list[Message],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = make_room("Other", alice)
    say(other, alice, "elsewhere")
    monkeypatch.setattr(parts, "_parts", parts._Parts())
    pages = [messages_of(newest(bob_client, room)) for room in (open_room, other)]
    monkeypatch.setattr(parts, "SIZE_KEPT", len(pages[0]) + 100)
    monkeypatch.setattr(parts, "_parts", parts._Parts())
    for _ in range(2):
        assert [messages_of(newest(bob_client, room)) for room in (open_room, other)] == pages


def test_who_left_and_who_came_shows(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    store = presence.store()
    store.clear()
    assert 'class="here-count">1<' in newest(bob_client, open_room)
    store.renew("here", [(open_room.pk, alice.pk)], "test", 30)
    page = newest(bob_client, open_room)
    assert 'class="here-count">2<' in page
    assert f'href="/people/{alice.pk}/"' in page
    assert "1 here" not in directory(bob_client, open_room)
    assert "2 here" in directory(bob_client, open_room)
    store.clear()
    assert "2 here" not in directory(bob_client, open_room)


# Nobody's but the reader's own


def test_each_reads_in_their_own_time_zone(
    alice: User, bob: User, alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    alice.change_profile(display_name="", time_zone="Asia/Tokyo", language="")
    bob.change_profile(display_name="", time_zone="America/New_York", language="")
    first, second = say(open_room, alice, "late", "later")
    evening, night = (datetime(2026, 3, 4, hour, 30, tzinfo=UTC) for hour in (14, 16))
    Message.objects.filter(pk=first.pk).update(created_at=evening)
    Message.objects.filter(pk=second.pk).update(created_at=night, previous_at=evening)
    for _ in range(2):
        for look in (newest, before, before_by_htmx):
            # For Alice it is the next day, and for Bob the morning of the same.
            assert re.findall(r">(\d\d:\d\d)<", look(alice_client, open_room)) == ["23:30", "01:30"]
            assert re.findall(r">(\d\d:\d\d)<", look(bob_client, open_room)) == ["09:30", "11:30"]
            assert look(alice_client, open_room).count('<li class="day">') == 2
            assert look(bob_client, open_room).count('<li class="day">') == 1


@on_each_page
def test_each_reads_in_their_own_language(
    *,
    look: Look,
    alice: User,
    alice_client: Client,
    bob_client: Client,
    open_room: Room,
    talk: list[Message],
    settings: Settings,
) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "Arabic")]
    alice.change_profile(display_name="", time_zone="", language="ar")
    for _ in range(2):
        assert '<html lang="ar" dir="rtl">' in look(alice_client, open_room)
        assert '<html lang="en" dir="ltr">' in look(bob_client, open_room)


@on_each_page
def test_the_rooms_beside_a_page_are_the_readers_own(
    *,
    look: Look,
    alice: User,
    bob_client: Client,
    charlie_client: Client,
    open_room: Room,
    private_room: Room,
    talk: list[Message],
) -> None:
    say(private_room, alice, "unread by Bob")
    for _ in range(2):
        page = look(bob_client, open_room)
        assert "Committee" in page
        assert re.search(r'"count">1<span class="unseen"> unread', page)
        page = look(charlie_client, open_room)
        assert "Committee" not in page
        assert private_room.slug not in page
        assert '"count"' not in page
    Membership.objects.update(last_read=9)
    assert '"count"' not in look(bob_client, open_room)


def test_the_title_counts_what_the_reader_has_not_read(
    alice: User, alice_client: Client, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    say(private_room, alice, "one", "two")
    newest(alice_client, private_room)
    for _ in range(2):
        assert "<title>(2) Workbench" in newest(bob_client, open_room)
        assert "<title>Workbench" in newest(alice_client, open_room)


def test_a_private_room_stays_closed_however_often_it_was_read(
    bob_client: Client, charlie_client: Client, private_room: Room, bob: User
) -> None:
    say(private_room, bob, "between us")
    for address in ("", "?before=2", "1/"):
        for client, status in [(bob_client, 200), (charlie_client, 404), (Client(), 302)]:
            answer = client.get(f"/rooms/{private_room.slug}/{address}")
            assert (answer.status_code, b"between us" in answer.content) == (status, status == 200)
    private_room.remove(bob)
    assert bob_client.get(f"/rooms/{private_room.slug}/").status_code == 404
    assert "Committee" not in directory(bob_client, private_room)


def test_a_draft_is_its_writers_own(
    alice: User, alice_client: Client, bob: User, bob_client: Client, open_room: Room
) -> None:
    membership = open_room.membership_of(bob)
    assert membership
    membership.save_draft('what "I" <think>\nat length', "the-draft-of-bob")
    for _ in range(2):
        page = newest(bob_client, open_room)
        assert 'value="what &quot;I&quot; &lt;think&gt;"' in page
        assert "\nat length</textarea>" in page
        assert 'id="cthe-draft-of-bob"' in page
        page = newest(alice_client, open_room)
        assert "think" not in page
        assert "at length" not in page
        assert "the-draft-of-bob" not in page


@on_each_page
def test_a_page_is_signed_with_its_readers_name(
    *,
    look: Look,
    alice: User,
    alice_client: Client,
    bob: User,
    bob_client: Client,
    open_room: Room,
    talk: list[Message],
) -> None:
    bob.change_profile(display_name="Bob <b>", time_zone="", language="")
    for _ in range(2):
        page = look(bob_client, open_room)
        assert "Bob &lt;b&gt;</b> <small><bdi>@bob</bdi></small>" in page
        assert f"?v={bob.pk}" in page
        assert reverse("place") not in page
        page = look(alice_client, open_room)
        assert "Alice Archer</b> <small><bdi>@alice</bdi></small>" in page
        assert f"?v={alice.pk}" in page
        assert reverse("place") in page, "the owner's own menu"


def test_only_who_is_not_in_the_room_is_asked_to_join(
    bob_client: Client, charlie_client: Client, charlie: User, open_room: Room
) -> None:
    join = f'action="{reverse("room-join", args=[open_room.slug])}"'
    for look in (newest, directory):
        for _ in range(2):
            assert join in look(charlie_client, open_room)
            assert join not in look(bob_client, open_room)
    open_room.join(charlie)
    for look in (newest, directory):
        assert join not in look(charlie_client, open_room)


@on_each_page
def test_every_form_carries_the_token_of_its_reader(
    *,
    look: Look,
    alice: User,
    bob: User,
    charlie: User,
    open_room: Room,
    talk: list[Message],
) -> None:
    tokens = set()
    for person in (alice, bob, charlie):
        client = Client(enforce_csrf_checks=True)
        client.force_login(person)
        page = look(client, open_room)
        found = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        found += re.findall(r'"X-CSRFToken": "(\w+)"', page)
        assert len(found) >= 2
        assert len(set(found)) == 1
        tokens.add(found[0])
        typing = f"/rooms/{open_room.slug}/typing/"
        assert client.post(typing, headers={"X-CSRFToken": found[0]}).status_code == 204
    assert len(tokens) == 3


def test_a_notice_is_told_once_and_to_whom_it_concerns(
    alice: User, alice_client: Client, bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, bob, "a mistake")
    for _ in range(2):
        assert "was deleted" not in newest(bob_client, open_room)
    bob_client.post(reverse("message-delete", args=[open_room.slug, message.number]))
    assert "The message was deleted." not in newest(alice_client, open_room)
    assert "The message was deleted." in newest(bob_client, open_room)
    assert "The message was deleted." not in newest(bob_client, open_room)


# How a page is put together


@pytest.mark.parametrize("name", ["{}", '" onclick="{}', "<{}>", "&lt;{}&gt;"])
def test_nobody_can_write_a_gap(
    name: str, alice: User, bob_client: Client, open_room: Room, talk: list[Message]
) -> None:
    """Even if somebody knew how one looks, what they write is escaped before it could be one."""
    written = name.format(gap("csrf_token"))[:60]
    open_room.change_details(name=written, topic=gap("rows"))
    say(open_room, alice, str(gap("csrf_token")))
    for look in (newest, before, directory):
        page = look(bob_client, open_room)
        tokens = len(re.findall(r'(?:csrfmiddlewaretoken" value="|CSRFToken": ")\w{64}"', page))
        assert len(re.findall(r"\b\w{64}\b", page)) == tokens
        assert gap("csrf_token") not in page


@on_each_page
def test_no_gap_is_left(
    look: Look, bob_client: Client, charlie_client: Client, open_room: Room, talk: list[Message]
) -> None:
    for client in (bob_client, charlie_client):
        assert moulds._SECRET not in look(client, open_room)


@on_each_page
def test_it_is_a_valid_page(
    look: Look, bob_client: Client, charlie_client: Client, open_room: Room, talk: list[Message]
) -> None:
    addresses: dict[Look, str] = {
        newest: f"/rooms/{open_room.slug}/",
        before: f"/rooms/{open_room.slug}/?before=3",
        directory: ROOMS,
    }
    for client in (bob_client, charlie_client):
        answer = client.get(addresses[look])
        assert parse(answer) is not None
        assert open_room.name in text(answer)


# What it costs


@pytest.mark.parametrize(
    ("address", "headers", "queries"),
    [
        # session and reader, the room with the membership, names, rooms beside it, place
        ("/rooms/{}/", {}, 5),
        ("/rooms/{}/?before=3", {}, 5),
        ("/rooms/{}/?before=3", HTMX, 3),
        (ROOMS, {}, 3),
    ],
)
def test_a_page_that_is_kept_asks_for_what_may_have_changed(
    *,
    address: str,
    headers: dict[str, str],
    queries: int,
    alice: User,
    open_room: Room,
    talk: list[Message],
) -> None:
    people = make_crowd(open_room, 4)
    for person in people[:-1]:
        make_room(f"Room of {person.pk}", person, *people)
        say(open_room, person, "hello")
    signed_in(people[0]).get(address.format(open_room.slug), headers=headers)
    client = signed_in(people[-1])  # who finds what another's page left, and moderates nothing
    newest(client, open_room)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address.format(open_room.slug), headers=headers).status_code == 200
    assert len(captured) <= queries
    assert not any("rooms_message" in query["sql"] for query in captured)
