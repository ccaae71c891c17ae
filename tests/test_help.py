"""The page of help, and the access keys that it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.html import escape

from rooms.keys import ACCESS_KEYS
from rooms.text import to_html
from rooms.views.help_page import EXAMPLES
from tests.page import Page
from tests.process import REPOSITORY

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Place, Room


def test_help_is_for_whoever_is_signed_in(client: Client, bob_client: Client) -> None:
    assert client.get("/help/").status_code == 302
    assert bob_client.get("/help/").status_code == 200
    assert bob_client.post("/help/").status_code == 405


def test_what_is_typed_stands_beside_what_it_looks_like(bob_client: Client) -> None:
    page = bob_client.get("/help/").content.decode()
    for typed in EXAMPLES:
        assert f'<pre dir="auto">{escape(typed)}</pre>' in page
        looks = to_html(str(typed))
        assert looks in page
        assert looks != f"<p>{escape(typed)}</p>"


def test_how_to_do_without_a_preview_is_told_where_there_are_any(
    bob_client: Client, place: Place
) -> None:
    sentence = "without a preview"
    assert sentence not in bob_client.get("/help/").content.decode()
    place.preview_links(True)
    assert sentence in bob_client.get("/help/").content.decode()


def test_each_key_is_on_a_rooms_page_once_and_in_the_help(
    bob_client: Client, open_room: Room
) -> None:
    page = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    used = re.findall(r'accesskey="([^"]*)"', page)
    assert sorted(used) == sorted(each.key for each in ACCESS_KEYS.values())
    assert len(set(used)) == len(used)
    told = Page(bob_client.get("/help/").content.decode())
    assert [key.text for key in told.all(".keys tbody kbd")] == [
        each.key.upper() for each in ACCESS_KEYS.values()
    ]


def test_no_template_gives_out_a_key_by_itself() -> None:
    sources = {path: path.read_text() for path in (REPOSITORY / "templates").rglob("*.html")}
    assert any("{% accesskey " in source for source in sources.values())
    assert [path for path, source in sources.items() if "accesskey=" in source] == []
