"""What is read of a page that somebody linked to: a few words and a small picture, whatever it is."""

from __future__ import annotations

import struct
import time
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from rooms.unfurl import DESCRIPTION_LENGTH, SITE_LENGTH, TITLE_LENGTH, Unfurled, small, unfurl
from tests.elsewhere import answer, page, redirect

if TYPE_CHECKING:
    from tests.elsewhere import Internet

pytestmark = pytest.mark.one_stack

ADDRESS = "http://shop.example/"


def picture(size: tuple[int, int] = (600, 300), kind: str = "PNG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, size, "teal" if "RGB" in mode else None).save(file, kind)
    return file.getvalue()


def read(internet: Internet, head: str, body: str = "") -> Unfurled | None:
    internet.add("shop.example/", page(head, body))
    return unfurl(ADDRESS)


def meta(**words: str) -> str:
    return "".join(f'<meta property="og:{name}" content="{text}">' for name, text in words.items())


# Words


def test_what_a_page_says_of_itself(internet: Internet) -> None:
    head = "<title>Not this</title>" + meta(title="Kettles &amp; toasters", site_name="The  Shop")
    head += '<meta name="description" content="All that\nis hot">'
    assert read(internet, head) == Unfurled(
        "Kettles & toasters", "The Shop", "All that is hot", None
    )


def test_a_plain_page_has_a_title(internet: Internet) -> None:
    assert read(internet, "<title> Plain\n page </title>") == Unfurled("Plain page", "", "", None)
    svg = "<svg><title>of a drawing</title></svg>"
    assert read(internet, "", svg) is None


@pytest.mark.parametrize("head", ["", "<title> </title>", meta(title=""), meta(description="d")])
def test_without_a_title_there_is_nothing_to_show(internet: Internet, head: str) -> None:
    assert read(internet, head) is None


def test_words_are_cut_and_cleaned(internet: Internet) -> None:
    long = "word " * 1000
    found = read(internet, meta(title=f"a\x07b{long}", description=long, site_name=long))
    assert found
    assert found.title.startswith("abword word")
    for text, length in (
        (found.title, TITLE_LENGTH),
        (found.description, DESCRIPTION_LENGTH),
        (found.site, SITE_LENGTH),
    ):
        assert length // 2 < len(text) <= length
        assert text.endswith("…")


@pytest.mark.parametrize(
    ("says", "declares", "charset"),
    [
        ("text/html; charset=windows-1251", "", "windows-1251"),
        ('text/html; charset="UTF-8"', "", "utf-8"),
        ("text/html", '<meta charset="koi8-r">', "koi8-r"),
        ("text/html", '<meta http-equiv="Content-Type" content="text/html; charset=gbk">', "gbk"),
        ("text/html", "", "utf-8"),
        ("text/html; charset=punycode", "", "utf-8"),
        ("text/html; charset=iso-8859-99", "", "utf-8"),
        ("text/html; charset=hex", '<meta charset="unicode_escape">', "utf-8"),
    ],
)
def test_letters_are_read_as_they_were_written(
    internet: Internet, says: str, declares: str, charset: str
) -> None:
    html = f"<html><head>{declares}<title>Привет</title></head></html>".encode(charset)
    internet.add("shop.example/", answer(html, says))
    found = unfurl(ADDRESS)
    assert found
    assert found.title == "Привет"


def test_bytes_that_are_no_letters_do_no_harm(internet: Internet) -> None:
    internet.add("shop.example/", answer(b"<title>\xff\xfe\0\x80 a</title>", "text/html"))
    found = unfurl(ADDRESS)
    assert found
    assert "a" in found.title
    assert "\0" not in found.title


@pytest.mark.parametrize(
    "body",
    ["<div>" * 100_000, "<b>" * 170_000, "<" * 500_000, "<!--" * 100_000, "<a " + "b " * 200_000],
)
def test_no_page_takes_long_to_read(internet: Internet, body: str) -> None:
    began = time.monotonic()
    found = read(internet, "<title>Deep</title>", body)
    assert time.monotonic() - began < 10
    assert found == Unfurled("Deep", "", "", None)


def test_what_describes_a_huge_page_is_at_its_beginning(internet: Internet) -> None:
    found = read(internet, "<title>Huge</title>", "<p>and on</p>" * 500_000)
    assert found == Unfurled("Huge", "", "", None)


# Pictures


def with_picture(
    internet: Internet, address: str, content: bytes, kind: str = "image/png"
) -> Unfurled:
    internet.add("shop.example/p.png", answer(content, kind))
    found = read(internet, meta(title="With a picture", image=address))
    assert found
    return found


@pytest.mark.parametrize(
    ("size", "shown"),
    [((600, 300), (144, 72)), ((500, 500), (72, 72)), ((100, 900), (8, 72)), ((32, 32), (16, 16))],
)
@pytest.mark.parametrize("address", ["/p.png", "http://shop.example/p.png"])
def test_a_picture_is_drawn_anew_and_small(
    internet: Internet, address: str, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    found = with_picture(internet, address, picture(size)).picture
    assert found
    assert (found.width, found.height) == shown
    drawn = Image.open(BytesIO(found.content))
    assert drawn.format == "WEBP"
    assert drawn.width <= 288
    assert len(found.content) < 5_000


@pytest.mark.parametrize(
    ("kind", "modes"),
    [
        ("JPEG", ["RGB", "L", "CMYK"]),
        ("PNG", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"]),
        ("WEBP", ["RGB", "RGBA"]),
        ("GIF", ["P", "L"]),
    ],
)
def test_pictures_of_all_kinds(kind: str, modes: list[str]) -> None:
    for mode in modes:
        assert small(picture(kind=kind, mode=mode), kind).width == 144


def test_nothing_of_the_file_is_passed_on() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "where the photographer lives"
    exif[0x0112] = 6  # turned
    Image.new("RGB", (600, 300), "teal").save(file, "JPEG", exif=exif)
    assert b"photographer" in file.getvalue()
    found = small(file.getvalue() + b"<script>", "JPEG")
    assert b"photographer" not in found.content
    assert b"<script>" not in found.content
    assert (found.width, found.height) == (36, 72)


def bomb(side: int = 50_000) -> bytes:
    """A PNG of a few hundred kilobytes that says it has that many pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(10**8), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(bomb(), "image/png", id="a bomb"),
        pytest.param(bomb(5_000), "image/png", id="a smaller bomb"),
        pytest.param(picture((1, 1)), "image/png", id="a dot that counts visitors"),
        pytest.param(picture()[:200], "image/png", id="half of one"),
        pytest.param(b"", "image/png", id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", id="a drawing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", id="a drawing that lies"),
        pytest.param(picture(kind="TIFF"), "image/png", id="of another kind"),
        pytest.param(picture(kind="JPEG"), "image/png", id="of another kind than it says"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "image/jpeg", id="a program"),
        pytest.param(picture() + bytes(3 * 1024 * 1024), "image/png", id="too large a file"),
        pytest.param(b"<p>", "text/html", id="a page"),
    ],
)  # fmt: skip
def test_what_is_no_good_picture_is_left_out(internet: Internet, content: bytes, kind: str) -> None:
    assert with_picture(internet, "/p.png", picture()).picture
    assert with_picture(internet, "/p.png", content, kind).picture is None


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/p.png", "http://[::1/", "file:///etc/passwd", "data:image/png;base64,AAAA",
     "http://user@shop.example/p.png", "http://nobody.example/p.png", "/round", "javascript:x"],
)  # fmt: skip
def test_a_picture_is_asked_for_with_the_same_care(internet: Internet, address: str) -> None:
    internet.add("shop.example/round", redirect("http://169.254.169.254/p.png"))
    assert with_picture(internet, address, picture()).picture is None
    assert set(internet.dialled) == {"93.184.215.14"}
