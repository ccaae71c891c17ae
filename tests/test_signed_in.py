"""The page of where somebody is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.browsers import named
from rooms.live.connections import SIGNED_OUT
from rooms.models import Session
from tests.cast import signed_in
from tests.factories import PASSWORD
from tests.markup import parse, text
from tests.sockets import in_db, new_process, session_cookie, watching

if TYPE_CHECKING:
    from rooms.models import Place, Room, User

SESSIONS, END = "/accounts/sessions/", "/accounts/sessions/end/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
)


def arrived(agent: str) -> Client:
    """Bob, signed in by the form in a browser that says so of itself."""
    client = Client(headers={"user-agent": agent})
    answer = client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def buttons(client: Client) -> list[str]:
    """What the forms call the other sessions, in the order of the page."""
    page = parse(client.get(SESSIONS))
    return [each.get("value") for each in page.iter("button") if each.get("name") == "session"]


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        (FIREFOX, "Firefox", "Linux"),
        (EDGE, "Edge", "Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari",
         "iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome", "Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1", "Safari", "Mac"),
        ("w3m/0.5.3+git20230121", "w3m", ""),
        ("<script>", "", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_browser_is_known_by_what_it_says_of_itself(
    agent: str, browser: str, system: str
) -> None:
    assert named(agent) == (browser, system)


def test_each_session_is_listed_by_its_browser_this_one_first(place: Place, bob: User) -> None:
    edge, firefox = arrived(EDGE), arrived(FIREFOX)
    signed_in(bob)
    page = text(edge.get(SESSIONS))
    assert page.index("Edge on Windows · this one") < page.index("Firefox on Linux")
    assert "A browser that did not say its name" in page
    assert f"Signed in {timezone.localtime():%-d %B %Y}" in page
    assert text(firefox.get(SESSIONS)).count("this one") == 1


def test_no_key_of_a_session_is_on_the_page(place: Place, bob: User) -> None:
    client, _other = arrived(EDGE), arrived(FIREFOX)
    page = client.get(SESSIONS).content.decode()
    assert Session.objects.count() == 2
    assert [key for key in Session.objects.values_list("pk", flat=True) if key in page] == []


def test_one_is_ended_and_the_others_stay(place: Place, bob: User) -> None:
    here, there, third = arrived(EDGE), arrived(FIREFOX), arrived(FIREFOX)
    (name, _other) = buttons(here)
    assert here.post(END, {"session": name}).headers["Location"] == SESSIONS
    assert "signed out there" in text(here.get(SESSIONS))
    left = {session_cookie(each) for each in (here, there, third)} & set(
        Session.objects.values_list("pk", flat=True)
    )
    assert len(left) == 2
    assert session_cookie(here) in left
    assert here.post(END, {"session": name}).status_code == 302  # it has ended: as wanted


def test_all_others_are_ended(place: Place, bob: User, alice: User) -> None:
    here, there, hers = arrived(EDGE), arrived(FIREFOX), signed_in(alice)
    here.post(END, {"all": "others"})
    assert there.get(SESSIONS).status_code == 302
    assert here.get(SESSIONS).status_code == hers.get(SESSIONS).status_code == 200
    assert "everywhere else" not in text(here.get(SESSIONS)).partition("Until")[2]


def test_nobody_ends_another_s(place: Place, bob: User, alice: User) -> None:
    here, _there, hers = arrived(EDGE), arrived(FIREFOX), signed_in(alice)
    (name,) = buttons(here)
    hers.post(END, {"session": name})
    assert bob.sessions.count() == 2
    here.post(END, {"session": name})
    assert bob.sessions.count() == 1


def test_the_present_one_ends_by_signing_out(place: Place, bob: User) -> None:
    here, there = arrived(EDGE), arrived(FIREFOX)
    (name,) = buttons(there)
    assert here.post(END, {"session": name}).headers["Location"] == "/accounts/logout/"
    assert bob.sessions.count() == 2


@pytest.mark.parametrize("form", [{}, {"session": ""}, {"all": "of them"}])
def test_a_form_that_makes_no_sense(bob_client: Client, form: dict[str, str]) -> None:
    assert bob_client.post(END, form).status_code == 400


@pytest.mark.parametrize("name", ["\0", "a" * 10_000, "🎉", "0"])
def test_what_there_is_not_ends_nothing(bob_client: Client, name: str) -> None:
    assert bob_client.post(END, {"session": name}).status_code == 302
    assert bob_client.get(SESSIONS).status_code == 200


def test_sessions_that_are_over_are_not_shown_and_the_number_costs_nothing(
    place: Place, bob: User
) -> None:
    here, _there = arrived(EDGE), arrived(FIREFOX)
    over = Session.objects.exclude(pk=session_cookie(here))
    over.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert buttons(here) == []

    def costs() -> int:
        with CaptureQueriesContext(connection) as asked:
            here.get(SESSIONS)
        return len(asked)

    before = costs()
    for _ in range(5):
        signed_in(bob)
    assert len(buttons(here)) == 5
    assert costs() == before


@pytest.mark.django_db(transaction=True)
async def test_open_pages_of_an_ended_session_close_and_others_stay(
    open_room: Room, bob: User, alice: User
) -> None:
    here = await in_db(arrived)(EDGE)
    there = await in_db(arrived)(FIREFOX)
    async with (
        new_process(),
        watching(here, open_room) as mine,
        watching(there, open_room) as other,
    ):
        await in_db(here.post)(END, {"all": "others"})
        assert await other.until_closed() == SIGNED_OUT
        await in_db(open_room.post)(alice, "still there", "a-key-of-eight")
        await mine.until("still there")
