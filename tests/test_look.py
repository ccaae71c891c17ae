"""Light or dark, as somebody wants their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.markup import parse, values

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User

LOOK = "/accounts/look/"


def sheet(client: Client, page: str) -> tuple[str, str]:
    """The address of the reader's own sheet on that page, and what is in it."""
    links = [each.get("href") for each in parse(client.get(page)).iter("link")]
    (address,) = [each for each in links if each.startswith("/me.css")]
    return address, client.get(address).content.decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_holds_on_every_page(
    bob_client: Client, bob: User, open_room: Room, scheme: str
) -> None:
    pages = (LOOK, "/rooms/", f"/rooms/{open_room.slug}/", f"/rooms/{open_room.slug}/1/")[:3]
    before = [sheet(bob_client, page) for page in pages]
    assert all("color-scheme" not in css for _address, css in before)
    assert bob_client.post(LOOK, {"scheme": scheme}).headers["Location"] == LOOK
    after = [sheet(bob_client, page) for page in pages]
    assert all(f":root {{ color-scheme: {scheme}; }}" in css for _address, css in after)
    # what the browser has kept of the former look is under another address
    assert all(new[0] != old[0] for new, old in zip(after, before, strict=True))
    assert values(bob_client.get(LOOK))["scheme"] == scheme
    bob_client.post(LOOK, {"scheme": ""})
    assert [sheet(bob_client, page) for page in pages] == before


def test_it_is_one_s_own(bob_client: Client, alice_client: Client, open_room: Room) -> None:
    page = f"/rooms/{open_room.slug}/"
    bob_client.post(LOOK, {"scheme": "dark"})
    assert "color-scheme: dark" in sheet(bob_client, page)[1]
    assert "color-scheme" not in sheet(alice_client, page)[1]


@pytest.mark.parametrize("scheme", ["sepia", "dark; } body { display: none", "\0", "a" * 10_000])
def test_what_is_no_look_is_refused(bob_client: Client, bob: User, scheme: str) -> None:
    answer = bob_client.post(LOOK, {"scheme": scheme})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode() or "error" in answer.content.decode()
    bob.refresh_from_db()
    assert bob.scheme == ""
