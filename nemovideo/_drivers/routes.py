"""The transports of httpx's clients: direct, or through the environment's proxies.

httpx reads the environment once per client, for all hosts. Here loopback never uses a proxy, and
certificates are loaded and proxies checked only for requests that need them.
"""

from __future__ import annotations

import errno
import os
import ssl
import threading
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import httpx

from nemovideo._config.proxies import Proxies, Proxy
from nemovideo._drivers.connections import keepalive_options
from nemovideo.errors import InvalidRequestError, MissingExtraError

FULL_URL = "nemovideo_url"
"""The request extension with the URL including its query.

httpx logs the URL of every request at INFO, and the query of a link may be a signature.
"""

MAX_CONNECTIONS = 100
"""The limit on concurrent connections; additional calls wait."""

Transport = TypeVar("Transport", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


def _context(*, secure: bool) -> ssl.SSLContext:
    """Return an SSL context; certificates, which load slowly, are loaded only if `secure`.

    Raises:
        InvalidRequestError: The certificates in SSL_CERT_FILE or SSL_CERT_DIR cannot be read.
    """
    if not secure:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    variable = next((v for v in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(v)), "")
    path = os.environ.get(variable, "")
    try:
        # OpenSSL ignores a folder that is missing or empty.
        if variable == "SSL_CERT_DIR" and next(Path(path).iterdir(), None) is None:
            raise FileNotFoundError(errno.ENOENT, "the folder is empty")
        return httpx.create_ssl_context()
    except OSError as error:  # includes ssl.SSLError
        raise InvalidRequestError(
            f"no certificates can be read from {variable}={path}: {error.strerror or error}"
            if variable
            else f"the certificates cannot be read: {error.strerror or error}",
            remedy=f"Set {variable} to a PEM file of certificates, or unset it."
            if variable == "SSL_CERT_FILE"
            else "Set SSL_CERT_FILE to a PEM file of certificates.",
        ) from None


class _Routes(Generic[Transport]):
    """Selects the transport of a request; transports are created on first use."""

    def __init__(self, kind: type[Transport], *, reuse: bool) -> None:
        self._kind: type[Transport] = kind
        self._transports: dict[tuple[str, Proxy | None], Transport] = {}
        self._limits = httpx.Limits(
            # Without pooling, no call waits for a free connection.
            max_connections=MAX_CONNECTIONS if reuse else None,
            max_keepalive_connections=20 if reuse else 0,
        )
        self._proxies = Proxies.from_environment()
        self._guard = threading.Lock()

    def _select(self, url: httpx.URL) -> Transport:
        proxy = self._proxies.find(url.scheme, url.host, url.port)
        key = url.scheme, proxy
        with self._guard:
            if key not in self._transports:
                # The context also verifies the proxy's certificate.
                context = _context(secure="https" in (url.scheme, proxy.scheme if proxy else ""))
                self._transports[key] = _transport(self._kind, context, self._limits, proxy)
            return self._transports[key]


def _transport(
    kind: type[Transport], context: ssl.SSLContext, limits: httpx.Limits, proxy: Proxy | None
) -> Transport:
    options = keepalive_options()
    make = partial(kind, verify=context, limits=limits, trust_env=False, socket_options=options)
    if proxy is None:
        return make()
    secure = context if proxy.scheme == "https" else None
    try:
        return make(proxy=httpx.Proxy(proxy.url, ssl_context=secure))
    except ImportError:
        raise MissingExtraError(
            f"{proxy.variable} is a SOCKS proxy, which needs the extra [socks]",
            remedy='Install it: pip install "nemovideo[socks]".',
        ) from None
    except (ValueError, httpx.InvalidURL):
        raise InvalidRequestError(
            f"{proxy.variable} is not a usable proxy URL",
            remedy=f"Set {proxy.variable} to a URL such as http://host:3128.",
        ) from None


def _with_query(request: httpx.Request) -> httpx.Request:
    """Return the request with its full URL; see `FULL_URL`."""
    url = request.extensions.get(FULL_URL)
    if url is None:
        return request
    extensions = {key: value for key, value in request.extensions.items() if key != FULL_URL}
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
    )


class Route(_Routes[httpx.HTTPTransport], httpx.BaseTransport):
    """The transport of a sync client."""

    def __init__(self, *, reuse: bool = True) -> None:
        super().__init__(httpx.HTTPTransport, reuse=reuse)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        full = _with_query(request)
        return self._select(full.url).handle_request(full)

    def close(self) -> None:
        """Close all connections."""
        for transport in list(self._transports.values()):
            transport.close()


class AsyncRoute(_Routes[httpx.AsyncHTTPTransport], httpx.AsyncBaseTransport):
    """The transport of an async client."""

    def __init__(self, *, reuse: bool = True) -> None:
        super().__init__(httpx.AsyncHTTPTransport, reuse=reuse)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        full = _with_query(request)
        return await self._select(full.url).handle_async_request(full)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in list(self._transports.values()):
            await transport.aclose()
