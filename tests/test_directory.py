"""The list of rooms, searching it, keeping it up to date, and making a room."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import html5lib
import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.live import presence
from rooms.models import Place, Room
from rooms.urls import urlpatterns
from rooms.views import directory
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import User

ROOMS = "/rooms/"
NEW = "/rooms/new/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def nobody_here() -> Iterator[None]:
    presence.store().clear()
    yield
    presence.store().clear()


def listed(response: Answer) -> list[str]:
    """The names of the rooms in the list, in its order."""
    page = html5lib.parse(response.content, namespaceHTMLElements=False)
    return ["".join(heading.itertext()) for heading in page.iter("h3")]


def polled_address(response: Answer) -> str:
    """Where the list in this answer will ask for a newer one."""
    page = html5lib.parse(response.content, namespaceHTMLElements=False)
    return str(page.find(".//div[@id='directory']").get("hx-get"))


def poll(client: Client, address: str) -> Answer:
    return client.get(address, headers=HTMX)


# Home


def test_home_leads_to_the_room_joined_last(
    bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    assert bob_client.get("/").headers["Location"] == f"/rooms/{private_room.slug}/"


def test_home_leads_past_an_archived_room(
    bob_client: Client, open_room: Room, private_room: Room
) -> None:
    private_room.archive()
    assert bob_client.get("/").headers["Location"] == f"/rooms/{open_room.slug}/"


def test_home_leads_to_the_directory_without_a_room(charlie_client: Client) -> None:
    assert charlie_client.get("/").headers["Location"] == ROOMS


@pytest.mark.parametrize("address", ["/", ROOMS, NEW])
def test_a_stranger_is_asked_to_sign_in(client: Client, place: Place, address: str) -> None:
    assert client.get(address).headers["Location"] == f"{reverse('account_login')}?next={address}"


# The list


def test_the_directory_separates_ones_own_rooms_from_those_to_come_into(
    alice: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    make_room("Kitchen rota", alice)
    response = bob_client.get(ROOMS)
    assert listed(response) == ["Kitchen rota", "Committee", "Workbench"]
    to_come_into, own = response.content.decode().split("<h2>Yours")
    assert "Kitchen rota</a>" in to_come_into.split("<h2>Open to you")[1]
    assert "Kitchen rota" not in own


def test_only_a_room_that_one_is_not_in_has_a_button_to_join(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    kitchen = make_room("Kitchen rota", alice)
    page = bob_client.get(ROOMS).content.decode()
    assert reverse("room-join", args=[kitchen.slug]) in page
    assert reverse("room-join", args=[open_room.slug]) not in page


def test_the_directory_counts_members_and_who_is_here(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    presence.store().renew("here", [(open_room.pk, alice.pk)], "test", 30)
    entry = bob_client.get(ROOMS).content.decode().split(f'id="entry-{open_room.pk}"')[1]
    assert "1 here</span>" in entry
    assert "<span>2 members</span>" in entry


def test_names_are_escaped(alice: User, bob_client: Client) -> None:
    make_room("<script>alert(1)</script>", alice, topic='"><img src=x>')
    response = bob_client.get(ROOMS)
    assert listed(response) == ["<script>alert(1)</script>"]
    assert b"<script>alert" not in response.content
    assert b"<img" not in response.content


@pytest.mark.parametrize("rooms", [0, 1])
def test_the_directory_is_a_valid_page(
    alice: User, alice_client: Client, rooms: int, open_room: Room
) -> None:
    if not rooms:
        open_room.archive()
    response = alice_client.get(ROOMS)
    html5lib.HTMLParser(strict=True).parse(response.content.decode())


def test_a_place_without_rooms_says_so(charlie_client: Client) -> None:
    response = charlie_client.get(ROOMS)
    assert listed(response) == []
    assert "There is no room yet" in response.content.decode()


def test_a_long_list_is_cut_and_says_so(
    alice: User, bob_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "SHOWN", 2)
    for number in range(5):
        make_room(f"Room {number}", alice)
    response = bob_client.get(ROOMS)
    assert listed(response) == ["Room 0", "Room 1"]
    assert "3 more rooms are not shown" in response.content.decode()


def test_the_number_of_queries_does_not_grow_with_rooms_and_members(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    bob_client.get(ROOMS)
    with CaptureQueriesContext(
        connection,
    ) as few:
        bob_client.get(ROOMS)
    for number in range(20):
        make_crowd(make_room(f"Room {number}", alice), 3)
    make_crowd(open_room, 20)
    with CaptureQueriesContext(connection) as many:
        assert len(listed(bob_client.get(ROOMS))) == 21
    assert len(many) == len(few) <= 6


# Searching


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kitchen", ["Kitchen rota"]),
        ("BAKES rota", ["Kitchen rota"]),
        ("ärger", ["ÄRGER"]),
        ("a\u0308rger", ["ÄRGER"]),
        ("茶", ["茶室"]),
        ("القهوة", ["ركن القهوة"]),
        ("%", []),
        ("_", []),
        ("rota nothing", []),
        ("\x00kitchen", ["Kitchen rota"]),
    ],
)
def test_searching_finds_by_name_and_topic(
    alice: User, bob_client: Client, query: str, found: list[str]
) -> None:
    make_room("Kitchen rota", alice, topic="Who bakes, who washes up")
    for name in ("ÄRGER", "茶室", "ركن القهوة"):
        make_room(name, alice)
    response = bob_client.get(ROOMS, {"q": query})
    assert listed(response) == found
    said = "1 room matches" if found else "No room matches"
    assert said in response.content.decode()


def test_what_is_searched_for_stays_in_its_field(bob_client: Client) -> None:
    page = bob_client.get(ROOMS, {"q": '"> <b>'}).content.decode()
    assert 'value="&quot;&gt; &lt;b&gt;"' in page


# Archived rooms


def test_an_archived_room_is_in_a_list_of_its_own(
    alice_client: Client, open_room: Room, private_room: Room
) -> None:
    open_room.archive()
    page = alice_client.get(ROOMS)
    assert listed(page) == ["Committee"]
    assert "?archived=1" in page.content.decode()
    archived = alice_client.get(ROOMS, {"archived": "1"})
    assert listed(archived) == ["Workbench"]


def test_an_archived_room_cannot_be_joined_from_the_list(
    charlie_client: Client, open_room: Room
) -> None:
    open_room.archive()
    page = charlie_client.get(ROOMS, {"archived": "1"})
    assert listed(page) == ["Workbench"]
    assert reverse("room-join", args=[open_room.slug]) not in page.content.decode()


# Keeping it up to date


def test_a_poll_is_answered_with_nothing_while_nothing_changes(
    bob_client: Client, open_room: Room
) -> None:
    address = polled_address(bob_client.get(ROOMS))
    assert poll(bob_client, address).status_code == 204


def test_a_poll_brings_a_new_room_and_then_rests(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    address = polled_address(bob_client.get(ROOMS))
    make_room("Kitchen rota", alice)
    answer = poll(bob_client, address)
    assert listed(answer) == ["Kitchen rota", "Workbench"]
    assert b"<html" not in answer.content
    assert poll(bob_client, polled_address(answer)).status_code == 204


def test_a_poll_notices_who_comes_and_who_joins(
    alice: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    address = polled_address(bob_client.get(ROOMS))
    presence.store().renew("here", [(open_room.pk, alice.pk)], "test", 30)
    answer = poll(bob_client, address)
    assert "1 here" in answer.content.decode()
    open_room.join(charlie)
    answer = poll(bob_client, polled_address(answer))
    assert "3 members" in answer.content.decode()


def test_a_poll_keeps_what_was_searched_for(alice: User, bob_client: Client) -> None:
    kitchen = make_room("Kitchen rota", alice)
    address = polled_address(bob_client.get(ROOMS, {"q": "kitchen"}))
    make_room("Model railway", alice)
    kitchen.change_details(name="Kitchen", topic="Tea")
    answer = poll(bob_client, address)
    assert listed(answer) == ["Kitchen"]
    assert answer.headers["HX-Replace-Url"] == "/rooms/?q=kitchen"


def test_a_poll_follows_the_list_beside_it_too(
    bob: User, bob_client: Client, private_room: Room
) -> None:
    address = polled_address(bob_client.get(ROOMS))
    private_room.remove(bob)
    page = poll(bob_client, address).content.decode()
    assert 'id="room-list" hx-swap-oob="true"' in page
    assert "Committee" not in page


def test_a_page_whose_reader_signed_out_is_told_so_and_shows_no_names(
    bob_client: Client, private_room: Room
) -> None:
    address = polled_address(bob_client.get(ROOMS))
    bob_client.logout()
    answer = poll(bob_client, address)
    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == "#directory"
    assert "You have been signed out." in answer.content.decode()
    assert "Committee" not in answer.content.decode()


def test_without_javascript_the_page_is_fetched_anew_but_never_under_ones_hands(
    bob_client: Client,
) -> None:
    refresh = '<noscript><meta http-equiv="refresh" content="30"></noscript>'
    page = bob_client.get(ROOMS).content.decode()
    assert refresh in page
    assert "<textarea" not in page
    assert page.count('type="text"') == 0, "a form that a refresh would empty"
    assert refresh not in bob_client.get(ROOMS, {"q": "kitchen"}).content.decode()
    assert refresh not in bob_client.get(NEW).content.decode()


# Making a room


def test_a_new_room_is_entered_by_its_maker_as_moderator(bob: User, bob_client: Client) -> None:
    response = bob_client.post(NEW, {"name": "Kitchen rota", "topic": "Tea", "kind": "open"})
    room = Room.objects.get()
    assert response.headers["Location"] == f"/rooms/{room.slug}/"
    assert (room.name, room.topic, room.private) == ("Kitchen rota", "Tea", False)
    membership = room.membership_of(bob)
    assert membership is not None
    assert membership.is_moderator


def test_a_private_room_can_be_made(bob_client: Client) -> None:
    bob_client.post(NEW, {"name": "Committee", "topic": "", "kind": "private"})
    assert Room.objects.get().private


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "  "), ("name", "x" * 61), ("topic", "x" * 201), ("kind", "secret")],
)
def test_a_form_with_an_error_comes_back_with_all_that_was_typed(
    bob_client: Client, field: str, value: str
) -> None:
    typed = {"name": "Kitchen rota", "topic": "Who bakes", "kind": "private"} | {field: value}
    response = bob_client.post(NEW, typed)
    assert not Room.objects.exists()
    form = response.context["form"]
    assert list(form.errors) == [field]
    page = response.content.decode()
    assert f'id="id_{field}_error"' in page
    for kept in {"name", "topic"} - {field}:
        assert f'value="{typed[kept]}"' in page
    if field != "kind":
        assert re.search(r'<input[^>]*value="private"[^>]*checked', page)


def test_an_empty_post_is_an_error_and_not_a_blank_form(bob_client: Client) -> None:
    assert list(bob_client.post(NEW).context["form"].errors) == ["name", "kind"]


def test_the_form_unfolds_in_the_directory_as_a_part(bob_client: Client) -> None:
    part = bob_client.get(NEW, {"part": "form"}, headers=HTMX).content.decode()
    assert "<html" not in part
    assert '<details id="make"' in part
    page = bob_client.get(NEW).content.decode()
    html5lib.HTMLParser(strict=True).parse(page)
    assert "<details" not in page


def test_rooms_of_one_name_have_addresses_of_their_own(bob_client: Client) -> None:
    form = {"name": "Kitchen", "topic": "", "kind": "open"}
    addresses = {bob_client.post(NEW, form).headers["Location"] for _ in range(3)}
    assert len(addresses) == 3


# A private room leaks nowhere


def room_addresses(slug: str) -> list[tuple[str, str]]:
    """The name and address of everything there is below a room's own."""
    values = {
        "slug": slug,
        "number": 1,
        "preview": "0123456789abcdef",
        "pk": 1,
        "name": "cup.png",
    }
    return [
        (
            str(pattern.name),
            reverse(
                str(pattern.name),
                kwargs={key: values[key] for key in pattern.pattern.converters},
            ),
        )
        for pattern in urlpatterns
        if "slug" in pattern.pattern.converters
    ]


# A view that is a coroutine gives the connection back after its query, and with it a test's transaction.
ADDRESS_NAMES = [
    pytest.param(name, marks=pytest.mark.django_db(transaction=True)) if name == "stream" else name
    for name, _address in room_addresses("x")
]


def answer_without_name(client: Client, method: str, name: str, slug: str) -> tuple[int, str, str]:
    """Status, where it leads and what it says, with nothing in it that differs by accident."""
    address = dict(room_addresses(slug))[name]
    response = client.generic(method, address)
    body = "" if response.streaming else response.content.decode()
    body = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+', r"\1", body)
    location = response.headers.get("Location", "")
    return response.status_code, location.replace(slug, "…"), body.replace(slug, "…")


def test_the_addresses_of_a_room_are_all_looked_at() -> None:
    names = {name for name, _address in room_addresses("x")}
    assert {"room", "changes", "stream", "send", "members", "message-edit"} <= names


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ADDRESS_NAMES)
def test_for_an_outsider_a_private_room_is_no_other_than_none(
    charlie_client: Client, bob_client: Client, private_room: Room, name: str, method: str
) -> None:
    private = answer_without_name(charlie_client, method, name, private_room.slug)
    assert private == answer_without_name(charlie_client, method, name, "nowhere")
    assert private[0] in {404, 405}
    assert "Committee" not in private[2]
    # and it is the outsider whom this is about: a member is not sent away
    if name in {"room", "room-settings", "members", "room-leave"} and method == "GET":
        assert answer_without_name(bob_client, method, name, private_room.slug)[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ADDRESS_NAMES)
def test_a_stranger_is_asked_to_sign_in_whether_there_is_a_room_or_not(
    client: Client, private_room: Room, open_room: Room, name: str, method: str
) -> None:
    private = answer_without_name(client, method, name, private_room.slug)
    assert private == answer_without_name(client, method, name, "nowhere")
    assert private == answer_without_name(client, method, name, open_room.slug)
    status, location, body = private
    if name == "stream" and method == "GET":  # it stands in a frame, where no sign-in page belongs
        assert status == 401
        assert reverse("account_login") in body
    else:
        assert status == 405 or (status == 302 and location.startswith(reverse("account_login")))


@pytest.mark.parametrize("query", [{}, {"q": "committee"}, {"q": "insurance"}, {"archived": "1"}])
def test_the_directory_says_nothing_of_a_private_room(
    bob_client: Client, charlie_client: Client, private_room: Room, query: dict[str, str]
) -> None:
    if "archived" in query:
        private_room.archive()
    assert listed(bob_client.get(ROOMS, query)) == ["Committee"]
    page = charlie_client.get(ROOMS, query)
    assert listed(page) == []
    text = page.content.decode()
    assert "Committee" not in text.replace("“committee”", "")
    assert private_room.slug not in text
    assert "1 room" not in text
    assert "1 archived" not in text


def test_a_change_in_a_private_room_does_not_show_in_an_outsiders_poll(
    alice: User, bob_client: Client, charlie_client: Client, private_room: Room
) -> None:
    member, outsider = (
        polled_address(client.get(ROOMS)) for client in (bob_client, charlie_client)
    )
    presence.store().renew("here", [(private_room.pk, alice.pk)], "test", 30)
    private_room.change_details(name="Council", topic="")
    assert poll(bob_client, member).status_code == 200
    assert poll(charlie_client, outsider).status_code == 204


def test_the_address_of_an_open_room_does_not_betray_a_private_one_of_its_name(
    charlie: User, charlie_client: Client, private_room: Room
) -> None:
    form = {"name": private_room.name, "topic": "", "kind": "open"}
    response = charlie_client.post(NEW, form)
    assert response.headers["Location"] == "/rooms/committee/"


def test_two_readers_see_what_is_each_ones_own(
    alice: User, charlie: User, private_room: Room
) -> None:
    dora = make_user("dora")
    private_room.add(dora)
    assert listed(signed_in(dora).get(ROOMS)) == ["Committee"]
    assert listed(signed_in(charlie).get(ROOMS)) == []


def test_leaving_is_said_on_the_page_that_it_leads_to(bob_client: Client, open_room: Room) -> None:
    response = bob_client.post(reverse("room-leave", args=[open_room.slug]))
    assert [str(said) for said in get_messages(response.wsgi_request)] == ["You left “Workbench”."]
