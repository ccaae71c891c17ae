"""Sessions name their user, and are read together with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from project import preparation
from rooms.models import Place, Session, User
from tests.cast import signed_in
from tests.factories import PASSWORD

PROFILE = "/profile/"


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def reads(client: Client) -> str | None:
    """The username of whom a page of this browser is for."""
    user = client.get("/rooms/").wsgi_request.user
    return user.username if user.is_authenticated else None


def test_one_statement_finds_the_session_and_its_user(place: Place, alice: User) -> None:
    client = signed_in(alice)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get("/rooms/").status_code == 200
    of_either = [
        each["sql"]
        for each in asked
        if "rooms_session" in each["sql"]
        or "FROM rooms_user" in each["sql"]
        or 'FROM "rooms_user"' in each["sql"]
    ]
    assert len(of_either) == 1


def test_signing_in_by_the_form_names_the_user(place: Place, alice: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": alice.username, "password": PASSWORD})
    assert [each.session_key for each in alice.sessions.all()] == [key_of(client)]
    assert reads(client) == alice.username


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"password": "another"}], ids=["account", "password"]
)
def test_what_ends_an_account_or_its_password_ends_the_session(
    place: Place, alice: User, change: dict[str, object]
) -> None:
    client = signed_in(alice)
    assert reads(client) == alice.username
    User.objects.filter(pk=alice.pk).update(**change)
    assert reads(client) is None


def test_a_session_that_is_over_opens_nothing(place: Place, alice: User) -> None:
    client = signed_in(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert reads(client) is None


def test_the_signed_data_say_whose_a_session_is_whatever_its_row_names(
    place: Place, alice: User, bob: User
) -> None:
    client = signed_in(alice)
    Session.objects.filter(pk=key_of(client)).update(user=bob)
    assert reads(client) == alice.username
    Session.objects.filter(pk=key_of(client)).update(user=None)
    assert reads(client) == alice.username


def test_data_that_another_key_signed_open_nothing(place: Place, alice: User) -> None:
    client = signed_in(alice)
    Session.objects.filter(pk=key_of(client)).update(session_data="forged:1abc:signature")
    assert reads(client) is None


def test_times_of_a_user_can_be_asked_for(place: Place, alice: User) -> None:
    user = signed_in(alice).get("/rooms/").wsgi_request.user
    assert isinstance(user, User)
    joined = user.date_joined
    assert joined == User.objects.get(pk=alice.pk).date_joined
    assert timezone.is_aware(joined)


def test_a_start_forgets_sessions_that_are_over(
    place: Place, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "collect_static_files", lambda: None)
    over, good = key_of(signed_in(alice)), key_of(signed_in(bob))
    Session.objects.filter(pk=over).update(expire_date=timezone.now() - timedelta(days=1))
    preparation.prepare()
    assert [each.session_key for each in Session.objects.all()] == [good]
