"""A room in which only moderators write, and how one becomes a moderator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.models import ModeratorsOnly
from tests.cast import signed_in
from tests.factories import make_room, say
from tests.markup import parse, text, values
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User

HTMX = {"HX-Request": "true"}
KEY = "key-number-1"


def address(name: str, room: Room) -> str:
    return reverse(name, args=[room.slug])


@pytest.fixture
def notices(open_room: Room) -> Room:
    """Where alice alone writes."""
    open_room.change_details(name="Notices", topic="Read only", moderators_only=True)
    return open_room


def has_composer(client: Client, room: Room) -> bool:
    ids = {each.get("id") for each in parse(client.get(address("room", room))).iter()}
    return "composers" in ids


# The setting


def test_a_moderator_decides_who_writes(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    settings = address("room-settings", open_room)
    form = values(alice_client.get(settings))
    assert form["writers"] == "everybody"
    assert has_composer(bob_client, open_room)
    alice_client.post(settings, {**form, "writers": "moderators"})
    assert values(alice_client.get(settings))["writers"] == "moderators"
    assert not has_composer(bob_client, open_room)
    alice_client.post(settings, {**form, "writers": "everybody"})
    assert has_composer(bob_client, open_room)


def test_a_form_that_does_not_say_leaves_it(alice_client: Client, notices: Room) -> None:
    for said in ({}, {"writers": ""}):
        form = {"name": "Notices", "topic": "", **said}
        alice_client.post(address("room-settings", notices), form)
        notices.refresh_from_db()
        assert notices.moderators_only


def test_what_makes_no_sense_changes_nothing(alice_client: Client, open_room: Room) -> None:
    form = {"name": "Otherwise", "topic": "", "writers": "nobody"}
    answer = alice_client.post(address("room-settings", open_room), form)
    assert list(answer.context["form"].errors) == ["writers"]
    open_room.refresh_from_db()
    assert open_room.name == "Workbench"


# Writing


def test_who_may_not_write_is_told_so_in_the_place_of_the_composer(
    alice_client: Client, bob_client: Client, charlie_client: Client, notices: Room
) -> None:
    assert has_composer(alice_client, notices)
    for client in (bob_client, charlie_client):
        page = text(client.get(address("room", notices)))
        assert "Only moderators write in this room." in page
        assert not has_composer(client, notices)
    assert "You are not in this room yet." in page


def test_everybody_reads_in_the_header_who_writes(bob_client: Client, notices: Room) -> None:
    assert "Only moderators write here. Read only" in text(bob_client.get(address("room", notices)))


def test_a_refused_post_keeps_the_text(bob: User, bob_client: Client, notices: Room) -> None:
    form = {"key": KEY, "text": "a line", "lines": "and more"}
    plain = bob_client.post(address("send", notices), form)
    assert plain.status_code == 409
    assert "Only moderators write in this room now." in text(plain)
    assert "a line and more" in text(plain)
    by_htmx = bob_client.post(address("send", notices), form, headers=HTMX)
    assert "Only moderators write in this room now." in by_htmx.content.decode()
    assert notices.membership_of(bob).open_draft()[:2] == ("a line\nand more", KEY)  # type: ignore[union-attr]
    assert "a line and more" in text(bob_client.get(address("room", notices)))
    assert not notices.messages.exists()


def test_an_answer_that_got_lost_is_given_again(bob: User, open_room: Room) -> None:
    message = open_room.post(bob, "hello", KEY)
    open_room.change_details(name="Notices", topic="", moderators_only=True)
    assert open_room.post(bob, "hello", KEY) == message
    with pytest.raises(ModeratorsOnly):
        open_room.post(bob, "again", "key-number-2")


def test_a_visitor_does_not_come_in_by_what_is_refused(charlie: User, notices: Room) -> None:
    with pytest.raises(ModeratorsOnly):
        say(notices, charlie, "hello")
    assert notices.membership_of(charlie) is None


def test_an_admin_writes_where_moderators_do(amir: User, notices: Room) -> None:
    say(notices, amir, "from the office")
    assert notices.membership_of(amir)


def test_the_rule_costs_no_query(alice: User, open_room: Room) -> None:
    say(open_room, alice, "first")
    with CaptureQueriesContext(connection) as before:
        say(open_room, alice, "to all")
    open_room.change_details(name="Notices", topic="", moderators_only=True)
    with CaptureQueriesContext(connection) as after:
        say(open_room, alice, "to all")
    assert len(after) == len(before)


@pytest.mark.django_db(transaction=True)
async def test_open_pages_learn_of_it(bob: User, open_room: Room) -> None:
    async with new_process(), watching(bob, open_room) as page:
        await in_db(open_room.change_details)(name="Bench", topic="", moderators_only=True)
        await page.until("Only moderators write here.")
        await in_db(open_room.change_details)(name="Bench", topic="", moderators_only=False)
        assert "Only moderators" not in await page.until("room-title")


# Moderators


def moderators(room: Room) -> list[str]:
    found = room.memberships.filter(is_moderator=True).order_by("user__username")
    return list(found.values_list("user__username", flat=True))


def appoint(client: Client, room: Room, user: User, to: str = "moderator") -> int:
    form = {"user": user.pk, "to": to}
    return client.post(address("member-moderator", room), form).status_code


def test_a_moderator_makes_another_and_takes_it_back(
    alice_client: Client, bob: User, bob_client: Client, notices: Room
) -> None:
    assert appoint(alice_client, notices, bob) == 302
    assert moderators(notices) == ["alice", "bob"]
    assert has_composer(bob_client, notices)
    assert "Take moderation back Bob Baker" in text(alice_client.get(address("members", notices)))
    appoint(alice_client, notices, bob, "member")
    assert moderators(notices) == ["alice"]
    assert not has_composer(bob_client, notices)


def test_an_admin_makes_moderators_where_a_room_is_open_to_them(
    amir_client: Client, bob: User, open_room: Room, private_room: Room
) -> None:
    assert appoint(amir_client, open_room, bob) == 302
    assert appoint(amir_client, private_room, bob) == 404


def test_a_member_is_offered_none_of_it(
    bob: User, bob_client: Client, alice: User, open_room: Room
) -> None:
    assert "moderators/" not in bob_client.get(address("members", open_room)).content.decode()
    assert appoint(bob_client, open_room, bob) == 403
    assert appoint(bob_client, open_room, alice, "member") == 403
    assert moderators(open_room) == ["alice"]


def test_the_last_moderator_who_gives_it_up_is_succeeded_by_the_eldest_other(
    alice: User, alice_client: Client, charlie: User, open_room: Room
) -> None:
    open_room.join(charlie)
    appoint(alice_client, open_room, alice, "member")
    assert moderators(open_room) == ["bob"]


def test_who_is_alone_in_a_room_goes_on_moderating_it(bob: User, bob_client: Client) -> None:
    shed = make_room("Shed", bob)
    appoint(bob_client, shed, bob, "member")
    assert moderators(shed) == ["bob"]
    page = text(bob_client.get(address("members", shed)))
    assert "Somebody has to moderate this room" in page


@pytest.mark.parametrize("user", ["", "x", "-1", "9" * 18, "9" * 5000])
def test_nobody_is_appointed_who_is_not_there(
    alice_client: Client, open_room: Room, user: str
) -> None:
    form = {"user": user, "to": "moderator"}
    assert alice_client.post(address("member-moderator", open_room), form).status_code == 404


@pytest.mark.parametrize("to", ["", "king"])
def test_a_form_that_does_not_say_what_changes_nothing(
    alice_client: Client, bob: User, open_room: Room, to: str
) -> None:
    assert appoint(alice_client, open_room, bob, to) == 400
    assert moderators(open_room) == ["alice"]


def test_who_does_not_belong_is_not_appointed(
    alice_client: Client, charlie: User, open_room: Room
) -> None:
    assert appoint(alice_client, open_room, charlie) == 404


# Making rooms


def test_where_only_admins_make_rooms_members_are_not_offered_to(
    alice_client: Client, amir: User, bob_client: Client
) -> None:
    form = values(alice_client.get("/place/"))
    assert form["rooms_by"] == "members"
    assert "Make a room" in text(bob_client.get("/rooms/"))
    alice_client.post("/place/", {**form, "rooms_by": "admins"})
    assert values(alice_client.get("/place/"))["rooms_by"] == "admins"
    assert "Make a room" not in text(bob_client.get("/rooms/"))
    assert "Ask an admin for one." in text(bob_client.get("/rooms/new/"))
    assert "Make a room" in text(signed_in(amir).get("/rooms/"))
