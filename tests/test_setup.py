"""The first visit: until somebody makes the place, every page leads to where that is done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from allauth.account.models import EmailAddress
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from rooms.forms import SetupForm
from rooms.models import Place, Room, User
from tests.factories import PASSWORD
from tests.markup import error_of, parse, text, values

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

SETUP = "/setup/"
TYPED = {
    "name": "Millbrook  Repair Café",
    "username": "alice",
    "display_name": "Alice Archer",
    "email": "Alice@Example.org",
    "password": PASSWORD,
    "sign_up": "open",
}

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/", "/rooms/", "/accounts/login/", "/join/x/", "/nowhere/"])
def test_every_page_leads_to_set_up_until_there_is_a_place(client: Client, address: str) -> None:
    assert client.get(address).headers["Location"] == SETUP


def test_pages_on_the_event_loop_lead_there_as_well(async_client: AsyncClient) -> None:
    assert async_to_sync(async_client.get)("/rooms/").headers["Location"] == SETUP


def test_htmx_is_told_to_load_the_whole_page(client: Client) -> None:
    response = client.get("/rooms/", headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == SETUP
    assert "Location" not in response.headers


def test_static_files_need_no_place(client: Client) -> None:
    assert client.get("/static/nothing.css").status_code == 404


def test_the_form_suggests_that_people_come_by_invitation(client: Client) -> None:
    assert values(client.get(SETUP))["sign_up"] == "invitation"


def test_set_up_makes_the_place_its_owner_and_a_room_to_begin_in(client: Client) -> None:
    response = client.post(SETUP, TYPED)
    room = Room.objects.get()
    alice = User.objects.get()
    assert response.headers["Location"] == f"/rooms/{room.slug}/"
    assert (Place.objects.get().name, Place.objects.get().sign_up) == (
        "Millbrook Repair Café",
        "open",
    )
    assert (alice.username, alice.name, alice.is_owner) == ("alice", "Alice Archer", True)
    assert alice.check_password(PASSWORD)
    assert (room.name, room.private) == ("Lobby", False)
    membership = room.membership_of(alice)
    assert membership is not None
    assert membership.is_moderator


def test_the_owner_is_signed_in_at_once(client: Client) -> None:
    client.post(SETUP, TYPED)
    assert get_user(client) == User.objects.get()
    assert client.get("/rooms/").status_code == 200


def test_the_owners_address_is_known_for_resetting_the_password(client: Client) -> None:
    client.post(SETUP, TYPED)
    assert EmailAddress.objects.get().email == User.objects.get().email == "alice@example.org"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "\u200b"),
        ("name", "a" * 61),
        ("username", ""),
        ("username", "alice archer"),
        ("username", "alice@example.org"),
        ("username", "-alice"),
        ("username", "Everyone"),
        ("username", "a" * 31),
        ("display_name", "a" * 61),
        ("email", ""),
        ("email", "alice"),
        ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org"),
        ("password", "short"),
        ("password", "1234567890"),
        ("password", "alice@example"),
        ("sign_up", "maybe"),
    ],
)
def test_wrong_input_makes_nothing_and_keeps_what_was_typed(
    client: Client, name: str, typed: str
) -> None:
    response = client.post(SETUP, {**TYPED, name: typed})
    assert error_of(response, name)
    kept = values(response)
    for other in TYPED.keys() - {name, "password"}:
        assert kept[other] == TYPED[other]
    assert not Place.objects.exists()
    assert not User.objects.exists()


def test_a_password_is_never_sent_back(client: Client) -> None:
    response = client.post(SETUP, {**TYPED, "email": "alice"})
    assert PASSWORD not in response.content.decode()


def test_what_is_wrong_takes_the_focus(client: Client) -> None:
    response = client.post(SETUP, {**TYPED, "email": "alice"})
    fields = parse(response).iter("input")
    assert [field.get("name") for field in fields if "autofocus" in field.attrib] == ["email"]


def test_an_account_from_before_does_not_lend_its_name(client: Client) -> None:
    User.objects.create_user("Alice")
    response = client.post(SETUP, TYPED)
    assert "Somebody has this username already" in error_of(response, "username")


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_place_is_set_up_once(client: Client, place: Place, method: str) -> None:
    response = getattr(client, method)(SETUP, TYPED)
    assert response.headers["Location"] == "/"
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_set_ups_at_once_make_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    both_checked = threading.Barrier(2, timeout=60)
    owner = SetupForm.owner

    def wait_for_the_other(form: SetupForm) -> User:
        both_checked.wait()
        return owner(form)

    monkeypatch.setattr(SetupForm, "owner", wait_for_the_other)
    answers: dict[str, Answer] = {}
    pages: dict[str, str] = {}

    def set_up(username: str) -> None:
        client = Client()
        answers[username] = client.post(SETUP, {**TYPED, "username": username})
        pages[username] = text(client.get(answers[username].headers["Location"]))
        connections.close_all()

    threads = [threading.Thread(target=set_up, args=[name]) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = User.objects.get()
    assert Place.objects.count() == Room.objects.count() == 1
    assert answers.pop(winner.username).headers["Location"] == "/rooms/lobby/"
    (loser,) = answers
    assert answers[loser].headers["Location"] == "/accounts/login/"
    assert "Somebody else set this place up" in pages[loser]


# What the rest of the application learns of the place


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)


def test_once_known_the_place_costs_a_page_that_does_not_name_it_nothing(
    client: Client, place: Place
) -> None:
    assert (queries(client, "/me.css"), queries(client, "/me.css")) == (1, 0)


def test_a_new_name_is_seen_at_once_whoever_changed_it(client: Client, place: Place) -> None:
    assert "Millbrook Repair Café" in text(client.get("/accounts/login/"))
    Place.objects.update(name="Millbrook Tool Library")
    assert "Millbrook Tool Library" in text(client.get("/accounts/login/"))


def test_a_page_on_the_event_loop_knows_the_place_too(
    async_client: AsyncClient, place: Place
) -> None:
    for _known in (False, True):
        page = async_to_sync(async_client.get)("/accounts/login/")
        assert "Millbrook Repair Café" in text(page)


def test_an_emptied_database_is_noticed(client: Client, place: Place) -> None:
    client.get("/accounts/login/")
    Place.objects.all().delete()
    client.get("/accounts/login/")
    assert client.get("/accounts/login/").headers["Location"] == SETUP
