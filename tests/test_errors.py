"""What a reader sees when something went wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.test import AsyncClient, Client
from django.urls import path

from project import urls
from rooms.live.consumers import admit
from tests.markup import parse, text

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from pytest_django import DjangoAssertNumQueries

    from rooms.models import Place, Room, User


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom")


def nonsense(request: HttpRequest) -> HttpResponse:
    raise BadRequest("nonsense")


def locked(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


# This module's own urlconf: the project's, and what breaks.
urlpatterns = [
    path("boom/", boom),
    path("nonsense/", nonsense),
    path("locked/", locked),
    *urls.urlpatterns,
]
handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500

pytestmark = pytest.mark.urls("tests.test_errors")


@pytest.fixture
def patient_client(client: Client) -> Client:
    """A browser that takes the page for a broken server instead of the test client's traceback."""
    client.raise_request_exception = False
    return client


def test_a_stranger_finds_nothing_and_is_offered_to_sign_in(client: Client, place: Place) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing at this address" in text(response)
    assert "/accounts/login/" in [link.get("href") for link in parse(response).iter("a")]


def test_a_reader_who_finds_nothing_still_has_the_rooms_beside_it(
    bob_client: Client, open_room: Room
) -> None:
    response = bob_client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing at this address" in text(response)
    assert f"/rooms/{open_room.slug}/" in [link.get("href") for link in parse(response).iter("a")]


@pytest.mark.django_db(transaction=True)  # the page's own queries are made on another thread
def test_nothing_is_found_on_the_event_loop_either(
    async_client: AsyncClient, bob: User, open_room: Room
) -> None:
    async_client.force_login(bob)
    page = async_to_sync(async_client.get)("/nowhere/")
    assert "There is nothing at this address" in text(page)
    assert open_room.name in text(page)


def test_who_may_not_is_told_so_in_the_words_of_the_refusal(bob_client: Client) -> None:
    response = bob_client.get("/place/")
    assert response.status_code == 403
    assert "Only owners and admins of this place change it." in text(response)


def test_a_refusal_without_words_has_some(client: Client, place: Place) -> None:
    response = client.get("/locked/")
    assert response.status_code == 403
    assert "You may not do this" in text(response)


def test_a_form_that_is_too_old_is_explained(bob_client: Client) -> None:
    bob_client.handler.enforce_csrf_checks = True
    bob_client.get("/accounts/profile/")  # brings the cookie
    response = bob_client.post("/accounts/profile/", {"csrfmiddlewaretoken": "a" * 64})
    assert response.status_code == 403
    assert "The page was too old" in text(response)


def test_a_browser_without_cookies_is_told_what_it_lacks(place: Place) -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "bob"})
    assert response.status_code == 403
    assert "Your browser kept no cookie" in text(response)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/nowhere/", 404, "That is no longer there."),
        ("/locked/", 403, "That is not yours to do."),
        ("/place/", 403, "Only owners and admins of this place change it."),
    ],
)
def test_an_open_page_says_it_in_its_banner_and_stays(
    bob_client: Client, address: str, status: int, said: str
) -> None:
    response = bob_client.get(address, headers={"HX-Request": "true"})
    assert response.status_code == status
    assert said in response.content.decode()
    assert "<html" not in response.content.decode()


@pytest.mark.parametrize(
    ("address", "sends_again"),
    [
        # Whatever finds out first, such as the draft: it is the outbox that holds what was written.
        ("/accounts/profile/", {"target": "#outbox"}),
        ("/rooms/workbench/draft/", {"target": "#outbox"}),
        ("/rooms/workbench/files/", {}),
    ],
)
def test_an_open_page_with_an_old_token_is_given_the_new_one_and_sends_again(
    bob_client: Client, open_room: Room, address: str, sends_again: dict[str, str]
) -> None:
    assert open_room.slug == "workbench"
    bob_client.handler.enforce_csrf_checks = True
    bob_client.get("/accounts/profile/")
    response = bob_client.post(address, headers={"HX-Request": "true"})
    assert response.status_code == 403
    assert json.loads(response.headers["HX-Trigger"]) == {"resend": sends_again}
    assert "csrfmiddlewaretoken" in response.content.decode()


def test_a_request_that_makes_no_sense_is_answered_in_words(client: Client, place: Place) -> None:
    response = client.get("/nonsense/")
    assert response.status_code == 400
    assert "something that makes no sense here" in text(response)


def test_a_name_that_the_place_does_not_have_is_refused_without_a_database(
    client: Client,
) -> None:
    # The fixtures open none, and without one a query fails.
    response = client.get("/", headers={"Host": "elsewhere.example"})
    assert response.status_code == 400
    assert "under a name that this place does not have" in text(response)


def test_what_broke_is_admitted_without_a_query(
    patient_client: Client, place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    patient_client.get("/accounts/login/")  # the place is known from here on
    with django_assert_num_queries(0):
        response = patient_client.get("/boom/")
    assert response.status_code == 500
    assert "It is not your fault" in text(response)


def test_a_page_for_an_error_can_itself_not_run_anything(
    patient_client: Client, place: Place
) -> None:
    for address in ("/boom/", "/nonsense/", "/locked/", "/nowhere/"):
        response = patient_client.get(address)
        assert not list(parse(response).iter("script"))
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_a_refusal_is_no_warning_in_the_log(
    bob_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert bob_client.get("/place/").status_code == 403
    assert bob_client.get("/nowhere/").status_code == 404
    records = [record for record in caplog.records if record.name == "django.request"]
    assert [record.levelname for record in records] == ["INFO", "INFO"]
    assert not any(record.exc_info for record in records)


@pytest.mark.parametrize("address", ["/rooms/%00/", "/join/a%00b/", "/%00"])
def test_a_null_character_in_an_address_is_refused(
    client: Client, place: Place, alice: User, address: str
) -> None:
    client.force_login(alice)
    assert client.get(address.replace("%00", "a")).status_code != 400
    assert client.get(address).status_code == 400


def test_a_null_character_in_a_cookie_is_refused(client: Client, place: Place) -> None:
    session = settings.SESSION_COOKIE_NAME
    assert client.get("/rooms/", headers={"Cookie": f"{session}=a"}).status_code == 302
    assert client.get("/rooms/", headers={"Cookie": rf'{session}="\000"'}).status_code == 400


def test_a_null_character_opens_no_socket(open_room: Room) -> None:
    assert admit("\0", open_room.slug) is None
    assert admit("", "\0") is None
