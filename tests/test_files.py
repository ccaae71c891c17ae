"""Files in messages: choosing and posting them, what is made of them, and who may have them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from rooms import chores, disk, pictures
from rooms.live import fragments
from rooms.live.fragments import Variant
from rooms.models import Attachment, FileRefused, Message, Room, Row, Shelf, User
from rooms.models.attachment import PER_MESSAGE, PER_PERSON, WAITING, clean_name
from tests.factories import say
from tests.files import HTML, MP3, MP4, PLACE, SVG, animation, photograph, picture, png, text_bomb
from tests.files import upload as sent_file
from tests.page import Page, fragment

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

KEY = "key-of-a-composer"
HTMX = {"HX-Request": "true"}
Commit = Callable[..., Any]


@pytest.fixture(autouse=True)
def files_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def choose(client: Client, room: Room, *files: Any, key: str = KEY, **more: Any) -> Any:
    """As the composer does it when files are chosen."""
    values = {"key": key, "text": "", "lines": "", "files": ["", *files], **more}
    return client.post(reverse("files", args=[room.slug]), values, headers=HTMX)


def numbers(answer: Any) -> list[str]:
    """Of the files that the composer then has."""
    chosen = fragment(answer.content.decode()).all("[name='files']")
    return [each.attributes["value"] for each in chosen if each.attributes.get("value")]


def send(client: Client, room: Room, text: str, files: list[str], key: str = KEY) -> Any:
    """As the outbox does it."""
    values = {"key": key, "text": text, "lines": "", "files": ["", *files], "viewer": ""}
    del values["viewer"]
    return client.post(reverse("send", args=[room.slug]), values, headers=HTMX)


def post(client: Client, room: Room, name: str, content: bytes, text: str = "") -> Attachment:
    """A message with one file."""
    key = f"key-{Attachment.objects.count():04}-{Message.objects.count():04}"
    chosen = numbers(choose(client, room, sent_file(name, content), key=key))
    assert len(chosen) == 1, f"{name} was refused"
    assert send(client, room, text, chosen, key).status_code == 200
    return Attachment.objects.get(pk=chosen[0])


def refusal(answer: Any) -> str:
    """What the composer says of a file that it was not let have."""
    assert answer.status_code == 200
    return fragment(answer.content.decode()).one(".failed").text


def address(file: Attachment) -> str:
    return reverse("file", args=[file.room.slug, file.pk, file.name])


def thumbnail(file: Attachment) -> str:
    return reverse("thumbnail", args=[file.room.slug, file.pk])


class Fetched(NamedTuple):
    """An answer that was read to its end."""

    status_code: int
    headers: Any
    content: bytes
    streaming: bool


def fetch(client: Client, address: str, **headers: str) -> Fetched:
    answer: Any = client.get(address, headers=headers)

    async def collected() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    content = async_to_sync(collected)() if answer.streaming else answer.content
    return Fetched(answer.status_code, answer.headers, content, answer.streaming)


def on_disk(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


# Choosing and posting


def test_a_chosen_file_is_posted_with_its_caption(
    alice_client: Client, bob_client: Client, private_room: Room
) -> None:
    answer = choose(alice_client, private_room, sent_file("bench.png", picture()))
    chip = fragment(answer.content.decode()).one(".chip")
    assert chip.text.startswith("bench.png PNG, ")
    assert send(alice_client, private_room, "The bench", numbers(answer)).status_code == 200
    message = private_room.messages.get()
    assert message.body == "The bench"
    file = message.attachments.get()
    assert (file.name, file.type, file.width, file.height) == ("bench.png", "image/png", 800, 600)
    page = Page(bob_client.get(reverse("room", args=[private_room.slug])).content.decode())
    row = page.root.one(".message")
    assert row.one(".body").text == "The bench"
    shown = row.one(".picture").one("img")
    assert shown.attributes["src"] == thumbnail(file)
    assert (shown.attributes["width"], shown.attributes["height"]) == ("320", "240")
    assert row.one(".lightbox").elements[0].attributes["href"] == address(file)


def test_files_need_no_words(alice_client: Client, open_room: Room) -> None:
    files = [sent_file("a.png", picture()), sent_file("notes.txt", b"just words\n")]
    assert send(alice_client, open_room, "", numbers(choose(alice_client, open_room, *files)))
    page = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode())
    assert page.root.all(".message .body") == []
    assert page.root.one(".message").one(".file").text == "notes.txt TXT, 11 bytes Download"
    assert [file.name for file in open_room.messages.get().attachments.order_by("pk")] == [
        "a.png",
        "notes.txt",
    ]


def test_several_choices_add_up_and_one_is_taken_back(
    alice_client: Client,
    open_room: Room,
    files_folder: Path,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    choose(alice_client, open_room, sent_file("a.txt", b"a"))
    answer = choose(alice_client, open_room, sent_file("b.txt", b"b"))
    first, second = numbers(answer)
    assert len(on_disk(files_folder)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        answer = choose(alice_client, open_room, remove=first)
    assert numbers(answer) == [second]
    assert len(on_disk(files_folder)) == 1
    assert Shelf.objects.get().bytes == 1


def test_a_repeated_post_makes_one_message(alice_client: Client, open_room: Room) -> None:
    chosen = numbers(choose(alice_client, open_room, sent_file("a.txt", b"a")))
    for _ in range(2):
        answer = send(alice_client, open_room, "look", chosen)
        assert f"delete:#c{KEY}" in answer.content.decode()
    assert open_room.messages.count() == 1


def test_other_files_under_a_used_key_are_another_message(
    alice_client: Client, open_room: Room
) -> None:
    send(
        alice_client,
        open_room,
        "",
        numbers(choose(alice_client, open_room, sent_file("a.txt", b"a"))),
    )
    answer = choose(alice_client, open_room, sent_file("b.txt", b"bb"))
    answer = send(alice_client, open_room, "", numbers(answer))
    assert "already sent another message" in answer.content.decode()
    new_key = re.findall(
        r'name="key" value="([^"]+)" hx-swap-oob="outerHTML', answer.content.decode()
    )
    assert new_key
    waiting = Attachment.objects.get(message=None)
    assert waiting.key == new_key[0]
    send(alice_client, open_room, "", [str(waiting.pk)], new_key[0])
    assert [each.attachments.get().name for each in open_room.messages.order_by("number")] == [
        "a.txt",
        "b.txt",
    ]


def test_a_form_whose_files_are_on_their_way_waits_for_them(
    alice_client: Client, open_room: Room
) -> None:
    """The browser names files that it could not upload yet; the others of the outbox go."""
    values = {
        "key": ["key-with-files", "key-without"],
        "text": ["look at this", "and hello"],
        "lines": ["", ""],
        "files": ["", "[object File]", ""],
    }
    answer = alice_client.post(reverse("send", args=[open_room.slug]), values, headers=HTMX)
    assert [each.body for each in open_room.messages.all()] == ["and hello"]
    assert "key-with-files" not in answer.content.decode()
    assert "key-with-files" in answer.headers["HX-Trigger"], "nobody uploads it again"


@pytest.mark.parametrize(
    "files",
    [["1"], ["", "1"], ["", "", "1", ""], [""] * 1_000, ["\0", "", ""]],
    ids=["of no form", "of one of two", "of a third", "of a thousand", "before the first"],
)
def test_files_that_belong_to_no_form(
    files: list[str], alice_client: Client, open_room: Room
) -> None:
    values = {"key": [KEY, KEY + "2"], "text": ["x", "y"], "lines": ["", ""], "files": files}
    answer = alice_client.post(reverse("send", args=[open_room.slug]), values, headers=HTMX)
    assert answer.status_code == 400
    assert not open_room.messages.exists()


@pytest.mark.parametrize("number", ["0", "987654321987654321"])
def test_a_file_that_is_gone_keeps_the_message_waiting(
    number: str, alice_client: Client, open_room: Room
) -> None:
    answer = send(alice_client, open_room, "look at this", [number])
    assert "is no longer there" in answer.content.decode()
    assert not open_room.messages.exists()


def test_more_than_a_message_may_have(alice_client: Client, open_room: Room) -> None:
    files = [sent_file(f"{number}.txt", b"x") for number in range(PER_MESSAGE + 1)]
    answer = choose(alice_client, open_room, *files)
    assert refusal(answer) == f"{PER_MESSAGE}.txt A message may have {PER_MESSAGE} files."
    assert len(numbers(answer)) == PER_MESSAGE
    answer = send(alice_client, open_room, "", [*numbers(answer), "1"])
    assert f"A message may have {PER_MESSAGE} files." in answer.content.decode()
    assert not open_room.messages.exists()


def test_more_than_may_wait(alice_client: Client, open_room: Room) -> None:
    for key in range(PER_PERSON // PER_MESSAGE):
        files = [sent_file("x.txt", b"x") for _ in range(PER_MESSAGE)]
        assert (
            len(numbers(choose(alice_client, open_room, *files, key=f"key-{key:06}")))
            == PER_MESSAGE
        )
    answer = choose(alice_client, open_room, sent_file("x.txt", b"x"))
    assert "You have 50 files that wait to be sent." in refusal(answer)


def test_a_thousand_at_once(alice_client: Client, open_room: Room, files_folder: Path) -> None:
    files = [sent_file("x.txt", b"x") for _ in range(1_000)]
    answer = choose(alice_client, open_room, *files)
    assert len(numbers(answer)) == PER_MESSAGE
    assert len(on_disk(files_folder)) == PER_MESSAGE
    assert choose(alice_client, open_room, *files, sent_file("y", b"y")).status_code == 400


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "a'b\"c]d;e", "with a null\0"])
def test_a_key_that_is_none(key: str, alice_client: Client, open_room: Room) -> None:
    assert choose(alice_client, open_room, sent_file("a.txt", b"a"), key=key).status_code == 400
    assert not Attachment.objects.exists()


# Without JavaScript


def send_plainly(client: Client, room: Room, text: str, *files: Any, **more: Any) -> Any:
    # A browser sends an empty value for a control in which nothing was chosen.
    values = {"key": KEY, "text": text, "lines": "", "files": ["", *(files or [""])], **more}
    return client.post(reverse("send", args=[room.slug]), values)


def test_the_plain_form_without_files(alice_client: Client, open_room: Room) -> None:
    assert send_plainly(alice_client, open_room, "words alone").status_code == 302
    assert open_room.messages.get().body == "words alone"


def test_the_plain_form_brings_text_and_files(alice_client: Client, open_room: Room) -> None:
    files = [sent_file("a.png", picture()), sent_file("b.txt", b"b")]
    answer = send_plainly(alice_client, open_room, "both", *files)
    assert answer.status_code == 302
    message = open_room.messages.get()
    assert (message.body, message.attachments.count()) == ("both", 2)


def test_the_plain_form_sent_twice_is_one_message(alice_client: Client, open_room: Room) -> None:
    for _ in range(2):
        answer = send_plainly(alice_client, open_room, "", sent_file("a.png", picture()))
        assert answer.status_code == 302
    assert open_room.messages.count() == 1


def test_a_refused_file_keeps_the_text_and_the_others(
    alice_client: Client, open_room: Room
) -> None:
    good, bad = sent_file("good.txt", b"good"), sent_file("empty.png", b"")
    answer = send_plainly(alice_client, open_room, "both\nof them", good, bad)
    assert answer.status_code == 400
    assert not open_room.messages.exists()
    page = Page(answer.content.decode()).root
    assert "empty.png: There is nothing in it." in page.one("#banner").text
    assert page.one("[name='text']").attributes["value"] == "both"
    assert page.one(".chip").text.startswith("good.txt")
    form = page.one(".c[enctype='multipart/form-data']")
    (kept,) = [
        each.attributes["value"]
        for each in form.all("[name='files']")
        if each.attributes.get("value")
    ]
    values = {"key": KEY, "text": "both", "lines": "", "files": ["", kept]}
    assert alice_client.post(reverse("send", args=[open_room.slug]), values).status_code == 302
    assert open_room.messages.get().attachments.get().name == "good.txt"


def test_a_refused_text_keeps_the_files(alice_client: Client, open_room: Room) -> None:
    answer = send_plainly(alice_client, open_room, "x" * 5_000, sent_file("a.txt", b"a"))
    assert answer.status_code == 409
    assert Page(answer.content.decode()).root.one(".chip").text.startswith("a.txt")


def test_a_file_is_taken_back_plainly(
    alice_client: Client, open_room: Room, django_capture_on_commit_callbacks: Commit
) -> None:
    answer = send_plainly(alice_client, open_room, "x" * 5_000, sent_file("a.txt", b"a"))
    button = Page(answer.content.decode()).root.one(".chip").one("[name='remove']")
    values = {"key": KEY, "text": "still here", "lines": "", "files": [""]}
    values["remove"] = button.attributes["value"]
    answer = alice_client.post(button.attributes["formaction"], values)
    page = Page(answer.content.decode()).root
    assert page.all(".chip") == []
    assert page.one("[name='text']").attributes["value"] == "still here"
    assert not Attachment.objects.exists()


# Drafts


def test_a_reload_brings_back_what_was_chosen(alice_client: Client, open_room: Room) -> None:
    chosen = numbers(choose(alice_client, open_room, sent_file("a.txt", b"a"), text="half a thou"))
    page = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode()).root
    assert page.one("[name='text']").attributes["value"] == "half a thou"
    assert page.one(".chip").text.startswith("a.txt")
    assert len(page.all(f".c .chip [value='{chosen[0]}'][name='files']")) == 1
    send(alice_client, open_room, "", chosen)
    page = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode()).root
    assert page.all(".chip") == []


# Limits


def test_too_large_a_file(alice_client: Client, open_room: Room, settings: Settings) -> None:
    settings.FILE_LIMIT = 2_000_000
    answer = choose(alice_client, open_room, sent_file("a.bin", bytes(2_000_001)))
    assert refusal(answer) == (
        "a.bin It is larger than 2 MB, which is as much as a file may have here."
    )
    assert len(numbers(choose(alice_client, open_room, sent_file("a.bin", bytes(2_000_000))))) == 1


def test_a_place_that_is_full(
    alice_client: Client, open_room: Room, settings: Settings, files_folder: Path
) -> None:
    settings.FILES_LIMIT = 150
    assert numbers(choose(alice_client, open_room, sent_file("a.bin", bytes(100))))
    answer = choose(alice_client, open_room, sent_file("b.bin", bytes(100)))
    assert "This place has no room for more files." in refusal(answer)
    assert len(on_disk(files_folder)) == 1
    assert numbers(choose(alice_client, open_room, sent_file("c.bin", bytes(50))))


def test_a_disk_that_is_full(
    alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch, files_folder: Path
) -> None:
    monkeypatch.setattr(disk, "SPARE", 1 << 62)
    answer = choose(alice_client, open_room, sent_file("a.txt", b"a"))
    assert "this place's disk is full" in refusal(answer)
    assert on_disk(files_folder) == []


def test_what_was_never_sent_goes_after_a_day(
    alice_client: Client,
    open_room: Room,
    files_folder: Path,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    kept = post(alice_client, open_room, "kept.txt", b"kept")
    old = numbers(choose(alice_client, open_room, sent_file("old.txt", b"old")))
    Attachment.objects.update(created_at=timezone.now() - WAITING - timedelta(minutes=1))
    new = numbers(choose(alice_client, open_room, sent_file("new.txt", b"new"), key="another-key"))
    with django_capture_on_commit_callbacks(execute=True):
        chores.forget_unsent_files()
    left = set(Attachment.objects.values_list("pk", flat=True))
    assert left == {kept.pk, int(new[0])}
    assert int(old[0]) not in left
    assert len(on_disk(files_folder)) == 2
    assert Shelf.objects.get().bytes == len(b"kept" + b"new")


def test_what_belongs_to_nothing_goes_from_the_disk(
    alice_client: Client, open_room: Room, files_folder: Path
) -> None:
    import os

    file = post(alice_client, open_room, "a.png", picture())
    stray = files_folder / "ab" / "stray"
    stray.parent.mkdir(exist_ok=True)
    for path in (stray, stray.with_name("fresh"), stray.with_name("stray.thumbnail")):
        path.write_bytes(b"x")
    for path in files_folder.rglob("*"):
        if path.is_file() and path.name != "fresh":
            os.utime(path, (0, 0))
    Shelf.objects.update(bytes=5)
    chores.forget_stray_files()
    assert on_disk(files_folder) == sorted([file.path, file.path + ".thumbnail", "ab/fresh"])
    assert Shelf.objects.get().bytes == file.size


# Pictures


def test_a_photograph_says_nothing_of_where_it_was_taken(
    alice_client: Client, open_room: Room
) -> None:
    original = photograph()
    assert all(word in original for word in PLACE[:3])
    file = post(alice_client, open_room, "a.jpg", original)
    for path in (file.path, disk.thumbnail(file.path)):
        content = disk.full(path).read_bytes()
        assert not any(word in content for word in PLACE)
        with Image.open(io.BytesIO(content)) as image:
            assert not image.getexif()
            assert image.height > image.width, "it lies on its side"
    assert (file.width, file.height) == (400, 600)


def test_a_png_keeps_its_colours_and_loses_its_words(alice_client: Client, open_room: Room) -> None:
    from PIL import ImageCms, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Location", PLACE[3].decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = picture(pnginfo=info, icc_profile=profile)
    assert PLACE[3] in original
    file = post(alice_client, open_room, "a.png", original)
    with Image.open(disk.full(file.path)) as image:
        assert PLACE[3] not in disk.full(file.path).read_bytes()
        assert image.info["icc_profile"] == profile
        assert image.convert("RGB").getpixel((5, 5)) == (0, 128, 128)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK", "YCbCr"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_every_sort_of_picture(kind: str, mode: str, alice_client: Client, open_room: Room) -> None:
    content = io.BytesIO()
    try:
        Image.new(mode, (700, 50)).save(content, kind)
    except (OSError, ValueError):
        pytest.skip(f"there is no {kind} of {mode}")
    file = post(alice_client, open_room, "a", content.getvalue())
    assert (file.width, file.height) == (700, 50)
    with Image.open(disk.full(disk.thumbnail(file.path))) as small:
        assert (small.format, small.size) == ("WEBP", (640, 46))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_goes_on_moving(kind: str, alice_client: Client, open_room: Room) -> None:
    file = post(alice_client, open_room, "a", animation(kind))
    with Image.open(disk.full(file.path)) as image:
        moving: Any = image
        assert moving.n_frames == 3
        durations = []
        for frame in range(3):
            image.seek(frame)
            image.load()
            durations.append(image.info["duration"])
        assert durations == [100, 200, 300]


def test_too_long_an_animation_is_offered_and_not_shown(
    alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "ANIMATED_PIXELS", 60 * 40 * 2)
    content = animation()
    file = post(alice_client, open_room, "a.gif", content)
    assert (file.type, file.width) == ("application/octet-stream", 0)
    assert disk.full(file.path).read_bytes() == content
    assert "attachment" in fetch(alice_client, address(file)).headers["Content-Disposition"]


HUGE = f"has more than {pictures.PIXELS // 1_000_000} million pixels"
DAMAGED = "is damaged"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (png(20_000, 20_000, bytes(20_001)), HUGE),
        (png(2_000_000_000, 2_000_000_000, b""), HUGE),
        (png(9_000, 9_000, bytes(9_001 * 9_000)), HUGE),
        (b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x08\0;", HUGE),
        (text_bomb(), DAMAGED),
        (picture("JPEG")[:900], DAMAGED),
        (picture("WEBP")[:40] + bytes(100), DAMAGED),
        (animation()[:-50], DAMAGED),
    ],
    ids=[
        *("20,000 squared", "more than there is", "highly compressed", "a wide GIF"),
        *("a bomb of text", "half a JPEG", "WebP of nothing", "half a GIF"),
    ],
)
def test_a_picture_that_is_a_trap(
    content: bytes, sentence: str, alice_client: Client, open_room: Room, files_folder: Path
) -> None:
    answer = choose(alice_client, open_room, sent_file("a.png", content))
    assert sentence in refusal(answer)
    assert on_disk(files_folder) == []
    assert not Attachment.objects.exists()


def test_what_is_packed_behind_a_picture_is_not_unpacked(
    alice_client: Client, open_room: Room
) -> None:
    bomb = png(1, 1, bytes(100_000_000))
    file = post(alice_client, open_room, "a.png", bomb)
    assert (file.width, file.height) == (1, 1)
    assert file.size < 200 < len(bomb)


def test_few_pictures_are_worked_on_at_once(
    alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(pictures, "_waiting", threading.BoundedSemaphore(1))
    with pictures._waiting:
        answer = choose(alice_client, open_room, sent_file("a.png", picture()))
    assert "Many pictures are coming in just now." in refusal(answer)
    assert numbers(choose(alice_client, open_room, sent_file("a.png", picture())))


# What a file is


@pytest.mark.parametrize(
    ("name", "content", "kind", "inline"),
    [
        ("a.png", picture("JPEG"), "image/jpeg", True),
        ("a.txt", animation(), "image/gif", True),
        ("a.mp3", MP3, "audio/mpeg", True),
        ("a.mp4", MP4, "video/mp4", True),
        ("a.png", HTML, "application/octet-stream", False),
        ("a.svg", SVG, "application/octet-stream", False),
        ("a.png", SVG, "application/octet-stream", False),
        ("a.gif", b"GIF89a=1;alert(1)//" + HTML, "application/octet-stream", False),
        ("a.pdf", b"%PDF-1.7\n" + bytes(99), "application/pdf", False),
        ("a.html", b"only words", "text/plain; charset=utf-8", False),
        ("a.txt", "größer".encode("latin-1"), "application/octet-stream", False),
        ("a", b"\x7fELF" + bytes(99), "application/octet-stream", False),
    ],
)
def test_a_file_is_what_is_in_it(  # noqa: PLR0917
    name: str,
    content: bytes,
    kind: str,
    inline: bool,
    alice_client: Client,
    open_room: Room,
) -> None:
    try:
        file = post(alice_client, open_room, name, content)
    except AssertionError:
        assert name == "a.gif", "only a broken picture may be refused"
        return
    answer = fetch(alice_client, address(file))
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    row = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode()).root
    assert bool(row.all(".message a[class='file']") or row.all(".message .file")) is not inline


def test_a_script_in_a_picture_is_gone(alice_client: Client, open_room: Room) -> None:
    """A GIF that is also a program: its comment and what follows its end are."""
    content = animation()
    polyglot = content[:-1] + b"\x21\xfe\x0a*/alert(1)\0" + b";" + b"=1;alert(1)//" + HTML
    file = post(alice_client, open_room, "a.gif", polyglot)
    assert b"alert" not in disk.full(file.path).read_bytes()


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\"b'c<d>.txt", "a\"b'c<d>.txt"),
        ("a\r\nSet-Cookie: x=y.txt", "a Set-Cookie: x=y.txt"),
        ("invoice\u202efdp.exe", "invoice fdp.exe"),
        ("x" * 10_000 + ".png", "x" * 116 + ".png"),
        ("\0\0", "file"),
        ("", "file"),
        ("...", "file"),
        (".htaccess", "htaccess"),
        ("/", "file"),
        ("שלום.txt", "שלום.txt"),
        ("\ud800.txt", "txt"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_what_a_file_is_called(name: str, called: str) -> None:
    assert clean_name(name) == called


@pytest.mark.parametrize("name", ["a\"b'c<d>&.txt", "日本.txt", "a;b=c%0d%0a.txt", "x" * 10_000])
def test_a_name_is_told_as_it_is(name: str, alice_client: Client, open_room: Room) -> None:
    file = post(alice_client, open_room, name, b"words")
    answer = fetch(alice_client, address(file))
    assert answer.status_code == 200
    told = answer.headers["Content-Disposition"]
    assert told.startswith("attachment; filename")
    assert "\n" not in told
    page = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode())
    assert page.root.one(".message").one(".file").one("b").text == clean_name(name)


# Who may have it


def get(client: Client, file: Attachment) -> set[int]:
    """The statuses of the file and its thumbnail."""
    return {fetch(client, each).status_code for each in (address(file), thumbnail(file))}


def test_only_who_sees_the_room_has_its_files(
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
    private_room: Room,
    client: Client,
) -> None:
    file = post(alice_client, private_room, "a.png", picture())
    assert get(bob_client, file) == {200}
    assert get(charlie_client, file) == {404}
    assert get(client, file) == {302}


def test_not_after_leaving(
    alice_client: Client, bob_client: Client, private_room: Room, bob: User
) -> None:
    file = post(alice_client, private_room, "a.png", picture())
    assert get(bob_client, file) == {200}
    private_room.remove(bob)
    assert get(bob_client, file) == {404}


def test_not_by_another_rooms_address(
    alice_client: Client, charlie_client: Client, private_room: Room, open_room: Room
) -> None:
    file = post(alice_client, private_room, "a.png", picture())
    for client in (alice_client, charlie_client):
        assert (
            client.get(reverse("file", args=[open_room.slug, file.pk, "a.png"])).status_code == 404
        )
        assert client.get(reverse("thumbnail", args=[open_room.slug, file.pk])).status_code == 404


def test_before_it_is_sent_only_its_author_has_it(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    (number,) = numbers(choose(alice_client, open_room, sent_file("a.png", picture())))
    file = Attachment.objects.get(pk=number)
    assert get(alice_client, file) == {200}
    assert get(bob_client, file) == {404}


def test_not_after_it_was_deleted(
    alice_client: Client,
    open_room: Room,
    files_folder: Path,
    alice: User,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    file = post(alice_client, open_room, "a.png", picture())
    assert len(on_disk(files_folder)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        open_room.messages.get().delete_for_everybody(by=alice)
    assert get(alice_client, file) == {404}
    assert on_disk(files_folder) == []
    assert Shelf.objects.get().bytes == 0
    page = Page(alice_client.get(reverse("room", args=[open_room.slug])).content.decode())
    assert page.root.one(".message").all(".attached") == []


def test_a_deletion_that_is_taken_back_deletes_nothing(
    alice_client: Client, open_room: Room, files_folder: Path, alice: User
) -> None:
    from django.db import transaction

    post(alice_client, open_room, "a.png", picture())

    def fail() -> None:
        with transaction.atomic():
            open_room.messages.get().delete_for_everybody(by=alice)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert len(on_disk(files_folder)) == 2


def test_an_outsider_uploads_nothing(
    charlie_client: Client, client: Client, private_room: Room, files_folder: Path
) -> None:
    assert choose(charlie_client, private_room, sent_file("a.txt", b"a")).status_code == 404
    assert choose(client, private_room, sent_file("a.txt", b"a")).status_code == 401
    assert on_disk(files_folder) == []


def test_nobody_uploads_into_an_archived_room(alice_client: Client, open_room: Room) -> None:
    open_room.archive()
    answer = choose(alice_client, open_room, sent_file("a.txt", b"a"))
    assert "This room is archived" in refusal(answer)


def test_whoever_was_removed_posts_nothing(
    bob_client: Client, private_room: Room, bob: User
) -> None:
    (number,) = numbers(choose(bob_client, private_room, sent_file("a.txt", b"a")))
    private_room.remove(bob)
    assert send(bob_client, private_room, "", [number]).status_code == 404
    with pytest.raises(PermissionDenied):
        private_room.post(bob, "", KEY, [int(number)])


def test_nobody_posts_anothers_file(
    alice_client: Client, bob_client: Client, open_room: Room, bob: User
) -> None:
    (number,) = numbers(choose(alice_client, open_room, sent_file("a.txt", b"a")))
    assert "is no longer there" in send(bob_client, open_room, "mine", [number]).content.decode()
    with pytest.raises(FileRefused):
        open_room.post(bob, "mine", KEY, [int(number)])


def test_nobody_posts_a_file_of_another_room(
    alice_client: Client, open_room: Room, private_room: Room
) -> None:
    (number,) = numbers(choose(alice_client, private_room, sent_file("a.txt", b"a")))
    assert "is no longer there" in send(alice_client, open_room, "", [number]).content.decode()


def test_nobody_takes_back_anothers_file(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    (number,) = numbers(choose(alice_client, open_room, sent_file("a.txt", b"a")))
    choose(bob_client, open_room, remove=number)
    assert Attachment.objects.filter(pk=number).exists()
    sent = post(alice_client, open_room, "b.txt", b"b")
    choose(alice_client, open_room, remove=str(sent.pk), key=sent.key)
    assert Attachment.objects.filter(pk=sent.pk).exists()


@pytest.mark.parametrize("number", [0, 1 << 62, 10**30])
def test_a_file_that_never_was(number: int, alice_client: Client, open_room: Room) -> None:
    assert alice_client.get(f"/rooms/{open_room.slug}/files/{number}/x").status_code == 404
    assert alice_client.get(f"/rooms/{open_room.slug}/files/{number}/thumbnail/").status_code == 404


def test_only_pictures_have_thumbnails(alice_client: Client, open_room: Room) -> None:
    file = post(alice_client, open_room, "a.txt", b"a")
    assert fetch(alice_client, thumbnail(file)).status_code == 404


# On its way


@pytest.fixture
def letters(alice_client: Client, open_room: Room) -> Attachment:
    return post(alice_client, open_room, "letters.txt", b"abcdefghij")


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        (None, 200, b"abcdefghij", None),
        ("bytes=0-", 206, b"abcdefghij", "bytes 0-9/10"),
        ("bytes=2-4", 206, b"cde", "bytes 2-4/10"),
        ("bytes=8-100", 206, b"ij", "bytes 8-9/10"),
        ("bytes=-3", 206, b"hij", "bytes 7-9/10"),
        ("bytes=-100", 206, b"abcdefghij", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"abcdefghij", None),
        ("bytes=0-1,3-4", 200, b"abcdefghij", None),
        ("bytes=-", 200, b"abcdefghij", None),
        ("bytes=a-b", 200, b"abcdefghij", None),
        ("bytes=" + "9" * 5_000 + "-", 200, b"abcdefghij", None),
        ("lines=1-2", 200, b"abcdefghij", None),
        ("", 200, b"abcdefghij", None),
    ],
)
def test_a_part_of_a_file(  # noqa: PLR0917
    asked: str | None,
    status: int,
    content: bytes,
    told: str | None,
    alice_client: Client,
    letters: Attachment,
) -> None:
    headers = {} if asked is None else {"Range": asked}
    answer = fetch(alice_client, address(letters), **headers)
    assert answer.status_code == status
    assert answer.content == content
    assert answer.headers.get("Content-Range") == told
    if status != 416:
        assert answer.headers["Content-Length"] == str(len(content))


def test_a_part_of_what_was_another_file_is_all_of_it(
    alice_client: Client, letters: Attachment
) -> None:
    for etag, status in (
        ('"another"', 200),
        (fetch(alice_client, address(letters)).headers["ETag"], 206),
    ):
        headers = {"Range": "bytes=2-4", "If-Range": etag}
        assert fetch(alice_client, address(letters), **headers).status_code == status


def test_a_browser_keeps_a_file(alice_client: Client, letters: Attachment) -> None:
    answer = fetch(alice_client, address(letters))
    assert answer.headers["Cache-Control"] == "private, max-age=604800, immutable"
    again = fetch(alice_client, address(letters), **{"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_the_head_alone(alice_client: Client, letters: Attachment) -> None:
    answer = alice_client.head(address(letters))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == "10"
    assert alice_client.post(address(letters)).status_code == 405


def test_a_file_is_not_compressed(alice_client: Client, open_room: Room) -> None:
    file = post(alice_client, open_room, "a.txt", b"words " * 1_000)
    answer = fetch(alice_client, address(file), **{"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in answer.headers
    assert len(answer.content) == 6_000


def test_a_proxy_hands_it_out(
    alice_client: Client, charlie_client: Client, private_room: Room, settings: Settings
) -> None:
    file = post(alice_client, private_room, "a.txt", b"words")
    settings.FILES_BY_PROXY = True
    answer = fetch(alice_client, address(file))
    assert answer.headers["X-Accel-Redirect"] == f"/kept-files/{file.path}"
    assert (answer.content, answer.streaming) == (b"", False)
    refused = fetch(charlie_client, address(file))
    assert refused.status_code == 404
    assert "X-Accel-Redirect" not in refused.headers


def test_a_file_that_the_disk_lost(alice_client: Client, letters: Attachment) -> None:
    disk.remove(letters.path)
    assert fetch(alice_client, address(letters)).status_code == 404


# In rows


def test_the_same_bytes_in_every_way(alice_client: Client, open_room: Room, alice: User) -> None:
    file = post(alice_client, open_room, "a.png", picture(), text="look")
    message = open_room.messages.get()
    variant = Variant("en", "UTC")
    row = message.as_row(open_room, alice)
    assert row.files == (file.shown,)
    assert Row.from_data(row.as_data()) == row
    html = str(fragments.row(row, variant))
    assert html in alice_client.get(reverse("room", args=[open_room.slug])).content.decode()
    (step,) = open_room.steps_after(message.version - 1) or []
    assert step.row == row
    poll = reverse("changes", args=[open_room.slug])
    polled = alice_client.get(poll, {"after": message.version - 1}, headers=HTMX)
    assert html in polled.content.decode()


def test_an_edit_keeps_the_files(alice_client: Client, open_room: Room, alice: User) -> None:
    file = post(alice_client, open_room, "a.png", picture(), text="look")
    for text in ("look here", ""):
        open_room.messages.get().edit(text, by=alice)
        message = open_room.messages.get()
        assert message.body == text
        assert message.as_row(open_room, alice).files == (file.shown,)


def test_files_cost_no_query_when_they_are_read(
    alice_client: Client, open_room: Room, alice: User
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            open_room.history()
        return len(captured)

    say(open_room, alice, *["words"] * 3)
    before = queries()
    for number in range(5):
        post(alice_client, open_room, f"{number}.txt", b"words")
    assert queries() == before == 1


def test_a_plain_message_costs_no_query_more(open_room: Room, alice: User) -> None:
    with CaptureQueriesContext(connection) as captured:
        open_room.post(alice, "words", "key-of-a-plain-message")
    assert not [each["sql"] for each in captured if "attachment" in each["sql"].lower()]


def test_a_plain_page_asks_for_no_files(alice_client: Client, open_room: Room) -> None:
    alice_client.get(reverse("room", args=[open_room.slug]))
    with CaptureQueriesContext(connection) as captured:
        alice_client.get(reverse("room", args=[open_room.slug]))
    assert captured
    assert not [each["sql"] for each in captured if "attachment" in each["sql"].lower()]


# All files of a room


def test_the_list_of_files(
    alice_client: Client, bob_client: Client, charlie_client: Client, private_room: Room
) -> None:
    listed = reverse("files", args=[private_room.slug])
    assert "Nobody has sent a file here yet." in bob_client.get(listed).content.decode()
    first = post(alice_client, private_room, "first.png", picture())
    post(alice_client, private_room, "second.txt", b"words")
    choose(alice_client, private_room, sent_file("unsent.txt", b"words"))
    page = Page(bob_client.get(listed).content.decode()).root
    names = [each.text for each in page.one("[class='file-list']").all("b")]
    assert names == ["second.txt", "first.png"]
    assert len(page.all(f"img[src='{thumbnail(first)}']")) == 1
    assert charlie_client.get(listed).status_code == 404


def test_the_list_is_paged(
    alice_client: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rooms.views import files

    monkeypatch.setattr(files, "PAGE", 2)
    for number in range(5):
        post(alice_client, open_room, f"{number}.txt", b"words")
    seen, following = [], reverse("files", args=[open_room.slug])
    while following:
        with CaptureQueriesContext(connection) as captured:
            page = Page(alice_client.get(following).content.decode()).root
        assert len([q for q in captured if "rooms_attachment" in q["sql"]]) == 1
        seen += [each.text for each in page.one("[class='file-list']").all("b")]
        links = [a for a in page.all("a[class='button']") if "before=" in a.attributes["href"]]
        base = reverse("files", args=[open_room.slug])
        following = links[0].attributes["href"] if links else ""
        assert not following or following.startswith(base)
    assert seen == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 400, "\0", "٣"])
def test_a_list_from_nowhere(before: str, alice_client: Client, open_room: Room) -> None:
    post(alice_client, open_room, "a.txt", b"words")
    answer = alice_client.get(reverse("files", args=[open_room.slug]), {"before": before})
    assert answer.status_code == 200
