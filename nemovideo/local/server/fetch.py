"""Fetch the files of uploads by URL."""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

import attrs

from nemovideo._support import urls
from nemovideo._support.addresses import is_loopback, is_public, resolves_to_public
from nemovideo.local.server.forms import Problem
from nemovideo.local.server.messages import is_disk_full

_READ_TIMEOUT_S = 30.0
_LENGTH_DIGITS = 19
REMEDY = "Check that the URL opens in a browser, or download the file and upload it."
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?[]"


@attrs.frozen
class Remote:
    """A remote file, open for reading. `size_bytes` is None if unknown."""

    name: str
    content_type: str
    size_bytes: int | None
    _response: http.client.HTTPResponse

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the content in chunks.

        Raises:
            Problem: 400: the connection dropped before the end.
        """
        got = 0
        try:
            while chunk := self._response.read(size):
                got += len(chunk)
                yield chunk
        except (OSError, ValueError, http.client.HTTPException) as error:
            if is_disk_full(error):
                raise
            message = f"{self.name} could not be fetched: {_reason(error)}."
            raise Problem(400, message, remedy=REMEDY) from error
        if self.size_bytes is not None and got < self.size_bytes:
            message = f"{self.name} is truncated: {got} of {self.size_bytes} bytes."
            raise Problem(400, message, remedy=REMEDY)


class Fetcher:
    """Downloads the files of one upload by URL; stop() aborts them from another thread.

    Only http and https are supported, for redirects too. Unless `private_urls`, connections are
    made to public addresses only.
    """

    def __init__(self, *, private_urls: bool) -> None:
        self._private_urls = private_urls
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self._stopped = False

    def stop(self) -> None:
        """Abort the current download or connection attempt, and refuse new ones."""
        with self._guard:
            self._stopped = True
            self._shut_down()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection to one of a host's addresses.

        Raises:
            OSError: There is none, or one of them is not public, or stop() has been called.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not self._private_urls and not all(is_public(str(entry[4][0])) for entry in found):
            raise _not_public(host)  # before connecting, which would reveal open ports
        failure: OSError | None = None
        for family, kind, protocol, _, address in found:
            try:
                connecting = socket.socket(family, kind, protocol)
            except OSError as error:  # no IPv6 here
                failure = error
                continue
            try:
                self.register(connecting)
                connecting.settimeout(_READ_TIMEOUT_S)
                connecting.connect(address)
            except OSError as error:
                connecting.close()
                failure = error
            else:
                return connecting
        raise failure or OSError(f"{host} has no address")

    def check_proxied(self, host: str) -> None:
        """Check a host that a proxy connects to.

        Raises:
            OSError: It is not public.
        """
        if not self._private_urls and not _may_be_public(host):
            raise _not_public(host)

    def register(self, current: socket.socket) -> None:
        """Register the socket of the current download for stop(), in place of the last one.

        Raises:
            OSError: stop() has been called.
        """
        with self._guard:
            if self._stopped:
                raise OSError("the upload was stopped")
            self._shut_down()
            self._socket = current.dup()  # TLS replaces the object, not the connection

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # no longer connected
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None

    @contextmanager
    def open(self, url: str) -> Iterator[Remote]:
        """Open a URL.

        Raises:
            Problem: 400: the URL is not http(s), not public, or does not return a file.
        """
        try:
            address = ascii_url(url)
        except ValueError as error:
            message = f"{url} is not an http or https URL: {error}"
            raise Problem(400, message, remedy=REMEDY) from error
        parts = urllib.parse.urlsplit(address)
        try:
            response = self._opener(parts.hostname or "").open(address, timeout=_READ_TIMEOUT_S)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            message = f"{url} could not be fetched: {_reason(error)}."
            raise Problem(400, message, remedy=REMEDY) from error
        if response is None:  # a redirect to another scheme
            message = f"{url} redirects to something that is not an http or https URL."
            raise Problem(400, message, remedy=REMEDY)
        with response:
            name = urllib.parse.unquote(parts.path).rsplit("/", 1)[-1]
            content_type = response.headers.get_content_type()
            yield Remote(name, content_type, _length(response.headers), response)

    def _opener(self, host: str) -> urllib.request.OpenerDirector:
        """Return an opener for http and https only; loopback is never proxied."""
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler({} if is_loopback(host) else None),
            _Handler(self),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirects(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        return opener


class _Connection(http.client.HTTPConnection):
    """A connection to addresses that have been checked, which `Fetcher.stop` aborts."""

    fetcher: Fetcher
    proxied_host: str | None = None

    def set_tunnel(
        self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.proxied_host = host.rpartition(":")[0] or host
        super().set_tunnel(host, port, headers)

    def connect(self) -> None:
        if self.proxied_host is None:
            self.sock = self.fetcher.connect(self.host, self.port)
        else:
            self.fetcher.check_proxied(self.proxied_host)
            super().connect()
            self.fetcher.register(self.sock)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """`HTTPSConnection.connect` calls `_Connection.connect`, then wraps the socket."""


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._factory(_Connection, req), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._factory(_SecureConnection, req), req)

    def _factory(
        self, kind: type[_Connection], req: urllib.request.Request
    ) -> Callable[..., http.client.HTTPConnection]:
        def make(host: str, timeout: float) -> http.client.HTTPConnection:
            connection = kind(host, timeout=timeout)
            connection.fetcher = self._fetcher
            if req.has_proxy():
                connection.proxied_host = urllib.parse.urlsplit(req.full_url).hostname
            return connection

        return make


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without their bodies, which urllib would read into memory."""

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> object:
        fp.close()
        return super().http_error_302(req, io.BytesIO(), code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def ascii_url(url: str) -> str:
    """Return an http(s) URL in ASCII, with percent-encoding and an IDNA host.

    Raises:
        ValueError: It is not an http(s) URL, or contains a user name.
    """
    parts = urls.split(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("wrong scheme, or no host")
    if "@" in parts.netloc:
        raise ValueError("user names and passwords are not supported")
    host = parts.hostname
    host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    path = urllib.parse.quote(_lone_percents_escaped(parts.path) or "/", safe=_PATH_SAFE)
    query = urllib.parse.quote(_lone_percents_escaped(parts.query), safe=_QUERY_SAFE)
    return urllib.parse.urlunsplit((parts.scheme, netloc, path, query, ""))


def _lone_percents_escaped(text: str) -> str:
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)


def _reason(error: Exception) -> str:
    """Describe why a URL cannot be fetched."""
    match error:
        case urllib.error.HTTPError(code=code) if 300 <= code < 400:
            return "it redirects endlessly"
        case urllib.error.HTTPError():
            return f"its server answered with HTTP {error.code}"
        case urllib.error.URLError(reason=OSError() as reason):
            return _reason(reason)
        case socket.gaierror():
            return "its host was not found"
        case TimeoutError():
            return "its server did not respond in time"
        case ConnectionRefusedError():
            return "its server refused the connection"
        case ConnectionError() | http.client.HTTPException():
            return "the connection was lost"
    return str(error)


def _not_public(host: str) -> OSError:
    return OSError(f"{host} is not a public internet address")


def _may_be_public(host: str) -> bool:
    """Return whether a host is public, or can only be resolved by a proxy."""
    try:
        return resolves_to_public(host, 443)
    except OSError:
        return True


def _length(headers: http.client.HTTPMessage) -> int | None:
    length = headers.get("content-length", "")
    chunked = "transfer-encoding" in headers
    usable = length.isascii() and length.isdigit() and len(length) < _LENGTH_DIGITS
    return int(length) if usable and not chunked else None
