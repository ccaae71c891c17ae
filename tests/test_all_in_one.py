"""A message with all that one can have: files, previews, reactions, replies and a pin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from rooms.live import fragments
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import Attachment, KeyUsed, Message, Place, Preview, Row
from tests.factories import say, say_with_files
from tests.files import picture
from tests.files import upload as sent_file
from tests.page import Page, fragment

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room, User

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "key-of-a-composer"
HTMX = {"HX-Request": "true"}
LINK = "http://shop.example/kettle"
VARIANT = Variant("en", "UTC")


@pytest.fixture(autouse=True)
def files_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def choose(client: Client, room: Room, *, name: str = "a.png", **more: Any) -> list[str]:
    """As the composer does it when a file is chosen; the numbers of those it then has."""
    values = {"key": KEY, "text": "", "lines": "", "files": ["", sent_file(name, picture())]}
    answer = client.post(reverse("files", args=[room.slug]), {**values, **more}, headers=HTMX)
    chosen = fragment(answer.content.decode()).all("[name='files']")
    return [each.attributes["value"] for each in chosen if each.attributes.get("value")]


def opened(client: Client, room: Room) -> Page:
    return Page(client.get(reverse("room", args=[room.slug])).content.decode())


@pytest.fixture
def all_of_it(alice: User, bob: User, bob_client: Client, open_room: Room, place: Place) -> Message:
    """Bob's, number 2: a reply to Alice's number 1, and Alice's number 3 replies to it."""
    place.preview_links(True)
    say(open_room, alice, "which one?")
    chosen = choose(bob_client, open_room, reply="1")
    values = {"key": KEY, "text": LINK, "lines": "", "files": ["", *chosen], "reply": "1"}
    send = reverse("send", args=[open_room.slug])
    assert bob_client.post(send, values, headers=HTMX).status_code == 200
    message = open_room.messages.get(number=2)
    message.show_previews(LINK, [Preview(LINK, "Blue kettle", "The Shop", "It boils")])
    message.react("👍", by=alice)
    message.pin(by=alice)
    open_room.post(alice, "that one", "key-of-an-answer", reply=2)
    message.refresh_from_db()
    return message


def test_a_row_shows_all_of_it_the_same_in_every_way(
    all_of_it: Message, bob: User, bob_client: Client, open_room: Room
) -> None:
    row = all_of_it.as_row(open_room, bob)
    assert row.files
    assert row.previews
    assert row.reactions
    assert row.pinned
    assert row.quote is not None
    assert row.quote.number == 1
    assert Row.from_data(row.as_data()) == row
    assert open_room.history().rows[1] == row
    steps = open_room.steps_after(all_of_it.version - 1) or []
    assert row in [step.row for step in steps]
    html = str(fragments.row(row, VARIANT))
    assert html in bob_client.get(reverse("room", args=[open_room.slug])).content.decode()
    shown = fragment(html)
    for one in (".quoted", ".attached", ".preview", ".reactions"):
        assert len(shown.all(one)) == 1
    polled = bob_client.get(
        reverse("changes", args=[open_room.slug]), {"after": 2}, headers=HTMX
    ).content.decode()
    assert "Blue kettle" in polled


def test_a_deletion_leaves_nothing_of_it(
    all_of_it: Message, bob: User, bob_client: Client, open_room: Room, files_folder: Path
) -> None:
    page = opened(bob_client, open_room)
    all_of_it.delete_for_everybody(by=bob)
    for html in catch_up(open_room.pk, page.cursor, VARIANT):
        page.receive(html)
        page.check()
    fresh = opened(bob_client, open_room)
    assert page.rows == fresh.rows
    assert not page.all(".attached, .preview, .reactions, .pin")
    assert not Attachment.objects.exists()
    assert not [each for each in files_folder.rglob("*") if each.is_file()]
    all_of_it.refresh_from_db()
    kept = (all_of_it.files, all_of_it.previews, all_of_it.reactions, all_of_it.pinned_at)
    assert kept == ("", None, None, None)


def test_the_same_form_again_is_the_same_message_and_another_is_none(
    all_of_it: Message, bob: User, open_room: Room
) -> None:
    files = list(all_of_it.attachments.values_list("pk", flat=True))
    assert open_room.post(bob, LINK, KEY, files, reply=1) == all_of_it
    for text, chosen, reply in ((LINK, files, None), (LINK, [], 1), ("another", files, 1)):
        with pytest.raises(KeyUsed):
            open_room.post(bob, text, KEY, chosen, reply=reply)
    assert open_room.messages.count() == 3


def test_a_reply_to_files_alone_says_what_they_are_called(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    original = say_with_files(open_room, alice, "", {"a_b_c.png": picture()})
    answer = open_room.post(bob, "nice", "key-of-an-answer", reply=1)
    page = opened(bob_client, open_room)
    assert page.one(".quoted").text == "AA Alice Archer a_b_c.png"
    assert not page.all(".gone")
    assert open_room.history().rows[1] == answer.as_row(open_room, bob)
    assert "a_b_c.png" in bob_client.get(f"/rooms/{open_room.slug}/1/menu/").content.decode()
    assert "a_b_c.png" in bob_client.get(f"/rooms/{open_room.slug}/1/reactions/").content.decode()
    for text in ("words", ""):
        original.edit(text, by=alice)
        for html in catch_up(open_room.pk, page.cursor, VARIANT):
            page.receive(html)
        assert page.one(".quoted").text == f"AA Alice Archer {text or 'a_b_c.png'}"
    original.delete_for_everybody(by=alice)
    assert len(opened(bob_client, open_room).all(".quoted.gone")) == 1


def test_choosing_a_file_keeps_what_is_replied_to(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "which one?")
    bob_client.post(reverse("room-join", args=[open_room.slug]))
    assert choose(bob_client, open_room, reply="1", text="this")
    page = opened(bob_client, open_room)
    assert page.one(".replying b").text == "Alice Archer"
    assert page.one(".chip b").text == "a.png"
    assert page.one("#composers form .line").attributes["value"] == "this"


def test_replying_keeps_the_files_that_were_chosen(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "which one?")
    bob_client.post(reverse("room-join", args=[open_room.slug]))
    chosen = choose(bob_client, open_room, text="this")
    page = opened(bob_client, open_room)
    form = page.all("#composers form")[0]
    data = {"key": form.one("[name='key']").attributes["value"], "text": "this", "lines": ""}
    begun = bob_client.post(f"/rooms/{open_room.slug}/1/reply/", data, headers=HTMX)
    page.answer(begun.content.decode())
    page.check()
    form = page.all("#composers form")[0]
    assert form.one("[name='reply']").attributes["value"] == "1"
    values = [each.attributes.get("value") for each in form.all("[name='files']")]
    assert [value for value in values if value] == chosen
    assert form.one(".line").attributes["value"] == "this"


def test_the_plain_form_keeps_both_if_it_is_refused(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "which one?")
    where = reverse("send", args=[open_room.slug])
    values = {"key": KEY, "reply": "1", "text": "x" * 5_000, "lines": ""}
    refused = bob_client.post(where, {**values, "files": [sent_file("a.png", picture())]})
    assert refused.status_code == 409
    form = Page(refused.content.decode()).all("#composers form")[0]
    assert form.one("[name='reply']").attributes["value"] == "1"
    assert form.one(".chip b").text == "a.png"
    remove = form.one("[name='remove']").attributes
    taken = bob_client.post(
        remove["formaction"], {**values, "remove": remove["value"], "text": "shorter"}
    )
    form = Page(taken.content.decode()).all("#composers form")[0]
    assert form.one("[name='reply']").attributes["value"] == "1"
    assert not form.all(".chip")
