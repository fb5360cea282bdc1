"""Fetching a file by its URL, for uploads that name one instead of sending it."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import attrs

from nemovideo._support.addresses import is_public, resolves_to_public
from nemovideo.local.server.forms import Problem
from nemovideo.local.server.trouble import is_disk_full

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READ_TIMEOUT_S = 30.0
_LENGTH_DIGITS = 19
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?[]"


@attrs.frozen
class Remote:
    """A file somewhere else, open for reading. `size_bytes` is None where nobody says it."""

    name: str
    content_type: str
    size_bytes: int | None
    _response: http.client.HTTPResponse

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the content in pieces.

        Raises:
            Problem: 400: the connection broke before the end.
        """
        got = 0
        try:
            while chunk := self._response.read(size):
                got += len(chunk)
                yield chunk
        except (OSError, ValueError, http.client.HTTPException) as error:
            if is_disk_full(error):
                raise
            raise Problem(400, f"{self.name} could not be fetched: {error}") from error
        if self.size_bytes is not None and got < self.size_bytes:
            raise Problem(400, f"{self.name} broke off: {got} of {self.size_bytes} bytes came.")


class Fetching:
    """One upload's downloads; they can be stopped from another thread.

    Only http and https are spoken, redirects included. Unless `private_urls`, every host must
    resolve to addresses of the public internet, and the one connected to must be such.
    """

    def __init__(self, *, private_urls: bool) -> None:
        self._private_urls = private_urls
        self._guard = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._stopped = False

    def stop(self) -> None:
        """Break off what is being fetched, and fetch nothing more."""
        with self._guard:
            self._stopped = True
            for connected in self._sockets:
                with suppress(OSError):  # it has ended by itself
                    connected.shutdown(socket.SHUT_RDWR)

    def check(self, host: str, *, peer: str | None = None) -> None:
        """Refuse a host by its name, or by the address that was connected to.

        Raises:
            OSError: It is not of the public internet.
        """
        if self._private_urls:
            return
        if not (_public_as_far_as_known(host) if peer is None else is_public(peer)):
            raise OSError(f"{host} is not an address of the public internet")

    def hold(self, connected: socket.socket) -> None:
        """Remember a socket for stop().

        Raises:
            OSError: It has been called.
        """
        with self._guard:
            if self._stopped:
                raise OSError("it was stopped")
            self._sockets.append(connected)

    @contextmanager
    def open(self, url: str) -> Iterator[Remote]:
        """Open a URL.

        Raises:
            Problem: 400: it is not an http(s) URL, may not be fetched, or does not answer
                with a file.
        """
        try:
            address = ascii_url(url)
        except ValueError as error:
            raise Problem(400, f"{url} is not an http or https URL: {error}") from error
        parts = urllib.parse.urlsplit(address)
        try:
            response = self._opener(parts.hostname or "").open(address, timeout=_READ_TIMEOUT_S)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            raise Problem(400, f"{url} could not be fetched: {error}") from error
        if response is None:  # a redirect to another scheme
            raise Problem(400, f"{url} leads to something that is not an http or https URL.")
        with response:
            name = urllib.parse.unquote(parts.path).rsplit("/", 1)[-1]
            kind = response.headers.get_content_type()
            yield Remote(name, kind, _length(response.headers), response)

    def _opener(self, host: str) -> urllib.request.OpenerDirector:
        """Return an opener of HTTP only; no proxy can reach this machine's own servers."""
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler({} if host in _LOOPBACK else None),
            _Handler(self),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        return opener


class _Connection(http.client.HTTPConnection):
    """Has its socket checked before it is used, and before TLS begins."""

    fetching: Fetching
    proxied_host: str | None = None

    def set_tunnel(
        self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.proxied_host = host.rpartition(":")[0] or host
        super().set_tunnel(host, port, headers)

    def connect(self) -> None:
        host = self.proxied_host or self.host
        self.fetching.check(host)  # nobody learns which inner ports are open
        super().connect()
        if self.proxied_host is None:  # a name may change its address between two look-ups
            self.fetching.check(host, peer=str(self.sock.getpeername()[0]))
        self.fetching.hold(self.sock)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """The same over TLS: `HTTPSConnection.connect` calls the one above, then wraps the socket."""

    def connect(self) -> None:
        super().connect()
        self.fetching.hold(self.sock)


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, fetching: Fetching) -> None:
        super().__init__()
        self._fetching = fetching

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._made(_Connection, req), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._made(_SecureConnection, req), req)

    def _made(
        self, kind: type[_Connection], req: urllib.request.Request
    ) -> Callable[..., http.client.HTTPConnection]:
        def make(host: str, timeout: float) -> http.client.HTTPConnection:
            connection = kind(host, timeout=timeout)
            connection.fetching = self._fetching
            if req.has_proxy():
                connection.proxied_host = urllib.parse.urlsplit(req.full_url).hostname
            return connection

        return make


def ascii_url(url: str) -> str:
    """Return an http(s) URL as the wire needs it: spaces and other letters escaped, IDNA hosts.

    Raises:
        ValueError: It is not an http(s) URL, or has a user name in it.
    """
    parts = urllib.parse.urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it has another scheme, or no host")
    if "@" in parts.netloc:
        raise ValueError("leave the user name and password out")
    host = parts.hostname
    host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    path = urllib.parse.quote(_lone_percents_escaped(parts.path) or "/", safe=_PATH_SAFE)
    query = urllib.parse.quote(_lone_percents_escaped(parts.query), safe=_QUERY_SAFE)
    return urllib.parse.urlunsplit((parts.scheme, netloc, path, query, ""))


def _lone_percents_escaped(text: str) -> str:
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)


def _public_as_far_as_known(host: str) -> bool:
    """Return whether a host is public; a name that only a proxy can resolve is left to that."""
    try:
        return resolves_to_public(host, 443)
    except OSError:
        return True


def _length(headers: http.client.HTTPMessage) -> int | None:
    length = headers.get("content-length", "")
    chunked = "transfer-encoding" in headers
    usable = length.isascii() and length.isdigit() and len(length) < _LENGTH_DIGITS
    return int(length) if usable and not chunked else None
