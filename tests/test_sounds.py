"""A sound on one's own open pages, for those who chose it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.live import elsewhere, fragments
from rooms.models import Level, Profile, Room, announcements, ringing
from tests.factories import make_room, say
from tests.page import Page
from tests.sockets import in_db, new_process, socket, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from django.test import Client

    from rooms.models import User
    from tests.sockets import Socket

HTMX = {"HX-Request": "true"}
SETTINGS = "/accounts/notifications/"


@pytest.fixture(autouse=True)
async def one_process(place: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(announcements, "STIR_INTERVAL", 0.05)
    monkeypatch.setattr(elsewhere, "READ_DELAY", 0.1)
    monkeypatch.setattr(elsewhere, "NEWS_DELAY", 0.2)
    async with new_process():
        yield


def listens(user: User, sound: str) -> None:
    user.change_sound(sound)


def polled(client: Client, room: Room, page: Page) -> bool:
    """Whether the poll brings a sound."""
    seen = page.one("#seen").attributes["value"]
    asked: dict[str, str | int] = {"after": page.cursor, "seen": seen}
    answer = client.get(f"/rooms/{room.slug}/changes/", asked, headers=HTMX).content.decode()
    page.answer(answer)
    return fragments.sound() in answer


def opened(client: Client, room: Room) -> Page:
    page = Page(client.get(f"/rooms/{room.slug}/").content.decode())
    assert not polled(client, room, page), "what was before the page is not to be heard"
    return page


# When


def heard(user: User) -> bool:
    return user.pk in ringing.newest([user.pk])


def test_nobody_hears_anything_who_did_not_choose_it(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "@bob")
    with CaptureQueriesContext(connection) as captured:
        assert not heard(bob)
    assert len(captured) == 1
    listens(bob, "calls")
    assert heard(bob)


@pytest.mark.parametrize(
    ("body", "calls", "everything"),
    [("hello", False, True), ("@bob", True, True), ("@room", True, True), ("@alice", False, True)],
)
def test_what_is_heard_is_each_one_s_choice(  # noqa: PLR0917
    body: str, calls: bool, everything: bool, alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, body)
    for choice, expected in {"": False, "calls": calls, "all": everything}.items():
        listens(bob, choice)
        assert heard(bob) is expected
    listens(alice, "all")
    assert not heard(alice), "nobody hears themselves"


def test_a_direct_message_is_heard(bob: User, charlie: User) -> None:
    listens(bob, "calls")
    talk = Room.direct_with([bob], by=charlie)
    say(talk, bob, "hello")
    assert not heard(bob)
    say(talk, charlie, "hello")
    assert heard(bob)


@pytest.mark.parametrize(
    ("level", "named", "plain"),
    [
        (Level.EVERYTHING, True, True),
        (Level.MENTIONS, True, False),
        (Level.NOTHING, False, False),
        (Level.HIDDEN, True, False),
    ],
)
def test_levels_are_heeded(  # noqa: PLR0917
    level: Level, named: bool, plain: bool, alice: User, bob: User, open_room: Room
) -> None:
    listens(bob, "all")
    open_room.memberships.get(user=bob).change_level(level)
    say(open_room, alice, "plain")
    assert heard(bob) is plain
    say(open_room, alice, "@bob")
    assert heard(bob) is named


def test_who_does_not_want_to_be_disturbed_hears_nothing(
    alice: User, bob: User, open_room: Room
) -> None:
    listens(bob, "calls")
    say(open_room, alice, "@bob")
    Profile.of(bob).rest(timezone.now() + timedelta(hours=1))
    assert not heard(bob)
    Profile.of(bob).rest(timezone.now() - timedelta(hours=1))
    assert heard(bob)


def test_what_is_long_ago_is_not_heard(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens(bob, "all")
    say(open_room, alice, "@bob")
    assert heard(bob)
    now = timezone.now() + ringing.RECENT
    monkeypatch.setattr("rooms.models.ringing.timezone.now", lambda: now)
    assert not heard(bob)


def test_however_much_happens_it_is_as_many_queries(
    alice: User, bob: User, open_room: Room
) -> None:
    listens(bob, "all")

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            heard(bob)
        return len(captured)

    before = asked()
    for number in range(5):
        say(make_room(f"Room {number}", alice, bob), alice, *["@bob"] * 4)
    assert asked() == before == 3


# Where


async def rung(page: Socket) -> bool:
    await page.until("<audio")
    return True


@pytest.mark.django_db(transaction=True)
async def test_one_of_the_reader_s_pages_plays_it(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    await in_db(listens)(bob, "calls")
    async with (
        watching(bob, open_room) as older,
        watching(bob, private_room) as newer,
        watching(alice, private_room) as other,
    ):
        await in_db(say)(open_room, alice, "@bob")
        assert await rung(newer)
        await in_db(say)(private_room, alice, "@bob again")
        assert await rung(newer), "also for what is said in the room that one looks at"
        await in_db(say)(private_room, bob, "last")
        await older.until("Committee")
        await other.until("last")
        assert "<audio" not in older.words + other.words


@pytest.mark.django_db(transaction=True)
async def test_it_is_played_once_for_each_message(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    await in_db(listens)(bob, "calls")
    async with watching(bob, private_room) as page:
        await in_db(say)(open_room, alice, "@bob")
        assert await rung(page)
        await in_db(say)(open_room, alice, "not for bob")
        await page.until("2 unread")
        await in_db(say)(open_room, alice, "@bob, too")
        assert await rung(page)
        assert page.words.count("<audio") == 2


def test_a_page_that_polls_plays_it_once(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    listens(bob, "calls")
    page = opened(bob_client, private_room)
    say(open_room, alice, "hello")
    assert not polled(bob_client, private_room, page)
    say(open_room, alice, "@bob")
    assert polled(bob_client, private_room, page)
    assert not polled(bob_client, private_room, page)
    say(private_room, alice, "@bob")
    assert polled(bob_client, private_room, page)
    assert not polled(bob_client, private_room, page)


def test_a_page_that_is_no_room_plays_it_too(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    listens(bob, "calls")

    def asked(seen: str) -> str:
        return bob_client.get("/unread/news/", {"seen": seen}, headers=HTMX).content.decode()

    def seen(answer: str) -> str:
        return answer.partition("seen=")[2].partition('"')[0]

    first = asked("")
    say(open_room, alice, "@bob")
    second = asked(seen(first))
    assert fragments.sound() in second
    assert fragments.sound() not in asked(seen(second))


def test_a_page_without_javascript_plays_it() -> None:
    assert "<audio" in fragments.sound(streamed=True)
    assert "hx-" not in fragments.sound(streamed=True)


@pytest.mark.django_db(transaction=True)
async def test_who_chose_nothing_costs_nothing(
    alice: User, bob: User, open_room: Room, private_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def newest(users: Any) -> dict[int, datetime]:
        asked.append(users)
        return {}

    monkeypatch.setattr("rooms.models.ringing.newest", newest)
    async with watching(bob, private_room) as page:
        await in_db(say)(open_room, alice, "@bob")
        await page.until("count mention")
        assert asked == []
        await in_db(listens)(bob, "calls")
        await in_db(say)(open_room, alice, "@bob")
        await page.until("@2")
        async with socket(bob, open_room):
            pass
    assert asked != []


# Choosing it


def test_the_sound_is_chosen_on_a_page(bob: User, bob_client: Client) -> None:
    page = Page(bob_client.get(SETTINGS).content.decode())
    (audio,) = page.all("audio")
    name = audio.attributes["src"].rpartition("/")[2].split(".")[0]
    assert finders.find(f"sounds/{name}.wav")
    assert "autoplay" not in audio.attributes
    answer = bob_client.post(SETTINGS, {"sound": "all", "after": "10"})
    assert answer["Location"] == SETTINGS
    bob.refresh_from_db()
    assert bob.sound == "all"
    bob_client.post(SETTINGS, {"sound": "", "after": "10"})
    bob.refresh_from_db()
    assert bob.sound == ""


def test_what_is_no_choice_changes_nothing(bob: User, bob_client: Client) -> None:
    for form in (
        {"sound": "loud", "after": "10"},
        {"sound": "calls", "after": "-1"},
        {"after": "x"},
    ):
        assert bob_client.post(SETTINGS, form).status_code == 200
    bob.refresh_from_db()
    assert bob.sound == ""
