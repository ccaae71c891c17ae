"""A person sees where they are signed in, and ends that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.browsers import called
from rooms.live.connections import SIGNED_OUT
from rooms.models import Place, Session, User
from tests.cast import signed_in
from tests.factories import PASSWORD
from tests.markup import parse, text
from tests.sockets import in_db, new_process, session_cookie, watching

if TYPE_CHECKING:
    from rooms.models import Room

LIST = "/accounts/sessions/"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.0 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
    " Mobile Safari/537.36"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
)


def from_browser(user: User, agent: str) -> Client:
    client = Client(headers={"User-Agent": agent})
    client.post("/accounts/login/", {"login": user.username, "password": PASSWORD})
    return client


def names_of(client: Client) -> list[str]:
    """Those of the sessions that can be ended."""
    buttons = parse(client.get(LIST)).iter("button")
    return [b.get("value") for b in buttons if b.get("name") == "session"]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (LINUX, "Firefox on Linux"),
        (PHONE, "Safari on iPhone"),
        (ANDROID, "Chrome on Android"),
        (EDGE, "Edge on Windows"),
        ("w3m/0.5.3+git20230121", "w3m"),
        ("Lynx/2.9.0dev.12 libwww-FM/2.14", "Lynx"),
        ("", "Unknown browser"),
        ("x" * 5_000, "Unknown browser"),
        ("Mozilla/5.0 " * 1_000, "Unknown browser"),
    ],
)
def test_a_browser_is_called_as_its_owner_knows_it(agent: str, words: str) -> None:
    assert called(agent) == words


def test_each_device_is_listed_with_browser_and_address(place: Place, bob: User) -> None:
    client = from_browser(bob, LINUX)
    from_browser(bob, PHONE)
    page = text(client.get(LIST))
    assert "Firefox on Linux This device · 127.0.0.1" in page
    assert "Safari on iPhone" in page
    assert len(names_of(client)) == 2  # the telephone, and all others


def test_a_session_keeps_what_was_noted_when_it_is_saved_again(place: Place, bob: User) -> None:
    client = from_browser(bob, LINUX)
    session = client.session
    session["more"] = 1
    session.save()
    assert Session.objects.get().browser == LINUX


def test_the_key_of_a_session_is_not_on_the_page(place: Place, bob: User) -> None:
    client, other = from_browser(bob, LINUX), from_browser(bob, PHONE)
    page = client.get(LIST).content.decode()
    assert session_cookie(client) not in page
    assert session_cookie(other) not in page


def test_one_is_ended(place: Place, bob: User) -> None:
    client, phone, tablet = (from_browser(bob, agent) for agent in (LINUX, PHONE, ANDROID))
    (name,) = [each.name for each in bob.sessions.all() if each.browser == PHONE]
    assert name in names_of(client)
    client.post(LIST, {"session": name})
    assert not get_user(phone).is_authenticated
    assert get_user(tablet) == bob
    assert "Signed out on 1 device" in text(client.get(LIST))
    client.post(LIST, {"session": name})
    assert "That was over already" in text(client.get(LIST))


def test_all_others_are_ended(place: Place, bob: User, charlie: User) -> None:
    client, phone, tablet = (from_browser(bob, agent) for agent in (LINUX, PHONE, ANDROID))
    stranger = from_browser(charlie, LINUX)
    client.post(LIST, {"session": "others"})
    assert get_user(client) == bob
    assert get_user(stranger) == charlie
    for other in (phone, tablet):
        assert not get_user(other).is_authenticated


def test_one_s_own_ends_too(place: Place, bob: User) -> None:
    client = from_browser(bob, LINUX)
    (session,) = bob.sessions.all()
    assert client.post(LIST, {"session": session.name}).headers["Location"] == "/accounts/login/"


def test_nobody_ends_somebody_else_s(place: Place, bob: User, charlie: User) -> None:
    victim, client = from_browser(charlie, LINUX), from_browser(bob, LINUX)
    (session,) = charlie.sessions.all()
    client.post(LIST, {"session": session.name})
    client.post(LIST, {"session": session.session_key})
    assert get_user(victim) == charlie


@pytest.mark.parametrize("said", ["", "\0", "é" * 30, "../", " "])
def test_garbage_ends_nothing(place: Place, bob: User, said: str) -> None:
    client, phone = from_browser(bob, LINUX), from_browser(bob, PHONE)
    assert client.post(LIST, {"session": said}).status_code == 400
    assert client.post(LIST).status_code == 400
    assert get_user(phone) == bob


def test_that_it_is_in_use_is_noted_once_an_hour(place: Place, bob: User) -> None:
    client = from_browser(bob, LINUX)
    long_ago = timezone.now() - timedelta(hours=2)
    Session.objects.update(seen_at=long_ago, browser=PHONE, address="192.0.2.1")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get("/help/")
        return len(queries)

    noting = cost()
    session = Session.objects.get()
    assert session.seen_at is not None
    assert session.seen_at > long_ago
    assert (session.browser, session.address) == (LINUX, "127.0.0.1")
    assert cost() == noting - 1


@pytest.mark.parametrize("agent", ["\0", "x" * 10_000, "<b>é🙂</b>"])
def test_garbage_that_a_browser_calls_itself_is_noted(place: Place, bob: User, agent: str) -> None:
    client = from_browser(bob, agent)
    Session.objects.update(seen_at=None)
    assert client.get(LIST).status_code == 200
    assert Session.objects.get().seen_at is not None


def test_an_address_that_is_none_is_not_noted(place: Place, bob: User) -> None:
    client = from_browser(bob, LINUX)
    Session.objects.update(seen_at=None)
    client.get(LIST, REMOTE_ADDR="a unix socket")
    assert Session.objects.get().address is None


def test_the_list_costs_the_same_however_long_it_is(place: Place, bob: User) -> None:
    client = signed_in(bob)
    costs = []
    for _ in range(3):
        signed_in(bob)
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        costs.append(len(queries))
    assert len(set(costs)) == 1


@pytest.mark.django_db(transaction=True)
async def test_what_is_open_there_closes_at_once(bob: User, open_room: Room) -> None:
    phone, here = await in_db(signed_in)(bob), await in_db(signed_in)(bob)
    async with new_process(), watching(phone, open_room) as page, watching(here, open_room) as own:
        await in_db(here.post)(LIST, {"session": "others"})
        assert await page.until_closed() == SIGNED_OUT
        assert own.closed is None
