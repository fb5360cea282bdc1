"""Unwrap response envelopes, and map failures to typed errors (docs/protocol.md §3, §7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timezone
from email.utils import parsedate_to_datetime
from http.client import responses

import attrs

from nemovideo._support.json_text import read_json
from nemovideo._support.patterns import lazy
from nemovideo._support.urls import host_of
from nemovideo._values.remedies import SIGN_IN, Remedy
from nemovideo.errors import (
    APIError,
    ExportBlockedError,
    InsufficientCreditsError,
    MalformedResponseError,
    MissingClientIdError,
    RateLimitError,
    RenderNotFoundError,
    ServerError,
    SessionNotFoundError,
    UnsupportedFileError,
    error_class,
)

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "x-trace-id", "cf-ray")

_SESSION_PATHS = lazy(r"/run_sse$|/api/(state|upload-video)/|/api/auth/claim-token$")
_RENDER_PATHS = lazy(r"/api/render/proxy/lambda/[^/]+(/cancel)?$")

_MAX_CODE_DIGITS = 9
_UNKNOWN_CODE = -1
"""The placeholder for a code with too many digits."""
_MAX_MESSAGES = 20
_REMEDY_CHARS = 500
_TEMPORARY_REDIRECTS = (302, 303, 307)
"""What captive portals send instead of a response."""

_SECRET = lazy(r"\b(nmv_usr_|clm_)[\w.~+/=-]+")


@attrs.frozen
class Exchange:
    """A response, with the parts of its request that errors name. Header names are lowercase.

    Attributes:
        origin: Scheme, host and port of a request to the API; "" for a link.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    origin: str = ""
    secret: str = attrs.field(default="", repr=False)
    now: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether the body is an HTML page, which the API never sends."""
        return content_type(self.headers) == "text/html" or looks_like_html(self.body)

    @property
    def text(self) -> str:
        """The body as text, with secrets redacted."""
        return redact(self.body.decode("utf-8", "replace"), self.secret)


def content_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a response in lower case, given headers with lowercase names."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def looks_like_html(body: bytes) -> bool:
    """Return whether a body looks like an HTML page."""
    return body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def redact(text: str, secret: str = "") -> str:
    """Return the text with all tokens, and `secret`, redacted."""
    if secret:
        text = text.replace(secret, "[redacted]")
    return _SECRET.sub(r"\1[redacted]", text)


def open_envelope(exchange: Exchange) -> object:
    """Return the data in a response envelope of any form (docs/protocol.md §3).

    Raises:
        APIError: The response reports a failure; the class follows docs/protocol.md §7.
        MalformedResponseError: The status is a success, but the body is not usable JSON.
    """
    if not exchange.ok:
        raise failure_of(exchange)
    try:
        value = read_json(exchange.body)
    except ValueError as error:
        raise MalformedResponseError(
            f"{exchange.method} {exchange.path} returned unusable JSON: {error}",
            body=exchange.text,
        ) from None
    if not isinstance(value, dict):
        return value
    code, success = _code(value), value.get("success")
    if code is None and not isinstance(success, bool):
        return value
    if code or (code is None and not success):
        raise failure_of(exchange)
    return value.get("data", value)


def failure_of(exchange: Exchange) -> APIError:
    """Return the typed error for a failed request."""
    try:
        value = read_json(exchange.body)
    except ValueError:
        value = None
    code = _code(value)
    message = redact(message_in(value) or _text_message(exchange), exchange.secret)
    cls = error_class(exchange.status if not exchange.ok else None, code)
    if cls is APIError and 404 in (code, exchange.status) and _is_render(exchange, code, message):
        cls = RenderNotFoundError
    elif code is None:
        cls = _class_by_path(exchange, message, cls)
    error = cls(
        message or f"the service returned HTTP {exchange.status}",
        status=exchange.status,
        code=code,
        request_id=request_id(exchange.headers, exchange.secret),
        remedy=_redirect_remedy(exchange)
        or _address_remedy(exchange, cls, code, message)
        or redact(_remedy(value), exchange.secret)
        or None,
        body=exchange.text,
        method=exchange.method,
        path=exchange.path,
    )
    if isinstance(error, (RateLimitError, ServerError)):
        error.retry_after = retry_after(exchange.headers.get("retry-after"), exchange.now)
        if isinstance(error, RateLimitError) and error.retry_after and not _remedy(value):
            error.remedy = f"Wait {error.retry_after:.0f} s and try again."
    return error


def request_id(headers: Mapping[str, str], secret: str = "") -> str | None:
    """Return the server's request id, if a header has one."""
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)
    return None if found is None else redact(found, secret)[:200]


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header; None if it is missing or invalid."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) <= _MAX_CODE_DIGITS else float(10**_MAX_CODE_DIGITS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _code(value: object) -> int | None:
    found = value.get("code") if isinstance(value, Mapping) else None
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found) if len(found) <= _MAX_CODE_DIGITS else _UNKNOWN_CODE
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def message_in(value: object, depth: int = 8) -> str:
    """Return the message in an error body of any form, up to `depth` levels deep."""
    if not depth:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if isinstance(value.get("msg"), str):  # FastAPI validation error
            location = value.get("loc")
            where = ".".join(map(str, location)) + ": " if isinstance(location, Sequence) else ""
            return f"{where}{value['msg']}"
        for key in ("message", "error", "detail"):
            if text := message_in(value.get(key), depth - 1):
                return text
    if isinstance(value, list):
        found = (message_in(item, depth - 1) for item in value[:_MAX_MESSAGES])
        return "; ".join(text for text in found if text)
    return ""


def _text_message(exchange: Exchange) -> str:
    """Return the message for a body that is not JSON; for a page, its status, sender and title."""
    from html import unescape  # its table of entities takes milliseconds to load

    text = exchange.text
    found = re.search(r"<title[^<>]*>([^<]{1,200})", text, re.IGNORECASE)
    title = unescape(found.group(1)).strip() if found else ""
    if not exchange.is_page:
        return title or text.strip()[:200]
    phrase = responses.get(exchange.status, "")
    status = f"HTTP {exchange.status} {phrase}".strip()
    sender = exchange.headers.get("server", "")[:80]
    show_title = title and title not in status and not (phrase and phrase in title)
    return f"{status}{sender and f' from {sender}'}{f': {title}' if show_title else ''}"


def _class_by_path(exchange: Exchange, message: str, cls: type[APIError]) -> type[APIError]:
    """Refine the class of an error without a code, by the request's path and the message.

    Few codes have their own HTTP status (docs/protocol.md §7).
    """
    path, words = exchange.path, message.lower()
    if cls is ExportBlockedError and (path == "/run_sse" or "credits" in words):
        return InsufficientCreditsError  # exports are free, and /run_sse is not an export
    if cls is not APIError:
        return cls
    if exchange.status == 404:
        # The 404 of a run names the missing session; that of an unknown route does not (§5).
        elsewhere = exchange.is_page or (path == "/run_sse" and _is_plain(message))
        known = _SESSION_PATHS.match(path) or "session" in words
        return SessionNotFoundError if known and not elsewhere else cls
    if exchange.status == 400 and path.endswith("/anonymous-token"):
        return MissingClientIdError
    if (
        exchange.status in (400, 415)
        and path.startswith("/api/upload-video/")
        and (exchange.status == 415 or "supported" in words)
    ):
        return UnsupportedFileError
    return cls


def _is_render(exchange: Exchange, code: int | None, message: str) -> bool:
    """Return whether a 404 is about a render, and comes from a server with the API's routes."""
    known = code is not None or not (exchange.is_page or _is_plain(message))
    return known and _RENDER_PATHS.match(exchange.path) is not None


def _remedy(value: object) -> str:
    """Return the local backend's remedy, which is more specific than the code's."""
    found = value.get("remedy") if isinstance(value, dict) else None
    return found[:_REMEDY_CHARS] if isinstance(found, str) else ""


def _address_remedy(
    exchange: Exchange, cls: type[APIError], code: int | None, message: str
) -> str | None:
    """Return the remedy for a 404 that is not the API's, as with a wrong base URL."""
    unknown = exchange.status == 404 and cls is APIError and code is None
    if not unknown or not exchange.origin or not _is_plain(message):
        return None
    return (
        f"Check NEMO_API_URL or base_url=: {exchange.origin}{redact(exchange.path)} does not exist."
    )


def _is_plain(message: str) -> bool:
    """Return whether a 404 has no message, or only a standard one."""
    return message.lower() in ("", "not found")


def _redirect_remedy(exchange: Exchange) -> str | None:
    """Return the remedy for a redirect; following it would send the token to another host."""
    if not 300 <= exchange.status < 400:
        return None
    host = host_of(exchange.headers.get("location", ""))
    setting = f"NEMO_API_URL to the API's address{f', perhaps at {host}' if host else ''}."
    if exchange.status not in _TEMPORARY_REDIRECTS:
        return f"Set {setting}"
    where = f" at {host}" if host else ""
    return Remedy(f"{SIGN_IN}{where}", following=f"Otherwise set {setting}")
