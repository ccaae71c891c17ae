"""What pages read: the same as the querysets say that it is put together from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from django.forms.models import model_to_dict

from rooms.models import Membership, Place, Room, User, reading
from rooms.models.user import Look
from tests.factories import make_crowd, make_room, say

if TYPE_CHECKING:
    from django.db.models import Model


def same(found: Model | None, expected: Model | None) -> bool:
    """All fields, those that no form has included."""
    assert type(found) is type(expected)
    if found is None or expected is None:
        return found is expected
    names = [field.attname for field in found._meta.concrete_fields]
    assert found._state.db == expected._state.db
    return [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]


def test_a_room_and_the_membership_of_it(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    say(open_room, bob, "hello")
    private_room.archive()
    membership = open_room.membership_of(bob)
    assert membership
    membership.save_draft("begun", "key-of-the-draft")
    for person in (alice, bob, charlie):
        for slug in (open_room.slug, private_room.slug, "nowhere", "\ue0000", "%s", "' OR 1=1 --"):
            expected = Room.objects.visible_to(person).filter(slug=slug).first()
            found = reading.room_at(slug, person)
            assert (found is None) == (expected is None)
            if found and expected:
                assert same(found[0], expected)
                assert same(found[1], expected.membership_of(person))


def test_what_was_read_can_be_changed(bob: User, open_room: Room) -> None:
    found = reading.room_at(open_room.slug, bob)
    assert found
    room, membership = found
    assert membership
    room.change_details(name="Shed", topic="")
    membership.save_draft("begun", "key-of-the-draft")
    assert Room.objects.get(pk=room.pk).name == "Shed"
    assert Membership.objects.get(pk=membership.pk).draft == "begun"


def test_the_rooms_of_somebody(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    make_room("Put away", alice, bob).archive()
    assert {*reading.rooms_of(bob)} == {
        (open_room.pk, open_room.slug, "Workbench", False, False, 2, 0, False, False),
        (private_room.pk, private_room.slug, "Committee", True, False, 0, 0, False, False),
    }
    assert reading.rooms_of(charlie) == []


def test_the_rooms_that_somebody_may_see(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "one", "two")
    open_room.mark_read([bob.pk])
    kept = make_room("Put away", alice)
    kept.archive()
    workbench = (
        open_room.pk,
        open_room.slug,
        "Workbench",
        "What is on the bench",
        False,
        False,
        False,
        2,
        2,
    )
    committee = (
        private_room.pk,
        private_room.slug,
        "Committee",
        private_room.topic,
        True,
        False,
        False,
        2,
        0,
    )
    put_away = (kept.pk, kept.slug, "Put away", "", False, False, True, 1, 0)
    assert {*reading.rooms_visible_to(bob)} == {
        (*workbench, 2),
        (*committee, 0),
        (*put_away, None),
    }
    assert {*reading.rooms_visible_to(charlie)} == {(*workbench, None), (*put_away, None)}
    assert all(type(room.archived) is bool for room in reading.rooms_visible_to(bob))


def test_a_room_that_everybody_left(alice: User, bob: User, open_room: Room) -> None:
    open_room.remove(alice)
    open_room.remove(bob)
    (room,) = reading.rooms_visible_to(alice)
    assert (room.members, room.last_read) == (0, None)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 256, 257, 600])
def test_names(size: int, alice: User, open_room: Room) -> None:
    crowd = make_crowd(open_room, size)
    names = {person.pk: person.username for person in crowd} | {alice.pk: "Alice Archer"}
    expected = {pk: reading.Seen(Look(name, "")) for pk, name in names.items()}
    assert reading.seen_of({*expected, 10**9}) == expected
    assert reading.seen_of([]) == {}


def test_the_place(place: Place) -> None:
    assert same(reading.place(), place)
    Place.objects.update(name="Elsewhere", sign_up="open")
    assert model_to_dict(reading.place() or place) == model_to_dict(Place.objects.get())
    Place.objects.all().delete()
    assert reading.place() is None


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_by_its_own_connection(alice: User, bob: User, open_room: Room) -> None:
    def read(person: User) -> tuple[list[reading.RoomOf], int]:
        try:
            return reading.rooms_of(person), id(connections["default"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, [alice, bob] * 20))
    for (rooms, _connection), person in zip(found, [alice, bob] * 20, strict=True):
        assert rooms == reading.rooms_of(person)
    assert id(connections["default"]) not in {connection for _rooms, connection in found}
