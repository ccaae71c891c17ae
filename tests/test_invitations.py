"""Invitations: what they allow, how often, and what those who follow them find."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import segno
from django.contrib.auth import get_user
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.models import Invitation, Place, Role, User
from rooms.models import people as verbs
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, make_user
from tests.markup import error_of, parse, text, values

if TYPE_CHECKING:
    from rooms.models import Room

INVITATIONS = "/place/invitations/"
LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
DORA = {
    "username": "dora",
    "display_name": "Dora Dean",
    "email": "dora@example.org",
    "password1": PASSWORD,
}


def link(invitation: Invitation) -> str:
    return reverse("invited", args=[invitation.token])


def made(client: Client, **form: Any) -> Invitation:
    """As the page makes one with what it offers and this besides."""
    answer = client.post(INVITATIONS, {**values(client.get(INVITATIONS)), **form})
    assert answer.status_code == 302, error_of(answer, next(iter(form)))
    return Invitation.objects.latest("pk")


def arrive(invitation: Invitation, **form: str) -> tuple[Client, Any]:
    """Somebody follows the link and sends the sign-up form."""
    client = Client()
    client.get(link(invitation))
    return client, client.post(SIGNUP, {**DORA, **form})


def rooms_of(username: str) -> list[str]:
    user = User.objects.get(username=username)
    return [each.room.name for each in user.memberships.select_related("room").order_by("pk")]


# Making one


@pytest.mark.parametrize(
    ("lifetime", "days"), [("day", 1), ("week", 7), ("month", 30), ("never", None), ("", 7)]
)
def test_it_lasts_as_long_as_one_says(
    alice_client: Client, lifetime: str, days: int | None
) -> None:
    invitation = made(alice_client, lifetime=lifetime)
    if days is None:
        assert invitation.expires_at is None
        assert "until it is revoked" in text(alice_client.get(INVITATIONS))
    else:
        assert invitation.expires_at
        left = invitation.expires_at - timezone.now()
        assert timedelta(days=days, minutes=-1) < left <= timedelta(days=days)


def test_an_admin_says_for_whom_it_is(amir_client: Client, open_room: Room) -> None:
    made(amir_client, max_uses="10", role="guest", rooms=[open_room.pk], note=" For  the choir ")
    page = text(amir_client.get(INVITATIONS))
    assert "For the choir: Link, until" in page
    assert "As a guest. Into: Workbench." in page
    assert "Made by Amir Aziz; 0 of 10 came by it" in page


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("lifetime", "x" * 10_000),
        ("max_uses", "0"),
        ("max_uses", "-1"),
        ("max_uses", "9" * 4000),
        ("max_uses", "1.5"),
        ("role", "owner"),
        ("role", "admin"),
        ("rooms", "x"),
        ("rooms", "9" * 30),
        ("rooms", "\0"),
        ("rooms", [str(number) for number in range(10**6, 10**6 + 900)]),
        ("note", "n" * 101),
    ],
)
def test_what_makes_no_sense_makes_none(
    alice_client: Client, open_room: Room, name: str, typed: Any
) -> None:
    form = {"lifetime": "month", "max_uses": "3", "role": "member", "note": "Kept", name: typed}
    answer = alice_client.post(INVITATIONS, form)
    assert error_of(answer, name)
    kept = values(answer)
    assert name == "max_uses" or kept["max_uses"] == "3"
    assert name == "note" or kept["note"] == "Kept"
    assert not Invitation.objects.exists()


def test_a_guest_is_invited_into_a_room(alice_client: Client, open_room: Room) -> None:
    answer = alice_client.post(INVITATIONS, {"role": "guest"})
    assert "Choose at least one." in error_of(answer, "rooms")
    assert not Invitation.objects.exists()


def test_nobody_invites_into_a_room_that_is_not_theirs_to_fill(
    alice: User, amir_client: Client, private_room: Room
) -> None:
    assert private_room.name not in text(amir_client.get(INVITATIONS))
    answer = amir_client.post(INVITATIONS, {"rooms": [private_room.pk]})
    assert error_of(answer, "rooms")
    Invitation.make(by=alice, rooms=[private_room])
    page = text(amir_client.get(INVITATIONS))
    assert private_room.name not in page
    assert "Into: 1 room that you do not see." in page


def test_the_number_of_queries_does_not_grow_with_the_invitations(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    Invitation.make(by=alice, rooms=[open_room])
    Invitation.make(by=alice, lifetime=timedelta(0))
    alice_client.get(INVITATIONS)
    with CaptureQueriesContext(connection) as few:
        alice_client.get(INVITATIONS)
    for number in range(10):
        room = make_room(f"Room {number}", alice)
        Invitation.make(by=alice, rooms=[open_room, room])
        Invitation.make(by=alice, lifetime=timedelta(0))
    with CaptureQueriesContext(connection) as many:
        alice_client.get(INVITATIONS)
    assert len(many) == len(few)


# As a QR code


def test_the_code_is_an_image_of_the_link(
    alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = Invitation.make(by=alice)
    address = reverse("invitation-qr", args=[invitation.pk])
    images = [image.get("src") for image in parse(alice_client.get(INVITATIONS)).iter("img")]
    assert images == [address]
    said: list[str] = []
    make = segno.make

    def noted(text: str, **how: Any) -> segno.QRCode:
        said.append(text)
        return make(text, **how)

    monkeypatch.setattr(segno, "make", noted)
    answer = alice_client.get(address)
    assert said == [f"http://testserver{link(invitation)}"]
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "img-src 'self'" in answer.headers["Content-Security-Policy"]
    tree = ET.parse(io.BytesIO(answer.content)).getroot()  # it is ours
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    assert "style" not in answer.content.decode()


def test_there_is_no_code_of_what_lets_nobody_in(alice: User, alice_client: Client) -> None:
    invitation = Invitation.make(by=alice)
    invitation.revoke()
    for pk in (invitation.pk, 0, 10**30):
        assert alice_client.get(reverse("invitation-qr", args=[pk])).status_code == 404


# Following one


def test_a_newcomer_is_put_into_the_rooms_and_lands_in_the_first(
    alice: User, open_room: Room, private_room: Room
) -> None:
    attic = make_room("Attic", alice)
    attic.archive()
    invitation = Invitation.make(by=alice, rooms=[private_room, attic])
    _client, answer = arrive(invitation)
    assert answer.headers["Location"] == reverse("room", args=[private_room.slug])
    assert rooms_of("dora") == ["Workbench", "Committee"]
    assert User.objects.get(username="dora").role == Role.MEMBER


def test_a_guest_is_put_into_the_rooms_alone(
    alice: User, open_room: Room, private_room: Room
) -> None:
    invitation = Invitation.make(by=alice, role=Role.GUEST, rooms=[private_room])
    client, answer = arrive(invitation)
    assert User.objects.get(username="dora").role == Role.GUEST
    assert rooms_of("dora") == ["Committee"]
    assert client.get(reverse("room", args=[open_room.slug])).status_code == 404
    assert client.get(answer.headers["Location"]).status_code == 200


def test_it_leads_into_no_room_that_its_maker_no_longer_sees(
    alice: User, private_room: Room
) -> None:
    invitation = Invitation.make(by=alice, rooms=[private_room])
    private_room.remove(alice)
    arrive(invitation)
    assert rooms_of("dora") == []


def test_it_is_over_when_it_is_used_up(alice: User, alice_client: Client, client: Client) -> None:
    invitation = Invitation.make(by=alice, max_uses=1)
    arrive(invitation)
    answer = client.get(link(invitation))
    assert answer.status_code == 410
    assert "This invitation is used up" in text(answer)
    page = text(alice_client.get(INVITATIONS))
    assert "There is no invitation in use." in page
    assert "1 of 1 came by it" in page


def demote(admin: User, *, by: User) -> None:
    verbs.change_role(admin, Role.MEMBER, by=by)


@pytest.mark.parametrize("end", [verbs.deactivate, demote])
def test_it_is_over_while_its_maker_may_not_invite(
    alice: User, amir: User, client: Client, end: Any
) -> None:
    invitation = Invitation.make(by=amir)
    assert client.get(link(invitation)).status_code == 302
    end(amir, by=alice)
    answer = Client().get(link(invitation))
    assert answer.status_code == 410
    assert "Whoever made it may invite nobody any more." in text(answer)
    client.post(SIGNUP, DORA)
    assert not User.objects.filter(username="dora").exists()


def test_who_comes_too_late_loses_nothing_typed_and_may_use_another(alice: User) -> None:
    invitation = Invitation.make(by=alice, max_uses=1)
    late = Client()
    late.get(link(invitation))
    arrive(invitation)
    typed = {**DORA, "username": "emil", "email": "emil@example.org"}
    answer = late.post(SIGNUP, typed)
    assert answer.status_code == 409
    assert "Your invitation is used up" in text(answer)
    kept = values(answer)
    assert {name: kept[name] for name in ("username", "display_name", "email")} == {
        name: typed[name] for name in ("username", "display_name", "email")
    }
    assert not User.objects.filter(username="emil").exists()
    late.get(link(Invitation.make(by=alice)))  # in another tab
    late.post(SIGNUP, typed)
    assert get_user(late) == User.objects.get(username="emil")


def test_an_account_that_is_not_made_uses_nothing_up(alice: User, bob: User) -> None:
    invitation = Invitation.make(by=alice, max_uses=1)
    arrive(invitation, username="bob")
    invitation.refresh_from_db()
    assert invitation.used == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_try", range(3))
def test_of_two_who_take_the_last_use_at_once_one_gets_in(alice: User, _try: int) -> None:
    """On PostgreSQL both are past every question that is asked before; the row's lock decides."""
    invitation = Invitation.make(by=alice, max_uses=2)
    arrive(invitation, username="first", email="")
    names = ["dora", "emil", "fred"]
    start, answers = threading.Barrier(len(names)), {}
    clients = {name: Client() for name in names}
    for client in clients.values():
        client.get(link(invitation))

    def sign_up(name: str) -> None:
        try:
            start.wait()
            answers[name] = clients[name].post(SIGNUP, {**DORA, "username": name, "email": ""})
        finally:
            connection.close()

    threads = [threading.Thread(target=sign_up, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers.values()) == [302, 409, 409]
    for name, answer in answers.items():
        assert User.objects.filter(username=name).exists() == (answer.status_code == 302)
        if answer.status_code == 409:
            assert "Your invitation is used up" in text(answer)
            assert values(answer)["username"] == name
    invitation.refresh_from_db()
    assert invitation.used == invitation.max_uses


# With an account


def test_who_has_an_account_is_asked_and_then_put_into_the_rooms(
    alice: User, charlie: User, charlie_client: Client, private_room: Room
) -> None:
    shed = make_room("Shed", alice)
    shed.join(charlie)
    invitation = Invitation.make(by=alice, max_uses=1, rooms=[private_room, shed])
    page = charlie_client.get(link(invitation))
    assert "Come into this room?" in text(page)
    assert "Committee" in text(page)
    assert "Money, keys, insurance" in text(page)
    assert private_room.membership_of(charlie) is None
    answer = charlie_client.post(link(invitation))
    assert answer.headers["Location"] == reverse("room", args=[private_room.slug])
    assert private_room.membership_of(charlie)
    invitation.refresh_from_db()
    assert invitation.used == 1
    # Once more is harmless, and uses nothing.
    assert charlie_client.post(link(invitation)).status_code == 302
    invitation.refresh_from_db()
    assert invitation.used == 1


def test_a_guest_comes_into_one_more_room_and_stays_a_guest(
    alice: User, greta: User, greta_client: Client, private_room: Room
) -> None:
    greta_client.post(link(Invitation.make(by=alice, rooms=[private_room])))
    assert private_room.membership_of(greta)
    greta.refresh_from_db()
    assert greta.is_guest


def test_what_is_over_lets_nobody_into_rooms(
    alice: User, charlie: User, charlie_client: Client, private_room: Room
) -> None:
    spent = Invitation.make(by=alice, max_uses=1, rooms=[private_room])
    arrive(spent)
    for ask in (charlie_client.get, charlie_client.post):
        answer = ask(link(spent))
        assert answer.status_code == 410
        assert "This invitation is used up" in text(answer)
    assert private_room.membership_of(charlie) is None


def test_who_signs_in_after_following_a_link_is_led_to_its_rooms(
    alice: User, charlie: User, client: Client, private_room: Room
) -> None:
    invitation = Invitation.make(by=alice, rooms=[private_room])
    client.get(link(invitation))
    answer = client.post(LOGIN, {"login": "charlie", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain == [(link(invitation), 302)]
    assert "Come into this room?" in text(answer)


def test_closed_doors_are_closed_to_newcomers_alone(
    alice: User, charlie: User, charlie_client: Client, private_room: Room
) -> None:
    Place.objects.update(sign_up=Place.SignUp.CLOSED)
    invitation = Invitation.make(by=alice, rooms=[private_room])
    _client, _answer = arrive(invitation)
    assert not User.objects.filter(username="dora").exists()
    charlie_client.post(link(invitation))
    assert private_room.membership_of(charlie)


def test_where_anyone_may_sign_up_an_invitation_still_leads_into_its_rooms(
    alice: User, private_room: Room
) -> None:
    Place.objects.update(sign_up=Place.SignUp.OPEN)
    arrive(Invitation.make(by=alice, rooms=[private_room]))
    assert rooms_of("dora") == ["Committee"]


def test_a_room_that_one_is_already_in_is_where_the_link_leads(
    alice: User, bob: User, bob_client: Client, private_room: Room
) -> None:
    invitation = Invitation.make(by=alice, max_uses=1, rooms=[private_room])
    answer = bob_client.get(link(invitation))
    assert answer.headers["Location"] == reverse("room", args=[private_room.slug])
    assert signed_in(make_user("zed")).get(link(invitation)).status_code == 200
