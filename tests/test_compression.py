"""How answers are made smaller, without their length betraying what is in them."""

from __future__ import annotations

import gzip
import secrets
from typing import TYPE_CHECKING

import brotli
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from project.compression import CompressionMiddleware, compressed
from tests.factories import say

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from django.test import Client

    from rooms.models import Room, User

PAGE = "<li>Müller sagt: ja</li>\n" * 400


def answered(accepts: str, response: HttpResponseBase) -> HttpResponseBase:
    request = RequestFactory().get("/", headers={"Accept-Encoding": accepts})
    return CompressionMiddleware(lambda _request: response)(request)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("br;q=1.0, gzip;q=0.8", "br"),
        ("br", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("gzip, br; q=0.0, deflate", "gzip"),
        ("gzip, br;q=0.5", "br"),
        ("brotli, gzip", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
def test_a_browser_is_sent_what_it_takes(accepts: str, encoding: str | None) -> None:
    answer = answered(accepts, HttpResponse(PAGE))
    assert isinstance(answer, HttpResponse)
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert decode(answer.content).decode() == PAGE
    if encoding:
        assert answer.headers["Content-Length"] == str(len(answer.content))
        assert len(answer.content) < len(PAGE) / 5


def test_what_is_short_or_does_not_get_smaller_stays_as_it_is() -> None:
    for content in (b"short", secrets.token_bytes(1000)):
        answer = answered("br", HttpResponse(content))
        assert isinstance(answer, HttpResponse)
        assert answer.content == content
        assert "Content-Encoding" not in answer.headers


def test_what_has_an_encoding_keeps_it() -> None:
    answer = answered("br", HttpResponse(PAGE, headers={"Content-Encoding": "identity"}))
    assert isinstance(answer, HttpResponse)
    assert answer.headers["Content-Encoding"] == "identity"
    assert answer.content.decode() == PAGE


def test_a_stream_is_left_to_gzip() -> None:
    assert answered("br", StreamingHttpResponse([b"a"])).headers.get("Content-Encoding") is None
    answer = answered("br, gzip", StreamingHttpResponse([b"a"]))
    assert answer.headers["Content-Encoding"] == "gzip"


def test_a_strong_tag_becomes_a_weak_one() -> None:
    answer = answered("br", HttpResponse(PAGE, headers={"ETag": '"1"'}))
    assert answer.headers["ETag"] == 'W/"1"'


def test_a_decoder_skips_the_padding() -> None:
    lengths = set()
    for padding in range(1, 257):
        stream = compressed(PAGE.encode(), padding)
        assert brotli.decompress(stream).decode() == PAGE
        lengths.add(len(stream) - padding)
    assert len(lengths) == 1


def test_the_same_answer_has_many_lengths() -> None:
    lengths = {len(answered("br", HttpResponse(PAGE)).content) for _ in range(200)}  # type: ignore[attr-defined]
    assert len(lengths) > 50


def test_a_page_is_sent_by_brotli(bob: User, bob_client: Client, open_room: Room) -> None:
    say(open_room, bob, "**compressed**")
    answer = bob_client.get(f"/rooms/{open_room.slug}/", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["Content-Encoding"] == "br"
    assert "<strong>compressed</strong>" in brotli.decompress(answer.content).decode()
