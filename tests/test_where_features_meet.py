"""Where roles, direct conversations, unread counts and search meet files, replies, reactions and pins."""

from __future__ import annotations

import io
import secrets

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rooms.live import fragments
from rooms.live.fragments import Variant
from rooms.models import Attachment, ModeratorsOnly, Room, User
from rooms.models.attachment import Upload
from tests import files
from tests.factories import make_crowd, make_room, say, say_with_files
from tests.markup import text
from tests.page import Page

HTMX = {"HX-Request": "true"}


@pytest.fixture
def notices(alice: User, bob: User) -> Room:
    """Bob is in it, and Alice alone writes."""
    room = make_room("Notices", alice, bob)
    room.change_details(name=room.name, topic="", moderators_only=True)
    return room


@pytest.fixture
def talk(bob: User, charlie: User) -> Room:
    room = Room.direct_with([charlie], by=bob)
    say_with_files(room, charlie, "look", {"cup.png": files.picture()})
    return room


def test_where_only_moderators_write_nobody_else_takes_part(
    notices: Room, alice: User, bob: User
) -> None:
    (message,) = say(notices, alice, "closed on Monday")
    picture = files.picture()
    upload = Upload("cup.png", io.BytesIO(picture), len(picture))
    with pytest.raises(PermissionDenied):
        message.react("👍", by=bob)
    with pytest.raises(PermissionDenied):
        message.pin(by=bob)
    with pytest.raises(ModeratorsOnly):
        Attachment.upload(notices, bob, "key-of-bob", upload)
    with pytest.raises(ModeratorsOnly):
        notices.post(bob, "really?", "key-of-bob", reply=1)
    assert message.react("👍", by=alice)
    assert message.pin(by=alice)
    say_with_files(notices, alice, "", {"plan.png": picture})


def test_their_menu_and_thread_offer_only_what_is_open_to_them(
    notices: Room, alice: User, bob_client: Client, alice_client: Client
) -> None:
    say(notices, alice, "closed on Monday")
    menu = f"/rooms/{notices.slug}/1/menu/"
    for headers in ({}, HTMX):
        seen = bob_client.get(menu, headers=headers).content.decode()
        assert "Mark unread from here" in seen
        for choice in ("Reply", "Any emoji", "Pin to the room", "Edit", "Delete"):
            assert choice not in seen
            assert choice in alice_client.get(menu, headers=headers).content.decode()
    thread = text(bob_client.get(f"/rooms/{notices.slug}/1/thread/"))
    assert "Only moderators write in this room." in thread


def test_who_is_not_in_a_room_has_nothing_to_mark_there(
    open_room: Room, alice: User, charlie_client: Client
) -> None:
    say(open_room, alice, "hello")
    menu = charlie_client.get(f"/rooms/{open_room.slug}/1/menu/")
    assert "Mark unread" not in text(menu)
    assert "Reply" in text(menu)


@pytest.mark.parametrize(
    "address", ["files/", "pins/", "1/thread/", "1/menu/", "1/reactions/", "here/", "members/"]
)
def test_pages_of_a_direct_conversation_have_its_name(
    talk: Room, bob_client: Client, address: str
) -> None:
    page = Page(bob_client.get(f"/rooms/{talk.slug}/{address}").content.decode())
    assert page.one("main h1").text == "Charlie Cooper"


def test_a_pin_in_a_direct_conversation_leaves_its_name_on_open_pages(
    talk: Room, bob: User
) -> None:
    version = Room.objects.get(pk=talk.pk).version
    talk.messages.get(number=1).pin(by=bob)
    steps = Room.objects.get(pk=talk.pk).steps_after(version)
    assert steps
    frames = "".join(fragments.frames(steps, Variant("en", "UTC")))
    assert f"/rooms/{talk.slug}/pins/" in frames
    assert "room-title" not in frames


def test_a_message_without_words_is_found_and_shown_by_its_files(
    talk: Room, charlie: User, bob_client: Client
) -> None:
    say_with_files(talk, charlie, "", {"saucer.png": files.picture()})
    assert "saucer.png" in text(bob_client.get("/search/?q=from:charlie"))
    assert "saucer.png" in text(bob_client.get(f"/rooms/{talk.slug}/2/unread/"))


def test_catching_up_shows_all_that_a_message_has_and_no_menu(
    open_room: Room, alice: User, bob: User, bob_client: Client
) -> None:
    (first,) = say(open_room, alice, "who brings cups?")
    answer = say_with_files(open_room, alice, "these?", {"cup.png": files.picture()})
    open_room.post(alice, "or none", secrets.token_urlsafe(9), reply=first.number)
    answer.react("🎉", by=alice)
    first.pin(by=alice)
    page = Page(bob_client.get("/unread/").content.decode())
    assert len(page.all("#unread li.message")) == 3
    assert page.one("#unread .quoted").text.endswith("who brings cups?")
    for once in (".pin", ".reactions button", ".attached"):
        assert len(page.all(f"#unread {once}")) == 1
    assert page.all("#unread .more") == []


def test_catching_up_takes_as_many_queries_however_many_reacted(
    open_room: Room, alice: User, bob: User, bob_client: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bob_client.get("/unread/").status_code == 200
        return len(captured)

    (first,) = say(open_room, alice, "hello")
    first.react("🎉", by=alice)
    few = queries()
    for person in make_crowd(open_room, 8):
        reply = open_room.post(person, "me", secrets.token_urlsafe(9), reply=1)
        reply.react("👍", by=person)
    assert queries() == few


def test_the_words_of_a_reply_are_found_until_it_is_edited_or_deleted(
    open_room: Room, alice: User, bob: User, bob_client: Client
) -> None:
    say(open_room, alice, "who brings cups?")
    reply = open_room.post(bob, "porcelain", secrets.token_urlsafe(9), reply=1)

    def found(word: str) -> bool:
        page = Page(bob_client.get(f"/search/?q={word}").content.decode())
        return bool(page.all("ol.found li"))

    assert found("porcelain")
    reply.edit("enamel", by=bob)
    assert (found("porcelain"), found("enamel")) == (False, True)
    reply.delete_for_everybody(by=bob)
    assert not found("enamel")


def test_who_replies_has_read_what_stands_above(open_room: Room, alice: User, bob: User) -> None:
    say(open_room, alice, "who brings cups?")
    open_room.post(bob, "I do", secrets.token_urlsafe(9), reply=1)
    assert open_room.memberships.get(user=bob).last_read == 2
