"""Searching for messages that have files: one answer from SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from rooms.models.searching import index
from rooms.models.searching.query import Phrase, parsed
from rooms.models.searching.reindex import index_before_files, index_files, reindex
from rooms.models.searching.search import BEST, Filters, search
from tests.factories import say, say_with_files
from tests.files import MP3
from tests.page import parsed as page_of

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User

SOUND = {"kettle.mp3": MP3}


def bodies(user: User, text: str, **filters: Any) -> list[str]:
    found = search(user, parsed(text), Filters(**filters))
    assert found.total == len(found.messages)
    return [message.body for message in found.messages]


@pytest.fixture
def corpus(bob: User, alice: User, open_room: Room, private_room: Room) -> None:
    say(open_room, bob, "the kettle sings", "file", "has a lid")
    say_with_files(open_room, bob, "hear the kettle", SOUND)
    say_with_files(open_room, alice, "", SOUND)
    say_with_files(private_room, alice, "a secret kettle", SOUND)


@pytest.mark.usefixtures("corpus")
def test_only_messages_with_files_are_found(bob: User, charlie: User) -> None:
    assert bodies(bob, "kettle") == ["a secret kettle", "hear the kettle", "the kettle sings"]
    assert bodies(bob, "kettle has:file") == ["a secret kettle", "hear the kettle"]
    assert bodies(bob, "kettle", files=True) == ["a secret kettle", "hear the kettle"]
    assert bodies(bob, "HAS:FILES") == ["a secret kettle", "", "hear the kettle"]
    assert bodies(bob, "has:file -hear") == ["a secret kettle", ""]
    assert bodies(bob, "has:file from:alice in:workbench") == [""]
    assert bodies(bob, "kettle has:file", order=BEST) == ["a secret kettle", "hear the kettle"]
    assert bodies(charlie, "has:file") == ["", "hear the kettle"]


@pytest.mark.usefixtures("corpus")
def test_what_is_nearly_the_filter_is_words(bob: User) -> None:
    assert parsed("has:file x").phrases == (Phrase(("x",)),)
    for text in ("has:", "has:lid", "has:filex", "ahas:file", "-has:file", "_f", '"has:file"'):
        assert not parsed(text).files, text
    assert bodies(bob, "_f") == []
    assert bodies(bob, "has:lid") == []
    assert bodies(bob, "has lid") == ["has a lid"]


def test_an_edited_message_keeps_its_files_and_a_deleted_one_has_none(
    bob: User, open_room: Room
) -> None:
    message = say_with_files(open_room, bob, "hear it", SOUND)
    message.edit("listen", by=bob)
    assert bodies(bob, "has:file") == ["listen"]
    message.delete_for_everybody(by=bob)
    assert bodies(bob, "has:file") == []


@pytest.mark.usefixtures("corpus")
def test_what_was_indexed_before_there_was_the_filter_is_found_after_the_migration(
    bob: User,
) -> None:
    forget_all()
    list(index_before_files())
    assert len(bodies(bob, "kettle")) == 3
    assert bodies(bob, "has:file") == []
    list(index_files())
    assert bodies(bob, "has:file") == ["a secret kettle", "", "hear the kettle"]
    forget_all()
    list(reindex())
    assert bodies(bob, "has:file") == ["a secret kettle", "", "hear the kettle"]


def forget_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rooms_search")


def test_the_index_has_the_word_for_those_messages_alone() -> None:
    assert index.FILES in index.document(1, 2, "x", files=True).split()
    assert index.FILES not in index.document(1, 2, "x _f").split()
    assert "'_f'" in index.vector(1, 2, "x", files=True).split()
    assert "'_f'" not in index.vector(1, 2, "x _f").split()


@pytest.mark.usefixtures("corpus")
def test_the_page_has_a_box_for_it(bob_client: Client) -> None:
    page = page_of(bob_client.get("/search/?has=file&order=best").content.decode())
    assert "checked" in page.one("#has").attributes
    assert [row.one(".body").text for row in page.all(".found>li")] == [
        "a secret kettle kettle.mp3",
        "kettle.mp3",
        "hear the kettle kettle.mp3",
    ]
    part = bob_client.get("/search/?part=1&has=file&q=kettle", headers={"HX-Request": "true"})
    assert part.headers["HX-Replace-Url"] == "/search/?q=kettle&has=file"
    page = page_of(bob_client.get("/search/?q=kettle&has=nonsense").content.decode())
    assert "checked" not in page.one("#has").attributes
    assert len(page.all(".found>li")) == 3
