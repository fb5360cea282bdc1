"""Fetching a file by its URL, for uploads that name one instead of sending it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nemovideo.local.server.forms import Problem

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_S = 30.0


@attrs.frozen
class Remote:
    """A file somewhere else, open for reading."""

    name: str
    content_type: str
    _response: http.client.HTTPResponse

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the content in pieces.

        Raises:
            Problem: The connection broke.
        """
        try:
            while chunk := self._response.read(size):
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise Problem(400, f"{self.name} could not be fetched: {error}") from error


@contextmanager
def open_url(url: str) -> Iterator[Remote]:
    """Open an http or https URL; nothing else, and no file, may be named, redirects included.

    Raises:
        Problem: 400: the URL is of another kind, or does not answer with a file.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise Problem(400, f"{url} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Problem(400, f"{url} is no http or https URL.")
    try:
        response = _opener(host).open(url, timeout=_TIMEOUT_S)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise Problem(400, f"{url} could not be fetched: {error}") from error
    with response:
        name = urllib.parse.unquote(parts.path).rsplit("/", 1)[-1]
        yield Remote(name, response.headers.get_content_type(), response)


def _opener(host: str) -> urllib.request.OpenerDirector:
    """Return an opener that speaks HTTP only; no proxy can reach this machine's own servers."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if host in _LOOPBACK else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
