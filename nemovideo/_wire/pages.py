"""HTML pages in place of API responses: their likely origin, and the remedy."""

from __future__ import annotations

from nemovideo._values.remedies import SIGN_IN, Remedy
from nemovideo._wire.envelopes import Exchange
from nemovideo.errors import APIError, MalformedResponseError, ServerError

_BY_STATUS = {
    403: "A proxy or gateway may have refused the request: ask its administrator.",
    404: "Check NEMO_API_URL: this host does not serve the API.",
}
_KNOWN = (302, 303, 307, 407, 502, 503, 504, 511)
"""Statuses whose remedy does not depend on the page; gateways send one with 502, 503 and 504."""
PAGE_REMEDY = Remedy(
    f"{SIGN_IN} (a captive portal)",
    following="Otherwise check NEMO_API_URL and the proxy settings.",
)


def explain(error: APIError | MalformedResponseError, exchange: Exchange) -> None:
    """Explain an HTML page in an error's message or remedy."""
    if not exchange.is_page:
        return
    if isinstance(error, MalformedResponseError):
        error.message = f"{exchange.method} {exchange.path} returned a web page"
        error.remedy = PAGE_REMEDY
    elif (advice := _BY_STATUS.get(exchange.status)) is not None:
        error.remedy = f"{error.remedy} {advice}"
    elif type(error) in (APIError, ServerError) and exchange.status not in _KNOWN:
        error.remedy = (
            "The server returned a web page. Check NEMO_API_URL; it may not point to the API."
        )
