"""Saying something: the plain form, the outbox of a page with htmx, and drafts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from rooms.models import Message, Room
from rooms.models.membership import NO_DRAFT, Draft
from rooms.models.message import BODY_LENGTH
from rooms.views.messages import PENDING
from tests.cast import signed_in
from tests.factories import say
from tests.page import Page, fragment
from tests.together import THREADS, together

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import User

HTMX = {"HX-Request": "true"}
EXISTS = "already sent another message"


def key() -> str:
    return secrets.token_urlsafe(12)


def address(name: str, room: Room) -> str:
    return reverse(name, args=[room.slug])


def post(client: Client, room: Room, text: str, form: str | None = None, **more: Any) -> Answer:
    """As a browser without JavaScript does."""
    return client.post(address("send", room), {"key": form or key(), "text": text, **more})


def outbox(client: Client, room: Room, *said: tuple[str, str], **more: Any) -> Answer:
    """As a page with htmx does: all that waits, in one request."""
    data = {"key": [form for form, _text in said], "text": [text for _form, text in said], **more}
    return client.post(address("send", room), data, headers=HTMX)


def bodies(room: Room) -> list[str]:
    return list(room.messages.order_by("number").values_list("body", flat=True))


def opened(client: Client, room: Room) -> Page:
    return Page(client.get(address("room", room)).content.decode())


def forms(page: Page) -> list[str]:
    """The keys of the page's composer forms."""
    return [form.attributes["id"][1:] for form in page.all("#composers>.c")]


def shown(answer: Answer) -> Page:
    return Page(answer.content.decode())


# The plain form


def test_a_posted_form_leads_back_to_the_room_where_the_message_stands(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    answer = post(bob_client, open_room, "Has anyone seen the *small* drill?")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/rooms/{open_room.slug}/")
    message = open_room.messages.get()
    assert (message.number, message.author) == (1, bob)
    row = opened(bob_client, open_room).one("#messages>ol>.message")
    assert row.one(".body").html == (
        '<div class="body" dir="auto"><p>Has anyone seen the <em>small</em> drill?</p></div>'
    )


def test_the_room_s_page_has_a_form_that_can_be_posted_without_javascript(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    form = page.all("#composers>.c")[0]
    address = f"/rooms/{open_room.slug}/send/"
    assert (form.attributes["method"], form.attributes["action"]) == ("post", address)
    hidden = form.one("[name='key']").attributes["value"]
    assert post(bob_client, open_room, "hello", hidden).status_code == 302
    assert bodies(open_room) == ["hello"]
    assert hidden not in forms(opened(bob_client, open_room))


def test_the_larger_box_continues_the_line(bob_client: Client, open_room: Room) -> None:
    post(bob_client, open_room, "to bring:", lines="- drill\r\n- saw")
    post(bob_client, open_room, "", lines="only below")
    assert bodies(open_room) == ["to bring:\n- drill\n- saw", "only below"]


def test_the_same_form_posted_twice_makes_one_message(bob_client: Client, open_room: Room) -> None:
    form = key()
    for _ in range(2):
        assert post(bob_client, open_room, "once", form).status_code == 302
    assert bodies(open_room) == ["once"]


def test_a_form_that_made_a_message_makes_no_other_once_that_one_was_changed(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    form = key()
    post(bob_client, open_room, "once", form)
    open_room.messages.get().edit("changed", by=bob)
    assert post(bob_client, open_room, "once", form).status_code == 302
    assert bodies(open_room) == ["changed"]
    open_room.messages.get().delete_for_everybody(by=bob)
    assert post(bob_client, open_room, "once", form).status_code == 302
    assert bodies(open_room) == [""]


def test_the_same_key_of_somebody_else_or_in_another_room_is_another_message(
    alice_client: Client, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    form = key()
    post(bob_client, open_room, "bob's", form)
    post(alice_client, open_room, "alice's", form)
    post(bob_client, private_room, "bob's other", form)
    assert bodies(open_room) == ["bob's", "alice's"]
    assert bodies(private_room) == ["bob's other"]


def test_a_used_form_with_another_text_is_given_back_with_the_text_and_a_new_key(
    bob_client: Client, open_room: Room
) -> None:
    form = key()
    post(bob_client, open_room, "first", form)
    answer = post(bob_client, open_room, "second", form, lines="and more")
    assert answer.status_code == 409
    page = shown(answer)
    assert EXISTS in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "second"
    assert page.one("[name='lines']").text == "and more"
    assert form not in forms(page)
    assert bodies(open_room) == ["first"]
    post(bob_client, open_room, "second", forms(page)[0], lines="and more")
    assert bodies(open_room) == ["first", "second\nand more"]


@pytest.mark.parametrize("text", ["", "   ", "\r\n \t\r\n", "\x00"])
def test_an_empty_message_is_refused(bob_client: Client, open_room: Room, text: str) -> None:
    answer = post(bob_client, open_room, text)
    assert answer.status_code == 409
    assert "Write something." in answer.content.decode()
    assert bodies(open_room) == []


def test_a_message_as_long_as_may_be_is_stored(bob_client: Client, open_room: Room) -> None:
    assert post(bob_client, open_room, "ß" * BODY_LENGTH).status_code == 302
    assert bodies(open_room) == ["ß" * BODY_LENGTH]


def test_a_message_that_is_too_long_is_given_back_with_how_long_it_may_be(
    bob_client: Client, open_room: Room
) -> None:
    text = "x" * (BODY_LENGTH + 3)
    answer = post(bob_client, open_room, text)
    assert answer.status_code == 409
    page = shown(answer)
    assert f"{BODY_LENGTH} characters. This one has 3 too many" in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == text
    assert bodies(open_room) == []


def test_a_refused_text_of_several_lines_is_given_back_as_it_was(
    bob_client: Client, open_room: Room
) -> None:
    answer = post(bob_client, open_room, "one", lines="\r\n  two\r\n" + "x" * BODY_LENGTH)
    page = shown(answer)
    assert page.one("[name='text']").attributes["value"] == "one"
    # a browser drops one line break that a textarea begins with, and so does the parser here
    given_back = "".join(page.one("[name='lines']").strings()).replace("\r\n", "\n")
    assert given_back == "\n  two\n" + "x" * BODY_LENGTH


@pytest.mark.parametrize(
    "form", ["short", "x" * 65, "not a key!", "käse-käse", "keykey\x00key", ""]
)
def test_a_damaged_key_is_refused_and_the_text_is_given_back(
    bob_client: Client, open_room: Room, form: str
) -> None:
    answer = bob_client.post(address("send", open_room), {"key": form, "text": "mine"})
    assert answer.status_code == 409
    page = shown(answer)
    assert "Load the page again" in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "mine"
    assert bodies(open_room) == []
    assert post(bob_client, open_room, "mine", forms(page)[0]).status_code == 302


@pytest.mark.parametrize(
    "data",
    [
        {"key": ["aaaaaaaa", "bbbbbbbb"], "text": ["one"]},
        {"key": ["aaaaaaaa"], "text": ["one", "two"]},
        {"key": ["aaaaaaaa"], "text": ["one"], "lines": ["", ""]},
        {"key": [f"aaaaaaa{n:02}" for n in range(PENDING + 1)], "text": ["x"] * (PENDING + 1)},
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("name", ["send", "draft"])
def test_a_form_whose_parts_do_not_belong_together_is_refused(
    bob_client: Client,
    open_room: Room,
    data: dict[str, list[str]],
    headers: dict[str, str],
    name: str,
) -> None:
    assert bob_client.post(address(name, open_room), data, headers=headers).status_code == 400
    assert bodies(open_room) == []
    assert opened(bob_client, open_room).one("[name='text']").attributes["value"] == ""


def test_bytes_that_are_not_utf_8_are_replaced_and_break_nothing(
    bob_client: Client, open_room: Room
) -> None:
    answer = bob_client.generic(
        "POST",
        address("send", open_room),
        b"key=abcdefgh&text=caf%E9+%FF%FE&lines=",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 302
    assert bodies(open_room) == ["caf\ufffd \ufffd\ufffd"]
    assert opened(bob_client, open_room).one(".body").text == "caf\ufffd \ufffd\ufffd"


def test_a_form_in_another_encoding_is_refused(bob_client: Client, open_room: Room) -> None:
    answer = bob_client.generic(
        "POST",
        address("send", open_room),
        b"key=abcdefgh&text=caf%E9",
        content_type="application/x-www-form-urlencoded; charset=latin-1",
    )
    assert answer.status_code == 400
    assert bodies(open_room) == []


def test_control_characters_are_neither_trouble_nor_shown(
    bob_client: Client, open_room: Room
) -> None:
    assert post(bob_client, open_room, "a\x00b\x07c\x1b[31md\x7f").status_code == 302
    assert "\x00" not in bodies(open_room)[0]
    assert opened(bob_client, open_room).one(".body").text == "abc[31md"


def test_line_breaks_of_every_kind_are_stored_as_one(bob_client: Client, open_room: Room) -> None:
    post(bob_client, open_room, "", lines="a\r\nb\rc\nd\r\n\r\n")
    assert bodies(open_room) == ["a\nb\nc\nd"]


def test_the_same_text_with_other_line_breaks_is_the_same_message(
    bob_client: Client, open_room: Room
) -> None:
    form = key()
    post(bob_client, open_room, "a", form, lines="b\r\nc")
    assert post(bob_client, open_room, "a", form, lines="b\nc").status_code == 302
    assert bodies(open_room) == ["a\nb\nc"]


def test_nobody_writes_in_an_archived_room(bob_client: Client, open_room: Room) -> None:
    post(bob_client, open_room, "before")
    open_room.archive()
    answer = post(bob_client, open_room, "after")
    assert answer.status_code == 409
    assert "archived" in shown(answer).one("#banner").text
    assert b"after" in answer.content, "the text is lost"
    refusal = outbox(bob_client, open_room, (key(), "after")).content.decode()
    assert "archived" in refusal
    assert bodies(open_room) == ["before"]


def test_a_form_posted_before_the_room_was_archived_is_still_answered_by_its_message(
    bob_client: Client, open_room: Room
) -> None:
    form = key()
    post(bob_client, open_room, "before", form)
    open_room.archive()
    assert post(bob_client, open_room, "before", form).status_code == 302
    assert f"#c{form}" in outbox(bob_client, open_room, (form, "before")).content.decode()
    assert "archived" not in outbox(bob_client, open_room, (form, "before")).content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_room_that_is_gone_and_one_that_is_not_open_to_the_reader_look_the_same(
    bob_client: Client, charlie_client: Client, private_room: Room, headers: dict[str, str]
) -> None:
    def send(client: Client, slug: str) -> int:
        form = {"key": key(), "text": "hello"}
        return client.post(reverse("send", args=[slug]), form, headers=headers).status_code

    assert send(bob_client, private_room.slug) in (200, 302)
    assert send(charlie_client, private_room.slug) == send(charlie_client, "no-such-room") == 404
    assert bodies(private_room) == ["hello"]


def test_writing_in_an_open_room_joins_it(
    charlie: User, charlie_client: Client, open_room: Room
) -> None:
    say(open_room, open_room.memberships.all()[0].user, "earlier")
    assert "You are not in this room yet" in opened(charlie_client, open_room).one(".join").text
    post(charlie_client, open_room, "May I?")
    assert open_room.membership_of(charlie)
    assert not opened(charlie_client, open_room).all(".join")


def test_a_refused_message_does_not_join(
    charlie: User, charlie_client: Client, open_room: Room
) -> None:
    post(charlie_client, open_room, "x" * (BODY_LENGTH + 1))
    assert open_room.membership_of(charlie) is None


def test_a_stranger_is_asked_to_sign_in(client: Client, open_room: Room) -> None:
    answer = post(client, open_room, "hello")
    assert answer.headers["Location"].startswith(reverse("account_login"))
    assert bodies(open_room) == []


@pytest.mark.parametrize("name", ["send", "draft", "typing"])
def test_what_only_changes_something_is_not_to_be_had_by_get(
    bob_client: Client, open_room: Room, name: str
) -> None:
    assert bob_client.get(address(name, open_room)).status_code == 405


def test_a_form_without_the_token_is_refused(bob: User, open_room: Room) -> None:
    client = signed_in(bob)
    client.handler.enforce_csrf_checks = True
    assert post(client, open_room, "hello").status_code == 403
    assert bodies(open_room) == []


# The outbox


def test_a_message_is_shown_to_its_author_by_the_answer(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    form = forms(page)[0]
    answer = outbox(bob_client, open_room, (form, "hello"), after=page.cursor)
    assert answer.status_code == 200
    page.answer(answer.content.decode())
    page.check()
    assert page.rows == opened(bob_client, open_room).rows
    assert page.cursor == 1
    assert form not in forms(page)


def test_each_answer_brings_as_many_new_forms_as_were_used(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    before = forms(page)
    said = [(before[0], "one"), (before[1], "two"), (before[2], "")]
    page.answer(outbox(bob_client, open_room, *said, after=page.cursor).content.decode())
    after = forms(page)
    assert len(after) == len(set(after)) == len(before)
    assert after[:-3] == before[3:]


def test_all_that_waits_is_sent_at_once_in_its_order(bob_client: Client, open_room: Room) -> None:
    page = opened(bob_client, open_room)
    keys = forms(page)[:4]
    said = list(zip(keys, ["one", "two", "three", "four"], strict=True))
    lines = ["", "more of two", "", ""]
    answer = outbox(bob_client, open_room, *said, lines=lines, after=page.cursor)
    page.answer(answer.content.decode())
    assert bodies(open_room) == ["one", "two\nmore of two", "three", "four"]
    assert page.rows == opened(bob_client, open_room).rows


def test_each_message_of_several_is_accepted_or_refused_by_itself(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    good, long, other = forms(page)[:3]
    said = [(good, "one"), (long, "x" * (BODY_LENGTH + 1)), (other, "three")]
    page.answer(outbox(bob_client, open_room, *said, after=page.cursor).content.decode())
    assert bodies(open_room) == ["one", "three"]
    assert not {good, other} & set(forms(page))
    assert f"{BODY_LENGTH} characters" in page.one(f"#c{long}>.fate").text
    assert len(forms(page)) == 16
    page.check()


def test_an_empty_form_is_taken_away_without_a_message(bob_client: Client, open_room: Room) -> None:
    page = opened(bob_client, open_room)
    form = forms(page)[0]
    page.answer(outbox(bob_client, open_room, (form, " \n"), after=page.cursor).content.decode())
    assert form not in forms(page)
    assert bodies(open_room) == []


def test_a_used_form_of_the_outbox_is_told_so_and_given_another_key(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    form = forms(page)[0]
    outbox(bob_client, open_room, (form, "first"))
    page.answer(outbox(bob_client, open_room, (form, "second")).content.decode())
    assert EXISTS in page.one(f"#c{form}>.fate").text
    another = page.one(f"#c{form}>[name='key']").attributes["value"]
    assert another != form
    assert bodies(open_room) == ["first"]
    outbox(bob_client, open_room, (another, "second"))
    assert bodies(open_room) == ["first", "second"]
    page.check()


def test_an_answer_that_comes_after_another_took_the_form_away_does_no_harm(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    form = forms(page)[0]
    stored = outbox(bob_client, open_room, (form, "once"), after=page.cursor).content.decode()
    again = outbox(bob_client, open_room, (form, "once"), after=page.cursor).content.decode()
    refused = outbox(bob_client, open_room, (form, "other"), after=page.cursor).content.decode()
    for late in (stored, again, refused):
        page.answer(late)
        page.check()
    assert bodies(open_room) == ["once"]
    assert page.rows == opened(bob_client, open_room).rows


def test_the_answer_brings_what_others_said_meanwhile(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    say(open_room, alice, "before you")
    said = (forms(page)[0], "mine")
    page.answer(outbox(bob_client, open_room, said, after=page.cursor).content.decode())
    assert page.numbers == [1, 2]
    assert page.rows == opened(bob_client, open_room).rows


@pytest.mark.parametrize("cursor", ["", "x", "-1", "٣", "9" * 19, "1.5"])
def test_a_damaged_cursor_does_not_hinder_a_message(
    bob_client: Client, open_room: Room, cursor: str
) -> None:
    form = key()
    answer = outbox(bob_client, open_room, (form, "hello"), after=cursor)
    assert answer.status_code == 200
    assert f"#c{form}" in answer.content.decode()
    assert bodies(open_room) == ["hello"]


def test_who_was_signed_out_is_told_where_to_sign_in_and_nothing_is_stored(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    form = forms(page)[0]
    bob_client.logout()
    answer = outbox(bob_client, open_room, (form, "hello"), after=page.cursor)
    assert answer.status_code == 401
    page.answer(answer.content.decode())
    assert page.one("#banner a").attributes["href"] == reverse("account_login")
    assert form in forms(page)
    assert bodies(open_room) == []


def test_a_page_of_somebody_who_gave_way_to_another_in_this_browser_posts_nothing(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    viewer = page.one("#viewer").attributes["value"]
    assert viewer == str(bob.pk)
    form = forms(page)[0]
    assert outbox(bob_client, open_room, (form, "bob's"), viewer=viewer).status_code == 200
    bob_client.force_login(alice)
    assert outbox(bob_client, open_room, (forms(page)[1], "?"), viewer=viewer).status_code == 401
    assert bodies(open_room) == ["bob's"]


def test_the_answer_after_a_lost_connection_takes_the_banner_back(
    bob_client: Client, open_room: Room
) -> None:
    page = opened(bob_client, open_room)
    versions = page.one("#outbox").parent
    assert versions
    page.one("#banner").append(fragment('<div class="banner">The connection is lost.</div>'))
    answer = outbox(
        bob_client, open_room, (forms(page)[0], "hi"), after=page.cursor, lost="connection"
    )
    page.answer(answer.content.decode())
    assert page.one("#banner").text == ""
    page.check()


# Many at once


@pytest.mark.django_db(transaction=True)
def test_what_many_say_at_once_is_numbered_without_gaps_and_in_one_order(
    alice: User, bob: User, open_room: Room
) -> None:
    clients = [signed_in(alice if number % 2 else bob) for number in range(THREADS)]

    def work(number: int) -> None:
        for text in range(5):
            answer = outbox(clients[number], open_room, (key(), f"{number}.{text}"))
            assert answer.status_code == 200

    together(work)
    messages = list(open_room.messages.order_by("number"))
    count = THREADS * 5
    assert [message.number for message in messages] == list(range(1, count + 1))
    assert [message.version for message in messages] == list(range(1, count + 1))
    assert sorted(message.body for message in messages) == sorted(
        f"{number}.{text}" for number in range(THREADS) for text in range(5)
    )
    for number in range(THREADS):
        own = [m.body for m in messages if m.body.startswith(f"{number}.")]
        assert own == sorted(own), "one person's messages changed places"
    open_room.refresh_from_db()
    assert (open_room.last_number, open_room.version) == (count, count)


@pytest.mark.django_db(transaction=True)
def test_the_same_form_posted_by_eight_at_once_makes_one_message(
    bob: User, open_room: Room
) -> None:
    form, clients = key(), [signed_in(bob) for _ in range(THREADS)]
    answers: list[Answer] = []

    together(lambda number: answers.append(outbox(clients[number], open_room, (form, "once"))))
    assert len(answers) == THREADS
    for answer in answers:
        assert (answer.status_code, f"delete:#c{form}" in answer.content.decode()) == (200, True)
    assert Message.objects.filter(room=open_room).count() == 1
    open_room.refresh_from_db()
    assert (open_room.last_number, open_room.version) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_many_who_write_first_in_an_open_room_at_once_all_come_in(
    charlie: User, open_room: Room
) -> None:
    clients = [signed_in(charlie) for _ in range(THREADS)]

    def work(number: int) -> None:
        outbox(clients[number], open_room, (key(), f"{number}"))

    together(work)
    assert sorted(bodies(open_room)) == [str(number) for number in range(THREADS)]
    assert open_room.memberships.filter(user=charlie).count() == 1


@pytest.mark.django_db(transaction=True)
def test_edits_and_messages_at_once_take_every_version_once(bob: User, open_room: Room) -> None:
    first, *_others = say(open_room, bob, "first")
    clients = [signed_in(bob) for _ in range(THREADS)]
    edit = reverse("message-edit", args=[open_room.slug, first.number])

    def work(number: int) -> None:
        if number % 2:
            outbox(clients[number], open_room, (key(), f"{number}"))
        else:
            clients[number].post(edit, {"text": f"edited by {number}"}, headers=HTMX)

    together(work)
    open_room.refresh_from_db()
    assert open_room.version == 1 + THREADS
    versions = [message.version for message in open_room.messages.all()]
    assert len(set(versions)) == len(versions) == 1 + THREADS // 2


# Drafts


def save_draft(client: Client, room: Room, text: str, form: str, **more: str) -> Answer:
    data = {"key": form, "text": text, **more}
    return client.post(address("draft", room), data, headers=HTMX)


def test_what_was_typed_is_given_back_in_a_form_of_the_same_key(
    bob_client: Client, open_room: Room
) -> None:
    form = forms(opened(bob_client, open_room))[0]
    assert save_draft(bob_client, open_room, "half a", form, lines="sen\ntence").status_code == 204
    page = opened(bob_client, open_room)
    assert forms(page)[0] == form
    assert page.one(f"#c{form} [name='text']").attributes["value"] == "half a"
    assert "".join(page.one(f"#c{form} [name='lines']").strings()) == "sen\ntence"


@pytest.mark.parametrize("saved_last", [True, False])
def test_a_draft_that_was_sent_is_not_given_back(
    bob_client: Client, open_room: Room, saved_last: bool
) -> None:
    form = forms(opened(bob_client, open_room))[0]
    save_draft(bob_client, open_room, "hello", form)
    post(bob_client, open_room, "hello there", form)
    if saved_last:
        save_draft(bob_client, open_room, "hello there", form)
    page = opened(bob_client, open_room)
    assert form not in forms(page)
    assert page.one("[name='text']").attributes["value"] == ""


def test_a_draft_is_nobody_else_s_and_of_one_room(
    alice_client: Client, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    form = forms(opened(bob_client, open_room))[0]
    save_draft(bob_client, open_room, "secret", form)
    assert b"secret" in bob_client.get(address("room", open_room)).content
    assert b"secret" not in bob_client.get(address("room", private_room)).content
    assert b"secret" not in alice_client.get(address("room", open_room)).content


def test_a_draft_replaces_the_one_before_and_can_be_emptied(
    bob_client: Client, open_room: Room
) -> None:
    form = forms(opened(bob_client, open_room))[0]
    for text in ("first", "second", ""):
        save_draft(bob_client, open_room, text, form)
        page = opened(bob_client, open_room)
        assert page.one("[name='text']").attributes["value"] == text


def test_a_damaged_draft_is_harmless(bob_client: Client, open_room: Room) -> None:
    for text, form in [("a\x00b", "aaaaaaaa"), ("x" * 100_000, "bbbbbbbb"), ("x", "k" * 200)]:
        assert save_draft(bob_client, open_room, text, form).status_code == 204
        assert bob_client.get(address("room", open_room)).status_code == 200
    save_draft(bob_client, open_room, "kept", "<b>&'\"")
    page = opened(bob_client, open_room)
    assert page.one("[name='text']").attributes["value"] == "kept"
    page = shown(post(bob_client, open_room, "kept", forms(page)[0]))
    assert page.one("[name='text']").attributes["value"] == "kept"
    assert post(bob_client, open_room, "kept", forms(page)[0]).status_code == 302


def test_an_outsider_s_draft_finds_no_room_and_a_visitor_s_is_not_kept(
    charlie_client: Client, open_room: Room, private_room: Room
) -> None:
    assert save_draft(charlie_client, private_room, "x", key()).status_code == 404
    assert save_draft(charlie_client, open_room, "x", key()).status_code == 204
    page = opened(charlie_client, open_room)
    assert page.one("[name='text']").attributes["value"] == ""


def test_what_was_refused_is_the_draft_unless_there_is_another(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    long = "x" * (BODY_LENGTH + 1)
    outbox(bob_client, open_room, (key(), long))
    assert open_room.memberships.get(user=bob).open_draft().text == long
    outbox(bob_client, open_room, (key(), f"{long}y"))
    assert open_room.memberships.get(user=bob).open_draft().text == long


def test_the_empty_form_after_it_does_not_take_the_place_of_what_was_refused(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    """The page saves what stands in its composer half a second after the last key: by then the text may
    have been sent and refused, and the next form, empty, stands there."""
    refused, following = key(), key()
    save_draft(bob_client, open_room, "x" * 4_001, refused)
    save_draft(bob_client, open_room, "", following)
    assert open_room.memberships.get(user=bob).open_draft() == Draft("x" * 4_001, refused, None)
    save_draft(bob_client, open_room, "", refused)
    assert open_room.memberships.get(user=bob).open_draft() == NO_DRAFT
