"""Searching: one corpus, the same answers from SQLite and PostgreSQL; nobody finds what is not theirs.

How words are told apart and marked is in test_search_words.py.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.models import Message, Role, Room, User
from rooms.models.searching import index, matches
from rooms.models.searching.matches import SearchTooLong
from rooms.models.searching.query import Phrase, parsed
from rooms.models.searching.reindex import reindex
from rooms.models.searching.search import BEST, PAGE, Filters, Found, search
from rooms.views import search as view
from tests.cast import signed_in
from tests.factories import make_room, make_user, say
from tests.page import fragment
from tests.page import parsed as page_of

if TYPE_CHECKING:
    from django.test import Client

SEARCH = "/search/"
HTMX = {"HX-Request": "true"}


def find(user: User, text: str, cursor: str = "", **filters: Any) -> Found:
    return search(user, parsed(text), Filters(**filters), cursor)


def bodies(user: User, text: str, **filters: Any) -> list[str]:
    return [message.body for message in find(user, text, **filters).messages]


def hits(response: Any) -> list[str]:
    """The text of each result on the page."""
    return [row.one(".body").text for row in page_of(response.content.decode()).all(".found>li")]


# What is found: newest first, on whatever the tests run

CORPUS = {
    "kettles": "The blue kettle is on, **kettles** everywhere.",
    "thermostat": "A kettle has a thermostat; see https://example.org/strix_U1855?a=b",
    "vinegar": "Don't put vinegar into the ketchup!",
    "street": "Die STRASSE zum Ärger führt über l'École, naïve Gärten und Łódź",
    "chinese": "热水壶的温控器（kettle）型号是U1855，可以换成U1830。",
    "tea": "我们喝茶",
    "japanese": "ガラスの急須とｶﾞﾗｽのコップ、か が",
    "thai": "กาต้มน้ำเสีย",
    "korean": "친구가 주전자를 고쳤다",
    "hindi": "केतली हिन्दी में",
    "arabic": "الغَلّاية مُعَطَّلة",
    "hebrew": "הַקּוּמְקוּם רותח",
    "russian": "Чайник и ёлка",
    "code": "`kettle.boil(cups=2)` in __init__.py, 2*3*4",
    "numbers": "№ 5 costs ½ of ２０ €",
    "repeats": "ha " * 300 + "end here",
    "long": "a" * 150 + " and then " + "z" * 70,
    "sql": "' OR 1=1 -- \" * NEAR(a b) & | ! :* <-> \\",
    "underscore": "_r1 _a1 _ snake_case",
    "emoji": "👍 ❤️ :tada:",
    "again": "kettle, the thermostat of the blue one",
}

EXPECTED = {
    "kettle": "again code chinese thermostat kettles",
    "KETTLE ": "again code chinese thermostat kettles",
    "kettles ": "kettles",
    "ket": "again code chinese vinegar thermostat kettles",
    "ket ": "",
    "k": "",
    "kettle thermostat": "again thermostat",
    "thermostat kettle": "again thermostat",
    '"kettle thermostat"': "",
    '"has a thermostat"': "thermostat",
    '"kettle has a th': "thermostat",
    '"has a th"': "",
    "“blue kettle”": "kettles",
    "kettle -thermostat": "code chinese kettles",
    "kettle -therm": "again code chinese thermostat kettles",
    'kettle -"blue kettle"': "again code chinese thermostat",
    "kettle -blue -has": "code chinese",
    "don't": "vinegar",
    "dont": "",
    "example.org": "thermostat",
    "https://example.org/strix_u1855": "thermostat",
    "org.example ": "",
    "straße": "street",
    "strasse arger ecole naive lodz": "street",
    "ECOLE garten": "street",
    "温控器": "chinese",
    "温控": "chinese",
    "控温": "",
    "温控器 kettle": "chinese",
    "u1855 ": "chinese thermostat",
    "器": "chinese",
    "热": "chinese",
    "茶": "tea",
    "喝茶": "tea",
    "茶喝": "",
    "ガラス": "japanese",
    "ｶﾞﾗｽ": "japanese",
    "カラス": "",
    "が": "japanese",
    "コップ、か": "japanese",
    "ต้มน้ำ": "thai",
    "เสีย": "thai",
    "친구": "korean",
    "친구 주전자를": "",
    "친구가 주전자": "korean",
    "हिन्दी": "hindi",
    "हि": "hindi",
    "الغلاية": "arabic",
    "معطلة": "arabic",
    "קומקום": "",
    "הקומקום": "hebrew",
    "чайник елка": "russian",
    "boil(cups": "code",
    "init py": "code",
    "2*3*4": "code",
    "20": "numbers",
    "1 2 5": "numbers",
    "ha": "repeats thermostat",
    "ha ": "repeats",
    '"ha ha"': "repeats",
    '"ha end"': "",
    '"end here"': "repeats",
    "a" * 150: "long",
    "a" * 70: "long",
    "z" * 70 + " ": "long",
    '"then ' + "z" * 70 + '"': "long",
    "1=1": "sql",
    "near(a": "sql",
    "snake_case": "underscore",
    "_r1": "underscore",
    "r1 ": "underscore",
    "a1": "underscore",
    "tada": "emoji",
    "👍": None,
    "' \" * \\ : & | ! <->": None,
    "-": None,
    "": None,
    "-kettle": None,
}  # None: nothing is asked for


@pytest.fixture
def corpus(bob: User, open_room: Room) -> dict[str, str]:
    """What was said, by its text; names as above."""
    say(open_room, bob, *CORPUS.values())
    return {text.rstrip(): name for name, text in CORPUS.items()}


@pytest.mark.parametrize(
    ("text", "expected"), EXPECTED.items(), ids=lambda given: (given or "")[:30]
)
def test_what_is_found(
    alice: User, corpus: dict[str, str], text: str, expected: str | None
) -> None:
    query = parsed(text)
    assert (expected is None) == (not query.phrases)
    if expected is not None:
        found = find(alice, text)
        assert [corpus[message.body] for message in found.messages] == expected.split()
        assert (found.total, found.more_than) == (len(expected.split()), False)
        # and the best are among these
        assert {corpus[body] for body in bodies(alice, text, order=BEST)} == {*expected.split()}


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "a b c d e f g h i j " * 500,
        '"' * 999,
        "((((" * 99 + "AND OR NOT NEAR/2 ^x col:y {a} + *",
        "from:" * 60,
        '-"' * 99,
        "热" * 300,
        "茶 " * 150,
        "\x00kettle\x00",
        "\ud83d\ud83d",
        "' || (SELECT 1) || '",
        "from:_r1 in:_a1 kettle:*",
    ],
    ids=lambda text: text[:12].encode("ascii", "backslashreplace").decode(),
)
def test_nothing_that_is_typed_breaks_it(alice: User, corpus: dict[str, str], text: str) -> None:
    for order in ("newest", "best"):
        find(alice, text, order=order)


def test_a_word_that_may_go_on_is_looked_for_whole_once_a_space_follows() -> None:
    assert parsed("blue ket").phrases == (Phrase(("blue",)), Phrase(("ket",), begun=True))
    assert parsed("blue ket ").phrases == (Phrase(("blue",)), Phrase(("ket",)))
    assert parsed("手机iphone").phrases == (Phrase(("手机", "机", "iphone"), begun=True),)


def test_what_is_asked_is_taken_apart() -> None:
    query = parsed('from:@bob IN:"Sewing and mending" -no -"not so" x from: y')
    assert query.authors == ("@bob",)
    assert query.rooms == ("Sewing and mending",)
    assert query.without == (Phrase(("no",)), Phrase(("not", "so")))
    assert [phrase.words for phrase in query.phrases] == [("x",), ("from",), ("y",)]


# As soon as it is said, and no longer than it is there


def test_an_edit_changes_what_finds_a_message(alice: User, bob: User, open_room: Room) -> None:
    message, other = say(open_room, bob, "The kettle is on", "The toaster too")
    assert bodies(alice, "kettle ") == ["The kettle is on"]
    message.edit("The urn is on", by=bob)
    assert bodies(alice, "kettle ") == []
    assert bodies(alice, "urn ") == ["The urn is on"]
    other.edit("The kettle too", by=bob)
    assert bodies(alice, "kettle ") == ["The kettle too"]


def test_a_deleted_message_is_never_found(alice: User, bob: User, open_room: Room) -> None:
    message, _kept = say(open_room, bob, "The kettle is on", "The kettle is off")
    assert len(bodies(alice, "kettle")) == 2
    message.delete_for_everybody(by=bob)
    found = find(alice, "kettle")
    assert ([each.body for each in found.messages], found.total) == (["The kettle is off"], 1)
    assert "kettle" not in indexed(message)


def indexed(message: Message) -> str:
    """What the index itself has of the message."""
    key = "message_id" if index.is_postgresql() else "rowid"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT words FROM rooms_search WHERE {key} = %s", [message.pk])
        found = cursor.fetchone()
    return str(found and found[0])


def test_a_message_whose_row_is_taken_away_leaves_nothing_in_the_index(
    alice: User, bob: User, open_room: Room
) -> None:
    kept, message = say(open_room, bob, "The kettle is on", "The kettle is off")
    assert "off" in indexed(message)
    Message.objects.filter(pk=message.pk).delete()
    assert indexed(message) == "None"
    open_room.delete()
    assert indexed(kept) == "None"


def test_so_it_is_after_a_migration_that_made_the_table_anew(bob: User, open_room: Room) -> None:
    (message,) = say(open_room, bob, "The kettle is on")
    if not index.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER rooms_search_forgets")
    emit_post_migrate_signal(0, interactive=False, db="default")
    key = Message(pk=message.pk)
    message.delete()
    assert indexed(key) == "None"


def test_what_was_not_stored_is_not_found(alice: User, bob: User, open_room: Room) -> None:
    with transaction.atomic():
        say(open_room, bob, "The kettle is on")
        transaction.set_rollback(True)
    assert bodies(alice, "kettle") == []
    open_room.post(bob, "The kettle is on", "the-same-key")
    open_room.post(bob, "The kettle is on", "the-same-key")
    assert bodies(alice, "kettle") == ["The kettle is on"]


def test_posting_asks_as_often_as_it_must(bob: User, open_room: Room) -> None:
    say(open_room, bob, "warm up")
    with CaptureQueriesContext(connection) as asked:
        say(open_room, bob, "The kettle is on")
    about = [each["sql"] for each in asked if "rooms_" in each["sql"]]
    assert len(about) == (4 if index.is_postgresql() else 6)


# Who finds what


def test_an_outsider_finds_nothing_of_a_private_room(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    say(private_room, alice, "The kettle is secret")
    say(open_room, alice, "The kettle is on")
    for text in (
        "kettle",
        "secret",
        f"in:{private_room.slug}",
        "in:Committee kettle",
        "from:alice",
    ):
        assert any("secret" in body for body in bodies(bob, text)), text
        found = find(charlie, text)
        assert not any("secret" in message.body for message in found.messages), text
        assert found.total == len(found.messages) <= 1
        assert "secret" not in "".join(bodies(charlie, text, order=BEST))
    assert find(charlie, "kettle", room=private_room.slug).unknown_room == private_room.slug
    assert find(charlie, "kettle", room="nowhere").unknown_room == "nowhere"


def test_whoever_leaves_a_private_room_finds_nothing_of_it_any_more(
    alice: User, bob: User, private_room: Room
) -> None:
    say(private_room, bob, "The kettle is secret")
    assert bodies(bob, "kettle") == ["The kettle is secret"]
    private_room.remove(bob)
    assert bodies(bob, "kettle") == []
    assert find(bob, "kettle").total == 0
    assert bodies(bob, "from:me") == []
    private_room.add(bob)
    assert bodies(bob, "kettle") == ["The kettle is secret"]


def test_what_shows_is_asked_of_the_rooms_and_not_only_of_the_index(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    """Even if the index says too much."""
    (secret,) = say(private_room, alice, "The kettle is secret")
    (gone,) = say(open_room, alice, "The kettle is gone")
    Message.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    with (
        patch.object(view, "search", wraps=search),
        patch("rooms.models.searching.search.newest", return_value=[gone.pk, secret.pk]),
    ):
        assert bodies(bob, "kettle") == ["The kettle is secret"]
        assert bodies(charlie, "kettle") == []


def test_the_way_to_rooms_is_the_one_door(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    """Whatever narrows `visible_to` narrows the search."""
    say(open_room, alice, "The kettle is on")
    say(private_room, alice, "The kettle is secret")
    only = Room.objects.filter(pk=private_room.pk)
    assert len(bodies(bob, "kettle")) == 2
    with (
        patch.object(type(Room.objects.all()), "visible_to", lambda *_: only),
        patch.object(type(Room.objects), "visible_to", lambda *_: only),
    ):
        assert bodies(bob, "kettle") == ["The kettle is secret"]


@pytest.mark.parametrize("narrow", [True, False])
def test_a_reader_of_few_rooms_and_one_of_many_find_the_same(
    alice: User, bob: User, open_room: Room, private_room: Room, narrow: bool
) -> None:
    say(open_room, alice, *["The kettle is on"] * 3)
    say(private_room, alice, "The kettle is secret", "The toaster is not")
    wanted = matches.Wanted(
        phrases=parsed("kettle").phrases, without=(), rooms=[private_room.pk], narrow=narrow
    )
    assert len(matches.newest(wanted, 10)) == 1


# Filters


def test_by_room(alice: User, bob: User, open_room: Room, private_room: Room) -> None:
    say(open_room, bob, "The kettle is on")
    say(private_room, bob, "The kettle is off")
    for called in ("workbench", "Workbench", "WORKBENCH"):
        assert bodies(alice, f"kettle in:{called}") == ["The kettle is on"]
    assert bodies(alice, "kettle", room=private_room.slug) == ["The kettle is off"]
    assert bodies(alice, "kettle in:workbench", room=private_room.slug) == []
    assert bodies(alice, "in:workbench") == ["The kettle is on"]
    assert bodies(alice, "", room=private_room.slug) == ["The kettle is off"]


def test_by_author(alice: User, bob: User, charlie: User, open_room: Room) -> None:
    other = make_user("robert", "Bob BÄCKER")
    say(open_room, alice, "The kettle is on")
    say(open_room, bob, "The kettle is off")
    say(open_room, other, "The kettle is mine")
    for called in ("bob", "@bob", "BOB", '"bob baker"', '"Bob Baker"'):
        assert bodies(alice, f"kettle from:{called}") == ["The kettle is off"], called
    assert bodies(alice, 'kettle from:"bob bäcker"') == ["The kettle is mine"]
    assert bodies(alice, "kettle", author="Bob Baecker") == []
    assert bodies(alice, "kettle from:me") == ["The kettle is on"]
    assert bodies(alice, "from:bob") == ["The kettle is off"]
    assert bodies(alice, "from:bob from:alice") == ["The kettle is off", "The kettle is on"]
    assert bodies(alice, "kettle from:charlie") == bodies(alice, "kettle from:nobody") == []


def test_by_date(alice: User, bob: User, open_room: Room) -> None:
    first, second, third = say(open_room, bob, "kettle one", "kettle two", "kettle three")
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    for days, message in enumerate((first, second, third)):
        at = noon + timedelta(days=days)
        Message.objects.filter(pk=message.pk).update(created_at=at)
        if index.is_postgresql():
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE rooms_search SET created_at = %s WHERE message_id = %s",
                    [at, message.pk],
                )
    second_noon = noon + timedelta(days=1)
    assert bodies(alice, "kettle", since=second_noon) == ["kettle three", "kettle two"]
    assert bodies(alice, "kettle", until=second_noon) == ["kettle one"]
    assert bodies(alice, "-two", until=second_noon + timedelta(days=9)) == [
        "kettle three",
        "kettle one",
    ]
    assert bodies(alice, "", since=second_noon, until=second_noon + timedelta(days=1)) == [
        "kettle two"
    ]


# Many


@pytest.fixture
def many(bob: User, open_room: Room) -> list[str]:
    """A hundred messages with a common word, the newest first."""
    said = [f"kettle number {number}" for number in range(100)]
    say(open_room, bob, *said)
    return said[::-1]


def all_pages(user: User, text: str, **filters: Any) -> list[str]:
    found, cursor = [], ""
    for _page in range(100):
        page = find(user, text, cursor, **filters)
        assert len(page.messages) <= PAGE
        found += [message.body for message in page.messages]
        cursor = page.next_cursor
        if not cursor:
            return found
    raise AssertionError("it does not end")


def test_pages_follow_each_other(alice: User, bob: User, open_room: Room, many: list[str]) -> None:
    assert all_pages(alice, "kettle") == many
    assert sorted(all_pages(alice, "kettle", order=BEST)) == sorted(many)


def test_what_is_said_meanwhile_moves_no_page(
    alice: User, bob: User, open_room: Room, many: list[str]
) -> None:
    for order in ("newest", "best"):
        first = find(alice, "kettle", order=order)
        expected = bodies_of(find(alice, "kettle", first.next_cursor, order=order))
        say(open_room, bob, "kettle kettle kettle", "another kettle")
        assert bodies_of(find(alice, "kettle", first.next_cursor, order=order)) == expected


def bodies_of(found: Found) -> list[str]:
    return [message.body for message in found.messages]


def test_of_very_many_it_is_said_that_there_are_more(
    alice: User, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.models.searching.search.COUNTED", 60)
    found = find(alice, "kettle")
    assert (found.total, found.more_than) == (60, True)
    assert all_pages(alice, "kettle") == many, "and one can read on behind them"
    assert sorted(all_pages(alice, "kettle", order=BEST)) == sorted(many[:60])
    monkeypatch.setattr("rooms.models.searching.search.COUNTED", 100)
    assert find(alice, "kettle").more_than is False


@pytest.mark.parametrize(("sample", "common"), [(10, 5), (10, 50), (40, 5), (4000, 36)])
def test_however_the_newest_are_come_by(
    alice: User, open_room: Room, many: list[str], *, sample: int, common: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(matches, "SAMPLE", sample)
    monkeypatch.setattr(matches, "COMMON", common)
    monkeypatch.setattr(matches, "COMMON_PHRASE", common)
    monkeypatch.setattr(matches, "WALK", 60)
    say(open_room, alice, "a urn", *["quiet"] * 20)
    assert all_pages(alice, "kettle") == many
    assert bodies(alice, "urn ") == ["a urn"]
    assert all_pages(alice, '"kettle number"') == many
    assert all_pages(alice, "kettle -7") == [each for each in many if each != "kettle number 7"]


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "9" * 30, "1-2-3-4", "0", "'", "999999999-1-1", "0-0-0", "5-5"]
)
def test_a_cursor_that_no_page_gave_is_harmless(alice: User, many: list[str], cursor: str) -> None:
    for order in ("newest", "best"):
        assert len(find(alice, "kettle", cursor, order=order).messages) <= PAGE


def test_the_best_come_first(alice: User, bob: User, open_room: Room) -> None:
    say(
        open_room,
        bob,
        "kettle",
        "The kettle and, after a long while of other things, the thermostat",
        "The kettle thermostat",
        "kettles",
        "a kettle in a very long message " + "that goes on and on " * 20,
        "kettle, kettle, kettle",
    )
    assert bodies(alice, "kettle ", order=BEST)[:2] == ["kettle, kettle, kettle", "kettle"]
    assert bodies(alice, "kettle", order=BEST)[-1].startswith("a kettle in a very long")
    assert bodies(alice, "kettle thermostat", order=BEST)[0] == "The kettle thermostat"
    said = bodies(alice, "kettle", order=BEST)
    assert said.index("kettle") < said.index("kettles")


def test_the_number_of_queries_does_not_grow(
    alice: User, bob: User, open_room: Room, many: list[str]
) -> None:
    def asked(text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            signed_in(alice).get(SEARCH, {"q": text})
        return len(captured)

    few = asked('"number 7"') + index.is_postgresql()  # which may come by them in one way more
    for number in range(10):
        person = make_user(f"person-{number}")
        say(make_room(f"Room {number}", person), person, *["kettle number one"] * 5)
    assert asked("kettle") <= few


# What takes too long, and who asks too often


def test_a_search_that_takes_too_long_says_so(
    alice_client: Client, alice: User, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = alice_client.get(SEARCH, {"q": "kettle"})
    assert len(hits(asked)) == PAGE
    monkeypatch.setattr(matches, "LONGEST", 0.2)
    monkeypatch.setattr(matches, "TICK", 100)
    slow = (
        "SELECT pg_sleep(20)"
        if index.is_postgresql()
        else "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    )
    way = "_newest_by_gin" if index.is_postgresql() else "_newest_by_fts5"
    monkeypatch.setattr(matches, way, lambda *_: matches._rows(slow, []))
    with pytest.raises(SearchTooLong):
        find(alice, "kettle")
    answer = alice_client.get(SEARCH, {"q": "kettle"})
    assert answer.status_code == 200
    assert "This takes too long" in answer.content.decode()
    monkeypatch.undo()
    assert len(bodies(alice, "kettle")) == PAGE, "and the connection goes on"


def test_who_asks_too_often_is_asked_to_wait(
    alice_client: Client, bob_client: Client, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SEARCHES", 3)
    monkeypatch.setattr("rooms.views.search.clock.time", lambda: 1_000_000.0)
    answers = [alice_client.get(SEARCH, {"q": "kettle"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Wait a little" in answers[-1].content.decode()
    assert 'value="kettle"' in answers[-1].content.decode()
    part = alice_client.get(SEARCH, {"q": "kettle", "part": "1"}, headers=HTMX)
    assert (part.status_code, hits_of_part(part)) == (200, [])
    assert bob_client.get(SEARCH, {"q": "kettle"}).status_code == 200
    monkeypatch.setattr("rooms.views.search.clock.time", lambda: 1_000_060.0)
    assert alice_client.get(SEARCH, {"q": "kettle"}).status_code == 200


# The page


def hits_of_part(response: Any) -> list[str]:
    return [row.text for row in fragment(response.content.decode()).all(".found>li")]


def test_a_result_names_room_author_and_moment_and_leads_to_the_message(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, bob, "The **blue** kettle & <b>kettles</b>")
    page = page_of(bob_client.get(SEARCH, {"q": "blue kett"}).content.decode())
    row = page.one(".found>li")
    assert "Bob Baker in Workbench Today," in row.text
    address = row.one(".at").attributes["href"]
    assert address == reverse("message", args=[open_room.slug, message.number])
    assert bob_client.get(address).status_code == 200
    assert [mark.text for mark in row.all("mark")] == ["blue", "kettle", "kettles"]
    assert row.one(".body").text == "The blue kettle & <b>kettles</b>"
    assert page.one("#found-count").text == "1 message"
    assert page.one("#q").attributes["value"] == "blue kett"


def test_a_part_brings_the_results_the_count_and_the_address(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "The kettle is on")
    form = {"q": "ket", "room": "", "by": "", "since": "", "until": "", "order": "", "part": "1"}
    answer = bob_client.get(SEARCH, form, headers=HTMX)
    text = answer.content.decode()
    assert "<html" not in text
    assert answer.headers["HX-Replace-Url"] == "/search/?q=ket"
    assert len(hits_of_part(answer)) == 1
    count = fragment(text).one("#found-count")
    assert (count.text, count.attributes["hx-swap-oob"]) == ("1 message", "innerHTML")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "What can be asked for"),
        ({"q": "   "}, "What can be asked for"),
        ({"q": "👍"}, "What can be asked for"),
        ({"q": "-kettle"}, "Say also what to look for."),
        ({"q": "xyzzy"}, "No message was found"),
        ({"q": "xyzzy", "by": "bob"}, "all rooms, people and days"),
        ({"q": "kettle", "by": "nobody"}, "No message was found"),
        ({"q": "in:nowhere kettle"}, "There is no room “nowhere” that you could see."),
        ({"q": "kettle", "room": "nowhere"}, "There is no room “nowhere”"),
        ({"q": "kettle", "since": "banana"}, "“banana” is not a date."),
        ({"q": "kettle", "since": "2026-02-30"}, "“2026-02-30” is not a date."),
        ({"q": "kettle", "since": "2026-02-02", "until": "2026-02-01"}, "The last day is before"),
        ({"q": "kettle", "since": "0001-01-01", "until": "9999-12-31"}, "1 message"),
        ({"q": "kettle", "order": "sideways", "before": "garbage"}, "1 message"),
        ({"q": "kettle " + "y" * 9_000}, "Only the first 300 characters"),
        ({"q": "\0kettle\0", "by": "\0", "room": "\0", "since": "\0"}, "1 message"),
        ({"q": ["toaster", *["kettle"] * 500]}, "1 message"),
        ({"by": "bob"}, "1 message"),
        ({"since": "2026-01-01"}, "1 message"),
    ],
    ids=str,
)
def test_a_friendly_answer_to_whatever_is_asked(
    bob: User, bob_client: Client, open_room: Room, query: dict[str, str], said: str
) -> None:
    bob.time_zone = "Pacific/Kiritimati"
    bob.save()
    say(open_room, bob, "The kettle is on")
    answer = bob_client.get(SEARCH, query)
    assert answer.status_code == 200
    assert said in page_of(answer.content.decode()).text
    part = bob_client.get(SEARCH, {**query, "part": "1"}, headers=HTMX)
    assert part.status_code == 200
    assert said in fragment(part.content.decode()).text


def test_what_was_chosen_stays_chosen(bob: User, bob_client: Client, private_room: Room) -> None:
    chosen = {
        "q": '"> <b>', "room": private_room.slug, "by": "Bob", "since": "2026-01-01",
        "until": "2026-12-31", "order": "best",
    }  # fmt: skip
    page = page_of(bob_client.get(SEARCH, chosen).content.decode())
    for name in ("q", "by", "since", "until"):
        assert page.one(f"#{name}").attributes["value"] == chosen[name]
    assert [each.attributes["value"] for each in page.all("option") if "selected" in each.attributes] == [
        private_room.slug, "best",
    ]  # fmt: skip


def test_days_are_those_of_the_reader(bob: User, open_room: Room) -> None:
    (message,) = say(open_room, bob, "The kettle is on")
    at = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    Message.objects.filter(pk=message.pk).update(created_at=at)
    list(reindex())
    if index.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE rooms_search SET created_at = %s", [at])
    for zone, day in {"UTC": "2026-03-10", "Asia/Tokyo": "2026-03-11"}.items():
        bob.time_zone = zone
        bob.save()
        for asked in ("2026-03-10", "2026-03-11"):
            answer = signed_in(bob).get(SEARCH, {"q": "kettle", "since": asked, "until": asked})
            assert len(hits(answer)) == (asked == day), (zone, asked)


def test_the_form_offers_only_what_the_reader_may_see(
    alice: User, bob: User, charlie_client: Client, bob_client: Client, private_room: Room
) -> None:
    make_user("hidden", "Hidden Person")
    inside = bob_client.get(SEARCH).content.decode()
    assert "Committee" in inside
    assert "Alice Archer" in inside
    outside = charlie_client.get(SEARCH).content.decode()
    for secret in ("Committee", private_room.slug, "Alice Archer", "Hidden Person"):
        assert secret not in outside


def test_a_direct_conversation_is_found_by_its_people_alone(
    alice: User, bob: User, charlie: User, bob_client: Client
) -> None:
    talk = Room.direct_with([charlie], by=bob)
    say(talk, charlie, "the spare kettle")
    page = page_of(bob_client.get(SEARCH, {"q": "spare"}).content.decode())
    assert page.all(".found>li .where a")[0].text == "Charlie Cooper"
    assert "Charlie Cooper" in [each.text for each in page.all("#room option")]
    assert bodies(bob, "spare", room=talk.slug) == ["the spare kettle"]
    assert bodies(alice, "spare") == []


def test_a_guest_finds_what_was_said_in_their_rooms_alone(
    alice: User, open_room: Room, private_room: Room
) -> None:
    guest = make_user("gast", role=Role.GUEST)
    say(open_room, alice, "a kettle")
    say(private_room, alice, "another kettle")
    assert bodies(guest, "kettle") == []
    private_room.add(guest)
    assert bodies(guest, "kettle") == ["another kettle"]


def test_a_stranger_signs_in_first(client: Client, bob: User, open_room: Room) -> None:
    answer = client.get(SEARCH, {"q": "kettle"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("account_login"))
    part = client.get(SEARCH, {"q": "kettle", "part": "1"}, headers=HTMX)
    assert part.headers["HX-Retarget"] == "#found"
    assert "You have been signed out." in part.content.decode()
    assert 'id="direct-list" hx-swap-oob' in part.content.decode(), "no names are left beside it"


def test_only_asking_is_allowed(bob_client: Client) -> None:
    assert bob_client.post(SEARCH).status_code == 405


# Making the index anew


def test_all_is_indexed_anew_in_batches(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.models.searching.reindex.BATCH", 4)
    said = say(open_room, bob, *(f"kettle {number}" for number in range(10)))
    said[3].delete_for_everybody(by=bob)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rooms_search")
    assert bodies(alice, "kettle") == []
    batches = reindex(everything=False)
    assert next(batches) == (4, said[4].pk)
    batches.close()
    assert len(bodies(alice, "kettle")) == 4
    out = io.StringIO()
    call_command("reindex", "--missing", stdout=out)
    assert "Done: 5 messages indexed." in out.getvalue()
    assert len(bodies(alice, "kettle")) == 9
    Message.objects.filter(pk=said[0].pk).update(body="urn")
    call_command("reindex", "--after", str(said[0].pk), stdout=out)
    assert bodies(alice, "urn ") == []
    call_command("reindex", stdout=out)
    assert bodies(alice, "urn ") == ["urn"]
    assert len(bodies(alice, "kettle")) == 8


@pytest.mark.django_db(transaction=True)
def test_posting_editing_and_reindexing_at_once_leave_nothing_out(
    alice: User, bob: User, open_room: Room
) -> None:
    said = say(open_room, bob, *(f"old {number}" for number in range(30)))

    def work(job: int) -> None:
        try:
            if job == 0:
                for _ in range(5):
                    list(reindex())
            else:
                for number in range(job, 30, 3):
                    said[number].edit(f"new {number}", by=bob)
                    say(open_room, bob, f"new again {number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert all_pages(alice, "old ") == ["old 0"]
    assert len(all_pages(alice, "new ")) == 58
