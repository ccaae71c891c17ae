"""What Roomful asks of other servers: nothing of its own network, nothing for long or without end."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from rooms import fetch
from rooms.fetch import Fetched, FetchFailed, FetchRefused, is_public
from tests.elsewhere import PUBLIC, Internet, answer, page, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

pytestmark = pytest.mark.one_stack

HTML = {"text/html"}
LIMIT = 64 * 1024
SHORT = 0.6  # seconds, in the place of eight
HELLO = page("<title>Hello</title>")
HTML_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def get(address: str, *, seconds: float = 5, cut: bool = False) -> Fetched:
    return fetch.fetch(address, types=HTML, limit=LIMIT, cut=cut, seconds=seconds)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# Which addresses

NOT_PUBLIC = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
""".split()  # noqa: SIM905  # shorter than a line for each
NOT_PUBLIC_6 = """
    ::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16
    3fff::/20 4000::/3 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905


def inside(network: str) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    parsed = ip_network(network)
    first, last = int(parsed.network_address), int(parsed.broadcast_address)
    kind = IPv4Address if parsed.version == 4 else IPv6Address
    return st.integers(first, last).map(kind)


private = st.sampled_from(NOT_PUBLIC).flatmap(inside)


@given(private)
def test_no_address_of_a_network_of_ones_own_is_public(address: IPv4Address) -> None:
    assert not is_public(address)


@given(st.sampled_from(NOT_PUBLIC_6).flatmap(inside))
def test_no_such_address_of_ipv6_is_public(address: IPv6Address) -> None:
    assert not is_public(address)


@given(private)
def test_none_is_public_inside_of_another(address: IPv4Address) -> None:
    number = int(address)
    assert not is_public(IPv6Address(0xFFFF << 32 | number))  # mapped
    assert not is_public(IPv6Address(number))  # compatible, as it was once called
    assert not is_public(IPv6Address(0x64FF9B << 96 | number))  # NAT64
    assert not is_public(IPv6Address(0x2002 << 112 | number << 80 | 1))  # 6to4


@given(st.ip_addresses(v=4))
def test_a_public_address_of_ipv4_is_in_none_of_these_networks(address: IPv4Address) -> None:
    listed = any(address in ip_network(network) for network in NOT_PUBLIC)
    assert is_public(address) == (not listed and address.is_global)
    assert is_public(IPv6Address(0xFFFF << 32 | int(address))) == is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::101:101"]
)
def test_others_are(address: str) -> None:
    assert is_public(ip_address(address))


# Where it asks


def test_a_page_comes_as_it_is(internet: Internet) -> None:
    internet.add("shop.example/a%20b?q=1&r=%C3%A9", HELLO)
    got = get("http://shop.example/a b?q=1&r=é#part")
    assert b"<title>Hello</title>" in got.body
    assert (got.content_type, got.charset) == ("text/html", "utf-8")
    assert internet.dialled == [PUBLIC]
    request = internet.requests[0].lower()
    assert "host: shop.example\r\n" in request
    assert "user-agent: roomful" in request
    assert "accept-encoding: identity\r\n" in request
    assert "cookie" not in request


@pytest.mark.parametrize(
    "finds",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fd00::1"],
        [PUBLIC, "192.168.0.1"],
        [],
    ],
)
def test_a_name_that_leads_inside_is_refused(internet: Internet, finds: list[str]) -> None:
    internet.add("shop.example/", HELLO)
    assert get("http://shop.example/").body
    internet.names["shop.example"] = [finds]
    internet.dialled.clear()
    with pytest.raises(FetchRefused):
        get("http://shop.example/")
    assert internet.dialled == []


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user@shop.example/",
        "http://user:password@shop.example/",
        "http://@shop.example/",
        "http://shop.example:22/",
        "http://shop.example:0/",
        "http://shop.example:99999/",
        "http://shop.example:x/",
        "https://shop.example:8443/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "javascript:alert(1)",
        "//shop.example/",
        "shop.example",
        "http://",
        "http:///etc/passwd",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://shop.example\\@evil.example/",
        "http://sh%6fp.example/",
        "http://shöp.example/",
        "http://-shop.example/",
        "http://" + "a" * 300 + ".example/",
        "http://shop.example/" + "a" * 3000,
        "\0",
        "",
    ],
)
def test_no_such_address_is_asked(internet: Internet, address: str) -> None:
    internet.add("shop.example/", HELLO)
    with pytest.raises(FetchRefused):
        get(address)
    assert internet.dialled == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
def test_other_ways_to_write_an_address_are_seen_through(host: str) -> None:
    """By the system's own resolver."""
    with pytest.raises(FetchFailed):
        get(f"http://{host}/")
    # Some resolvers know some of these. Those that are known are refused.
    found = socket.getaddrinfo("127.1", 80, type=socket.SOCK_STREAM)
    assert found[0][4][0] == "127.0.0.1"


def test_a_name_is_resolved_once_and_asked_where_it_was_then(internet: Internet) -> None:
    """Else a name could be public when it is checked and private when it is asked."""
    internet.add("rebound.example/", HELLO)
    internet.names["rebound.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert get("http://rebound.example/").body
    assert (internet.looked_up, internet.dialled) == (["rebound.example"], [PUBLIC])
    with pytest.raises(FetchRefused):
        get("http://rebound.example/")


def test_the_next_address_is_tried(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    internet.add("shop.example/", HELLO)
    internet.host("shop.example", "2606:4700::1111", PUBLIC)
    to_all = fetch.dial

    def no_ipv6(address: fetch.Address, port: int, seconds: float) -> httpcore.NetworkStream:
        if address.version == 6:
            raise httpcore.ConnectError("unreachable")
        return to_all(address, port, seconds)

    monkeypatch.setattr(fetch, "dial", no_ipv6)
    assert get("http://shop.example/").body


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **kwargs: object) -> list[object]:
        time.sleep(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with at_most(15), pytest.raises(FetchFailed):
        get("http://shop.example/", seconds=SHORT)


# Redirects


def test_redirects_are_followed(internet: Internet) -> None:
    internet.add("shop.example/", redirect("/a", 301))
    internet.add("shop.example/a", redirect("//www.shop.example/b", 307))
    internet.add("www.shop.example/b", redirect("http://shop.example/c?d=e", 303))
    internet.add("shop.example/c?d=e", HELLO)
    assert get("http://shop.example/").address == "http://shop.example/c?d=e"
    internet.add("shop.example/c?d=e", redirect("/f"))
    internet.add("shop.example/f", HELLO)
    with pytest.raises(FetchFailed):
        get("http://shop.example/")


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://inside.example/",
        "file:///etc/passwd",
        "ftp://shop.example/",
        "http://user:password@shop.example/",
        "http://shop.example:22/",
        "data:text/html,hello",
    ],
)
def test_a_redirect_is_no_way_around(internet: Internet, to: str) -> None:
    internet.host("inside.example", "10.0.0.1")
    internet.add("shop.example/", redirect(to))
    with pytest.raises(FetchRefused):
        get("http://shop.example/")
    assert internet.dialled == [PUBLIC]


def test_a_redirect_that_leads_nowhere_fails(internet: Internet) -> None:
    internet.add("shop.example/", b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(FetchFailed):
        get("http://shop.example/")
    internet.add("shop.example/", redirect("/"))
    with pytest.raises(FetchFailed):
        get("http://shop.example/")
    assert len(internet.requests) == 1 + fetch.REDIRECTS + 1


# Servers that mean ill, or are ill


def endless(connection: socket.socket) -> None:
    connection.sendall(HTML_HEAD + b"Content-Length: 10000000000\r\n\r\n")
    while True:
        connection.sendall(b"<p>and on</p>" * 5000)


def endless_chunks(connection: socket.socket) -> None:
    connection.sendall(HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"4\r\n<p> \r\n" * 5000)


def endless_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: and more\r\n" * 1000)


def endless_hints(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)


@pytest.mark.parametrize("says", [endless, endless_chunks])
def test_what_never_ends_is_cut_or_refused(internet: Internet, says: object) -> None:
    internet.pages["shop.example/"] = says  # type: ignore[assignment]
    internet.host("shop.example")
    with at_most(30):
        assert len(get("http://shop.example/", cut=True).body) == LIMIT
        with pytest.raises(FetchFailed):
            get("http://shop.example/")


@pytest.mark.parametrize("says", [endless_head, endless_hints])
def test_no_head_is_read_for_ever(internet: Internet, says: object) -> None:
    internet.pages["shop.example/"] = says  # type: ignore[assignment]
    internet.host("shop.example")
    with at_most(15), pytest.raises(FetchFailed):
        get("http://shop.example/", seconds=1, cut=True)


@pytest.mark.parametrize(
    "slowly",
    [
        [30.0],  # nothing at all
        [b"H", *[0.1, b"T"] * 300],  # a head in drips
        [HTML_HEAD + b"\r\n", *[0.1, b"<p>"] * 300],  # a body in drips
        [HTML_HEAD + b"Content-Length: 500\r\n\r\n<p>", 30.0],
    ],
)
def test_what_is_slow_is_given_up(internet: Internet, slowly: list[bytes | float]) -> None:
    internet.add("shop.example/", slowly)
    with at_most(15), pytest.raises(FetchFailed):
        get("http://shop.example/", seconds=SHORT)


def test_all_redirects_share_the_time(internet: Internet) -> None:
    internet.add("shop.example/", [0.4, redirect("/a")])
    internet.add("shop.example/a", [0.4, HELLO])
    assert get("http://shop.example/").body
    with pytest.raises(FetchFailed):
        get("http://shop.example/", seconds=SHORT)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(answer(b"%PDF", "application/pdf"), id="another type"),
        pytest.param(answer(b"<p>", ""), id="no type"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n<p>", id="no head"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>", id="not there"),
        pytest.param(b"HTTP/1.1 206 Partial\r\nContent-Type: text/html\r\n\r\n<p>", id="a part"),
        pytest.param(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n", id="for some only"),
        pytest.param(HTML_HEAD + b"Content-Length: 50\r\n\r\nshort", id="shorter than it says"),
        pytest.param(HTML_HEAD + b"Content-Length: -1\r\n\r\n<p>", id="a length below nothing"),
        pytest.param(
            HTML_HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n<p>", id="two lengths"
        ),
        pytest.param(HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
        pytest.param(HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n<p>",
                     id="a chunk of exabytes"),
        pytest.param(b"\0\xff" * 1000, id="no HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"", id="nothing"),
        pytest.param(
            answer(gzip.compress(bytes(10**7)), "text/html", "Content-Encoding: gzip\r\n"),
            id="compressed",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_fails(internet: Internet, says: bytes) -> None:
    internet.add("shop.example/", HELLO)
    assert get("http://shop.example/").body
    internet.add("shop.example/", says)
    with pytest.raises(FetchFailed):
        get("http://shop.example/")


def test_more_than_the_server_said_is_not_read(internet: Internet) -> None:
    internet.add("shop.example/", HTML_HEAD + b"Content-Length: 3\r\n\r\n<p>and more")
    assert get("http://shop.example/").body == b"<p>"


def test_nobody_there(internet: Internet) -> None:
    internet.add("shop.example/", HELLO)
    internet.stop()
    with pytest.raises(FetchFailed):
        get("http://shop.example/")
    with pytest.raises(FetchFailed):
        get("http://nobody.example/")


# TLS


@pytest.fixture
def for_shop(internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server shows a certificate for shop.example, by somebody whom Roomful trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "shop.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    internet.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    internet.tls.load_cert_chain(file)
    trusted = httpcore.default_ssl_context()
    trusted.load_verify_locations(file)
    monkeypatch.setattr(fetch, "_certificates", lambda: trusted)


@pytest.mark.usefixtures("for_shop")
def test_the_certificate_must_be_for_the_name_that_was_asked(internet: Internet) -> None:
    internet.add("shop.example/", HELLO)
    internet.add("other.example/", HELLO)
    assert get("https://shop.example/").body
    with pytest.raises(FetchFailed):
        get("https://other.example/")
    with pytest.raises(FetchFailed):
        get(f"https://{PUBLIC}/")
    assert "host: shop.example\r\n" in internet.requests[0].lower()
    assert len(internet.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_none(
    internet: Internet, for_shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_certificates", httpcore.default_ssl_context)
    internet.add("shop.example/", HELLO)
    with pytest.raises(FetchFailed):
        get("https://shop.example/")
    assert internet.requests == []


# What the settings allow


@pytest.fixture
def real_server() -> Iterator[Internet]:
    """On this machine, found and asked by the system's own ways."""
    made = Internet()
    made.start()
    made.pages["127.0.0.1/"] = made.pages["localhost/"] = HELLO
    yield made
    made.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_addresses_and_other_ports_can_be_allowed(
    real_server: Internet, settings: Settings, host: str
) -> None:
    address = f"http://{host}:{real_server.port}/"
    with pytest.raises(FetchRefused):
        get(address)
    settings.FETCH_PORTS = [80, real_server.port]
    with pytest.raises(FetchRefused):
        get(address)
    settings.ALLOW_PRIVATE_ADDRESSES = True
    assert b"Hello" in get(address).body
    assert f"host: {host}:{real_server.port}\r\n" in real_server.requests[0].lower()


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::"])
def test_what_nobody_could_mean_stays_refused(settings: Settings, address: str) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    assert fetch.may_be_asked(ipaddress.ip_address("192.168.0.1"))
    assert not fetch.may_be_asked(ipaddress.ip_address(address))


def test_no_proxy_of_the_environment_is_used(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    internet.add("shop.example/", HELLO)
    assert get("http://shop.example/").body
