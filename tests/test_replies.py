"""Replying to a message: the quote, the thread, and the composer that says what it replies to."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import KeyUsed, Message, MessageRefused, Row
from rooms.models.room import PAGE
from tests.cast import signed_in
from tests.factories import make_crowd, say
from tests.page import Page, fragment
from tests.sockets import watching
from tests.together import THREADS, together

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import Room, User

HTMX = {"HX-Request": "true"}
VARIANT = Variant("en", "UTC")


def key() -> str:
    return secrets.token_urlsafe(9)


def reply(room: Room, author: User, text: str, to: int) -> Message:
    return room.post(author, text, key(), reply=to)


@pytest.fixture
def original(alice: User, open_room: Room) -> Message:
    return say(open_room, alice, "who has a **spare** fuse?")[0]


def opened(client: Client, room: Room, more: str = "") -> Page:
    return Page(client.get(f"/rooms/{room.slug}/{more}").content.decode())


def thread(client: Client, room: Room, number: int = 1, more: str = "") -> Page:
    where = reverse("thread", args=[room.slug, number])
    return Page(client.get(where + more).content.decode())


def send(client: Client, room: Room, text: str, **more: object) -> Answer:
    """As a browser without JavaScript does."""
    data = {"key": key(), "text": text, **more}
    return client.post(reverse("send", args=[room.slug]), data)


def follows(page: Page, client: Client, room: Room) -> bool:
    """Whether what came since makes of an open page what it would be if it was loaded now."""
    for html in catch_up(room.pk, page.cursor, VARIANT):
        page.receive(html)
        page.check()
    fresh = opened(client, room)
    return (page.rows, page.cursor) == (fresh.rows, fresh.cursor)


# The quote


def test_a_reply_quotes_one_line_of_what_it_replies_to(
    bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    reply(room, bob, "I do", to=1)
    page = opened(bob_client, room)
    quoted = page.one("#m2 .quoted")
    assert quoted.text == "AA Alice Archer who has a spare fuse?"
    assert quoted.attributes["href"] == f"/rooms/{room.slug}/1/"
    assert not page.all("#m1 .quoted")
    assert page.one("#m1 .replies").text == "1 reply"
    assert page.one("#m1 .replies a").attributes["href"] == f"/rooms/{room.slug}/1/thread/"
    reply(room, bob, "two, even", to=1)
    assert opened(bob_client, room).one("#m1 .replies").text == "2 replies"


def test_a_reply_to_a_reply_quotes_that_one_and_counts_in_the_thread(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    reply(original.room, bob, "I do", to=1)
    reply(original.room, alice, "bring it", to=2)
    page = opened(bob_client, original.room)
    assert page.one("#m3 .quoted").text == "BB Bob Baker I do"
    assert page.one("#m1 .replies").text == "2 replies"
    assert not page.all("#m2 .replies")


def test_a_long_original_is_cut_and_its_markup_is_read(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(
        open_room,
        alice,
        "**Heading**\n\n<b>`code`</b> [link](https://example.org)\n" + "word " * 700,
    )
    reply(open_room, bob, "so long", to=1)
    excerpt = opened(bob_client, open_room).all("#m2 .quoted span")[-1].text
    assert excerpt.startswith("Heading <b>code</b> link word word")
    assert excerpt.endswith("…")
    assert len(excerpt) <= 100


def test_an_edit_of_the_original_is_in_every_quote_of_it(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    say(room, bob, "in between")
    for text in ("I do", "me too"):
        reply(room, bob, text, to=1)
    page = opened(bob_client, room)
    original.edit("who has a spare bulb?", by=alice)
    assert follows(page, bob_client, room)
    for number in (3, 4):
        assert page.all(f"#m{number} .quoted span")[-1].text == "who has a spare bulb?"


def test_a_deleted_original_leaves_none_of_its_words_in_the_replies(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    reply(room, bob, "I do", to=1)
    page = opened(bob_client, room)
    original.delete_for_everybody(by=alice)
    assert follows(page, bob_client, room)
    assert page.one("#m2 .quoted").text == "AA Alice Archer This message was deleted."
    assert page.one("#m2 .body").text == "I do"
    assert page.one("#m1 .replies").text == "1 reply"
    for where in ("", "1/", "2/", "1/thread/", "?before=9", "changes/?after=0"):
        answer = bob_client.get(f"/rooms/{room.slug}/{where}")
        assert answer.status_code == 200
        assert b"fuse" not in answer.content, where


def test_what_is_pushed_to_open_pages_tells_of_each_reply_too(
    alice: User, bob: User, original: Message
) -> None:
    room = original.room
    for text in ("one", "two", "three"):
        reply(room, bob, text, to=1)
    room.refresh_from_db()
    before = room.version
    original.edit("other", by=alice)
    room.refresh_from_db()
    assert room.version == before + 4
    versions = room.messages.order_by("number").values_list("version", flat=True)
    assert list(versions) == [before + 1, before + 2, before + 3, before + 4]


def test_a_deleted_reply_quotes_nothing_and_no_longer_counts(
    bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    first = reply(room, bob, "I do", to=1)
    reply(room, bob, "two, even", to=1)
    page = opened(bob_client, room)
    for _ in range(2):
        first.delete_for_everybody(by=bob)
    assert follows(page, bob_client, room)
    assert not page.all("#m2 .quoted")
    assert page.one("#m1 .replies").text == "1 reply"
    room.messages.get(number=3).delete_for_everybody(by=bob)
    assert follows(page, bob_client, room)
    assert not page.all("#m1 .replies")


def test_one_may_reply_to_what_was_deleted_meanwhile(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    original.delete_for_everybody(by=alice)
    assert send(bob_client, original.room, "I do", reply=1).status_code == 302
    page = opened(bob_client, original.room)
    assert page.one("#m2 .quoted").text == "AA Alice Archer This message was deleted."


def test_a_new_name_of_who_is_quoted_is_shown_at_once(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    reply(room, bob, "I do", to=1)
    assert opened(bob_client, room).one("#m2 .quoted b").text == "Alice Archer"
    say(room, bob, *(f"message {number}" for number in range(PAGE)))
    reply(room, bob, "yes, me", to=1)  # the original is on another page
    opened(bob_client, room)
    alice.change_profile(display_name="Alicia", time_zone="", language="")
    assert opened(bob_client, room).all(".quoted b")[-1].text == "Alicia"


def test_what_travels_between_processes_is_the_same_row(
    alice: User, bob: User, original: Message
) -> None:
    room = original.room
    message = reply(room, bob, "I do", to=1)
    row = message.as_row(room, bob)
    assert row.quote
    assert Row.from_data(row.as_data()) == row
    assert room.history().rows[1] == row
    root = room.history().rows[0]
    assert root.replies == 1
    assert Row.from_data(root.as_data()) == root
    plain = say(room, bob, "plain")[0].as_row(room, bob).as_data()
    assert not {"quote", "replies", "reactions"} & set(plain)


# Posting


def test_a_repeated_reply_is_the_same_message(bob: User, original: Message) -> None:
    room, form = original.room, key()
    said = [room.post(bob, "I do", form, reply=1) for _ in range(3)]
    assert {message.number for message in said} == {2}
    room.refresh_from_db()
    assert (room.last_number, room.version) == (2, 3)
    assert Message.objects.get(number=1).replies == 1


@pytest.mark.parametrize("other", [None, 2])
def test_the_same_form_with_another_original_is_another_message(
    alice: User, bob: User, original: Message, other: int | None
) -> None:
    room, form = original.room, key()
    say(room, alice, "and a bulb?")
    room.post(bob, "I do", form, reply=1)
    with pytest.raises(KeyUsed):
        room.post(bob, "I do", form, reply=other)
    room.archive()
    assert room.post(bob, "I do", form, reply=1).number == 3
    with pytest.raises(KeyUsed):
        room.post(bob, "I do", form, reply=other)


@pytest.mark.parametrize("number", ["0", "2", "-1", "x", "1.0", "٣", "9" * 15, "9" * 10_000, "\0"])
def test_what_is_no_message_of_the_room_is_not_replied_to_and_nothing_is_lost(
    bob: User, bob_client: Client, original: Message, private_room: Room, number: str
) -> None:
    say(private_room, bob, "one", "two")
    answer = send(bob_client, original.room, "my long text", reply=number)
    assert answer.status_code == 409
    page = Page(answer.content.decode())
    assert "is not in this room" in page.one("#banner").text
    assert page.all(".line")[0].attributes["value"] == "my long text"
    assert not page.all(".replying")
    answer = bob_client.post(
        reverse("send", args=[original.room.slug]),
        {"key": key(), "text": "my long text", "reply": number},
        headers=HTMX,
    )
    assert "is not in this room" in answer.content.decode()
    assert original.room.messages.count() == 1


def test_a_text_that_is_refused_keeps_what_it_replies_to(
    bob_client: Client, original: Message
) -> None:
    page = Page(send(bob_client, original.room, "x" * 5_000, reply=1).content.decode())
    assert page.one(".replying").text.startswith("Replying to Alice Archer")
    assert page.all("[name='reply']")[0].attributes["value"] == "1"


def test_each_form_of_the_outbox_has_an_original_of_its_own(
    alice: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    say(room, alice, "and a bulb?")
    forms = [key() for _ in range(3)]
    data = {"key": forms, "text": ["a", "b", "c"], "lines": ["", "", ""], "reply": ["2", "", "1"]}
    for _ in range(2):  # a retry has them too
        assert bob_client.post(f"/rooms/{room.slug}/send/", data, headers=HTMX).status_code == 200
    rows = {row.body: row.quote.number if row.quote else None for row in room.history().rows[2:]}
    assert rows == {"a": 2, "b": None, "c": 1}
    uneven = {**data, "reply": ["2", ""]}
    answer = bob_client.post(f"/rooms/{room.slug}/send/", uneven, headers=HTMX)
    assert answer.status_code == 400


def test_posting_a_plain_message_costs_what_it_did(
    alice: User, bob: User, original: Message
) -> None:
    def statements(reply: int | None = None) -> int:
        with CaptureQueriesContext(connection) as captured:
            original.room.post(bob, "text", key(), reply=reply)
        return len([each for each in captured if "SAVEPOINT" not in each["sql"]])

    plain = statements()
    # the room, the author, the message, the room; SQLite notes the words and who has read by their own
    assert plain == (4 if connection.vendor == "postgresql" else 6)
    assert statements(reply=1) == plain + 2  # the original, and its count


async def test_a_program_replies_over_the_socket(
    alice: User, bob: User, open_room: Room, transactional_db: None
) -> None:
    from tests.sockets import in_db, new_process

    await in_db(say)(open_room, alice, "who?")
    async with new_process(), watching(bob, open_room) as socket:
        await socket.send({"type": "message", "key": key(), "text": "me", "reply": 1})
        assert (await socket.answer())["type"] == "stored"
        for wrong in ("1", 1.5, True, [1]):
            await socket.send({"type": "message", "key": key(), "text": "me", "reply": wrong})
            assert "reply" in (await socket.answer())["error"]
        await socket.send({"type": "message", "key": key(), "text": "me", "reply": 10**30})
        assert (await socket.answer())["type"] == "refused"
    rows = await in_db(open_room.history)()
    assert [row.quote is not None for row in rows.rows] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_of_replies_at_once_none_is_forgotten_in_the_count(
    alice: User, bob: User, open_room: Room
) -> None:
    say(open_room, alice, "who comes?")
    together(lambda number: reply(open_room, bob, f"{number}", to=1))
    open_room.refresh_from_db()
    assert open_room.version == 1 + 2 * THREADS
    root = open_room.messages.get(number=1)
    assert root.replies == THREADS
    versions = set(open_room.messages.values_list("version", flat=True))
    assert len(versions) == 1 + THREADS


# The composer


def test_the_address_of_a_room_may_say_what_to_reply_to(
    bob_client: Client, original: Message
) -> None:
    page = opened(bob_client, original.room, "?reply=1")
    said = page.one(".replying").text
    assert said == "Replying to Alice Archer: who has a spare fuse? Do not reply"
    form = page.all("#composers form")[0]
    values = {node.attributes["name"]: node.attributes["value"] for node in form.all("input")
              if "name" in node.attributes and "value" in node.attributes}  # fmt: skip
    assert values["reply"] == "1"
    assert not opened(bob_client, original.room).all(".replying")


@pytest.mark.parametrize("number", ["", "0", "2", "x", "-1", "9" * 30, "%00"])
def test_nonsense_in_that_address_is_passed_over(
    bob_client: Client, original: Message, number: str
) -> None:
    assert not opened(bob_client, original.room, f"?reply={number}").all(".replying")


def test_a_page_is_kept_apart_for_who_replies_and_who_does_not(
    alice: User, bob_client: Client, charlie_client: Client, original: Message
) -> None:
    """Shells of pages are kept and shared: nobody is shown another's original."""
    room = original.room
    (second,) = say(room, alice, "and a bulb?")
    for _ in range(2):
        assert "fuse" in opened(bob_client, room, "?reply=1").one(".replying").text
        assert "bulb" in opened(charlie_client, room, "?reply=2").one(".replying").text
        assert not opened(bob_client, room).all(".replying")
    second.delete_for_everybody(by=alice)
    shown = opened(charlie_client, room, "?reply=2").one(".replying").text
    assert shown == "Replying to Alice Archer Do not reply"


def begin(client: Client, page: Page, number: int) -> Answer:
    """The menu's choice, from an open page, with what stands in the form that one writes in."""
    form = page.all("#composers form")[0]
    data = {"key": form.one("[name='key']").attributes["value"], "text": "begun <", "lines": "more"}
    where = page.one(".bar a[href='/rooms/workbench/settings/']").attributes["href"]
    where = where.replace("settings", str(number)) + "reply/"
    return client.post(where, data, headers=HTMX)


def test_the_form_that_one_writes_in_learns_what_it_replies_to_and_keeps_its_text(
    bob_client: Client, original: Message
) -> None:
    page = opened(bob_client, original.room)
    page.answer(begin(bob_client, page, 1).content.decode())
    first, *others = page.all("#composers form")
    assert first.one("[name='reply']").attributes["value"] == "1"
    assert first.one(".line").attributes["value"] == "begun <"
    assert first.one("textarea").text == "more"
    assert "autofocus" in first.one(".line").attributes
    assert {each.one("[name='reply']").attributes["value"] for each in others} == {""}
    cancel = first.one(".replying a")
    page.check()
    blank = fragment(bob_client.get(cancel.attributes["hx-get"]).content.decode())
    assert blank.one("[name='reply']").attributes["value"] == ""
    assert not blank.all(".replying")


def test_a_page_without_a_composer_is_led_to_the_room(
    bob_client: Client, original: Message
) -> None:
    where = f"/rooms/{original.room.slug}/1/reply/"
    answer = bob_client.post(where, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/rooms/{original.room.slug}/?reply=1"
    assert bob_client.get(where).status_code == 405


@pytest.mark.parametrize("form", ["", "x", "a]b{}<>'\"--------", "k" * 1_000])
def test_a_forged_key_is_not_put_into_a_page(
    bob_client: Client, original: Message, form: str
) -> None:
    where = f"/rooms/{original.room.slug}/1/reply/"
    assert bob_client.post(where, {"key": form}, headers=HTMX).status_code == 400


def test_a_draft_knows_what_it_replies_to(bob_client: Client, original: Message) -> None:
    room, form = original.room, key()
    data = {"key": form, "text": "half a", "reply": "1"}
    bob_client.post(f"/rooms/{room.slug}/draft/", data)
    page = opened(bob_client, room)
    assert page.one(".replying b").text == "Alice Archer"
    send(bob_client, room, "half a", key=form, reply=1)
    assert not opened(bob_client, room).all(".replying")
    bob_client.post(f"/rooms/{room.slug}/draft/", {**data, "key": key(), "reply": "x"})
    assert not opened(bob_client, room).all(".replying")


# The thread


def test_a_thread_shows_what_began_it_and_all_replies_in_their_order(
    alice: User, bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    say(room, alice, "something else")
    reply(room, bob, "I do", to=1)
    reply(room, bob, "two, even", to=1)
    say(room, alice, "something else")
    reply(room, alice, "bring them", to=4)
    for number in (1, 3, 6):  # of any message in it
        where = reverse("thread", args=[room.slug, number])
        page = Page(bob_client.get(where, follow=True).content.decode())
        assert page.numbers == [1, 3, 4, 6]
    assert not page.all("#m3 .quoted")  # plain from where it stands
    assert page.one("#m6 .quoted").text == "BB Bob Baker two, even"
    assert not page.all(".follows")  # each says who speaks, though both were one after the other
    assert not page.all("#m1 .replies")


def test_one_replies_on_the_page_of_the_thread(bob_client: Client, original: Message) -> None:
    page = thread(bob_client, original.room)
    form = page.one(".answer")
    fields = form.all("input")
    data = {node.attributes["name"]: node.attributes["value"] for node in fields}
    answer = bob_client.post(form.attributes["action"], {**data, "text": "I do\nreally"})
    assert answer.headers["Location"] == f"/rooms/{original.room.slug}/1/thread/"
    assert thread(bob_client, original.room).one("#m2 .body").text == "I doreally"


def test_a_long_thread_is_read_page_by_page(
    bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    for number in range(PAGE + 10):
        reply(room, bob, f"reply {number}", to=1)
    page = thread(bob_client, room)
    assert page.numbers == [1, *range(12, PAGE + 12)]
    earlier = page.one(".pages a").attributes["href"]
    page = thread(bob_client, room, more=earlier)
    assert page.numbers == [1, *range(2, 12)]
    assert page.one(".pages a").attributes["href"] == f"/rooms/{room.slug}/1/thread/"
    for value in ("x", "0", "-1", "9" * 40, "%00"):
        where = f"/rooms/{room.slug}/1/thread/?before={value}"
        assert bob_client.get(where).status_code == 200


def test_a_thread_takes_as_many_queries_however_long_it_is(
    bob: User, bob_client: Client, original: Message
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            thread(bob_client, original.room)
        return len(captured)

    reply(original.room, bob, "one", to=1).react("👍", by=bob)
    few = queries()
    crowd = make_crowd(original.room, 10)
    for number in range(30):
        message = reply(original.room, crowd[number % 10], "more", to=1 + number)
        message.react("🎉", by=crowd[number % 7])
    original.room.mark_read([bob.pk])  # else the list of rooms counts it
    assert queries() == few


def test_an_edit_on_the_page_of_a_thread_keeps_the_name(
    bob: User, bob_client: Client, original: Message
) -> None:
    room = original.room
    for text in ("I do", "two, even"):
        reply(room, bob, text, to=1)
    page = thread(bob_client, room)
    where = f"http://testserver/rooms/{room.slug}/1/thread/"
    answer = bob_client.post(
        reverse("message-edit", args=[room.slug, 3]),
        {"text": "three"},
        headers={**HTMX, "HX-Current-URL": where},
    )
    page.answer(answer.content.decode())
    assert page.one("#m3 .body").text == "three"
    assert "follows" not in page.one("#m3").classes


def test_an_outsider_finds_no_thread_and_begins_no_reply(
    alice: User, bob: User, charlie: User, private_room: Room
) -> None:
    say(private_room, alice, "between us")
    thread_of = reverse("thread", args=[private_room.slug, 1])
    begins = reverse("message-reply", args=[private_room.slug, 1])
    for user, status in ((bob, 200), (charlie, 404)):
        client = signed_in(user)
        assert client.get(thread_of).status_code == status
        answer = client.post(begins, {"key": key()}, headers=HTMX)
        assert answer.status_code == status
        assert ("between us" in answer.content.decode()) == (status == 200)
        assert opened(client, private_room, "?reply=1").all(".replying") if status == 200 else True
    with pytest.raises(MessageRefused):
        reply(private_room, bob, "x", to=7)


def test_an_archived_room_s_threads_are_read_and_not_written_in(
    bob: User, bob_client: Client, original: Message
) -> None:
    reply(original.room, bob, "I do", to=1)
    original.room.archive()
    page = thread(bob_client, original.room)
    assert page.numbers == [1, 2]
    assert not page.all(".answer")


@pytest.mark.parametrize("number", [0, 2, 10**30])
def test_there_is_no_thread_of_what_nobody_said(
    bob_client: Client, original: Message, number: int
) -> None:
    slug = original.room.slug
    assert bob_client.get(reverse("thread", args=[slug, number])).status_code == 404
    where = reverse("message-reply", args=[slug, number])
    assert bob_client.post(where, {"key": key()}).status_code == 404
