"""Files to upload: pictures and what pretends to be one."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

PLACE = (b"place-in-the-exif", b"place-in-the-comment", b"place-in-the-xmp", b"place-in-the-text")
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" + bytes(5_000)
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(5_000)
HTML = b"<!doctype html><script>alert(document.cookie)</script>"
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)


def upload(name: str, content: bytes, content_type: str = "image/png") -> SimpleUploadedFile:
    """As a browser sends it: with its own idea of what it is."""
    return SimpleUploadedFile(name, content, content_type)


def picture(
    kind: str = "PNG", size: tuple[int, int] = (800, 600), colour: Any = "teal", **options: Any
) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


def photograph(orientation: int = 6) -> bytes:
    """A JPEG with all that a camera and an editor write into one: 600 × 400, to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = PLACE[0].decode()  # its description
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    return picture("JPEG", (600, 400), exif=exif, comment=PLACE[1], xmp=b"<x>" + PLACE[2] + b"</x>")


def animation(kind: str = "GIF", frames: int = 3, size: tuple[int, int] = (60, 40)) -> bytes:
    images = [Image.new("RGB", size, (40 * number % 256, 80, 120)) for number in range(frames)]
    file = io.BytesIO()
    images[0].save(
        file,
        kind,
        save_all=True,
        append_images=images[1:],
        duration=[100, 200, 300][:frames],
        loop=0,
    )
    return file.getvalue()


def png(width: int, height: int, data: bytes) -> bytes:
    """A grey PNG by hand, of whatever size it says."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A PNG of one pixel whose text says a hundred million times the same."""
    whole = png(1, 1, b"\0\0")
    content = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    check = struct.pack(">I", zlib.crc32(b"zTXt" + content))
    chunk = struct.pack(">I", len(content)) + b"zTXt" + content + check
    return whole[:33] + chunk + whole[33:]
