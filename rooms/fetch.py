"""Whatever Roomful asks of other servers, it asks here.

The address comes from somebody who may mean ill: it may lead into the network that Roomful itself is in,
to a server that never ends its answer, or to one that answers with more than fits. So here a name is
resolved once, each address that it has is checked, and the connection goes to just that address; and all
of it together has one deadline and one limit of size.

httpcore is what httpx is built upon. It has what HTTP needs and nothing that would have to be switched
off: no redirects, cookies, proxies, password files or decompression. Its network backend is the one place
where a host becomes a connection, and ours is put there; TLS and the Host header stay with the name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore
from django.conf import settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Iterable, Iterator, Mapping

Address = IPv4Address | IPv6Address

SECONDS = 8.0  # for everything: names, connections, redirects, and the last byte
REDIRECTS = 3
ADDRESSES = 4  # of one host that are tried
LENGTH = 2_000  # characters of an address
PIECE = 16 * 1024  # bytes that are written between two looks at the clock
USER_AGENT = "Roomful (bot)"
PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9.])?")
_TARGET = "/%:@!$&'()*+,;=~?"  # what stays as it is in a path or a query
_REDIRECTS = {301, 302, 303, 307, 308}


class FetchFailed(Exception):
    """Nothing came back that could be used."""


class FetchTooSlow(FetchFailed):
    """There was no time left."""


class FetchRefused(FetchFailed):
    """It is not allowed to ask there."""


class FetchPrivate(FetchRefused):
    """The host is not on the internet."""


class Fetched(NamedTuple):
    """What an address led to."""

    address: str  # where the redirects ended
    content_type: str  # without parameters, in small letters
    charset: str  # as the server says, or ""
    body: bytes


class Answered(NamedTuple):
    """What a server said to what it was sent."""

    status: int
    content_type: str  # as above
    retry_after: str  # the header of that name, or ""
    body: bytes  # b"" if it is compressed
    cut: bool  # whether there was more of it


# Addresses

_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Not all of them are known to each version of Python.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),
        "2001::/23",  # Teredo, and other protocols' own
        "2002::/16",  # 6to4: leads to the IPv4 address in it
        *("2001:db8::/32", "3fff::/20"),  # documentation
    )
]
# What somebody who allows private addresses means. Not link-local ones: clouds keep their keys there.
_PRIVATE = [
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
]


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:  # what a network without IPv4 makes of every other host's address
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: Address, networks: Iterable[Any]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def is_public(address: Address) -> bool:
    """Whether it is somewhere on the internet, where anybody could ask it the same."""
    address = _plain(address)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not _within(address, _NOT_PUBLIC)
        and (address.version == 4 or address in _GLOBAL_IPV6)
    )


def may_be_asked(address: Address) -> bool:
    """Whether the settings let Roomful connect to it."""
    return is_public(address) or (
        settings.ALLOW_PRIVATE_ADDRESSES and _within(_plain(address), _PRIVATE)
    )


# Connections


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds. Raises `FetchFailed` if there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise FetchTooSlow("took too long")
        return left


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """The host's addresses. The system's resolver knows no deadline, so it is left to itself then."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except Empty:
        raise FetchTooSlow("looking up the host took too long") from None
    if isinstance(found, Exception):
        raise FetchFailed(f"no such host: {type(found).__name__}")
    # With a scope, such as fe80::1%eth0, it is link-local anyway.
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def dial(address: Address, port: int, seconds: float) -> httpcore.NetworkStream:
    return httpcore.SyncBackend().connect_tcp(str(address), port, seconds)


class _Stream(httpcore.NetworkStream):
    """A connection that is given up at the deadline, however often something still comes."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            self._stream.write(buffer[start : start + PIECE], self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connects only to what may be asked."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = list(dict.fromkeys(look_up(host, port, self._deadline.left())))
        if not addresses or not all(map(may_be_asked, addresses)):
            raise FetchPrivate("the host is not on the internet")
        error: Exception = FetchFailed("no address")
        for number, address in enumerate(addresses[:ADDRESSES], 1):
            seconds = self._deadline.left()
            try:
                # One that does not answer leaves time for the next.
                share = seconds if number == len(addresses[:ADDRESSES]) else seconds / 2
                return _Stream(dial(address, port, share), self._deadline)
            except (httpcore.NetworkError, httpcore.TimeoutException) as failure:
                error = failure
        raise error


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


# Questions and answers


def fetch(
    address: str,
    *,
    types: Collection[str],
    limit: int,
    cut: bool = False,
    seconds: float = SECONDS,
) -> Fetched:
    """What is at `address`, if it is one of the content `types` and has at most `limit` bytes; with `cut`
    the first `limit` bytes of it.

    Raises `FetchRefused` or `FetchFailed`, whose words are for the log alone: they say of which kind the
    trouble was, not what is in the network that Roomful is in.
    """
    deadline = _Deadline(seconds)
    for _ in range(REDIRECTS + 1):
        parts = _parsed(address)
        headers = {"Accept": ", ".join(sorted(types))}
        found = _ask(parts, deadline, headers, types=types, limit=limit, cut=cut)
        if isinstance(found, Fetched):
            return found
        address = urljoin(address, found)
    raise FetchFailed("redirects too often")


def post(
    address: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    limit: int,
    seconds: float = SECONDS,
) -> Answered:
    """Send the body to `address`. Whatever the server answers is returned, with at most `limit` bytes of
    its body: no redirect is followed, as what was meant for one server is not for another.

    Raises as `fetch` does, also if the answer breaks off.
    """
    deadline = _Deadline(seconds)
    parts = _parsed(address)
    sent = {**headers, "Content-Length": str(len(body))}
    with _request("POST", parts, deadline, sent, body) as response:
        got = _headers(response)
        content_type, _charset = _type(got.get("content-type", ""))
        compressed = got.get("content-encoding", "identity").lower() != "identity"
        said = _read(response, limit + 1, cut=True)
    return Answered(
        response.status,
        content_type,
        got.get("retry-after", ""),
        b"" if compressed else said[:limit],
        len(said) > limit,
    )


def check(address: str) -> None:
    """Raises `FetchRefused`, or `FetchPrivate`, if the address itself shows that it may not be asked.
    Where a name leads is found out when it is."""
    host = _parsed(address).hostname or ""
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return
    if not may_be_asked(literal):
        raise FetchPrivate("the host is not on the internet")


def _parsed(address: str) -> SplitResult:
    """Raises `FetchRefused` for whatever is no plain address of a web page."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise FetchRefused("not an address") from None
    if len(address) > LENGTH:
        raise FetchRefused("too long")
    if parts.scheme not in PORTS:
        raise FetchRefused("neither http nor https")
    if "@" in parts.netloc:
        raise FetchRefused("has a name or password in it")
    if (PORTS[parts.scheme] if port is None else port) not in settings.FETCH_PORTS:
        raise FetchRefused("not a web server's port")
    host = parts.hostname or ""
    if not _NAME.fullmatch(host):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise FetchRefused("not a host") from None
    return parts


def _url(parts: SplitResult) -> tuple[httpcore.URL, str]:
    """As httpcore takes it, and the Host header; from what was checked, not from a second reading."""
    host = parts.hostname or ""
    query = f"?{quote(parts.query, safe=_TARGET)}" if parts.query else ""
    path = quote(parts.path, safe=_TARGET.removesuffix("?")) or "/"
    named = f"[{host}]" if ":" in host else host
    default = parts.port in (None, PORTS[parts.scheme])
    url = httpcore.URL(
        scheme=parts.scheme.encode(),
        host=host.encode(),
        port=parts.port,
        target=(path + query).encode(),
    )
    return url, named if default else f"{named}:{parts.port}"


def _ask(
    parts: SplitResult,
    deadline: _Deadline,
    headers: Mapping[str, str],
    *,
    types: Collection[str],
    limit: int,
    cut: bool,
) -> Fetched | str:
    """One request: its answer, or where it sends us."""
    with _request("GET", parts, deadline, headers) as response:
        got = _headers(response)
        if response.status in _REDIRECTS:
            if "location" not in got:
                raise FetchFailed("redirects nowhere")
            return got["location"]
        if response.status != 200:
            raise FetchFailed(f"answers with {response.status}")
        content_type, charset = _type(got.get("content-type", ""))
        if content_type not in types:
            raise FetchFailed("is of another type")
        if got.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed("is compressed although that was not asked for")
        body = _read(response, limit, cut=cut)
    return Fetched(parts.geturl(), content_type, charset, body)


@contextmanager
def _request(
    method: str,
    parts: SplitResult,
    deadline: _Deadline,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Iterator[httpcore.Response]:
    """What the server says, whose body is still to be read. Afterwards the connection is closed."""
    url, host = _url(parts)
    sent = {
        "Host": host,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",  # nothing that could be small here and huge there
        "Connection": "close",
        **headers,
    }
    pool = httpcore.ConnectionPool(
        ssl_context=_certificates(), max_connections=1, network_backend=_Network(deadline)
    )
    try:
        with pool, pool.stream(method, url, headers=list(sent.items()), content=body) as response:
            yield response
    except httpcore.TimeoutException as error:
        raise FetchTooSlow(type(error).__name__) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise FetchFailed(type(error).__name__) from error


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _read(response: httpcore.Response, limit: int, *, cut: bool) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_stream():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            if not cut:
                raise FetchFailed("is too large")
            break
    return b"".join(pieces)[:limit]


def _type(header: str) -> tuple[str, str]:
    """The content type and the charset, in small letters."""
    kind, *parameters = header.lower().split(";")
    charset = ""
    for parameter in parameters:
        name, _equals, value = parameter.partition("=")
        if name.strip() == "charset":
            charset = value.strip().strip("\"'")
    return kind.strip(), charset
