"""The named cast: alice owns the place, amir helps her run it, bob belongs, charlie has an account and
is in no room, greta is a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from rooms.models import Place, Role
from tests.factories import make_room, make_user

if TYPE_CHECKING:
    from rooms.models import Room, User


@pytest.fixture
def place(db: None) -> Place:
    return Place.objects.create(pk=1, name="Millbrook Repair Café")


@pytest.fixture
def alice(place: Place) -> User:
    """Owns the place and moderates its rooms."""
    return make_user("alice", "Alice Archer", role=Role.OWNER)


@pytest.fixture
def amir(place: Place) -> User:
    """An admin, in no room."""
    return make_user("amir", "Amir Aziz", role=Role.ADMIN)


@pytest.fixture
def greta(place: Place) -> User:
    """A guest, in no room either: she is put into one by the test that needs her there."""
    return make_user("greta", "Greta Green", role=Role.GUEST)


@pytest.fixture
def bob(place: Place) -> User:
    """An ordinary member of both rooms."""
    return make_user("bob", "Bob Baker")


@pytest.fixture
def charlie(place: Place) -> User:
    """In no room: the outsider of the private one."""
    return make_user("charlie", "Charlie Cooper")


@pytest.fixture
def open_room(alice: User, bob: User) -> Room:
    return make_room("Workbench", alice, bob, topic="What is on the bench")


@pytest.fixture
def private_room(alice: User, bob: User) -> Room:
    return make_room("Committee", alice, bob, topic="Money, keys, insurance", private=True)


def signed_in(user: User) -> Client:
    """A browser in which `user` is signed in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return signed_in(charlie)


@pytest.fixture
def amir_client(amir: User) -> Client:
    return signed_in(amir)


@pytest.fixture
def greta_client(greta: User) -> Client:
    return signed_in(greta)
