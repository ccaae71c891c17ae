"""What a guest has before them: the rooms they were put into, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from rooms.live.connections import NOT_FOUND
from rooms.live.hub import hub
from rooms.models import Role, announcements
from rooms.models import people as verbs
from tests.cast import signed_in
from tests.factories import make_room, make_user, say
from tests.markup import text
from tests.sockets import in_db, new_process, socket, watching

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User


def address(name: str, room: Room) -> str:
    return reverse(name, args=[room.slug])


def test_a_guest_finds_the_rooms_they_were_put_into_alone(
    alice: User, greta: User, greta_client: Client, open_room: Room, private_room: Room
) -> None:
    lane = make_room("Lane", alice, greta)
    page = text(greta_client.get("/rooms/"))
    assert "Lane" in page
    assert open_room.name not in page
    assert "Open to you" not in page
    assert "Make a room" not in page
    assert greta_client.get(address("room", lane)).status_code == 200
    for room in (open_room, private_room):
        for name in ("room", "members", "here", "changes"):
            assert signed_in(greta).get(address(name, lane)).status_code in {200, 204}
            assert greta_client.get(address(name, room)).status_code == 404


def test_a_guest_without_a_room_is_told_how_one_comes_into_one(greta_client: Client) -> None:
    page = text(greta_client.get("/", follow=True))
    assert "You need to be added to one." in page


def test_a_guest_does_not_come_in_by_writing(greta: User, open_room: Room) -> None:
    with pytest.raises(PermissionDenied):
        say(open_room, greta, "hello")
    with pytest.raises(PermissionDenied):
        open_room.join(greta)
    assert open_room.membership_of(greta) is None
    open_room.add(greta)
    say(open_room, greta, "hello")


def test_a_guest_who_leaves_or_is_removed_cannot_come_back(
    alice_client: Client, greta: User, greta_client: Client, open_room: Room
) -> None:
    for name in ("room-leave", "member-remove"):
        open_room.add(greta)
        who = greta_client if name == "room-leave" else alice_client
        asked = text(who.get(address(name, open_room), {"user": greta.pk}))
        assert "guest" in asked
        assert "to come back" in asked
        assert "need to be added again" in asked
        who.post(address(name, open_room), {"user": greta.pk})
        assert greta_client.get(address("room", open_room)).status_code == 404


def test_a_guest_is_no_moderator(alice_client: Client, greta: User, open_room: Room) -> None:
    open_room.add(greta)
    page = text(alice_client.get(address("members", open_room)))
    assert "@greta · guest" in page
    assert "Make moderator Greta Green" not in page
    assert "Make moderator Bob Baker" in page


def test_nobody_moderates_where_only_guests_are_left(bob: User, greta: User) -> None:
    room = make_room("Lane", bob, greta)
    room.remove(bob)
    assert not room.memberships.filter(is_moderator=True).exists()
    room.add(make_user("zed"))
    room.remove(greta)
    assert room.memberships.get().is_moderator


# Becoming one


@pytest.mark.django_db(transaction=True)
async def test_becoming_a_guest_closes_the_rooms_that_one_no_longer_sees(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    lane = await in_db(make_room)("Lane", alice, bob)
    async with (
        new_process(),
        watching(charlie, open_room) as closes,
        watching(charlie, lane) as other,
        watching(bob, open_room) as stays,
    ):
        await in_db(lane.add)(charlie)
        await other.until("room-list")
        await in_db(verbs.change_role)(charlie, Role.GUEST, by=alice)
        assert await closes.until_closed() == NOT_FOUND
        assert "no longer open to you" in closes.words
        await in_db(say)(lane, alice, "still here")
        await other.until("still here")
        await in_db(say)(open_room, alice, "you too")
        await stays.until("you too")


@pytest.mark.django_db(transaction=True)
async def test_a_lost_announcement_costs_seconds(
    alice: User, charlie: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with new_process(), watching(charlie, open_room) as page:
        monkeypatch.setattr(announcements, "access_changed", lambda _users: None)
        await in_db(verbs.change_role)(charlie, Role.GUEST, by=alice)
        await hub()._check_access()
        assert await page.until_closed() == NOT_FOUND


@pytest.mark.django_db(transaction=True)
async def test_a_socket_that_is_older_than_the_role_posts_nothing(
    alice: User, charlie: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "access_changed", lambda _users: None)
    async with new_process(), socket(charlie, open_room) as page:
        await page.send({"type": "message", "key": "key-number-1", "text": "as a member"})
        assert (await page.answer())["type"] == "stored"
        await in_db(open_room.remove)(charlie)
        await in_db(verbs.change_role)(charlie, Role.GUEST, by=alice)
        await page.send({"type": "message", "key": "key-number-2", "text": "as a guest"})
        assert await page.answer() == {
            "type": "refused",
            "key": "key-number-2",
            "error": "This room is not open to you.",
        }
    assert await open_room.messages.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_guest_who_is_removed_from_an_open_room_is_closed_out_of_it(
    greta: User, open_room: Room
) -> None:
    await in_db(open_room.add)(greta)
    async with new_process(), watching(greta, open_room) as page:
        await in_db(open_room.remove)(greta)
        assert await page.until_closed() == NOT_FOUND
