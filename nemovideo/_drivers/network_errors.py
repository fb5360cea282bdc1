"""Map httpx errors to ours, with the host, the proxy and a remedy."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import attrs
import httpx

from nemovideo._config.proxies import Proxies, Proxy
from nemovideo._config.settings import Settings
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.connections import AbortedError, Trace
from nemovideo._flows.steps import Request
from nemovideo._support.addresses import DEFAULT_PORTS, is_loopback
from nemovideo._values.remedies import SIGN_IN, Code, Remedy
from nemovideo._wire import envelopes
from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidRequestError,
    NemoError,
)

_DEADLINE_TOLERANCE_S = 0.02
"""A wait that was clipped to the deadline may end this much before it."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

_DROPPED = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
"""The errors raised on a pooled connection that the server has closed."""

_DEFAULT_DROPPED_MESSAGE = "the connection was reset"
"""The message for an error of `_DROPPED` that has none."""

_SLOW = (httpx.ReadTimeout, httpx.WriteTimeout)
"""The timeouts that can occur once a connection is open."""

_PLAIN_TEXT = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""The reasons that OpenSSL gives when a server answers a TLS handshake in plain text."""

_REMEDY = Remedy(
    "check the network, the proxy settings and NEMO_API_URL, and try again",
    (
        "use ",
        Code("Client.local()", in_shell="a command with --local"),
        ", which works without a network",
    ),
)

_PROXY_ANSWERS = {
    "407": "The proxy requires a user name and password: set them in HTTPS_PROXY.",
    **dict.fromkeys(("302", "303", "307", "511"), Remedy(SIGN_IN)),
}
"""Remedies for a proxy's response to CONNECT, by the status that begins httpx's message."""

_CUSTOM_CLIENT_PROXY_AUTH = (
    "The proxy requires a user name and password, or refused them: set them where your http_client "
    "gets its proxy from, its proxy= or HTTPS_PROXY."
)

_HTTPX_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
_MAPPED = (AbortedError, httpx.RequestError, httpx.StreamError, httpx.InvalidURL)


@attrs.frozen
class ErrorMapper:
    """Maps httpx errors to the errors of one client.

    Attributes:
        proxies: The environment's proxies; None for a user's HTTP client.
    """

    settings: Settings
    proxies: Proxies | None = None

    @property
    def may_use_tls_proxy(self) -> bool:
        """Whether the environment sets a proxy that is reached with TLS."""
        proxies = {} if self.proxies is None else self.proxies.by_scheme
        return any(proxy.url.lower().startswith("https:") for proxy in proxies.values())

    @contextmanager
    def mapping(self, request: Request, deadline: Deadline | None = None) -> Iterator[None]:
        """Map httpx errors in the block."""
        try:
            yield
        except _MAPPED as error:
            raise self._mapped(error, request, deadline) from None

    def _mapped(
        self,
        error: Exception,
        request: Request,
        deadline: Deadline | None,
        trace: Trace | None = None,
    ) -> NemoError:
        if isinstance(error, AbortedError):
            return closed_error()
        if isinstance(error, httpx.InvalidURL):
            return InvalidRequestError(f"{request.label} is not a URL: {error}")
        return self._connection_error(error, request, deadline, trace)

    def _connection_error(
        self,
        error: Exception,
        request: Request,
        deadline: Deadline | None,
        trace: Trace | None,
    ) -> APIConnectionError:
        """Return the error for a failed connection.

        Its `sent` is True if the request may have arrived.
        """
        texts = (str(found) for found in _chain(error))
        default = _DEFAULT_DROPPED_MESSAGE if isinstance(error, _DROPPED) else type(error).__name__
        reason = envelopes.redact(next(filter(None, texts), default), secret_of(request))
        cls = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        host, port, proxy = self._peer(request)
        through = f" through {proxy}" if proxy else self._through(error, trace)
        names = ", ".join(repr(part.name) for part in request.parts)
        mapped = cls(
            (f"{names} could not be uploaded: " if names else "")
            + f"{self._describe(error, reason)} "
            f"({request.label} at {_address_text(host, port)}{through})"
        )
        if deadline is not None and deadline.remaining() <= _DEADLINE_TOLERANCE_S:
            silent = isinstance(error, (httpx.ConnectTimeout, httpx.ReadTimeout))
            mapped = deadline.error(self.label(request), responded=not silent)
        elif isinstance(error, httpx.ProxyError) and (advice := _PROXY_ANSWERS.get(reason[:3])):
            mapped.permanent, mapped.remedy = True, advice
            if reason.startswith("407") and self.proxies is None:
                mapped.remedy = _CUSTOM_CLIENT_PROXY_AUTH
            elif reason.startswith("407") and proxy and proxy.has_login:
                mapped.remedy = (
                    f"The proxy refused the user name or password in {proxy.variable}; special "
                    "characters in them must be percent-encoded."
                )
        elif _is_certificate_error(error):
            mapped.permanent = True
            bundle = _certificates() if self.proxies is not None else ""
            mapped.remedy = bundle + (
                "If your network inspects TLS, set SSL_CERT_FILE to a PEM file with its "
                "certificate; otherwise check NEMO_API_URL and this machine's date."
            )
        elif _speaks_http(error):
            mapped.permanent = True
            mapped.remedy = "The server speaks http, not https: check the scheme of the URL."
            if proxy and proxy.scheme == "https":
                mapped.remedy = (
                    f"The proxy speaks plain http: use http:// in {proxy.variable}. "
                    "If it does not, check the scheme of the server's URL."
                )
        elif is_loopback(host) and isinstance(error, _DROPPED):
            mapped.remedy = (
                "Try again; if it persists, check the log of the server at this address."
            )
        elif is_loopback(host) and not isinstance(error, _SLOW):
            mapped.remedy = "Check that the server at this address is running, and try again."
        elif not isinstance(error, (*_SLOW, httpx.PoolTimeout)):
            mapped.remedy = _REMEDY
        mapped.sent = not isinstance(error, _NEVER_SENT)
        mapped.may_have_spent = request.path == "/run_sse" and mapped.sent
        return mapped

    def send_error(
        self,
        error: Exception,
        request: Request,
        deadline: Deadline,
        trace: Trace | None,
        client: httpx.Client | httpx.AsyncClient,
    ) -> Exception:
        """Return the error for a request without a response; unknown errors are returned as is."""
        if isinstance(error, _MAPPED):
            mapped = self._mapped(error, request, deadline, trace)
            if isinstance(mapped, APIConnectionError) and isinstance(error, _DROPPED):
                mapped.stale = trace is not None and trace.reused
            if isinstance(error, httpx.ConnectTimeout) and trace is not None and trace.awaits_tls:
                self._explain_silent_proxy(mapped, request)
            return mapped
        if isinstance(error, RuntimeError) and client.is_closed:
            return InvalidRequestError(
                "this client's http_client is closed", remedy="Create a client with an open one."
            )
        return error

    def _explain_silent_proxy(self, mapped: NemoError, request: Request) -> None:
        """Set the remedy if a proxy has not answered the TLS handshake that its URL asks for."""
        _, _, proxy = self._peer(request)
        deadline_passed = isinstance(mapped, APITimeoutError) and mapped.deadline_passed
        if proxy is None or proxy.scheme != "https" or deadline_passed:
            return
        assert isinstance(mapped, APIConnectionError)
        mapped.permanent = True
        mapped.remedy = (
            "The proxy accepts connections but not TLS: if it speaks plain http, use http:// in "
            f"{proxy.variable}."
        )

    def _describe(self, error: Exception, reason: str) -> str:
        limit = f"{self.settings.timeout_s:g} s"
        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {connect_timeout_s(self.settings):g} s"
        if isinstance(error, httpx.ReadTimeout):
            return f"no response within {limit}"
        if isinstance(error, httpx.WriteTimeout):
            return f"nothing could be sent for {limit}"
        return reason

    def _through(self, error: Exception, trace: Trace | None) -> str:
        """Return the address that a user's HTTP client connected to, if it is not the request's."""
        if self.proxies is not None or trace is None or trace.address is None:
            return ""
        host, port = trace.address
        if not isinstance(error, httpx.RequestError) or not isinstance(port, int):
            return ""
        url = error.request.url
        asked = url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS.get(url.scheme)
        if asked == (host, port):
            return ""
        return f" through {_address_text(str(host), port)} (your http_client)"

    def label(self, request: Request) -> str:
        """Return the method, path and host of a request."""
        host, port, _ = self._peer(request)
        return f"{request.label} at {_address_text(host, port)}"

    def _peer(self, request: Request) -> tuple[str, int | None, Proxy | None]:
        """Return the host of a request, its port if not the default, and its proxy, if any."""
        parts = urlsplit(request.url(self.settings.base_url))
        host = parts.hostname or ""
        port, proxy = None, None
        try:
            port = parts.port
            proxy = self.proxies and self.proxies.find(parts.scheme, host, port)
        except (ValueError, NemoError):
            pass
        usual = port == DEFAULT_PORTS.get(parts.scheme)
        return host, None if usual else port, proxy or None


def _certificates() -> str:
    """Return a sentence about the certificates that the environment sets, or ""."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if path := os.environ.get(variable):
            return f"Only the certificates in {variable}={path} were trusted. "
    return ""


def connect_timeout_s(settings: Settings) -> float:
    """Return the connect timeout, which is short: a host that is up accepts within seconds."""
    return min(settings.timeout_s, 15.0)


def _address_text(host: str, port: int | None) -> str:
    """Return the host, with the port if there is one."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_certificate_error(error: BaseException | None) -> bool:
    """Return whether the certificate was rejected, which retrying does not fix."""
    return any(isinstance(found, ssl.SSLCertVerificationError) for found in _chain(error))


def _speaks_http(error: BaseException | None) -> bool:
    """Return whether the server answered a TLS handshake in plain text."""
    return any(
        isinstance(found, ssl.SSLError) and found.reason in _PLAIN_TEXT for found in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an error and its causes."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def drop_httpx_context(error: BaseException) -> None:
    """Remove httpx exceptions from an error's chain.

    Their frames hold the request with its token, and error-reporting tools send local variables.
    """
    if isinstance(error.__context__, _HTTPX_ERRORS):
        error.__cause__ = error.__context__ = None


def secret_of(request: Request) -> str:
    """Return the request's token, or ""."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def closed_error() -> InvalidRequestError:
    """Return the error for a client that was closed before or during a call."""
    return InvalidRequestError(
        "the client is closed", remedy="Create a new one, or use it inside its with block."
    )


def forked_error() -> InvalidRequestError:
    """Return the error for an `http_client` that was inherited from a parent process."""
    return InvalidRequestError(
        "this client's http_client was created before a fork, and its connections belong to the"
        " parent process",
        remedy="Create the client in the process that uses it, or omit http_client=.",
    )
