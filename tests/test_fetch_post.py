"""What Roomful sends to other servers goes where it was meant to go, once, and takes what it may take."""

from __future__ import annotations

import gzip
import itertools
import socket
from typing import TYPE_CHECKING

import pytest

from rooms import fetch
from rooms.fetch import FetchFailed, FetchPrivate, FetchRefused, FetchTooSlow
from tests.elsewhere import PUBLIC, Internet, answer, redirect
from tests.test_fetch import SHORT, at_most, endless, endless_chunks, endless_head, endless_hints

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.one_stack

LIMIT = 64 * 1024
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


def post(address: str, body: bytes = b"{}", *, seconds: float = 5) -> fetch.Answered:
    headers = {"Content-Type": "application/json", "Roomful-Test": "yes"}
    return fetch.post(address, body, headers=headers, limit=LIMIT, seconds=seconds)


def test_a_body_arrives_as_it_is_and_the_answer_comes_back(internet: Internet) -> None:
    internet.add("shop.example/hook?a=b", answer(b'{"text": "thanks"}', "application/json"))
    body = bytes(range(256)) * 1000
    got = post("http://shop.example/hook?a=b", body)
    assert (got.status, got.content_type, got.cut) == (200, "application/json", False)
    assert got.body == b'{"text": "thanks"}'
    assert (internet.bodies, internet.dialled) == ([body], [PUBLIC])
    head = internet.requests[0].lower()
    assert head.startswith("post /hook?a=b http/1.1\r\n")
    assert f"content-length: {len(body)}\r\n" in head
    assert "content-type: application/json\r\n" in head
    assert "roomful-test: yes\r\n" in head


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 400, 410, 500, 599])
def test_whatever_is_answered_is_told_and_nothing_is_followed(
    internet: Internet, status: int
) -> None:
    internet.add("shop.example/", redirect("http://other.example/", status))
    internet.add("other.example/", NOTHING)
    assert post("http://shop.example/").status == status
    assert internet.looked_up == ["shop.example"]
    assert len(internet.requests) == 1


def test_it_is_told_when_to_come_again(internet: Internet) -> None:
    internet.add("shop.example/", b"HTTP/1.1 429 Wait\r\nRetry-After: 7\r\n\r\n")
    got = post("http://shop.example/")
    assert (got.status, got.retry_after) == (429, "7")


@pytest.mark.parametrize("finds", [["127.0.0.1"], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], []])
def test_a_name_that_leads_inside_is_sent_nothing(internet: Internet, finds: list[str]) -> None:
    internet.add("shop.example/", NOTHING)
    assert post("http://shop.example/").status == 204
    internet.names["shop.example"] = [finds]
    internet.dialled.clear()
    with pytest.raises(FetchPrivate):
        post("http://shop.example/")
    assert internet.dialled == []


@pytest.mark.parametrize("says", [endless, endless_chunks])
def test_of_what_never_ends_a_little_is_read(internet: Internet, says: object) -> None:
    internet.pages["shop.example/"] = says  # type: ignore[assignment]
    internet.host("shop.example")
    with at_most(30):
        got = post("http://shop.example/")
    assert (got.status, len(got.body), got.cut) == (200, LIMIT, True)


@pytest.mark.parametrize("says", [endless_head, endless_hints])
def test_no_head_of_an_answer_is_read_for_ever(internet: Internet, says: object) -> None:
    internet.pages["shop.example/"] = says  # type: ignore[assignment]
    internet.host("shop.example")
    with at_most(15), pytest.raises(FetchFailed):
        post("http://shop.example/", seconds=1)


@pytest.mark.parametrize(
    "slowly", [[30.0], [b"H", *[0.1, b"T"] * 300], [b"HTTP/1.1 200 OK\r\n\r\n", *[0.1, b"a"] * 300]]
)
def test_who_is_slow_is_given_up(internet: Internet, slowly: list[bytes | float]) -> None:
    internet.add("shop.example/", slowly)
    with at_most(15), pytest.raises(FetchTooSlow):
        post("http://shop.example/", seconds=SHORT)


def test_who_does_not_read_is_given_up(internet: Internet) -> None:
    """A connection takes some of it without anybody reading there."""
    internet.host("shop.example")
    deaf = socket.create_server(("127.0.0.1", 0))
    try:
        internet.port = deaf.getsockname()[1]
        with at_most(15), pytest.raises(FetchTooSlow):
            post("http://shop.example/", bytes(32 * 1024 * 1024), seconds=SHORT)
    finally:
        deaf.close()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\0\xff" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 999999 No\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_fails(internet: Internet, says: bytes) -> None:
    internet.add("shop.example/", says)
    with pytest.raises(FetchFailed):
        post("http://shop.example/")


def test_nothing_compressed_is_looked_at(internet: Internet) -> None:
    packed = gzip.compress(bytes(10**7))
    internet.add("shop.example/", answer(packed, "text/plain", "Content-Encoding: gzip\r\n"))
    assert post("http://shop.example/").body == b""


def test_of_an_address_is_said_at_once_what_can_be(internet: Internet, settings: Settings) -> None:
    for fine in ("http://shop.example/", f"https://{PUBLIC}/a", "https://[2606:4700::1111]:443/"):
        fetch.check(fine)
    hosts = "127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"
    for scheme, host in itertools.product(("http", "https"), hosts):
        with pytest.raises(FetchPrivate):
            fetch.check(f"{scheme}://{host}/")
    for wrong in (
        "",
        "shop.example",
        "ftp://shop.example/",
        "http://a:b@shop.example/",
        "http://[",
    ):
        with pytest.raises(FetchRefused):
            fetch.check(wrong)
    settings.ALLOW_PRIVATE_ADDRESSES = True
    fetch.check("http://10.0.0.1/")
    with pytest.raises(FetchPrivate):
        fetch.check("http://169.254.169.254/")
    assert internet.looked_up == []
