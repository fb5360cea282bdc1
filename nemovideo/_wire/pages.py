"""Web pages that came in place of the API's answer: who sends such a page, and what to do."""

from __future__ import annotations

from nemovideo._wire.envelopes import Exchange
from nemovideo.errors import APIError, MalformedResponseError

_BY_STATUS = {
    403: "A proxy or gateway may have refused the request: ask who runs it.",
    404: "Check NEMO_API_URL: this host has no such API.",
    407: "The proxy wants a user name and password: set them in HTTPS_PROXY.",
}
_OK = (
    "Open a browser: the network may want you to sign in first (a captive portal). "
    "Else check NEMO_API_URL and the proxy settings."
)


def is_page(exchange: Exchange) -> bool:
    """Whether an answer is an HTML page."""
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    start = exchange.body[:200].lstrip().lower()
    return kind == "text/html" or start.startswith((b"<!doctype html", b"<html"))


def explain(error: APIError | MalformedResponseError, exchange: Exchange) -> None:
    """Add to an error what the page means."""
    if not is_page(exchange):
        return
    if isinstance(error, MalformedResponseError):
        error.message = f"{exchange.method} {exchange.path} was answered with a web page"
        error.remedy = _OK
    elif (advice := _BY_STATUS.get(exchange.status)) is not None:
        error.remedy = f"{error.remedy} {advice}"
