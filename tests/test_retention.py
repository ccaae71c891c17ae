"""Messages that are older than a room keeps them are removed, and nothing of them stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from rooms import chores, disk
from rooms.background import do_what_is_due
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import Attachment, Membership, Message, Place, Room, Shelf, retention
from rooms.models.searching.query import parsed
from rooms.models.searching.search import Filters, search
from rooms.upkeep import remove_what_is_old
from tests import files
from tests.cast import signed_in
from tests.factories import say, say_with_files, unread_of
from tests.page import Page
from tests.page import parsed as page_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from rooms.models import User

DAY = timedelta(days=1)


def age(room: Room, upto: int, days: int) -> None:
    """Make the messages up to this number so many days older."""
    for message in room.messages.filter(number__lte=upto):
        message.created_at -= days * DAY
        message.save(update_fields=["created_at"])


def clean_up(room: Room, days: int | None = 30) -> None:
    """What the worker does with a room that keeps messages so long."""
    retention.change_rule(room, days)
    while retention.remove_old_messages(room, timezone.now()):
        pass
    room.refresh_from_db()


def numbers(room: Room) -> list[int]:
    return list(room.messages.order_by("number").values_list("number", flat=True))


def bodies(room: Room) -> list[str]:
    return [row.body for row in room.history().rows]


# What is removed


def test_what_is_too_old_is_removed_and_the_rest_stays(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one", "two", "three")
    age(open_room, 2, 31)
    clean_up(open_room, None)
    assert numbers(open_room) == [1, 2, 3]
    clean_up(open_room, retention.FOR_EVER)
    assert numbers(open_room) == [1, 2, 3]
    clean_up(open_room, 32)
    assert numbers(open_room) == [1, 2, 3]
    clean_up(open_room, 30)
    assert numbers(open_room) == [3]
    assert open_room.first_number == 3
    assert not Message.objects.filter(room=open_room, body__in=["one", "two"]).exists()


def test_whatever_a_clock_said_only_the_beginning_goes(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one", "two", "three")
    Message.objects.filter(number__in=[1, 3]).update(created_at=timezone.now() - 40 * DAY)
    clean_up(open_room)
    assert numbers(open_room) == [2, 3]


def test_all_may_go_and_people_go_on_talking(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one", "two")
    age(open_room, 2, 40)
    clean_up(open_room)
    assert bodies(open_room) == []
    (third,) = say(open_room, bob, "three")
    assert third.number == 3
    assert bodies(open_room) == ["three"]
    assert not open_room.history(before=3).rows
    assert not open_room.history(after=2).has_older


def test_files_are_gone_from_the_disk_and_are_no_longer_counted(
    bob: User, open_room: Room, django_capture_on_commit_callbacks: Any
) -> None:
    kept_before = Shelf.objects.filter(pk=1).values_list("bytes", flat=True).first() or 0
    say_with_files(open_room, bob, "look", {"cup.png": files.picture()})
    say_with_files(open_room, bob, "and", {"tea.png": files.picture()})
    age(open_room, 1, 40)
    cup, tea = Attachment.objects.order_by("pk")
    assert disk.full(cup.path).exists()
    with django_capture_on_commit_callbacks(execute=True):
        clean_up(open_room)
    assert list(Attachment.objects.all()) == [tea]
    assert not disk.full(cup.path).exists()
    assert not disk.full(disk.thumbnail(cup.path)).exists()
    assert disk.full(tea.path).exists()
    assert Shelf.objects.get(pk=1).bytes == kept_before + tea.size


def test_nothing_of_it_is_found(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, bob, "the old kettle", "the new kettle")
    age(open_room, 1, 40)
    assert search(alice, parsed("kettle"), Filters()).total == 2
    clean_up(open_room)
    found = search(alice, parsed("kettle"), Filters())
    assert ([each.body for each in found.messages], found.total) == (["the new kettle"], 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM rooms_search")
        assert cursor.fetchone() == (1,)


def test_pins_are_counted_anew(alice: User, bob: User, open_room: Room) -> None:
    old, new = say(open_room, bob, "old", "new")
    old.pin(by=alice)
    new.pin(by=alice)
    age(open_room, 1, 40)
    clean_up(open_room)
    assert open_room.pins == 1
    assert [row.body for row in open_room.pinned()] == ["new"]


def test_what_was_unread_of_it_is_so_no_more(alice: User, bob: User, open_room: Room) -> None:
    say(open_room, bob, "one", "two", "three")
    age(open_room, 2, 40)
    assert unread_of(open_room, alice) == 3
    clean_up(open_room)
    assert unread_of(open_room, alice) == 1
    assert Membership.objects.get(room=open_room, user=alice).last_read == 0


def test_an_archived_room_is_cleaned_as_well(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one")
    age(open_room, 1, 40)
    retention.change_rule(open_room, 30)
    open_room.archive()
    retention.remove_old_messages(open_room, timezone.now())
    assert numbers(open_room) == []


# What pointed at it


def test_answers_to_it_quote_nothing_and_begin_threads_of_their_own(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "one")
    for number, original in enumerate([1, 2, 2, 1, 5], start=2):
        open_room.post(bob, f"{number} to {original}", f"key-number-{number}", reply=original)
    Message.objects.get(number=4).delete_for_everybody(by=bob)
    age(open_room, 1, 40)
    clean_up(open_room)
    rows = {row.number: row for row in open_room.history().rows}
    assert {number: row.quote and row.quote.number for number, row in rows.items()} == {
        2: None,
        3: 2,
        4: None,
        5: None,
        6: 5,
    }
    assert {number: row.replies for number, row in rows.items()} == {2: 1, 3: 0, 4: 0, 5: 1, 6: 0}
    threads = dict(open_room.messages.values_list("number", "thread__number"))
    assert threads == {2: None, 3: 2, 4: 2, 5: None, 6: 5}
    open_room.post(alice, "on", "key-number-7", reply=3)
    assert open_room.messages.get(number=2).replies == 2


def test_a_whole_thread_goes_in_pieces(alice: User, bob: User, open_room: Room) -> None:
    """Whatever the batches are, what is left is as if it had gone at once."""
    say(open_room, alice, "one")
    for number in range(2, 12):
        open_room.post(
            bob, f"{number}", f"key-number-{number}", reply=1 if number % 2 else number - 1
        )
    age(open_room, 8, 40)
    retention.change_rule(open_room, 30)
    while retention.remove_old_messages(open_room, timezone.now(), at_once=3):
        pass
    assert numbers(open_room) == [9, 10, 11]
    of_threads = open_room.messages.order_by("number").values_list("thread__number", "replies")
    assert list(of_threads) == [(None, 1), (9, 0), (None, 0)]


def test_what_was_begun_in_reply_to_it_can_be_sent_without(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "one", "two")
    membership = open_room.memberships.get(user=bob)
    membership.save_draft("well,", "key-of-a-draft", 1)
    age(open_room, 1, 40)
    clean_up(open_room)
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert "well," in page
    assert 'name="reply" value=""' in page
    for gone in ("1/", "1/menu/", "1/thread/", "1/reactions/"):
        assert bob_client.get(f"/rooms/{open_room.slug}/{gone}").status_code == 404


# Pages that are open


def shown(client: Client, room: Room) -> Page:
    return Page.of_main(client.get(f"/rooms/{room.slug}/").content.decode())


def follows(page: Page, client: Client, room: Room) -> None:
    """The page becomes what a fresh one is."""
    for frame in catch_up(room.pk, page.cursor, Variant("en", "UTC")):
        page.receive(frame)
        page.check()
    fresh = shown(client, room)
    assert (page.rows, page.cursor) == (fresh.rows, fresh.cursor)


@pytest.mark.parametrize("gone", [1, 3, 5])
def test_a_page_that_is_open_follows(
    alice: User, bob: User, bob_client: Client, open_room: Room, gone: int
) -> None:
    say(open_room, alice, "one", "two", "three")
    open_room.post(bob, "four", "key-number-4", reply=2)
    say(open_room, bob, "five")
    page = shown(bob_client, open_room)
    age(open_room, gone, 40)
    clean_up(open_room)
    follows(page, bob_client, open_room)
    assert page.numbers == list(range(gone + 1, 6))
    say(open_room, bob, "six")
    follows(page, bob_client, open_room)


def test_a_page_that_was_away_meanwhile_follows(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    """What was posted and removed since it was there it never learns of."""
    say(open_room, alice, "one")
    page, later = shown(bob_client, open_room), shown(bob_client, open_room)
    say(open_room, alice, "two", "three")
    age(open_room, 2, 40)
    clean_up(open_room)
    follows(page, bob_client, open_room)
    assert page.numbers == [3]
    say(open_room, alice, "four")
    follows(later, bob_client, open_room)
    assert later.numbers == [3, 4]


def test_many_at_once_are_one_change_of_the_room_for_each_batch(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, *(f"number {number}" for number in range(1, 461)))
    Message.objects.filter(number__lte=450).update(created_at=timezone.now() - 40 * DAY)
    retention.change_rule(open_room, 30)
    before = Room.objects.get(pk=open_room.pk).version
    page = shown(bob_client, open_room)
    queries = []
    more = True
    while more:
        with CaptureQueriesContext(connection) as asked:
            more = retention.remove_old_messages(open_room, timezone.now())
        queries.append(len(asked))
    assert len(queries) == 3
    assert max(queries) <= 25
    # each batch, and each time the first that is left, which continues nothing any more
    assert Room.objects.get(pk=open_room.pk).version <= before + 6
    assert numbers(open_room) == list(range(451, 461))
    follows(page, bob_client, open_room)


def test_the_page_says_so_where_the_messages_begin(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    address = f"/rooms/{open_room.slug}/"
    say(open_room, bob, *(f"number {number}" for number in range(1, 61)))
    sentence = "Messages older than 30 days are removed."
    retention.change_rule(open_room, 30)
    page = page_of(bob_client.get(address).content.decode())
    assert len(page.all("#older")) == 1
    assert not page.all(".kept")
    older = bob_client.get(f"{address}?before=11", headers={"HX-Request": "true"})
    assert sentence in older.content.decode()
    newer = bob_client.get(f"{address}?after=1", headers={"HX-Request": "true"})
    assert sentence not in newer.content.decode()
    Message.objects.filter(number__lte=40).update(created_at=timezone.now() - 40 * DAY)
    clean_up(open_room)
    page = page_of(bob_client.get(address).content.decode())
    assert page.one(".kept").text == sentence
    retention.change_rule(open_room, 1)
    assert "older than 1 day are" in bob_client.get(address).content.decode()
    retention.change_rule(open_room, None)
    assert not page_of(bob_client.get(address).content.decode()).all(".kept")


# The place's rule, and the worker


@pytest.mark.django_db(transaction=True)
def test_rooms_without_a_rule_follow_the_place(
    place: Place, alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    direct = Room.direct_with([bob], by=alice)
    for room in (open_room, private_room, direct):
        say(room, bob, "one", "two")
        age(room, 1, 40)
    retention.change_rule(private_room, retention.FOR_EVER)
    do_what_is_due()
    assert [numbers(room) for room in (open_room, private_room, direct)] == [[1, 2]] * 3
    retention.change_rule_of_place(place, 30, by=alice)
    do_what_is_due()
    assert [numbers(room) for room in (open_room, private_room, direct)] == [[2], [1, 2], [2]]
    retention.change_rule(private_room, 20)
    do_what_is_due()
    assert numbers(private_room) == [2]
    retention.change_rule_of_place(place, None, by=alice)
    do_what_is_due()
    kept = dict(Room.objects.values_list("slug", "kept_days"))
    assert kept == {open_room.slug: None, private_room.slug: 20, direct.slug: None}


def test_an_hour_without_anything_to_do_notes_nothing(bob: User, open_room: Room) -> None:
    say(open_room, bob, "one")
    age(open_room, 1, 40)
    chores.remove_old_messages()
    assert not DBTaskResult.objects.exists()
    Room.objects.update(kept_days=30, keep_days=30)
    chores.remove_old_messages()
    chores.remove_old_messages()
    assert DBTaskResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_worker_does_a_little_at_a_time(
    bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And others get their turn, until there is nothing left."""
    monkeypatch.setattr("rooms.upkeep.SLICE", 0)
    monkeypatch.setattr("rooms.upkeep.PAUSE", 0)
    monkeypatch.setattr(retention.remove_old_messages, "__kwdefaults__", {"at_once": 2})
    say(open_room, bob, *"abcdefg")
    age(open_room, 6, 40)
    retention.change_rule(open_room, 30)
    Message.objects.filter(pk=0).delete()
    remove_what_is_old.func()
    assert numbers(open_room) == [3, 4, 5, 6, 7]
    do_what_is_due()
    assert numbers(open_room) == [7]


def test_looking_for_what_is_old_asks_once_for_all_rooms(
    alice: User, bob: User, open_room: Room
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            found = list(retention.with_old_messages(timezone.now()))
        assert len(found) == Room.objects.filter(kept_days__isnull=False).count()
        return len(queries)

    say(open_room, bob, "one")
    age(open_room, 1, 40)
    retention.change_rule(open_room, 30)
    once = asked()
    for number in range(5):
        room = Room.make(name=f"Room {number}", topic="", private=False, by=alice)
        say(room, alice, "one")
        age(room, 1, 40)
        retention.change_rule(room, 20 + number % 2)
    assert asked() == once == 2


# Who decides


def rule(keep: str, days: Any = "", **more: Any) -> dict[str, Any]:
    return {"keep": keep, "days": days, **more}


def test_a_moderator_decides_for_a_room_and_has_to_mean_it(
    alice_client: Client, open_room: Room
) -> None:
    address = f"/rooms/{open_room.slug}/keeping/"
    response = alice_client.post(address, rule("days", 90))
    assert "Messages older than 90 days will be removed" in response.content.decode()
    assert Room.objects.get(pk=open_room.pk).keep_days is None
    response = alice_client.post(address, rule("days", 90, agreed="on"), follow=True)
    assert "older than 90 days are removed" in response.content.decode()
    assert Room.objects.get(pk=open_room.pk).keep_days == 90
    alice_client.post(address, rule("days", 100))  # which removes nothing more
    assert Room.objects.get(pk=open_room.pk).keep_days == 100
    alice_client.post(address, rule("ever"))
    assert Room.objects.get(pk=open_room.pk).keep_days == retention.FOR_EVER
    alice_client.post(address, rule("place"))
    assert Room.objects.get(pk=open_room.pk).keep_days is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        rule("days"),
        rule("days", "x", agreed="on"),
        rule("days", 0, agreed="on"),
        rule("days", -1, agreed="on"),
        rule("days", "9" * 10_000, agreed="on"),
        rule("days", 36_501, agreed="on"),
        rule("days", "1\0", agreed="on"),
        rule("nonsense", 3, agreed="on"),
        rule("\0", 3, agreed="on"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(
    alice_client: Client, open_room: Room, form: dict[str, Any]
) -> None:
    for address in (f"/rooms/{open_room.slug}/keeping/", "/place/data/"):
        response = alice_client.post(address, form)
        assert response.status_code == 200
        assert 'role="alert"' in response.content.decode()
    assert Room.objects.get(pk=open_room.pk).keep_days is None
    assert Place.objects.get().keep_days is None


def test_an_owner_decides_for_the_place(alice_client: Client, open_room: Room) -> None:
    alice_client.post("/place/data/", rule("days", 365, agreed="on", deleted="remove"))
    place = Place.objects.get()
    assert (place.keep_days, place.removes_messages) == (365, True)
    page = alice_client.get(f"/rooms/{open_room.slug}/keeping/").content.decode()
    assert "As everywhere in this place: 365 days" in page
    alice_client.post("/place/data/", rule("ever"))
    place = Place.objects.get()
    assert (place.keep_days, place.removes_messages) == (None, True)


def test_in_an_archived_room_nothing_is_decided(alice_client: Client, open_room: Room) -> None:
    open_room.archive()
    response = alice_client.post(f"/rooms/{open_room.slug}/keeping/", rule("ever"))
    assert response.status_code == 409
    assert Room.objects.get(pk=open_room.pk).keep_days is None


def test_pages_without_javascript_follow_too(
    bob: User, open_room: Room, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """What the streamed page is told of is a change of the room itself, which begins it anew."""
    say(open_room, bob, "one", "two")
    age(open_room, 1, 40)
    retention.change_rule(open_room, 30)
    version = Room.objects.get(pk=open_room.pk).version
    with TestCase.captureOnCommitCallbacks(execute=True):
        retention.remove_old_messages(open_room, timezone.now())
    room = Room.objects.get(pk=open_room.pk)
    first = (room.steps_after(version) or [])[0]
    assert first.details is not None
    assert first.details.first == 2
    page = signed_in(bob).get(f"/rooms/{room.slug}/").content.decode()
    assert "<noscript><iframe" in page
