"""What the owner decides: the place's name, who may make an account, and invitations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from rooms.models import FileRefused, Invitation, Place, User
from tests.factories import say_with_files
from tests.markup import error_of, parse, text, values

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room

PLACE = "/place/"
INVITATIONS = "/place/invitations/"


@pytest.fixture
def invitation(alice: User) -> Invitation:
    return Invitation.make(by=alice)


def revoke_address(invitation: Invitation) -> str:
    return reverse("invitation-revoke", args=[invitation.pk])


def links(client: Client) -> list[str]:
    """The links of the invitations in use, as the page offers them for copying."""
    fields = parse(client.get(INVITATIONS)).iter("input")
    return [field.get("value") for field in fields if field.get("readonly") is not None]


# Who may


@pytest.mark.parametrize("address", [PLACE, INVITATIONS])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_member_decides_nothing_about_the_place(
    bob_client: Client, place: Place, address: str, method: str
) -> None:
    response = getattr(bob_client, method)(address, {"name": "Bob’s place", "sign_up": "open"})
    assert response.status_code == 403
    place.refresh_from_db()
    assert (place.name, place.sign_up) == ("Millbrook Repair Café", "invitation")
    assert not Invitation.objects.exists()


def test_a_member_revokes_no_invitation(bob_client: Client, invitation: Invitation) -> None:
    assert bob_client.post(revoke_address(invitation)).status_code == 403
    invitation.refresh_from_db()
    assert invitation.is_valid


def test_a_stranger_is_asked_to_sign_in(client: Client, invitation: Invitation) -> None:
    for address in (PLACE, INVITATIONS):
        assert client.get(address).headers["Location"] == f"/accounts/login/?next={address}"
    client.post(revoke_address(invitation))
    invitation.refresh_from_db()
    assert invitation.is_valid


def test_only_the_owner_is_offered_to(alice_client: Client, bob_client: Client) -> None:
    for address in (PLACE, INVITATIONS):
        link = f'href="{address}"'
        assert link in alice_client.get("/rooms/").content.decode()
        assert link not in bob_client.get("/rooms/").content.decode()


# The place


def test_the_owner_renames_the_place_for_everybody(
    alice_client: Client, bob_client: Client
) -> None:
    shown = values(alice_client.get(PLACE))
    assert (shown["name"], shown["sign_up"]) == ("Millbrook Repair Café", "invitation")
    new = {"name": " Millbrook \n Tool Library ", "sign_up": "open"}
    assert "Saved." in text(alice_client.post(PLACE, new, follow=True))
    assert "Millbrook Tool Library" in text(bob_client.get("/rooms/"))
    assert Place.objects.get().sign_up == Place.SignUp.OPEN


@pytest.mark.parametrize(("name", "typed"), [("name", " "), ("name", "M" * 61), ("sign_up", "me")])
def test_what_makes_no_sense_changes_nothing(
    alice_client: Client, place: Place, name: str, typed: str
) -> None:
    response = alice_client.post(PLACE, {"name": "Library", "sign_up": "closed", name: typed})
    assert error_of(response, name)
    kept = {"name": "Library", "sign_up": "closed"}
    del kept[name]
    assert values(response).items() >= kept.items()
    place.refresh_from_db()
    assert (place.name, place.sign_up) == ("Millbrook Repair Café", "invitation")


def test_a_name_that_means_something_to_a_browser_is_only_a_name(
    alice_client: Client, client: Client
) -> None:
    name = "<script>alert(1)</script> & “Co”"
    alice_client.post(PLACE, {"name": name, "sign_up": "open"})
    for page in (alice_client.get(PLACE), client.get("/accounts/login/")):
        assert name in text(page)
        assert all(script.get("src") for script in parse(page).iter("script"))


# Invitations


def test_an_invitation_is_made_by_asking_and_shown_as_a_link(
    alice: User, alice_client: Client, client: Client
) -> None:
    assert links(alice_client) == []
    alice_client.get(INVITATIONS)
    assert not Invitation.objects.exists()
    assert alice_client.post(INVITATIONS).headers["Location"] == INVITATIONS
    assert Invitation.objects.get().created_by == alice
    (link,) = links(alice_client)
    assert client.get(link).headers["Location"] == "/accounts/signup/"


def test_a_revoked_invitation_is_no_longer_offered(
    alice_client: Client, invitation: Invitation
) -> None:
    assert len(links(alice_client)) == 1
    assert alice_client.post(revoke_address(invitation)).headers["Location"] == INVITATIONS
    assert links(alice_client) == []
    assert "Revoked" in text(alice_client.get(INVITATIONS))


def test_an_expired_invitation_is_no_longer_offered(
    alice_client: Client, invitation: Invitation
) -> None:
    Invitation.objects.update(expires_at=timezone.now())
    assert links(alice_client) == []
    assert "Expired" in text(alice_client.get(INVITATIONS))


def test_an_invitation_ends_once(alice_client: Client, invitation: Invitation) -> None:
    ended = timezone.now() - timedelta(days=1)
    Invitation.objects.update(revoked_at=ended)
    alice_client.post(revoke_address(invitation))
    invitation.refresh_from_db()
    assert invitation.revoked_at == ended


def test_a_link_alone_revokes_nothing(alice_client: Client, invitation: Invitation) -> None:
    assert alice_client.get(revoke_address(invitation)).status_code == 405
    invitation.refresh_from_db()
    assert invitation.is_valid


def test_there_is_nothing_to_revoke_in_an_invented_invitation(alice_client: Client) -> None:
    assert alice_client.post(reverse("invitation-revoke", args=[7])).status_code == 404


def test_the_owner_is_told_when_no_invitation_lets_anybody_in(
    alice_client: Client, place: Place
) -> None:
    assert "no invitation lets anybody in" not in text(alice_client.get(INVITATIONS))
    place.sign_up = Place.SignUp.CLOSED
    place.save()
    assert "no invitation lets anybody in" in text(alice_client.get(INVITATIONS))


# Files, and what the server has set


def test_a_place_takes_smaller_files_than_the_server_would(
    alice_client: Client, alice: User, open_room: Room, place: Place
) -> None:
    kept = {**values(alice_client.get(PLACE)), "file_limit": "1"}
    assert alice_client.post(PLACE, kept).status_code == 302
    place.refresh_from_db()
    assert place.file_limit == 1
    say_with_files(open_room, alice, "", {"a.txt": b"a" * 1_000_000})
    with pytest.raises(FileRefused, match="larger than 1 MB"):
        say_with_files(open_room, alice, "", {"a.txt": b"a" * 1_000_001})
    assert "0.001 of 10 GB are used" in text(alice_client.get(PLACE))
    alice_client.post(PLACE, {**kept, "file_limit": ""})
    place.refresh_from_db()
    assert place.file_limit is None


@pytest.mark.parametrize("limit", ["0", "-1", "26", "9" * 40, "many", "1.5"])
def test_a_limit_that_makes_no_sense_is_refused(
    alice_client: Client, place: Place, limit: str
) -> None:
    answer = alice_client.post(PLACE, {**values(alice_client.get(PLACE)), "file_limit": limit})
    assert answer.status_code == 200
    assert error_of(answer, "file_limit")
    place.refresh_from_db()
    assert place.file_limit is None


def test_what_the_server_takes_bounds_what_the_place_allows(
    place: Place, settings: Settings
) -> None:
    place.file_limit, settings.FILE_LIMIT = 20, 3_000_000
    assert place.largest_file == 3_000_000


def test_the_page_says_what_the_server_has_set(
    alice_client: Client, alice: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = text(alice_client.get(PLACE))
    assert "is not set up: nobody can reset" in page
    assert "for 90 days" in page
    assert "operators" not in page
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert "/admin/" in alice_client.get(PLACE).content.decode()
