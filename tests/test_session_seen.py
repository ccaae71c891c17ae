"""When and from where a session was last in use: noted, but seldom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.models import Session
from tests.factories import PASSWORD
from tests.markup import text

if TYPE_CHECKING:
    from rooms.models import Place, User

LIST = "/accounts/sessions/"


def arrived(address: str = "192.0.2.7") -> Client:
    """Bob, signed in by the form from this address."""
    client = Client(REMOTE_ADDR=address)
    client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    return client


def test_other_devices_are_listed_with_address_and_when_they_were_seen(
    place: Place, bob: User
) -> None:
    arrived("192.0.2.1")
    Session.objects.update(seen_at=timezone.now() - timedelta(days=400))
    page = text(arrived().get(LIST))
    seen = timezone.localtime() - timedelta(days=400)
    assert f"Last seen {seen:%-d %B %Y}, {seen:%H:%M}. From 192.0.2.1." in page
    assert page.count("Last seen") == 1
    assert "From 192.0.2.7." in page


def test_what_was_noted_stays_when_the_session_is_saved_again(place: Place, bob: User) -> None:
    client = arrived()
    long_ago = timezone.now() - timedelta(days=1)
    Session.objects.update(seen_at=long_ago)
    session = client.session
    session["more"] = 1
    session.save()
    kept = Session.objects.get()
    assert (kept.address, kept.seen_at) == ("192.0.2.7", long_ago)


def test_that_it_is_in_use_is_noted_once_an_hour(place: Place, bob: User) -> None:
    client = arrived()
    long_ago = timezone.now() - timedelta(hours=2)
    Session.objects.update(seen_at=long_ago, address="192.0.2.1")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get("/help/")
        return len(queries)

    noting = cost()
    session = Session.objects.get()
    assert session.seen_at is not None
    assert session.seen_at > long_ago
    assert session.address == "192.0.2.7"
    assert cost() == noting - 1


def test_a_session_from_before_is_noted_too(place: Place, bob: User) -> None:
    client = arrived()
    Session.objects.update(seen_at=None, address=None)
    client.get("/help/")
    assert Session.objects.get().seen_at is not None


def test_an_address_that_is_none_is_not_noted(place: Place, bob: User) -> None:
    client = arrived()
    Session.objects.update(seen_at=None)
    assert client.get(LIST, REMOTE_ADDR="a unix socket").status_code == 200
    assert Session.objects.get().address is None


def test_signing_out_while_it_is_due_notes_nothing(place: Place, bob: User) -> None:
    client = arrived()
    Session.objects.update(seen_at=None)
    assert client.post("/accounts/logout/").status_code == 302
    assert not Session.objects.filter(user=bob).exists()
