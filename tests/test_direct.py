"""Direct conversations: one for each set of people, theirs alone, in the lists where it belongs."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.live import elsewhere
from rooms.live.connections import Reader
from rooms.live.fragments import Variant
from rooms.live.streams import Stream
from rooms.models import Membership, Role, Room, TooManyPeople, User, announcements, direct
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user, say
from tests.markup import parse, text
from tests.page import Page
from tests.sockets import Socket, in_db, new_process, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HTMX = {"HX-Request": "true"}
NEW = "/direct/new/"


@pytest.fixture(autouse=True)
async def one_process(place: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(announcements, "STIR_INTERVAL", 0.05)
    monkeypatch.setattr(elsewhere, "READ_DELAY", 0.1)
    monkeypatch.setattr(elsewhere, "NEWS_DELAY", 0.2)
    async with new_process():
        yield


@pytest.fixture
def talk(bob: User, charlie: User) -> Room:
    """Bob and Charlie's; alice, who owns the place, is an outsider of it."""
    room = Room.direct_with([charlie], by=bob)
    say(room, bob, "between you and me")
    announcements._last_stirred.clear()  # nobody has heard of it who will hear of the next
    return room


def opened(client: Client, address: str) -> Page:
    response = client.get(address)
    assert response.status_code == 200, address
    return Page(response.content.decode())


def path(room: Room) -> str:
    return f"/rooms/{room.slug}/"


def listed(page: Page) -> dict[str, str]:
    """The direct conversations in the list and how many unread messages each is said to have."""
    items = page.all("#direct-list>li")
    counts = {item.one(".name").text: [each.text for each in item.all(".count")] for item in items}
    return {
        name: count[0].removesuffix(" unread") if count else "" for name, count in counts.items()
    }


def poll(page: Page, client: Client, room: Room) -> bool:
    asked = {"after": str(page.cursor), "seen": page.one("#seen").attributes["value"]}
    answer = client.get(f"{path(room)}changes/", asked, headers=HTMX)
    page.answer(answer.content.decode())
    page.check()
    return answer.status_code == 200


def people_of(room: Room) -> set[int]:
    return set(room.memberships.values_list("user_id", flat=True))


# One for each set of people


def test_each_set_of_people_has_one(alice: User, bob: User, charlie: User) -> None:
    two = Room.direct_with([bob], by=alice)
    assert (two.private, two.direct) == (True, True)
    assert people_of(two) == {alice.pk, bob.pk}
    assert not two.memberships.filter(is_moderator=True).exists()
    assert Room.direct_with([alice], by=bob) == two
    assert Room.direct_with([bob, alice, bob], by=alice) == two
    three = Room.direct_with([charlie, bob], by=alice)
    assert three != two
    assert people_of(three) == {alice.pk, bob.pk, charlie.pk}
    assert Room.direct_with([alice, bob], by=charlie) == three


def test_one_alone_has_notes(alice: User, bob: User, alice_client: Client) -> None:
    notes = Room.direct_with([], by=alice)
    assert Room.direct_with([alice], by=alice) == notes
    assert Room.direct_with([], by=bob) != notes
    say(notes, alice, "buy solder")
    page = opened(alice_client, path(notes))
    assert page.title.count("Notes to yourself") == 1
    assert listed(page) == {"Notes to yourself": ""}
    assert page.one("head>title").text == "Notes to yourself · Millbrook Repair Café"


def test_the_address_tells_nothing_of_the_people(alice: User, bob: User, charlie: User) -> None:
    slugs = {Room.direct_with([other], by=alice).slug for other in (bob, charlie)}
    assert len(slugs) == 2
    for slug in slugs:
        assert not {"alice", "bob", "charlie", str(alice.pk)} & set(slug.split("-"))
        assert len(slug) > 20


def test_as_many_as_can_talk_and_no_more(alice: User, open_room: Room) -> None:
    crowd = make_crowd(open_room, direct.MOST)
    assert len(people_of(Room.direct_with(crowd[1:], by=alice))) == direct.MOST
    rooms = Room.objects.count()
    with pytest.raises(TooManyPeople, match="At most 20 people"):
        Room.direct_with(crowd, by=alice)
    assert Room.objects.count() == rooms


def test_nobody_begins_one_with_who_is_gone(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    with pytest.raises(PermissionDenied):
        Room.direct_with([bob], by=alice)
    assert not Room.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_all_who_begin_it_at_once_are_in_the_same(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real threads on the real database, each with a connection of its own."""
    people = [alice, bob, charlie]
    none_there, answers = threading.Barrier(9, timeout=60), []
    slugs = [direct.new_slug() for _ in range(none_there.parties)]
    # Whoever has found none makes an address for one: there each waits for all others.
    monkeypatch.setattr(direct, "new_slug", lambda: slugs[none_there.wait()])

    def begin(client: Client) -> None:
        try:
            response = client.post(NEW, {"person": [each.pk for each in people]})
            answers.append((response.status_code, response.headers["Location"]))
        finally:
            connection.close()

    clients = [signed_in(people[number % 3]) for number in range(none_there.parties)]
    tabs = [threading.Thread(target=begin, args=[client]) for client in clients]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    room = Room.objects.get()
    assert answers == [(302, path(room))] * none_there.parties
    assert people_of(room) == {each.pk for each in people}
    assert set(room.memberships.values_list("listed", flat=True)) == {True}


# Nobody else's


GETS = (
    "",
    "?before=5",
    "?after=0",
    "changes/?after=0",
    "settings/",
    "archive/",
    "here/",
    "notifications/",
    "mention/",
    "files/",
    "files/1/cup.png",
    "files/1/thumbnail/",
    "pins/",
    "members/",
    "members/remove/",
    "leave/",
    "join/",
    "1/",
    "1/unread/",
    "1/menu/",
    "1/reactions/",
    "1/thread/",
    "1/edit/",
    "1/delete/",
    "1/previews/0123456789abcdef/remove/",
    "1/report/",
    "moderation/",
    "members/mute/",
    "keeping/",
    "export/",
)
POSTS = (
    "typing/",
    "draft/",
    "send/",
    "join/",
    "leave/",
    "settings/",
    "settings/private/",
    "archive/",
    "members/",
    "members/moderators/",
    "members/remove/",
    "members/mute/",
    "members/return/",
    "1/report/",
    "files/",
    "send/files/",
    "1/unread/",
    "1/reactions/",
    "1/reply/",
    "1/pin/",
    "1/edit/",
    "1/delete/",
    "1/previews/0123456789abcdef/remove/",
    "keeping/",
    "export/",
)


def _as_pattern(address: str) -> str:
    """How rooms/urls.py writes it."""
    address = address.replace("files/1/", "files/<int:pk>/").replace("cup.png", "<str:name>")
    address = re.sub("^1/", "<int:number>/", address)
    return address.replace("0123456789abcdef", "<str:preview>")


def test_every_address_of_a_room_is_tried() -> None:
    """The two lists above know all that there are."""
    from rooms import urls

    ours = {str(each.pattern) for each in urls.urlpatterns}
    under = {each.removeprefix("rooms/<str:slug>/") for each in ours if "<str:slug>" in each}
    tried = {each.partition("?")[0] for each in GETS + POSTS}
    tried = {_as_pattern(each) for each in tried}
    assert under - tried == {"stream/"}  # which has a test of its own, as it never ends


@pytest.mark.parametrize("address", GETS)
def test_nothing_is_there_for_an_outsider(
    talk: Room, alice_client: Client, charlie_client: Client, address: str
) -> None:
    """Not even for the owner of the place."""
    assert charlie_client.get(path(talk) + address).status_code != 500
    response = alice_client.get(path(talk) + address)
    assert response.status_code == 404
    assert text(response) == text(alice_client.get(f"/rooms/nowhere/{address}"))


@pytest.mark.parametrize("address", POSTS)
def test_nothing_can_be_done_there_by_an_outsider(
    talk: Room, alice: User, alice_client: Client, address: str
) -> None:
    sent = {"key": "k" * 12, "text": "I am in", "username": "alice", "to": "archive", "user": "1"}
    assert alice_client.post(path(talk) + address, sent).status_code == 404
    assert list(talk.messages.values_list("body", flat=True)) == ["between you and me"]
    assert alice.pk not in people_of(talk)


def test_an_outsider_sees_it_nowhere(
    talk: Room, bob: User, alice: User, open_room: Room, alice_client: Client
) -> None:
    for address in (path(open_room), "/rooms/", "/rooms/?q=Bob", "/rooms/?archived=1", NEW):
        page = opened(alice_client, address)
        assert talk.slug not in page.root.html
        assert listed(page) == {}
    with pytest.raises(PermissionDenied):
        talk.post(alice, "by a program", "k" * 12)


def test_it_is_in_no_directory_even_for_its_people(
    talk: Room, bob_client: Client, open_room: Room
) -> None:
    for query in ("", "?q=Charlie", "?q=direct"):
        page = opened(bob_client, f"/rooms/{query}")
        assert talk.slug not in page.one("main").html
        assert list(listed(page)) == ["Charlie Cooper"]
    assert "1 room at Millbrook Repair Café, 1 of them yours" in text(bob_client.get("/rooms/"))


@pytest.mark.django_db(transaction=True)
async def test_there_is_no_stream_for_an_outsider(talk: Room, alice: User, charlie: User) -> None:
    for reader, expected in ((charlie, 200), (alice, 404)):
        client = AsyncClient()
        await client.aforce_login(reader)
        assert (await client.get(f"{path(talk)}stream/?wait=1")).status_code == expected


@pytest.mark.django_db(transaction=True)
async def test_the_socket_is_refused_to_an_outsider(
    talk: Room, alice_client: Client, charlie_client: Client
) -> None:
    for client, expected in ((charlie_client, True), (alice_client, False)):
        there = Socket(client, talk.slug, page=None)
        assert await there.open() is expected
        await there.leave()


# What cannot be arranged


ARRANGING = {
    "settings/": ({"name": "Plans", "topic": "x"}, 404),
    "leave/": ({}, 404),
    "archive/": ({"to": "archive"}, 403),
    "members/": ({"username": "alice"}, 403),
    "members/remove/": ({"user": "1"}, 403),
    "join/": ({}, 302),
}


@pytest.mark.parametrize("address", ARRANGING)
def test_its_people_and_all_else_stay_as_they_are(
    talk: Room, alice: User, bob_client: Client, address: str
) -> None:
    before = people_of(talk)
    sent, status = ARRANGING[address]
    assert bob_client.post(path(talk) + address, sent).status_code == status
    if address != "members/":  # where one may look, see below
        assert bob_client.get(path(talk) + address, sent).status_code == status
    talk.refresh_from_db()
    assert (people_of(talk), talk.name, talk.archived) == (before, "", False)


def test_its_verbs_refuse(talk: Room, alice: User, bob: User) -> None:
    for verb in (
        lambda: talk.add(alice),
        lambda: talk.join(alice),
        lambda: talk.remove(bob),
        lambda: talk.change_details(name="Plans", topic=""),
        talk.archive,
        talk.restore,
    ):
        with pytest.raises(PermissionDenied):
            verb()
    User.objects.filter(pk=bob.pk).update(role=Role.OWNER)
    bob.refresh_from_db()
    assert not talk.standing_of(bob).may_manage


def test_its_pages_offer_nothing_of_that(talk: Room, bob_client: Client) -> None:
    for address in ("", "members/", "here/", "1/"):
        page = opened(bob_client, path(talk) + address)
        for verb in ("settings/", "leave/", "archive/", "members/remove/", "join/"):
            assert f'"{path(talk)}{verb}' not in page.root.html
    members = text(bob_client.get(f"{path(talk)}members/"))
    assert "2 people; nobody else can come in" in members
    assert "moderator" not in members
    assert "Write" not in members


def test_the_way_home_leads_into_none(
    bob: User, bob_client: Client, charlie: User, charlie_client: Client, open_room: Room
) -> None:
    say(Room.direct_with([charlie], by=bob), bob, "the newest of all")
    assert bob_client.get("/").headers["Location"] == path(open_room)
    assert charlie_client.get("/").headers["Location"] == "/rooms/"


# What it is called


def test_each_calls_it_by_the_others(
    alice: User, bob: User, charlie: User, bob_client: Client, charlie_client: Client
) -> None:
    three = Room.direct_with([charlie, alice], by=bob)
    say(three, bob, "hello both")
    for client, name in (
        (bob_client, "Alice Archer, Charlie Cooper"),
        (charlie_client, "Alice Archer, Bob Baker"),
    ):
        page = opened(client, path(three))
        assert page.one("#room-title>h1").text == name
        assert page.one("head>title").text == f"{name} · Millbrook Repair Café"
        assert list(listed(page)) == [name]
        assert page.one("#direct-list [aria-current='page']").all(".name")[0].text == name
        for address in ("members/", "here/", "1/", "?before=2"):
            assert opened(client, path(three) + address).one("h1").text == name


def test_a_name_that_is_no_markup_anywhere(bob: User, bob_client: Client) -> None:
    evil = make_user("evil", "<b>&amp;{{ x }}")
    room = Room.direct_with([evil], by=bob)
    for address in ("", "members/", "1/"):
        say(room, evil, "x")
        parse(bob_client.get(path(room) + address))
        assert opened(bob_client, path(room) + address).one("h1").text == "<b>&amp;{{ x }}"


def test_the_same_shell_shows_nobody_another_s_name(
    talk: Room, bob_client: Client, charlie_client: Client
) -> None:
    for _twice in range(2):
        assert opened(bob_client, path(talk)).one("h1").text == "Charlie Cooper"
        assert opened(charlie_client, path(talk)).one("h1").text == "Bob Baker"


def test_one_other_has_a_face_in_the_list(
    alice: User, bob: User, charlie: User, bob_client: Client
) -> None:
    for others in ([charlie], [charlie, alice], []):
        say(Room.direct_with(others, by=bob), bob, "x")
    page = opened(bob_client, NEW)
    faces = [[each.text for each in item.all(".face")] for item in page.all("#direct-list>li")]
    assert faces == [[], [], ["CC"]]


@pytest.mark.django_db(transaction=True)
async def test_the_stream_names_it_for_its_reader(talk: Room, bob: User) -> None:
    stream = Stream(talk.pk, talk.slug, Reader(bob.pk, "", Variant("en", "UTC")))
    assert (await in_db(stream._history)())[1] == "Charlie Cooper"


# The list


def test_until_something_is_said_only_its_maker_lists_it(
    bob: User, charlie: User, open_room: Room, bob_client: Client, charlie_client: Client
) -> None:
    talk = Room.direct_with([charlie], by=bob)
    for address in (path(open_room), "/rooms/"):
        assert listed(opened(bob_client, address)) == {"Charlie Cooper": ""}
        assert listed(opened(charlie_client, address)) == {}
    say(talk, bob, "hello")
    for address in (path(open_room), "/rooms/"):
        assert listed(opened(charlie_client, address)) == {"Bob Baker": "1"}


def test_whoever_looks_for_it_too_lists_it_too(
    bob: User, charlie: User, charlie_client: Client
) -> None:
    Room.direct_with([charlie], by=bob)
    Room.direct_with([bob], by=charlie)
    assert listed(opened(charlie_client, "/rooms/")) == {"Bob Baker": ""}


def test_the_last_active_is_first_and_the_rooms_stay_by_name(
    alice: User, bob: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    with_alice = Room.direct_with([alice], by=bob)
    with_charlie = Room.direct_with([charlie], by=bob)
    make_room("Attic", bob)
    for address in (path(open_room), "/rooms/"):
        say(with_alice, bob, "x")
        assert list(listed(opened(bob_client, address))) == ["Alice Archer", "Charlie Cooper"]
        say(with_charlie, charlie, "x")
        page = opened(bob_client, address)
        assert list(listed(page)) == ["Charlie Cooper", "Alice Archer"]
        rooms = [item.one(".name").text for item in page.all("#room-list>li")]
        assert rooms == ["Attic", "Workbench"]


def test_what_is_unread_is_counted_and_read(
    talk: Room, bob: User, charlie_client: Client, open_room: Room
) -> None:
    say(talk, bob, "two")
    page = opened(charlie_client, path(open_room))
    assert listed(page) == {"Bob Baker": "2"}
    assert page.one("head>title").text.startswith("(@2) ")
    assert listed(opened(charlie_client, path(talk))) == {"Bob Baker": ""}
    assert listed(opened(charlie_client, path(open_room))) == {"Bob Baker": ""}


@pytest.mark.parametrize("look", ["room", "direct", "past", "directory", "changes"])
def test_the_number_of_queries_grows_with_nothing(  # noqa: PLR0917
    look: str, alice: User, bob: User, bob_client: Client, open_room: Room, talk: Room
) -> None:
    say(make_room("Elsewhere", alice, bob), alice, "so that something is unread before, too")
    address = {
        "room": path(open_room),
        "direct": path(talk),
        "past": f"{path(talk)}?before=2",
        "directory": "/rooms/",
        "changes": f"{path(talk)}changes/?after=1",
    }[look]

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bob_client.get(address).status_code in {200, 204}
        return len(captured)

    queries()
    few = queries()
    crowd = make_crowd(open_room, 12)
    for number, person in enumerate(crowd):
        say(Room.direct_with([person, *crowd[: number // 2]], by=person), person, "alone")
        say(Room.direct_with([person, *crowd[: number // 2]], by=bob), person, "with bob")
    queries()
    assert queries() == few
    assert len(listed(opened(bob_client, path(open_room)))) > 10


def test_a_place_without_any_costs_no_further_query(
    charlie_client: Client, open_room: Room
) -> None:
    """Of somebody who moderates nothing: whoever does is told of reports as well."""
    opened(charlie_client, path(open_room))
    with CaptureQueriesContext(connection) as captured:
        opened(charlie_client, path(open_room))
    assert len(captured) <= 5


# On open pages


def test_a_poll_brings_a_new_one_and_follows_names(
    bob: User, charlie: User, charlie_client: Client, open_room: Room
) -> None:
    page = opened(charlie_client, path(open_room))
    poll(page, charlie_client, open_room)
    talk = Room.direct_with([charlie], by=bob)
    assert not poll(page, charlie_client, open_room)
    say(talk, bob, "hello")
    assert poll(page, charlie_client, open_room)
    assert listed(page) == {"Bob Baker": "1"}
    assert page.one("head>title").text == "(@1) Workbench · Millbrook Repair Café"

    page = opened(charlie_client, path(talk))
    poll(page, charlie_client, talk)
    bob.change_profile(display_name="Robert <b>", time_zone="", language="")
    assert poll(page, charlie_client, talk)
    assert page.one("#room-title>h1").text == "Robert <b>"
    assert page.one("head>title").text == "Robert <b> · Millbrook Repair Café"
    assert listed(page) == {"Robert <b>": ""}


async def news(there: Socket) -> str:
    return await there.until('id="direct-list"')


@pytest.mark.django_db(transaction=True)
async def test_an_open_page_is_told_with_the_first_message_and_not_before(
    bob: User, charlie: User, charlie_client: Client, open_room: Room
) -> None:
    page = await in_db(opened)(charlie_client, path(open_room))
    async with watching(charlie_client, open_room) as there, watching(bob, open_room) as his:
        there.page = page
        talk = await in_db(Room.direct_with)([charlie], by=bob)
        assert talk.slug in await news(his)
        await in_db(say)(open_room, bob, "a frame that comes after")
        await there.until("a frame that comes after")
        assert talk.slug not in there.words
        await in_db(say)(talk, bob, "hello")
        await news(there)
        assert listed(page) == {"Bob Baker": "1"}
        fresh = await in_db(opened)(charlie_client, path(open_room))
        assert page.one("#direct-list").text == fresh.one("#direct-list").text


@pytest.mark.django_db(transaction=True)
async def test_an_outsider_s_open_page_is_told_nothing(
    talk: Room, alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    async with watching(alice, open_room) as outside, watching(charlie, open_room) as there:
        await in_db(say)(talk, bob, "psst")
        assert talk.slug in await news(there)
        await in_db(say)(open_room, bob, "a frame that comes after")
        await outside.until("a frame that comes after")
        assert talk.slug not in outside.words
        assert "psst" not in outside.words


@pytest.mark.django_db(transaction=True)
async def test_its_own_open_page_shows_it_first_and_follows_names(
    talk: Room, alice: User, bob: User, charlie: User, charlie_client: Client
) -> None:
    other = await in_db(Room.direct_with)([alice], by=charlie)
    await in_db(say)(other, alice, "later")
    page = await in_db(opened)(charlie_client, path(talk))
    assert list(listed(page)) == ["Alice Archer", "Bob Baker"]
    async with watching(charlie_client, talk) as there:
        there.page = page
        await in_db(say)(talk, bob, "still there?")
        await news(there)
        assert list(listed(page)) == ["Bob Baker", "Alice Archer"]
        await in_db(bob.change_profile)(display_name="Robert", time_zone="", language="")
        while page.one("#room-title>h1").text != "Robert":
            await news(there)
        assert list(listed(page)) == ["Robert", "Alice Archer"]
        assert page.one("head>title").text == "(@1) Robert · Millbrook Repair Café"


@pytest.mark.django_db(transaction=True)
async def test_notes_are_called_so_in_the_reader_s_language(alice: User) -> None:
    notes = await in_db(Room.direct_with)([], by=alice)
    async with watching(alice, notes) as there:
        await in_db(say)(notes, alice, "buy solder")
        frame = await news(there)
        assert frame.count("Notes to yourself") == 3  # list, heading, title


def test_one_can_be_reached_from_where_people_are_named(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    opened(signed_in(alice), path(open_room))  # which counts as being there
    for name in ("members", "here"):
        page = opened(bob_client, reverse(name, args=[open_room.slug]))
        (button,) = page.all(f"button[name='person'][value='{alice.pk}']")
        assert button.text == "Write to Alice Archer alone"
        assert not page.all(f"button[name='person'][value='{bob.pk}']")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    page = opened(bob_client, reverse("members", args=[open_room.slug]))
    assert not page.all("button[name='person']")
    assert Membership.objects.filter(user=alice).exists()
