"""Making an open room private."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from rooms.live.connections import NOT_FOUND
from rooms.models import Room
from tests.cast import signed_in
from tests.factories import make_room, say
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import User


def address(room: Room) -> str:
    return reverse("room-private", args=[room.slug])


def test_the_room_is_there_for_its_members_alone(
    alice_client: Client, bob_client: Client, charlie_client: Client, bob: User, open_room: Room
) -> None:
    say(open_room, bob, "the kettle")
    page = reverse("room", args=[open_room.slug])
    assert charlie_client.get(page).status_code == 200
    asked = alice_client.get(address(open_room)).content.decode()
    assert "Only its 2 members can read it then" in asked
    assert alice_client.post(address(open_room)).headers["Location"] == page
    for client, status in ((bob_client, 200), (charlie_client, 404)):
        assert client.get(page).status_code == status
    assert open_room.slug not in charlie_client.get("/search/?q=kettle").content.decode()
    assert open_room.slug not in charlie_client.get("/rooms/").content.decode()
    assert "is private" in alice_client.get(address(open_room)).content.decode()


def test_repeated_it_changes_nothing(alice_client: Client, open_room: Room) -> None:
    for _ in range(2):
        alice_client.post(address(open_room))
        open_room.refresh_from_db()
        assert (open_room.private, open_room.version) == (True, 1)


def test_an_archived_room_stays_as_it_is(alice_client: Client, open_room: Room) -> None:
    open_room.archive()
    answer = alice_client.post(address(open_room))
    assert answer.status_code == 409
    assert "archived" in answer.content.decode()
    open_room.refresh_from_db()
    assert not open_room.private


def test_an_owner_who_is_not_in_it_would_lock_themselves_out(
    alice_client: Client, bob: User, charlie: User
) -> None:
    room = make_room("Bicycles", bob, charlie)
    assert (
        "Make this room private"
        not in alice_client.get(reverse("room-settings", args=[room.slug])).content.decode()
    )
    assert alice_client.post(address(room)).status_code == 403
    assert signed_in(bob).post(address(room)).status_code == 302


@pytest.mark.django_db(transaction=True)
async def test_open_pages_of_all_others_close_at_once(
    alice_client: Client, bob: User, charlie: User, open_room: Room
) -> None:
    other = await in_db(make_room)("Bicycles", bob)
    async with (
        new_process(),
        watching(bob, open_room) as member,
        watching(charlie, open_room) as stranger,
        watching(charlie, other) as elsewhere,
    ):
        await in_db(alice_client.post)(address(open_room))
        assert await stranger.until_closed() == NOT_FOUND
        await in_db(say)(open_room, bob, "among us")
        await in_db(say)(other, bob, "for all")
        assert "among us" in await member.until("among us")
        assert "among us" not in await elsewhere.until("for all")
