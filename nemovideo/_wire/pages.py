"""HTML pages received instead of an API response: their likely sender and remedy."""

from __future__ import annotations

from nemovideo._wire.envelopes import Exchange
from nemovideo.errors import APIError, MalformedResponseError, ServerError

_BY_STATUS = {
    403: "A proxy or gateway may have refused the request: ask its administrator.",
    404: "Check NEMO_API_URL: this host does not serve the API.",
    407: "The proxy requires a user name and password: set them in HTTPS_PROXY.",
}
_GATEWAYS = (502, 503, 504)
"""Statuses for which the API's own gateway may send a page."""
PAGE_REMEDY = (
    "Open a browser: the network may want you to sign in first (a captive portal). "
    "Otherwise check NEMO_API_URL and the proxy settings."
)


def is_page(exchange: Exchange) -> bool:
    """Return whether a response is an HTML page."""
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "text/html" or starts_page(exchange.body)


def starts_page(body: bytes) -> bool:
    """Return whether a body starts like an HTML page."""
    return body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def explain(error: APIError | MalformedResponseError, exchange: Exchange) -> None:
    """Explain an HTML page in an error's message or remedy."""
    if not is_page(exchange):
        return
    if isinstance(error, MalformedResponseError):
        error.message = f"{exchange.method} {exchange.path} returned a web page"
        error.remedy = PAGE_REMEDY
    elif (advice := _BY_STATUS.get(exchange.status)) is not None:
        error.remedy = f"{error.remedy} {advice}"
    elif type(error) in (APIError, ServerError) and exchange.status not in _GATEWAYS:
        error.remedy = "The answer is a web page: check NEMO_API_URL, this may not be the API."
