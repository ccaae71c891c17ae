"""`/direct/new/`: whom to talk to, and then there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rooms.models import Role, Room, User, direct
from rooms.models.names import words_of
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user
from tests.markup import parse, text
from tests.page import Page, fragment

HTMX = {"HX-Request": "true"}
NEW = "/direct/new/"

Sent = dict[str, str | int | Sequence[str | int]]


@pytest.fixture
def people(alice: User, bob: User, charlie: User) -> dict[str, User]:
    """More people than the cast, among them two of one name."""
    made = {
        "marguerite": "Marguerite Delacroix-Vandenberghe",
        "xiaowen": "李晓雯",
        "noor": "نور حدّاد",
        "zoe.k": "Zoë Ångström",
        "bob2": "Bob Baker",
        "strasse": "Jürgen Groß",
        "nameless": "",
    }
    found = {username: make_user(username, name) for username, name in made.items()}
    return {**found, "alice": alice, "bob": bob, "charlie": charlie}


def found(client: Client, typed: str, *chosen: User) -> list[str]:
    """The usernames of those who are offered for what is typed, as htmx asks."""
    asked: Sent = {"names": typed, "person": [each.pk for each in chosen], "part": "found"}
    answer = client.get(NEW, asked, headers=HTMX)
    assert answer.status_code == 200
    return usernames(answer)


def usernames(answer: Any) -> list[str]:
    html = answer.content.decode()
    names = (Page(html).root if "<html" in html else fragment(html)).all("[name='add'] bdi")
    return sorted(name.text.removeprefix("@") for name in names)


def form(answer: Any) -> Page:
    assert answer.status_code == 200
    html = answer.content.decode()
    page = Page(html if "<html" in html else f"<!doctype html><title>x</title>{html}")
    page.one("#choose")
    return page


def chosen(page: Page) -> list[int]:
    return [int(each.attributes["value"]) for each in page.all("#chosen input[name='person']")]


def typed(page: Page) -> str:
    return page.one("#names").attributes["value"]


def errors(page: Page) -> str:
    return " ".join(each.text for each in page.all("#names_error"))


def began(answer: Any, *people: User) -> bool:
    """Whether it leads to the conversation of just these people."""
    room = Room.objects.get()
    assert answer.headers["Location"] == f"/rooms/{room.slug}/"
    ids = set(room.memberships.values_list("user_id", flat=True))
    return answer.status_code == 302 and ids == {each.pk for each in people}


# Who is found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bob", ["bob", "bob2"]),
        ("BO", ["bob", "bob2"]),
        ("baker bo", ["bob", "bob2"]),
        ("@bob2", ["bob2"]),
        ("arch", ["alice"]),
        ("vand", ["marguerite"]),
        ("delacroix-v", ["marguerite"]),
        ("zoe", ["zoe.k"]),
        ("ZOË", ["zoe.k"]),
        ("angstrom", ["zoe.k"]),
        ("k", ["zoe.k"]),
        ("GROSS", ["strasse"]),
        ("jurgen", ["strasse"]),
        ("李", ["xiaowen"]),
        ("حداد", ["noor"]),
        ("nameless", ["nameless"]),
        ("ice", []),
        ("bob cooper", []),
        ("%", []),
        ("_", []),
        ("'; --", []),
        ("", []),
        ("\x00", []),
        ("charlie, bo", ["bob", "bob2"]),
        ("charlie, ", []),
    ],
)
def test_people_are_found_by_the_beginning_of_any_word(
    people: dict[str, User], alice_client: Client, query: str, expected: list[str]
) -> None:
    assert found(alice_client, query) == expected


def test_oneself_is_found_too_and_said_to_be(alice: User, alice_client: Client) -> None:
    answer = alice_client.get(NEW, {"names": "alice", "part": "found"}, headers=HTMX)
    assert usernames(answer) == ["alice"]
    assert "· you" in answer.content.decode()


def test_who_is_chosen_or_gone_is_not_found(people: dict[str, User], alice_client: Client) -> None:
    assert found(alice_client, "bob") == ["bob", "bob2"]
    assert found(alice_client, "bob", people["bob"]) == ["bob2"]
    User.objects.filter(pk=people["bob2"].pk).update(is_active=False)
    assert found(alice_client, "bob", people["bob"]) == []


def test_who_is_called_otherwise_is_found_by_the_new_name(
    people: dict[str, User], alice_client: Client
) -> None:
    people["bob"].change_profile(display_name="Robert", time_zone="", language="")
    assert found(alice_client, "baker") == ["bob2"]
    assert found(alice_client, "rob") == ["bob"]


def test_at_most_twenty_are_shown_by_a_query(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    make_crowd(open_room, 50)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(found(alice_client, "workbench")) == direct.FOUND
        return len(captured)

    queries()  # the first request of a process asks whether the place was set up
    few = queries()
    User.objects.bulk_create(User(username=f"workbench-x{n}", password="!") for n in range(100))
    assert queries() == few <= 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Zoë  Ångström-O’Neil", ["zoe", "angstrom", "o", "neil"]),
        ("ＦＵＬＬ　width", ["full", "width"]),
        ("İstanbul", ["istanbul"]),
        ("हिन्दी", ["हिनदी"]),
        ("🎉", []),
        ("\x00\ufffe\ud800"[:2], []),
    ],
)
def test_the_words_of_a_name(name: str, words: list[str]) -> None:
    assert words_of(name) == words


# Choosing


def test_the_plain_page_chooses_by_its_buttons(
    people: dict[str, User], alice_client: Client
) -> None:
    page = form(alice_client.get(NEW))
    assert (chosen(page), typed(page)) == ([], "")
    answer = alice_client.post(NEW, {"names": "bo", "find": ""})
    assert answer.headers["Location"] == f"{NEW}?names=bo"
    answer = alice_client.get(answer.headers["Location"])
    assert typed(form(answer)) == "bo"
    assert usernames(answer) == ["bob", "bob2"]
    answer = alice_client.post(NEW, {"names": "bo", "add": people["bob"].pk})
    page = form(alice_client.get(answer.headers["Location"]))
    assert (chosen(page), typed(page)) == ([people["bob"].pk], "")
    sent: Sent = {"person": [people["bob"].pk, people["noor"].pk], "names": "x"}
    answer = alice_client.post(NEW, {**sent, "drop": people["bob"].pk})
    page = form(alice_client.get(answer.headers["Location"]))
    assert (chosen(page), typed(page)) == ([people["noor"].pk], "x")
    assert not Room.objects.exists()


def test_htmx_is_given_the_form_anew(people: dict[str, User], alice_client: Client) -> None:
    sent: Sent = {"person": [people["noor"].pk], "names": "charlie, bo", "add": people["bob"].pk}
    answer = alice_client.post(NEW, sent, headers=HTMX)
    assert "<html" not in answer.content.decode()
    page = form(answer)
    assert chosen(page) == [people["noor"].pk, people["bob"].pk]
    assert typed(page) == "charlie"


def test_enter_makes_what_was_typed_into_chosen_people(
    people: dict[str, User], alice_client: Client
) -> None:
    sent: Sent = {"names": "Charlie Cooper, @noor, marg", "pick": ""}
    for answer in (
        alice_client.post(NEW, sent, headers=HTMX),
        alice_client.get(alice_client.post(NEW, sent).headers["Location"]),
    ):
        page = form(answer)
        assert set(chosen(page)) == {people[name].pk for name in ("charlie", "noor", "marguerite")}
        assert typed(page) == ""
    assert not Room.objects.exists()


def test_enter_with_nothing_typed_goes_to_the_conversation(
    people: dict[str, User], alice: User, alice_client: Client
) -> None:
    answer = alice_client.post(NEW, {"person": [people["noor"].pk], "names": " ,", "pick": ""})
    assert began(answer, alice, people["noor"])


# Going there


@pytest.mark.parametrize(
    ("names", "others"),
    [
        ("bob2", ["bob2"]),
        ("@charlie", ["charlie"]),
        ("CHARLIE", ["charlie"]),
        ("charlie cooper", ["charlie"]),
        ("  Charlie   Cooper ,, noor ", ["charlie", "noor"]),
        ("Zoe Angstrom", ["zoe.k"]),
        ("zoe k", ["zoe.k"]),
        ("bob, bob2", ["bob", "bob2"]),
        ("marg", ["marguerite"]),
        ("alice", []),
        ("alice, noor", ["noor"]),
    ],
)
def test_typed_names_lead_there(
    people: dict[str, User], alice: User, alice_client: Client, names: str, others: list[str]
) -> None:
    answer = alice_client.post(NEW, {"names": names})
    assert began(answer, alice, *(people[each] for each in others))


def test_htmx_is_led_there_as_a_browser_goes(
    people: dict[str, User], alice: User, alice_client: Client
) -> None:
    answer = alice_client.post(NEW, {"names": "noor"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/rooms/{Room.objects.get().slug}/"


def test_a_link_names_somebody(people: dict[str, User], alice_client: Client) -> None:
    page = form(alice_client.get(NEW, {"with": ["noor", "charlie"]}))
    assert set(chosen(page)) == {people["noor"].pk, people["charlie"].pk}
    page = form(alice_client.get(NEW, {"with": "nobody-here"}))
    assert "Nobody here is called “nobody-here”" in errors(page)


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("names", "kept", "taken", "sentence"),
    [
        ("Bob Baker, noor", "Bob Baker", ["noor"], "Several people are called “Bob Baker”"),
        ("Bob Baker", "Bob Baker", [], "Several people may be meant by “Bob Baker”"),
        ("bo, noor", "bo", ["noor"], "Nobody here is called “bo”"),
        ("noor, xyzzy", "xyzzy", ["noor"], "Nobody here is called “xyzzy”"),
        ("noor, bo", "bo", ["noor"], "Several people may be meant by “bo”"),
        ("🎉", "🎉", [], "Nobody here is called “🎉”"),
        ("<b>, noor", "<b>", ["noor"], "“<b>”"),
        ("", "", [], "Choose somebody to write to"),
        (", ,", "", [], "Choose somebody to write to"),
    ],
)
def test_what_fits_nobody_or_several_is_said_and_nothing_is_lost(
    *,
    people: dict[str, User],
    alice_client: Client,
    headers: dict[str, str],
    names: str,
    kept: str,
    taken: list[str],
    sentence: str,
) -> None:
    page = form(alice_client.post(NEW, {"names": names}, headers=headers))
    assert sentence in errors(page)
    assert typed(page) == kept
    assert chosen(page) == [people[name].pk for name in taken]
    assert not Room.objects.exists()


def test_too_many_are_told_how_many_may(alice: User, alice_client: Client, open_room: Room) -> None:
    crowd = make_crowd(open_room, 150)
    rooms = Room.objects.count()
    page = form(alice_client.post(NEW, {"person": [each.pk for each in crowd[:20]]}))
    assert "At most 20 people" in errors(page)
    assert chosen(page) == [each.pk for each in crowd[:20]]
    page = form(alice_client.post(NEW, {"person": [each.pk for each in crowd]}))
    assert "At most 20 people" in errors(page)
    assert Room.objects.count() == rooms


def test_who_is_gone_meanwhile_is_said_to_be(people: dict[str, User], alice_client: Client) -> None:
    User.objects.filter(pk=people["noor"].pk).update(is_active=False)
    ids = [people["noor"].pk, people["charlie"].pk]
    page = form(alice_client.post(NEW, {"person": ids}))
    assert "no longer write to everybody" in errors(page)
    assert chosen(page) == [people["charlie"].pk]
    assert not Room.objects.exists()


GARBAGE: list[Sent] = [
    {"person": ["", "x", "-1", "1.5", "٣", "9" * 18, "9" * 400, "\x00"]},
    {"person": ["7"] * 900, "names": "\x00"},
    {"names": "x," * 5_000},
    {"names": ",".join(f"n{number}" for number in range(2_000))},
    {"names": "a b c " * 5_000},
    {"names": "\x00, \ud800"[:2]},
    {"add": ""},
    {"add": "9" * 18, "names": ","},
    {"drop": "x" * 5_000},
    {"with": ["\x00", "x" * 5_000]},
    {"pick": "", "add": "1", "drop": "1", "find": ""},
]


@pytest.mark.parametrize("sent", GARBAGE)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_garbage_is_answered_by_the_form(
    alice_client: Client, sent: Sent, headers: dict[str, str]
) -> None:
    for answer in (
        alice_client.get(NEW, sent, headers=headers),
        alice_client.get(NEW, {**sent, "part": "found"}, headers=headers),
        alice_client.post(NEW, sent, headers=headers),
    ):
        assert answer.status_code in {200, 302}
    assert not Room.objects.exists()


def test_ten_thousand_of_something_are_refused(alice_client: Client) -> None:
    assert alice_client.post(NEW, {"person": ["1"] * 10_000}).status_code == 400
    assert alice_client.get(NEW, {"person": ["1"] * 10_000}).status_code in {400, 414}


def test_the_number_of_queries_does_not_grow_with_the_names(
    people: dict[str, User], alice_client: Client, open_room: Room
) -> None:
    crowd = make_crowd(open_room, 15)

    def queries(size: int) -> int:
        names = ", ".join(each.username for each in crowd[:size])
        with CaptureQueriesContext(connection) as captured:
            ids = [each.pk for each in crowd[size : 2 * size]]
            alice_client.post(NEW, {"names": f"{names}, xyzzy", "person": ids})
        return len(captured)

    queries(1)
    assert queries(7) == queries(1)


def test_a_stranger_signs_in_first(place: object, alice: User) -> None:
    for answer in (Client().get(NEW), Client().post(NEW, {"names": "alice"})):
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/accounts/login/")
    answer = Client().get(NEW, {"names": "alice", "part": "found"}, headers=HTMX)
    assert answer.status_code == 401
    assert answer.headers["HX-Retarget"] == "#found"
    assert "You have been signed out" in answer.content.decode()
    assert "alice" not in answer.content.decode().replace("/direct/", "")
    assert not Room.objects.exists()


def test_it_is_a_valid_page_in_every_state(people: dict[str, User], alice_client: Client) -> None:
    everybody = [each.pk for each in people.values()]
    states: list[Sent] = [
        {},
        {"names": "bo"},
        {"names": "xyzzy"},
        {"person": everybody, "names": "b"},
    ]
    for sent in states:
        parse(alice_client.get(NEW, sent))
        parse(alice_client.post(NEW, {**sent, "names": "xyzzy, Bob Baker"}))
    assert "New message" in text(alice_client.get(NEW))


def test_signed_in_or_not_the_token_is_asked_for(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(NEW, {"names": "alice"}).status_code == 403
    assert signed_in(alice).post(NEW, {"names": "alice"}).status_code == 302


def test_a_guest_finds_only_whom_they_share_a_room_with(alice: User, bob: User) -> None:
    guest = make_user("gast", role=Role.GUEST)
    make_room("Shared", alice, guest)
    assert {person.username for person in direct.search(guest, "alice")} == {alice.username}
    assert direct.search(guest, "bob") == []
    signed_in(guest).post("/direct/new/", {"names": "bob"})
    assert not Room.objects.filter(direct=True).exists()
    signed_in(guest).post("/direct/new/", {"names": "alice"})
    assert Room.objects.filter(direct=True).exists()
    assert "bob" in {person.username for person in direct.search(alice, "bob")}
