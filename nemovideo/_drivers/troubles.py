"""What goes wrong below HTTP, as our errors: which host, through which proxy, and what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import attrs
import httpx

from nemovideo._config.proxies import Proxies
from nemovideo._config.settings import Settings
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.connections import HungUpError, Trace
from nemovideo._flows.steps import Request
from nemovideo._support.addresses import is_loopback
from nemovideo._values.remedies import Code, Remedy
from nemovideo._wire import envelopes
from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidRequestError,
    NemoError,
)

_CLOCK_STEP_S = 0.02
"""A wait that was clipped to the deadline may end this much before it."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

_DROPPED = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
"""How a connection that the other side has closed shows when it is used again."""

_REMEDY = Remedy(
    "check the network, the proxy settings and NEMO_API_URL, and try again",
    ("use ", Code("Client.local()"), ", which works without a network"),
)

_FOREIGN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)


@attrs.frozen
class Way:
    """How a client reaches its hosts, for its errors.

    Attributes:
        settings: The client's settings.
        proxies: The environment's proxies; None where the user brought the HTTP client.
    """

    settings: Settings
    proxies: Proxies | None = None

    @contextmanager
    def translating(self, request: Request, deadline: Deadline | None = None) -> Iterator[None]:
        """Turn httpx's errors in the block into ours."""
        try:
            yield
        except HungUpError:
            raise closed_error() from None
        except (httpx.RequestError, httpx.StreamError) as error:
            raise self.translated(error, request, deadline) from None
        except httpx.InvalidURL as error:
            raise InvalidRequestError(f"{request.place} is not a URL: {error}") from None

    def translated(
        self, error: Exception, request: Request, deadline: Deadline | None = None
    ) -> APIConnectionError:
        """Return httpx's error as one of ours; it knows whether the request could have arrived."""
        reason = envelopes.redact(str(error), secret_of(request)) or type(error).__name__
        cls = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        host, proxy = self._peer(request)
        through = f" through {proxy}" if proxy else ""
        made = cls(f"{request.place} at {host}{through}: {self._told(error, reason)}")
        if deadline is not None and deadline.remaining() <= _CLOCK_STEP_S:
            made = deadline.passed()
        elif _is_certificate(error):
            made.permanent = True
            made.remedy = (
                "If your network inspects TLS, set SSL_CERT_FILE to a PEM file with its "
                "certificate; else check NEMO_API_URL and this machine's date."
            )
        elif is_loopback(host):
            made.remedy = "Check that the server at this address is running, and try again."
        elif not isinstance(error, httpx.TimeoutException):
            made.remedy = _REMEDY
        made.sent = not isinstance(error, _NEVER_SENT)
        made.may_have_spent = request.path == "/run_sse" and made.sent
        return made

    def typed(
        self,
        error: Exception,
        request: Request,
        deadline: Deadline,
        trace: Trace | None,
        client: httpx.Client | httpx.AsyncClient,
    ) -> Exception:
        """Return the error for a request that got no answer; what is not httpx's stays as it is."""
        if isinstance(error, HungUpError):
            return closed_error()
        if isinstance(error, httpx.InvalidURL):
            return InvalidRequestError(f"{request.place} is not a URL: {error}")
        if isinstance(error, (httpx.RequestError, httpx.StreamError)):
            made = self.translated(error, request, deadline)
            made.stale = trace is not None and trace.reused and isinstance(error, _DROPPED)
            return made
        if isinstance(error, RuntimeError) and client.is_closed:
            return InvalidRequestError(
                "the http_client of this client is closed", remedy="Make another one."
            )
        return error

    def _told(self, error: Exception, reason: str) -> str:
        limit = f"{self.settings.timeout_s:g} s"
        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {connect_timeout_s(self.settings):g} s"
        if isinstance(error, httpx.ReadTimeout):
            return f"no answer within {limit}"
        if isinstance(error, httpx.WriteTimeout):
            return f"nothing could be sent for {limit}"
        return reason

    def _peer(self, request: Request) -> tuple[str, str]:
        """Return the host of a request, and the proxy that leads to it."""
        url = request.path if "://" in request.path else self.settings.base_url
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            proxy = self.proxies and self.proxies.find(parts.scheme, host, parts.port)
        except (ValueError, NemoError):
            proxy = None
        return host, str(proxy) if proxy else ""


def connect_timeout_s(settings: Settings) -> float:
    """Return how long a connection may take; a host that is there answers within seconds."""
    return min(settings.timeout_s, 15.0)


def _is_certificate(error: BaseException | None) -> bool:
    """Whether a certificate was refused, which another try does not change."""
    for _ in range(8):
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            break
        error = error.__cause__ or error.__context__
    return error is not None


def detach(error: BaseException) -> None:
    """Drop httpx's exceptions from the chain of one of ours.

    They hold the request with its token, and their frames' local variables do too: programs that
    report errors send both along.
    """
    if isinstance(error.__context__, _FOREIGN):
        error.__cause__ = error.__context__ = None


def secret_of(request: Request) -> str:
    """Return the token that goes with the request, or an empty string."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def closed_error() -> InvalidRequestError:
    """Return the error for a client that is used after it was closed, or closed while in use."""
    return InvalidRequestError(
        "the client is closed", remedy="Make another one, or use it inside its with block."
    )


def forked_error() -> InvalidRequestError:
    """Return the error for an `http_client` that was inherited from a parent process."""
    return InvalidRequestError(
        "this client's http_client was made before a fork, and its connections belong to the parent"
        " process",
        remedy="Make the client in the process that uses it, or leave http_client= out.",
    )
