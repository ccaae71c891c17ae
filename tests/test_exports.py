"""Copies to take along, of a room and of what is somebody's own."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import disk
from rooms.background import do_what_is_due
from rooms.exporting import making
from rooms.exporting.archive import safe_name
from rooms.models import Export, Message, Room
from rooms.models.export import ABANDONED, KEPT, TRIES, ExportRefused
from tests import files
from tests.cast import signed_in
from tests.factories import make_user, say, say_with_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from rooms.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.upkeep.PAUSE", 0)


@pytest.fixture(autouse=True)
def empty_folder() -> Iterator[None]:
    yield
    shutil.rmtree(disk.full("exports"), ignore_errors=True)


def address(room: Room) -> str:
    return f"/rooms/{room.slug}/export/"


def fetched(client: Client, asked_at: str) -> zipfile.ZipFile:
    """Ask for a copy, have it made, download it."""
    assert client.post(asked_at).status_code == 302
    do_what_is_due()
    export = Export.objects.order_by("-pk")[0]
    assert export.state == Export.State.READY
    assert f"/exports/{export.pk}/" in client.get(asked_at).content.decode()
    return downloaded(client, export)


def downloaded(client: Client, export: Export) -> zipfile.ZipFile:
    response: Any = client.get(f"/exports/{export.pk}/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "attachment" in response.headers["Content-Disposition"]

    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    archive = zipfile.ZipFile(io.BytesIO(async_to_sync(read)()))
    assert archive.testzip() is None
    return archive


def lines(archive: zipfile.ZipFile, name: str = "messages.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(name).decode().splitlines()]


def page(archive: zipfile.ZipFile, number: int = 1) -> str:
    html = archive.read(f"pages/{number:05}.html").decode()
    html5lib.HTMLParser(strict=True).parse(html)
    return html


# What is in it


def test_a_room_s_copy_has_all_that_its_members_can_read(
    alice: User, bob: User, alice_client: Client, open_room: Room
) -> None:
    (first,) = say(open_room, alice, "**Hello** :tada:")
    open_room.post(bob, "hi", "key-number-2", reply=1)
    say_with_files(open_room, bob, "look", {"cup & tea.png": files.picture()})
    (secret,) = say(open_room, bob, "a secret")
    secret.delete_for_everybody(by=bob)
    first.edit("**Hello** you", by=alice)
    first.react("👍", by=bob)
    first.pin(by=bob)
    archive = fetched(alice_client, address(open_room))
    about = json.loads(archive.read("room.json"))
    assert (about["name"], about["topic"], about["private"]) == (
        "Workbench",
        "What is on the bench",
        False,
    )
    assert [each["username"] for each in about["members"]] == ["alice", "bob"]
    said = lines(archive)
    assert [each["number"] for each in said] == [1, 2, 3]
    assert said[0]["text"] == "**Hello** you"
    assert said[0]["reactions"] == {"👍": ["Bob Baker"]}
    assert {"edited_at", "pinned_at"} < set(said[0])
    assert said[1] == {
        "number": 2,
        "author": "Bob Baker",
        "username": "bob",
        "at": said[1]["at"],
        "text": "hi",
        "reply_to": 1,
    }
    (file,) = said[2]["files"]
    assert file["name"] == "cup & tea.png"
    kept = Message.objects.get(number=3).attachments.get()
    assert archive.read(file["path"]) == disk.full(kept.path).read_bytes()
    html = page(archive)
    for part in (
        "<strong>Hello</strong> you",
        '<a href="#m1">In reply to Alice Archer</a>',
        f'<img src="../thumbnails/{kept.pk}.webp" alt="cup &amp; tea.png">',
        "👍 1",
        "pinned edited",
    ):
        assert part in html
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"a secret" not in everything
    index = archive.read("index.html").decode()
    html5lib.HTMLParser(strict=True).parse(index)
    assert "pages/00001.html" in index
    assert "with 3 messages" in index


def test_nothing_that_was_written_becomes_markup(
    alice: User, bob: User, alice_client: Client
) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    room = Room.make(name=evil[:60], topic=evil, private=False, by=alice)
    alice.change_profile(display_name=evil[:60], time_zone="", language="")
    say(room, alice, evil, "[x](javascript:alert(1))")
    say_with_files(room, alice, "", {f"{evil}.mp3": files.MP3})
    archive = fetched(alice_client, address(room))
    for name in archive.namelist():
        if name.endswith(".html"):
            html = archive.read(name).decode()
            assert "<script" not in html
            assert "<img src=x" not in html
            assert "javascript:" not in html.replace("](javascript:", "")
            assert "default-src 'none'" in html
            assert "style=" not in html


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cup.png", "cup.png"),
        ("page.HTML", "page.HTML.txt"),
        ("drawing.svg", "drawing.svg.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a<b>c:d"e|f?g*.txt', "a_b_c_d_e_f_g_.txt"),
        ("nul\0\n.txt", "nul__.txt"),
        ("...", "file"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("x.html. ", "x.html.txt"),
    ],
)
def test_a_file_s_name_is_harmless_on_every_machine(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_what_a_browser_would_run_is_given_a_name_that_it_does_not_run(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    say_with_files(open_room, alice, "", {"page.html": files.HTML, "x.svg": files.SVG})
    archive = fetched(alice_client, address(open_room))
    kept = [name for name in archive.namelist() if name.startswith("files/")]
    assert len(kept) == 2
    assert all(name.endswith(".txt") for name in kept)


def test_a_file_that_the_disk_has_lost_is_left_out(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    message = say_with_files(open_room, alice, "listen", {"x.mp3": files.MP3})
    disk.remove(message.attachments.get().path)
    archive = fetched(alice_client, address(open_room))
    assert [each["text"] for each in lines(archive)] == ["listen"]
    assert "files" not in lines(archive)[0]


def test_an_empty_room_has_a_copy(alice_client: Client, open_room: Room) -> None:
    archive = fetched(alice_client, address(open_room))
    assert lines(archive) == []
    assert "Nothing was said." in archive.read("index.html").decode()


def test_a_direct_conversation_is_its_people_s(
    alice: User, bob: User, charlie: User, bob_client: Client, charlie_client: Client
) -> None:
    room = Room.direct_with([bob], by=alice)
    say(room, alice, "between us")
    assert charlie_client.get(address(room)).status_code == 404
    archive = fetched(bob_client, address(room))
    assert json.loads(archive.read("room.json"))["name"] == "Alice Archer"
    assert [each["text"] for each in lines(archive)] == ["between us"]


# A long history


def fill(room: Room, author: User, count: int) -> None:
    begin = timezone.now() - timedelta(days=30)
    Message.objects.bulk_create(
        Message(
            room=room,
            number=number,
            version=number,
            posted_version=number,
            author=author,
            body=f"message {number}",
            key=f"key-number-{number}",
            created_at=begin + timedelta(minutes=number),
        )
        for number in range(1, count + 1)
    )
    Room.objects.filter(pk=room.pk).update(last_number=count, version=count)


def test_a_long_history_is_written_page_by_page(
    bob: User, alice: User, alice_client: Client, open_room: Room
) -> None:
    fill(open_room, bob, 1_201)
    Message.objects.filter(number=900).update(reply_to=Message.objects.get(number=3))
    with CaptureQueriesContext(connection) as asked:
        archive = fetched(alice_client, address(open_room))
    assert len([each for each in asked if '"rooms_message"."body"' in each["sql"]]) <= 4
    assert [each["number"] for each in lines(archive)] == list(range(1, 1_202))
    pages = [name for name in archive.namelist() if name.startswith("pages/")]
    assert pages == ["pages/00001.html", "pages/00002.html", "pages/00003.html"]
    assert '<a href="00001.html#m3">' in page(archive, 2)
    assert '<a href="00003.html">Later</a>' in page(archive, 2)
    assert "Later" not in page(archive, 3)


def test_the_copy_of_a_hundred_thousand_messages_needs_no_more_memory_than_that_of_a_few(
    bob: User, alice: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown by a tenth of them: what is held at once is one page, however many there are."""

    def peak(upto: int) -> int:
        Room.objects.filter(pk=open_room.pk).update(last_number=upto)
        export = Export.ask(alice, Room.objects.get(pk=open_room.pk))
        tracemalloc.start()
        do_what_is_due()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        export.refresh_from_db()
        assert export.state == Export.State.READY
        return most

    monkeypatch.setattr("rooms.exporting.pages.PER_PAGE", 100)
    fill(open_room, bob, 5_000)
    peak(200)  # all that is kept for good
    few, many = peak(500), peak(5_000)
    assert many < few + 3_000_000


def test_it_is_made_a_little_at_a_time_and_says_how_far_it_is(
    bob: User,
    alice: User,
    alice_client: Client,
    open_room: Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rooms.upkeep.SLICE", 0)
    monkeypatch.setattr("rooms.exporting.pages.PER_PAGE", 10)
    fill(open_room, bob, 35)
    alice_client.post(address(open_room))
    export = Export.objects.get()
    waiting = alice_client.get(address(open_room)).content.decode()
    assert "The copy is being made." in waiting
    assert "hx-trigger" in waiting
    for part in range(3):
        making.make_export.func(export.pk, part)
        export.refresh_from_db()
    assert (export.done, export.total, export.percent) == (20, 35, 57)
    said = alice_client.get(f"{address(open_room)}?part=1", headers={"HX-Request": "true"})
    assert "20 of 35 messages are in it." in said.content.decode()
    assert 'value="57"' in said.content.decode()
    making.make_export.func(export.pk, 0)  # a worker that was late
    export.refresh_from_db()
    assert export.done == 20
    say(open_room, alice, "too late for it")
    do_what_is_due()
    archive = downloaded(alice_client, export)
    assert [each["number"] for each in lines(archive)] == list(range(1, 36))
    assert "hx-trigger" not in fragment_of(alice_client, open_room)


def fragment_of(client: Client, room: Room) -> str:
    part = client.get(f"{address(room)}?part=1", headers={"HX-Request": "true"})
    return part.content.decode()


# Who may have it, and for how long


def test_who_may_no_longer_have_it_cannot_fetch_it(
    alice: User, bob: User, charlie: User, private_room: Room
) -> None:
    private_room.appoint(bob, moderator=True)
    client = signed_in(bob)
    fetched(client, address(private_room))
    export = Export.objects.get()
    downloaded(client, export)
    private_room.appoint(bob, moderator=False)
    assert client.get(f"/exports/{export.pk}/").status_code == 403
    private_room.appoint(bob, moderator=True)
    downloaded(client, export)
    private_room.remove(bob)
    assert client.get(f"/exports/{export.pk}/").status_code == 404


def test_nobody_fetches_another_s(
    alice: User, alice_client: Client, amir_client: Client, open_room: Room
) -> None:
    fetched(alice_client, address(open_room))
    export = Export.objects.get()
    assert amir_client.get(address(open_room)).status_code == 200
    assert amir_client.get(f"/exports/{export.pk}/").status_code == 404
    assert amir_client.get(f"/exports/{'9' * 30}/").status_code == 404


def test_who_was_let_out_meanwhile_gets_none(alice: User, bob: User, private_room: Room) -> None:
    private_room.appoint(bob, moderator=True)
    export = Export.ask(bob, private_room)
    private_room.remove(bob)
    do_what_is_due()
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert not list(disk.full("exports").glob("*")) if disk.full("exports").exists() else True


def test_one_is_made_at_a_time_and_takes_the_place_of_the_last(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    first = Export.ask(alice, open_room)
    with pytest.raises(ExportRefused):
        Export.ask(alice, open_room)
    response = alice_client.post(address(open_room), follow=True)
    assert "A copy is being made already" in response.content.decode()
    do_what_is_due()
    assert disk.full(first.path).exists()
    second = Export.ask(alice, open_room)
    assert not disk.full(first.path).exists()
    assert list(Export.objects.all()) == [second]


def test_it_goes_after_a_week(alice: User, alice_client: Client, open_room: Room) -> None:
    fetched(alice_client, address(open_room))
    export = Export.objects.get()
    Export.tidy()
    assert disk.full(export.path).exists()
    Export.objects.update(finished_at=timezone.now() - KEPT - timedelta(seconds=1))
    assert alice_client.get(f"/exports/{export.pk}/").status_code == 404
    Export.tidy()
    assert not Export.objects.exists()
    assert not disk.full(export.path).exists()


def test_what_a_killed_worker_left_is_begun_anew_and_given_up_in_the_end(
    alice: User, bob: User, alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.exporting.pages.PER_PAGE", 10)
    fill(open_room, bob, 25)
    export = Export.ask(alice, open_room)
    with monkeypatch.context() as patch:
        patch.setattr("rooms.upkeep.SLICE", 0)
        making.make_export.func(export.pk, 0)
    with export.temporary(".part").open("ab") as file:
        file.write(b"half of somethi")
    Export.objects.update(worked_at=timezone.now() - ABANDONED - timedelta(seconds=1))
    Export.tidy()
    do_what_is_due()
    archive = downloaded(alice_client, export)
    assert [each["number"] for each in lines(archive)] == list(range(1, 26))
    Export.objects.update(state="making", worked_at=timezone.now() - 2 * ABANDONED, tries=TRIES - 1)
    Export.tidy()
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert "could not be made" in alice_client.get(address(open_room)).content.decode()


def test_a_disk_that_is_full_fails_it_with_a_word(
    alice: User, alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "SPARE", 1 << 60)
    export = Export.ask(alice, open_room)
    do_what_is_due()
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert "could not be made" in alice_client.get(address(open_room)).content.decode()
    monkeypatch.undo()
    fetched(alice_client, address(open_room))


def test_strays_go(alice: User, open_room: Room) -> None:
    export = Export.ask(alice, open_room)
    do_what_is_due()
    open_room.delete()
    assert disk.full(export.path).exists()
    Export.tidy()
    assert not disk.full(export.path).exists()


# What is somebody's own


def test_an_account_s_copy_has_all_that_is_theirs_and_nothing_else(
    alice: User, bob: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    other = Room.make(name="Shed", topic="", private=True, by=alice)
    other.add(bob)
    direct = Room.direct_with([alice], by=bob)
    say(open_room, alice, "hers")
    say(open_room, bob, "mine")
    say(private_room, bob, "mine too")
    (lost,) = say(other, bob, "mine in the shed")
    lost.react("🎉", by=alice)
    say_with_files(direct, bob, "for you", {"x.mp3": files.MP3})
    Message.objects.get(body="hers").react("👍", by=bob)
    (gone,) = say(open_room, bob, "gone")
    gone.delete_for_everybody(by=bob)
    open_room.memberships.get(user=bob).save_draft("to be contin", "key-of-a-draft")
    other.remove(bob)
    Room.objects.filter(pk=other.pk).update(name="Secret shed")
    archive = fetched(bob_client, "/accounts/data/")
    said = lines(archive)
    assert [(each["room"], each["text"]) for each in said] == [
        ("Workbench", "mine"),
        ("Committee", "mine too"),
        ("", "mine in the shed"),
        ("Alice Archer", "for you"),
    ]
    assert "reactions" not in said[2]
    assert lines(archive, "reactions.jsonl") == [
        {"room": "Workbench", "message": 1, "reactions": ["👍"]}
    ]
    about = json.loads(archive.read("account.json"))
    assert about["account"]["username"] == "bob"
    assert "to be contin" in [each["draft"] for each in about["rooms"]]
    assert len([name for name in archive.namelist() if name.startswith("files/")]) == 1
    everything = b"".join(archive.read(name) for name in archive.namelist())
    for not_theirs in (b"hers", b"gone", b"Secret shed", bob.password.encode()):
        assert not_theirs not in everything
    html = page(archive)
    assert "in a room that you no longer see" in html


def test_a_guest_has_a_copy_of_theirs(greta: User, greta_client: Client, open_room: Room) -> None:
    open_room.add(greta)
    say(open_room, greta, "thanks")
    assert [each["text"] for each in lines(fetched(greta_client, "/accounts/data/"))] == ["thanks"]
    assert greta_client.get(address(open_room)).status_code == 403


def test_who_was_signed_out_is_told_so_where_the_page_asks(client: Client, alice: User) -> None:
    response = client.get("/accounts/data/?part=1", headers={"HX-Request": "true"})
    assert "You are signed out." in response.content.decode()
    assert response.headers["HX-Retarget"] == "#exports"


def test_reading_a_page_of_copies_costs_the_same_whatever_there_is(
    alice_client: Client, alice: User, open_room: Room
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            alice_client.get(address(open_room))
        return len(queries)

    before = asked()
    for number in range(5):
        Export.objects.create(user=make_user(f"u{number}"), room=open_room, name=f"n{number}")
    assert asked() == before
