"""The pictures that people are shown by: what is taken, what is kept of it, and where it shows."""

from __future__ import annotations

import io
import os
import re
import struct
import time
import zlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from rooms import chores, faces, pictures
from rooms.live import fragments
from rooms.live.fragments import Variant
from rooms.models import Profile, Role, Room, User, announcements
from tests.cast import signed_in
from tests.factories import make_crowd, make_user, say
from tests.markup import text
from tests.page import Page
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pytest_django import DjangoCaptureOnCommitCallbacks

PROFILE = "/accounts/profile/"
PICTURE = "/accounts/picture/"
HTMX = {"HX-Request": "true"}
OF_ROWS = "outerHTML:.message["  # what a frame has that changes what was said
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


@pytest.fixture(autouse=True)
def files() -> Iterator[Path]:
    """The folder of faces, empty before and after."""
    folder = Path(settings.MEDIA_ROOT, "faces")
    yield folder
    for path in folder.glob("*"):
        path.unlink()


@pytest.fixture
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


def striped(kind: str = "PNG", width: int = 600, height: int = 200, **options: object) -> bytes:
    """A picture with red on the left, green in the middle and blue on the right."""
    image = Image.new("RGB", (width, height), GREEN)
    image.paste(RED, (0, 0, width // 3, height))
    image.paste(BLUE, (2 * width // 3, 0, width, height))
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def wear(user: User, content: bytes | None = None) -> str:
    """Gives somebody a picture, as the form does. Returns its version."""
    content = content or striped()
    version = faces.made(io.BytesIO(content), len(content))
    user.change_face(version)
    return version


def upload(content: bytes, name: str = "me.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/png")


def kept(version: str, size: int = faces.LARGE) -> Image.Image:
    with Image.open(faces.file(version, size)) as image:
        image.load()
        return image


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 40 for a, b in zip(pixel[:3], colour, strict=True))


# What is kept


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_a_small_square_of_its_middle(kind: str, bob: User) -> None:
    version = wear(bob, striped(kind))
    for size in (96, 320):
        image = kept(version, size)
        assert (image.format, image.size) == ("WEBP", (size, size))
        for place in ((3, 3), (size // 2, size // 2), (size - 4, size - 4)):
            assert near(image.convert("RGB").getpixel(place), GREEN)


def test_what_a_camera_writes_is_gone(bob: User) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Where I live"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 26.0)
    content = striped("JPEG", exif=exif, comment=b"a secret", icc_profile=b"profile" * 20)
    assert b"Where I live" in content
    with Image.open(io.BytesIO(content)) as image:
        assert image.getexif().get_ifd(0x8825), "there was a place to lose"
    version = wear(bob, content + b"<script>hidden behind</script>")
    for size in faces.SIZES:
        stored = faces.file(version, size).read_bytes()
        chunks = re.findall(rb"EXIF|XMP |ICCP|Where|secret|hidden|profile", stored)
        assert chunks == []
        assert not kept(version, size).getexif()


def test_a_picture_stands_as_its_camera_was_held(bob: User) -> None:
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = 6  # lies on its left side
    wide = Image.new("RGB", (300, 300), GREEN)
    wide.paste(RED, (0, 0, 150, 300))  # left as stored is above as seen
    target = io.BytesIO()
    wide.save(target, "JPEG", exif=exif)
    image = kept(wear(bob, target.getvalue())).convert("RGB")
    assert near(image.getpixel((160, 40)), RED)
    assert near(image.getpixel((160, 280)), GREEN)
    assert near(image.getpixel((40, 280)), GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_colours_is_taken(mode: str, bob: User) -> None:
    target = io.BytesIO()
    Image.new(mode, (40, 40)).save(target, "JPEG" if mode == "CMYK" else "PNG")
    assert kept(wear(bob, target.getvalue())).size == (320, 320)


def test_what_is_clear_stays_clear(bob: User) -> None:
    image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    target = io.BytesIO()
    image.save(target, "PNG")
    assert kept(wear(bob, target.getvalue())).convert("RGBA").getpixel((160, 160))[3] == 0  # type: ignore[index]


def test_of_an_animation_the_first_picture_is_kept(bob: User) -> None:
    first, second = Image.new("RGB", (50, 50), RED), Image.new("RGB", (50, 50), BLUE)
    target = io.BytesIO()
    first.save(target, "GIF", save_all=True, append_images=[second])
    image = kept(wear(bob, target.getvalue()))
    assert not getattr(image, "is_animated", False)
    assert near(image.convert("RGB").getpixel((10, 10)), RED)


def test_names_of_files_say_nothing(bob: User, files: Path) -> None:
    versions = {wear(bob) for _ in range(5)}
    assert len(versions) == 5
    assert all(re.fullmatch(r"[\w-]{8}", version) for version in versions)
    assert {path.name[:8] for path in files.iterdir()} >= versions


# What is refused


def bomb() -> bytes:
    """A PNG of 20,000 by 20,000 pixels in a few hundred bytes, which would be 1.2 GB in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
REFUSED = [
    (SVG, "no picture that can be shown here"),
    (HTML, "no picture that can be shown here"),
    (striped("BMP"), "no picture that can be shown here"),
    (striped("TIFF"), "no picture that can be shown here"),
    (b"", "no picture that can be shown here"),
    (b"\0" * 5000, "no picture that can be shown here"),
    (b"GIF89a" + HTML, "no picture that can be shown here|damaged"),
    (striped()[:300], "damaged"),
    (striped("JPEG", 900, 900)[:-2000], "damaged"),
    (bomb(), "more than 50 million pixels"),
    (striped() + b"\0" * 10_000_000, "more than 10 MB"),
]


@pytest.mark.parametrize(
    ("content", "reason"),
    REFUSED,
    ids=[
        "SVG",
        "HTML",
        "BMP",
        "TIFF",
        "nothing",
        "zeros",
        "GIF in name",
        "cut PNG",
        "cut JPEG",
        "bomb",
        "large",
    ],
)
def test_what_is_no_picture_is_refused_in_words(
    content: bytes, reason: str, bob: User, bob_client: Client, files: Path
) -> None:
    taken = {"picture": upload(striped()), "display_name": bob.name}
    assert bob_client.post(PROFILE, taken).status_code == 302
    bob.refresh_from_db()
    before = bob.face
    assert before
    sent = {"picture": upload(content), "display_name": "Robert", "pronouns": "he"}
    answer = bob_client.post(PROFILE, sent)
    assert re.search(reason, text(answer))
    assert 'value="Robert"' in answer.content.decode(), "nothing typed is lost"
    quick = bob_client.post(PICTURE, {"picture": upload(content)}, headers=HTMX)
    assert re.search(reason, quick.content.decode())
    bob.refresh_from_db()
    assert (bob.face, bob.name) == (before, "Bob Baker")
    assert {path.name for path in files.iterdir()} == {f"{before}-96.webp", f"{before}-320.webp"}


def test_a_bomb_is_refused_before_it_is_decoded(bob: User) -> None:
    began = time.process_time()
    with pytest.raises(ValidationError):
        faces.made(io.BytesIO(bomb()), 1_000)
    assert time.process_time() - began < 0.5


def test_a_picture_waits_while_others_are_worked_on_but_not_in_a_long_queue(bob: User) -> None:
    for _ in range(pictures.WAITING):
        assert pictures._waiting.acquire(blocking=False)
    try:
        with pytest.raises(ValidationError, match="in a minute"):
            wear(bob)
    finally:
        for _ in range(pictures.WAITING):
            pictures._waiting.release()
    assert wear(bob)


def test_a_full_disk_is_told_and_leaves_nothing(
    bob: User, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Image.Image.save

    def save(self: Image.Image, *args: object, **options: object) -> None:
        if self.size == (96, 96):
            saved(self, *args, **options)  # type: ignore[arg-type]
            return
        raise OSError(28, "No space left on device")

    content = striped()
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(ValidationError, match="could not be kept"):
        wear(bob, content)
    assert list(files.iterdir()) == []


def test_a_picture_of_a_form_with_another_mistake_is_asked_for_again(
    bob: User, bob_client: Client, files: Path
) -> None:
    answer = bob_client.post(PROFILE, {"picture": upload(striped()), "time_zone": "Mars/Base"})
    assert "Choose it once more" in text(answer)
    assert list(files.glob("*")) == []


# Changing it


def test_a_picture_is_changed_and_the_old_files_go_with_the_commit(
    bob: User,
    bob_client: Client,
    files: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first = wear(bob)
    with django_capture_on_commit_callbacks() as callbacks:
        assert bob_client.post(PROFILE, {"picture": upload(striped())}).status_code == 302
        assert faces.file(first, 96).exists(), "whoever still has the old page may see it"
    bob.refresh_from_db()
    assert bob.face not in {"", first}
    for callback in callbacks:
        callback()
    assert {path.name[:8] for path in files.iterdir()} == {bob.face}


def test_a_change_that_fails_leaves_the_old_picture_and_no_other(
    bob: User, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = wear(bob)

    def fail(self: Profile, **_told: str) -> None:
        raise IntegrityError("on purpose")

    monkeypatch.setattr(Profile, "describe", fail)
    with pytest.raises(IntegrityError), transaction.atomic():
        signed_in(bob).post(PROFILE, {"picture": upload(striped())})
    bob.refresh_from_db()
    assert bob.face == first
    assert {path.name[:8] for path in files.iterdir()} == {first}


@pytest.mark.parametrize("by_htmx", [True, False])
def test_one_can_go_back_to_initials(by_htmx: bool, bob: User, bob_client: Client) -> None:
    version = wear(bob)
    if by_htmx:
        page = bob_client.post(PICTURE, {"no_picture": "1"}, headers=HTMX).content.decode()
        assert ">BB</span>" in page
        assert version not in page
    else:
        bob_client.post(PROFILE, {"no_picture": "1"})
    bob.refresh_from_db()
    assert bob.face == ""


def test_choosing_a_picture_shows_it_at_once(bob: User, bob_client: Client) -> None:
    page = bob_client.post(PICTURE, {"picture": upload(striped())}, headers=HTMX).content.decode()
    bob.refresh_from_db()
    assert f"/people/{bob.pk}/portrait/{bob.face}.webp" in page
    assert f'<img class="face" src="{address(bob)}" alt="" hx-swap-oob="outerHTML:.self[' in page
    assert bob_client.post(PICTURE, {"picture": upload(SVG)}).status_code == 302
    assert "no picture that can be shown" in text(bob_client.get(PROFILE))


def test_nobody_else_changes_it(bob: User, client: Client, charlie_client: Client) -> None:
    version = wear(bob)
    assert client.post(PICTURE, {"no_picture": "1"}).status_code == 302
    assert client.post(PICTURE, {"no_picture": "1"}, headers=HTMX).status_code == 401
    charlie_client.post(PICTURE, {"no_picture": "1", "user": bob.pk, "pk": bob.pk})
    bob.refresh_from_db()
    assert bob.face == version


def test_files_that_are_nobodys_are_forgotten(bob: User, files: Path) -> None:
    worn = wear(bob)
    stray = faces.made(io.BytesIO(striped()), 100)
    chores.forget_stray_faces()
    assert faces.file(stray, 96).exists(), "it may be on its way to somebody"
    long_ago = time.time() - timedelta(days=2).total_seconds()
    for path in files.iterdir():
        os.utime(path, (long_ago, long_ago))
    chores.forget_stray_faces()
    assert {path.name[:8] for path in files.iterdir()} == {worn}


# Serving it


def address(user: User, kind: str = "face") -> str:
    return f"/people/{user.pk}/{kind}/{user.face}.webp"


@pytest.mark.parametrize(("kind", "size"), [("face", 96), ("portrait", 320)])
def test_a_picture_is_served_for_good_and_as_nothing_else(
    kind: str, size: int, bob: User, charlie_client: Client
) -> None:
    wear(bob)
    answer = charlie_client.get(address(bob, kind), headers={"Accept-Encoding": "br, gzip"})
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("WEBP", (size, size))
    assert answer["Content-Type"] == "image/webp"
    assert "Content-Encoding" not in answer
    assert "Accept-Encoding" not in answer.get("Vary", ""), "nobody tried to make it smaller"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    said = set(answer["Cache-Control"].split(", "))
    assert {"private", "immutable", "max-age=31536000"} <= said
    again = charlie_client.get(
        address(bob, kind), headers={"If-None-Match": answer["ETag"], "Accept-Encoding": "br"}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == answer["ETag"]


def test_only_people_who_are_signed_in_see_faces(
    bob: User, client: Client, alice_client: Client
) -> None:
    wear(bob)
    assert alice_client.get(address(bob)).status_code == 200
    assert client.get(address(bob)).status_code == 403


def test_only_the_present_picture_of_that_person_is_there(
    alice: User, bob: User, alice_client: Client
) -> None:
    wear(bob)
    assert alice_client.get(address(bob)).status_code == 200
    for wrong in (
        f"/people/{alice.pk}/face/{bob.face}.webp",
        f"/people/{alice.pk}/face/.webp",
        f"/people/{bob.pk}/face/aaaaaaaa.webp",
        f"/people/{bob.pk}/face/..%2F..%2Fsecret_key.webp",
        f"/people/{10**17}/face/{bob.face}.webp",
        f"/people/{10**40}/face/{bob.face}.webp",
    ):
        assert alice_client.get(wrong).status_code == 404, wrong
    assert alice_client.post(address(bob)).status_code == 405
    for size in faces.SIZES:
        faces.file(bob.face, size).unlink()
    assert alice_client.get(address(bob)).status_code == 404


# Where it shows


def image_of(user: User) -> str:
    return f'<img class="face" src="{address(user)}" alt="">'


def test_a_picture_stands_in_every_place_of_the_initials(
    bob: User, alice: User, open_room: Room
) -> None:
    wear(bob)
    say(open_room, bob, "hello")
    client = signed_in(bob)
    pages = {
        "the row and the sidebar": (f"/rooms/{open_room.slug}/", 3),  # and the list of who is here
        "the past": (f"/rooms/{open_room.slug}/?before=9", 3),
        "members": (f"/rooms/{open_room.slug}/members/", 2),
        "here": (f"/rooms/{open_room.slug}/here/", 2),
        "rooms": ("/rooms/", 1),
    }
    for name, (path, count) in pages.items():
        page = client.get(path).content.decode()
        assert page.count(image_of(bob)) == count, name
        assert ">BB</span>" not in page, name


@pytest.mark.parametrize("path", ["", "?before=9", "?after=0"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_rows_that_are_kept_follow_a_change_of_face(
    path: str, headers: dict[str, str], alice: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "one", "two")

    def rows() -> str:
        page = bob_client.get(f"/rooms/{open_room.slug}/{path}", headers=headers).content.decode()
        return "".join(re.findall(r'<li id="m\d+".*?</li>', page, re.DOTALL))

    assert rows().count(">AA</span>") == 2
    wear(alice)
    first = image_of(alice)
    assert rows().count(first) == 2
    assert ">AA</span>" not in rows()
    wear(alice)
    assert rows().count(image_of(alice)) == 2
    assert first not in rows()
    alice.change_face("")
    assert rows().count(">AA</span>") == 2


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_open_pages_see_a_new_face(alice: User, bob: User, open_room: Room) -> None:
    async with watching(bob, open_room) as opened, watching(alice, open_room):
        await opened.until(f'/people/{alice.pk}/">')
        await in_db(wear)(alice)
        frame = await opened.until(image_of(alice))
        assert 'id="presence"' in frame
        await in_db(say)(open_room, alice, "with a face")
        frame = await opened.until("with a face")
        assert image_of(alice) in frame


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_open_pages_show_a_new_face_and_name_in_all_that_was_said(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(say)(open_room, alice, "one", "two")
    await in_db(open_room.post)(bob, "I do", "key-of-a-reply", reply=1)
    client = await in_db(signed_in)(bob)
    page = Page((await in_db(client.get)(f"/rooms/{open_room.slug}/")).content.decode())
    others = [page.one(f"#m3 > .who > .{each}").text for each in ("face", "name")]
    async with watching(bob, open_room) as opened:
        await in_db(wear)(alice)
        page.receive(await opened.until(OF_ROWS))
        pictured = [each.attributes.get("src") for each in page.all("#messages img")]
        assert pictured == [address(alice)] * 3, "two rows and the quote"
        await in_db(alice.change_profile)(display_name="<b>Alicia", time_zone="", language="")
        page.receive(await opened.until(OF_ROWS))
    names = [page.one(f"#m{number} > .who > .name").text for number in (1, 2)]
    assert names == ["<b>Alicia"] * 2
    assert page.one("#m3 .quoted b").text == "<b>Alicia"
    assert [page.one(f"#m3 > .who > .{each}").text for each in ("face", "name")] == others
    assert page.one(".self b").text == bob.name


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_a_new_name_is_told_where_its_owner_is_known_alone(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    """A page may be a guest's, for whom there are no others."""
    async with watching(bob, open_room) as opened:
        await in_db(charlie.change_profile)(display_name="Nobody's", time_zone="", language="")
        await in_db(alice.change_profile)(display_name="Alicia", time_zone="", language="")
        assert "Alicia" in await opened.until(OF_ROWS)
        await in_db(say)(open_room, charlie, "hello")
        await opened.until("hello")
        await in_db(charlie.change_profile)(display_name="Carl", time_zone="", language="")
        assert "Carl" in await opened.until(OF_ROWS)


def test_a_kept_page_follows_the_face_of_who_is_quoted(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "who?")
    open_room.post(bob, "I do", "key-of-a-reply", reply=1)

    def quoted() -> list[str | None]:
        page = Page(bob_client.get(f"/rooms/{open_room.slug}/").content.decode())
        return [each.attributes.get("src") for each in page.all(".quoted img")]

    assert quoted() == quoted() == []
    wear(alice)
    assert quoted() == [address(alice)]


def test_a_direct_conversation_has_the_face_of_the_other(
    alice: User, bob: User, bob_client: Client
) -> None:
    say(Room.direct_with([alice], by=bob), alice, "hello")

    def listed() -> str:
        page = bob_client.get("/rooms/").content.decode()
        found = re.search(r'<ul id="direct-list">.*?</ul>', page, re.DOTALL)
        assert found
        return found[0]

    assert ">AA</span>" in listed()
    wear(alice)
    assert image_of(alice) in listed()


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/{room}/1/thread/",
        "/rooms/{room}/pins/",
        "/search/?q=spare",
        "/unread/",
        "/direct/new/?with=alice&names=al",
        "/place/people/",
        "/place/people/{alice}/",
    ],
)
def test_a_picture_stands_on_every_page_that_shows_people(
    path: str, alice: User, bob: User, open_room: Room
) -> None:
    owner = make_user("olga", role=Role.OWNER)
    open_room.add(owner)
    (message,) = say(open_room, alice, "a spare fuse")
    message.pin(by=alice)
    client = signed_in(owner)
    address_of_page = path.format(room=open_room.slug, alice=alice.pk)
    page = client.get(address_of_page).content.decode()
    assert ">AA</span>" in page
    wear(alice)
    page = client.get(address_of_page).content.decode()
    assert image_of(alice) in page
    assert ">AA</span>" not in page


def test_who_changed_their_face_meanwhile_posts_with_the_new_one(
    bob: User,
    open_room: Room,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """A socket keeps its reader for hours."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(announcements, "_send", lambda _group, event: heard.append(event))
    stale = User.objects.get(pk=bob.pk)
    version = wear(bob)
    with django_capture_on_commit_callbacks(execute=True):
        say(open_room, stale, "hello")
    rows = [event["row"] for event in heard if event["type"] == "room.changed"]
    assert [(row["body"], row["author_face"]) for row in rows] == [("hello", version)]


def row_of(user: User, room: Room, body: str = "hello") -> str:
    (message,) = say(room, user, body)
    return fragments.row(message.as_row(room, user), Variant("en", "UTC"))


def test_what_a_row_costs(alice: User, bob: User, open_room: Room) -> None:
    """A frame goes to every socket of the room."""
    plain = row_of(alice, open_room)
    link = f'<a class="name" dir="auto" href="/people/{alice.pk}/">Alice Archer</a>'
    assert link in plain
    without = plain.replace(' hx-boost="true"', "").replace(
        link, '<b class="name" dir="auto">Alice Archer</b>'
    )
    assert len(plain) - len(without) <= 40
    continued = row_of(alice, open_room)
    assert "people" not in continued
    assert "boost" not in continued
    initials = row_of(bob, open_room)
    wear(bob)
    bob.refresh_from_db()
    say(open_room, alice, "between")
    assert len(row_of(bob, open_room)) - len(initials) <= 10


def test_faces_cost_no_query(alice: User, bob: User, open_room: Room) -> None:
    def queries(client: Client) -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/rooms/{open_room.slug}/")
        return len(captured)

    crowd = make_crowd(open_room, 6)
    for person in crowd:
        say(open_room, person, "hello")
    client = signed_in(bob)
    for _ in range(2):
        before = queries(client)
    for person in crowd:
        wear(person)
        Profile.of(person).describe(pronouns="they", about="")
    queries(client)
    assert queries(client) == before
