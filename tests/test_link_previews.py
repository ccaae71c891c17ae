"""Previews of links: there when the owner wants them, like an edit for every open page, and no way in."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from PIL import Image

from rooms import previews
from rooms.background import do_what_is_due
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.models import LinkPreview, Message, Place, Preview, PreviewPicture, Row
from tests.cast import signed_in
from tests.elsewhere import answer, page, redirect
from tests.factories import make_room, say
from tests.page import Page

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room, User
    from tests.elsewhere import Internet

pytestmark = pytest.mark.django_db(transaction=True)

HTMX = {"HX-Request": "true"}
VARIANT = Variant("en", "UTC")
LINK = "http://shop.example/kettle"


@pytest.fixture
def wanted(place: Place) -> Place:
    """The owner has turned previews on."""
    place.preview_links(True)
    return place


def drawing(colour: str = "teal") -> bytes:
    file = BytesIO()
    Image.new("RGB", (600, 300), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def shop(internet: Internet) -> Internet:
    """An internet with a shop in it."""
    shows(internet, "Blue kettle")
    internet.add("shop.example/p.png", answer(drawing(), "image/png"))
    return internet


def shows(internet: Internet, title: str, path: str = "kettle") -> None:
    internet.add(
        f"shop.example/{path}",
        page(
            f'<meta property="og:title" content="{title}">'
            '<meta property="og:site_name" content="The Shop">'
            '<meta property="og:description" content="It boils">'
            '<meta property="og:image" content="/p.png">'
        ),
    )


def at(client: Client, room: Room) -> Page:
    return Page.of_main(client.get(f"/rooms/{room.slug}/").content.decode())


def titles(client: Client, room: Room) -> list[str]:
    return [each.text for each in at(client, room).all(".headline")]


def pages_asked(internet: Internet) -> int:
    return sum("GET /p.png" not in each for each in internet.requests)


# On and off


def test_without_the_owners_wish_nothing_is_asked(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    say(open_room, bob, LINK)
    assert DBTaskResult.objects.count() == 0
    Place.objects.get().preview_links(True)
    say(open_room, bob, f"{LINK} again")
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Blue kettle"]
    assert pages_asked(shop) == 1


def test_the_owner_decides_on_the_page_of_the_place(
    alice_client: Client, bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    form = {"name": "Millbrook", "sign_up": "open"}
    assert bob_client.post("/place/", {**form, "link_previews": "on"}).status_code == 403
    assert not Place.objects.get().link_previews
    alice_client.post("/place/", {**form, "link_previews": "on"})
    assert Place.objects.get().link_previews
    (message,) = say(open_room, bob, LINK)
    do_what_is_due()
    alice_client.post("/place/", {**form, "name": "Another", "link_previews": "on"})
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Blue kettle"]
    alice_client.post("/place/", form)
    do_what_is_due()
    assert titles(bob_client, open_room) == []
    message.refresh_from_db()
    assert (message.previews, message.body, message.edited_at) == (None, LINK, None)
    assert not LinkPreview.objects.exists()
    assert not PreviewPicture.objects.exists()


@pytest.mark.usefixtures("wanted")
def test_all_rooms_lose_their_previews(
    alice: User, bob: User, bob_client: Client, shop: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "AT_ONCE", 2)
    rooms = [make_room(name, alice, bob) for name in ("One", "Two")]
    for room in rooms:
        say(room, bob, LINK, f"{LINK} 2", "no link", f"{LINK} 3")
    do_what_is_due()
    rooms[1].archive()
    assert [len(titles(bob_client, room)) for room in rooms] == [3, 3]
    opened = at(bob_client, rooms[0])
    Place.objects.get().preview_links(False)
    do_what_is_due()
    assert [titles(bob_client, room) for room in rooms] == [[], []]
    follow(opened, bob_client, rooms[0])
    assert opened.all(".headline") == []


@pytest.mark.usefixtures("wanted")
def test_what_is_found_after_the_owner_changed_their_mind_is_not_shown(
    bob: User, bob_client: Client, open_room: Room, shop: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = previews._unfurled

    def slowly(addresses: list[str]) -> object:
        found = ask(addresses)
        Place.objects.get().preview_links(False)
        return found

    monkeypatch.setattr(previews, "_unfurled", slowly)
    (message,) = say(open_room, bob, LINK)
    do_what_is_due()
    assert pages_asked(shop) == 1
    assert titles(bob_client, open_room) == []
    message.refresh_from_db()
    assert message.version == message.posted_version  # nor was it ever


# What people see


@pytest.mark.usefixtures("wanted")
def test_a_preview_comes_like_an_edit_that_is_none(
    bob: User, bob_client: Client, alice_client: Client, open_room: Room, shop: Internet
) -> None:
    (message,) = say(open_room, bob, f"look: {LINK}")
    opened, late = at(alice_client, open_room), at(alice_client, open_room)
    do_what_is_due()
    follow(opened, alice_client, open_room)
    for frame in catch_up(open_room.pk, late.cursor, VARIANT):
        late.receive(frame)
    fresh = at(alice_client, open_room)
    assert [row.html for row in opened.all(".message")] == [
        row.html for row in fresh.all(".message")
    ]
    assert late.one("#m1").html == fresh.one("#m1").html
    card = fresh.one("#m1 .preview")
    assert card.one(".headline").attributes["href"] == LINK
    assert card.one(".headline").attributes["rel"] == "noopener noreferrer nofollow ugc"
    assert card.text == "The Shop · shop.example Blue kettle It boils Remove this preview"
    picture = card.one("img").attributes
    assert (picture["width"], picture["height"], picture["alt"]) == ("144", "72", "")
    assert fresh.all(".edited") == []
    message.refresh_from_db()
    assert (message.body, message.edited_at) == (f"look: {LINK}", None)
    assert (message.version, message.posted_version) == (2, 1)
    _one_that_is_behind(alice_client, open_room, message)


def _one_that_is_behind(client: Client, room: Room, message: Message) -> None:
    """A page from before the message gets it whole."""
    frames = catch_up(room.pk, 0, VARIANT)
    assert sum(frame.count("beforeend:") for frame in frames) == 1
    assert "Blue kettle" in frames[0]


def follow(opened: Page, client: Client, room: Room) -> None:
    """What a poll brings."""
    answer = client.get(f"/rooms/{room.slug}/changes/", {"after": opened.cursor}, headers=HTMX)
    html = re.sub(r'<ul id="presence".*', "", answer.content.decode(), flags=re.DOTALL)
    opened.receive(html)


@pytest.mark.usefixtures("wanted")
def test_a_picture_comes_from_us(
    bob: User, bob_client: Client, client: Client, open_room: Room, shop: Internet
) -> None:
    say(open_room, bob, LINK)
    do_what_is_due()
    address = at(bob_client, open_room).one(".preview img").attributes["src"]
    got = bob_client.get(address)
    assert got.headers["Content-Type"] == "image/webp"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in got.headers["Cache-Control"]
    assert "private" in got.headers["Cache-Control"]
    assert Image.open(BytesIO(got.content)).size == (288, 144)
    assert client.get(address).status_code == 302
    for wrong in ("/previews/nonsense.webp", "/previews/%00.webp", f"/previews/{'a' * 9000}.webp"):
        assert bob_client.get(wrong).status_code in (400, 404)


@pytest.mark.usefixtures("wanted")
def test_what_a_page_says_is_only_words(
    bob: User, bob_client: Client, open_room: Room, internet: Internet
) -> None:
    words = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img src=x&gt; \u202eevil\x00\ud7ff"
    shows(internet, words, "evil")
    say(open_room, bob, 'http://shop.example/evil and [x](http://shop.example/evil?"<b>)')
    do_what_is_due()
    html = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
    assert "src=x" not in html.replace("&lt;img src=x", "")


# Which links


def addresses(*paths: str) -> str:
    return " ".join(f"http://shop.example/{path}" for path in paths)


@pytest.mark.usefixtures("wanted")
def test_of_a_thousand_links_three_are_asked_for(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    for name in "abcdefg":
        shows(shop, f"Page {name}", name)
    say(open_room, bob, addresses("a", "b", "a", "c", *"defg" * 30))
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Page a", "Page b", "Page c"]
    assert pages_asked(shop) == 3


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize(
    "body",
    [
        f"<{LINK}>",
        f"`{LINK}`",
        f"```\n{LINK}\n```",
        "mailto:bob@shop.example",
        "www.",
        "http://",
        "http://[::1",
        "http://testserver/rooms/",
        f"{LINK}/{'a' * 2000}",
        "ftp://shop.example/kettle",
    ],
)
def test_no_preview_is_asked_for(
    bob: User, open_room: Room, shop: Internet, settings: Settings, body: str
) -> None:
    settings.SITE_URL = "http://testserver"
    shop.add("other.example/", page("<title>Another</title>"))
    say(open_room, bob, f"{body}\n\nhttp://other.example/")
    do_what_is_due()
    assert shop.looked_up == ["other.example"]


BAD_PAGES = {
    "inside": redirect("http://127.0.0.1/"),
    "cloud": redirect("http://169.254.169.254/latest/meta-data/"),
    "file": redirect("file:///etc/passwd"),
    "type": answer(b"%PDF", "application/pdf"),
    "broken": b"\0\1\2",
    "gone": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<title>No</title>",
}


@pytest.mark.usefixtures("wanted")
def test_a_page_that_is_no_page_changes_nothing(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    for name, says in BAD_PAGES.items():
        shop.add(f"shop.example/{name}", says)
    posted = say(
        open_room,
        bob,
        *(addresses(name) for name in BAD_PAGES),
        "http://127.0.0.1/",
        "http://user:password@shop.example/kettle",
        "http://nobody.example/",
        LINK,
    )
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Blue kettle"]
    versions = [
        (message.version, message.posted_version)
        for message in Message.objects.filter(pk__in=[each.pk for each in posted[:-1]])
    ]
    assert all(version == posted_version for version, posted_version in versions)
    assert set(shop.dialled) == {"93.184.215.14"}
    assert not DBTaskResult.objects.failed().exists()


@pytest.mark.usefixtures("wanted")
def test_what_was_found_serves_for_a_day_and_what_was_not_for_an_hour(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    body = addresses("kettle", "none")

    def asked_after(**age: int) -> int:
        before = pages_asked(shop)
        LinkPreview.objects.update(fetched_at=timezone.now() - timedelta(**age))
        say(open_room, bob, body)
        do_what_is_due()
        return pages_asked(shop) - before

    assert asked_after() == 2
    assert asked_after(minutes=50) == 0
    assert asked_after(hours=2) == 1
    assert asked_after(hours=23) == 1
    assert asked_after(hours=25) == 2
    assert titles(bob_client, open_room) == ["Blue kettle"] * 5
    assert PreviewPicture.objects.count() == 1


@pytest.mark.usefixtures("wanted")
def test_nobody_makes_us_ask_without_end(
    alice: User, bob: User, open_room: Room, shop: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob_client = signed_in(bob)
    for name in "abcdef":
        shows(shop, f"Page {name}", name)
    monkeypatch.setattr(previews, "OF_PERSON", (2, 600))
    say(open_room, bob, addresses("a", "b", "c"))
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Page a", "Page b"]
    say(open_room, alice, addresses("c"))
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Page a", "Page b", "Page c"]
    monkeypatch.setattr(previews, "OF_PERSON", (99, 600))
    monkeypatch.setattr(previews, "OF_HOST", (4, 600))
    say(open_room, alice, addresses("d", "e", "f"))
    do_what_is_due()
    assert titles(bob_client, open_room)[3:] == ["Page d"]
    assert pages_asked(shop) == 4


# Changing one's mind


@pytest.mark.usefixtures("wanted")
def test_an_edit_brings_and_takes_previews(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    for name in "abc":
        shows(shop, f"Page {name}", name)
    (message,) = say(open_room, bob, addresses("a", "b"))
    do_what_is_due()
    message.edit(addresses("b", "c"), by=bob)
    assert titles(bob_client, open_room) == ["Page b"]  # what stays does not flicker
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Page b", "Page c"]
    message.edit("no links", by=bob)
    do_what_is_due()
    assert titles(bob_client, open_room) == []
    message.refresh_from_db()
    assert message.previews is None
    assert list(message.preview_pictures.all()) == []


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("change", ["edit", "delete", "archive"])
def test_what_was_found_of_other_words_is_not_shown(
    bob: User, open_room: Room, shop: Internet, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    (message,) = say(open_room, bob, LINK)
    ask = previews._unfurled

    def slowly(wanted: list[str]) -> object:
        found = ask(wanted)
        monkeypatch.setattr(previews, "_unfurled", ask)
        if change == "edit":
            message.edit("something else", by=bob)
        elif change == "delete":
            message.delete_for_everybody(by=bob)
        else:
            open_room.archive()
        return found

    monkeypatch.setattr(previews, "_unfurled", slowly)
    do_what_is_due()
    assert pages_asked(shop) == 1
    assert titles(signed_in(bob), open_room) == []
    assert not DBTaskResult.objects.failed().exists()


@pytest.mark.usefixtures("wanted")
def test_a_deleted_message_has_none(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    (message,) = say(open_room, bob, LINK)
    do_what_is_due()
    assert message.preview_pictures.exists()
    message.delete_for_everybody(by=bob)
    assert titles(bob_client, open_room) == []
    message.refresh_from_db()
    assert message.previews is None
    assert not message.preview_pictures.exists()


def removal(room: Room, number: int = 1, address: str = LINK) -> str:
    key = Preview(address, "", "", "").key
    return reverse("preview-remove", args=[room.slug, number, key])


@pytest.mark.usefixtures("wanted")
def test_the_author_removes_a_preview_for_good(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    shows(shop, "Toaster", "toaster")
    (message,) = say(open_room, bob, addresses("kettle", "toaster"))
    do_what_is_due()
    link = at(bob_client, open_room).all(".preview .dismiss")[0].attributes["href"]
    assert link == removal(open_room)
    asked = bob_client.get(link)
    assert "Blue kettle" in asked.content.decode()
    assert titles(bob_client, open_room) == ["Blue kettle", "Toaster"]
    done = bob_client.post(link)
    assert done.headers["Location"] == f"/rooms/{open_room.slug}/1/"
    assert titles(bob_client, open_room) == ["Toaster"]
    assert bob_client.post(link).status_code == 302  # harmless if repeated
    assert bob_client.get(link).status_code == 302
    message.edit(f"{message.body} edited", by=bob)
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Toaster"]
    message.edit("nothing", by=bob)
    message.edit(LINK, by=bob)
    do_what_is_due()
    assert titles(bob_client, open_room) == ["Blue kettle"]


@pytest.mark.usefixtures("wanted")
def test_a_preview_is_removed_on_an_open_page(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    say(open_room, bob, LINK)
    do_what_is_due()
    opened = at(bob_client, open_room)
    answer = bob_client.post(removal(open_room), {"after": opened.cursor}, headers=HTMX)
    assert answer.status_code == 204
    assert json.loads(answer.headers["HX-Trigger"]) == {"changed": {"target": "#watch"}}
    follow(opened, bob_client, open_room)
    assert opened.all(".preview") == []
    past = at(bob_client, open_room)  # a page of the past has no cursor to send
    past.answer(bob_client.post(removal(open_room), headers=HTMX).content.decode())
    assert past.all(".preview") == []


@pytest.mark.usefixtures("wanted")
def test_nobody_else_removes_it(
    alice: User, bob: User, charlie: User, private_room: Room, shop: Internet
) -> None:
    bob_client = signed_in(bob)
    say(private_room, bob, LINK)
    do_what_is_due()
    for method in ("get", "post"):
        assert getattr(signed_in(alice), method)(removal(private_room)).status_code == 403
        assert getattr(signed_in(charlie), method)(removal(private_room)).status_code == 404
        assert getattr(bob_client, method)(removal(private_room, 99)).status_code == 404
    assert titles(bob_client, private_room) == ["Blue kettle"]
    for key in ("nonsense", "a" * 5000, "ü"):
        address = reverse("preview-remove", args=[private_room.slug, 1, key])
        assert bob_client.post(address).status_code == 302
    assert titles(bob_client, private_room) == ["Blue kettle"]
    private_room.archive()
    refused = bob_client.post(removal(private_room))
    assert refused.status_code == 400
    assert "archived" in refused.content.decode()
    told = bob_client.post(removal(private_room), headers=HTMX)
    assert "archived" in told.content.decode()
    assert titles(bob_client, private_room) == ["Blue kettle"]


# What it costs


def queries(call: object) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        call()  # type: ignore[operator]
    return len(seen)


def test_who_links_nothing_pays_nothing(
    bob: User, bob_client: Client, open_room: Room, place: Place, shop: Internet
) -> None:
    say(open_room, bob, "warm")
    plain = queries(lambda: say(open_room, bob, "plain"))
    assert queries(lambda: say(open_room, bob, LINK)) == plain + 1
    place.preview_links(True)
    assert queries(lambda: say(open_room, bob, "plain")) == plain


@pytest.mark.usefixtures("wanted")
def test_a_page_of_previews_costs_no_further_query(
    bob: User, bob_client: Client, open_room: Room, shop: Internet
) -> None:
    def load() -> int:
        return queries(lambda: bob_client.get(f"/rooms/{open_room.slug}/"))

    say(open_room, bob, "plain")
    load()
    load()
    say(open_room, bob, "plain again")
    one = load()
    say(open_room, bob, *[f"{LINK} {number}" for number in range(20)])
    do_what_is_due()
    assert load() <= one
    assert len(titles(bob_client, open_room)) == 20


@pytest.mark.usefixtures("wanted")
def test_a_row_travels_as_plain_data(bob: User, open_room: Room, shop: Internet) -> None:
    say(open_room, bob, LINK)
    do_what_is_due()
    (row,) = open_room.history().rows
    assert row.previews[0].title == "Blue kettle"
    assert Row.from_data(json.loads(json.dumps(row.as_data()))) == row
    assert hash(row)


@pytest.mark.usefixtures("wanted")
def test_what_nothing_shows_any_more_is_tidied_away(
    bob: User, open_room: Room, shop: Internet
) -> None:
    kept, gone = say(open_room, bob, LINK, addresses("other"))
    shows(shop, "Other", "other")
    shop.add("shop.example/other", page('<title>O</title><meta name="og:image" content="/q.png">'))
    shop.add("shop.example/q.png", answer(drawing("red"), "image/png"))
    do_what_is_due()
    assert PreviewPicture.objects.count() == 2
    gone.delete_for_everybody(by=bob)
    LinkPreview.forget_old()
    assert (PreviewPicture.objects.count(), LinkPreview.objects.count()) == (2, 2)
    old = timezone.now() - timedelta(days=3)
    LinkPreview.objects.update(fetched_at=old)
    PreviewPicture.objects.update(used_at=old)
    LinkPreview.forget_old()
    assert LinkPreview.objects.count() == 0
    assert [each.pk for each in PreviewPicture.objects.all()] == [
        each.pk for each in kept.preview_pictures.all()
    ]
