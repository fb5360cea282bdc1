"""What the hooks `on_request` and `on_response` are told: requests and answers, without secrets."""

from __future__ import annotations

import attrs

from nemovideo.errors import NemoError


@attrs.frozen
class RequestInfo:
    """One request that is about to be sent; a repeat is a request of its own.

    Attributes:
        method: The HTTP method.
        host: The host that it goes to; downloads may come from another one than the API's.
        path: The path, without its query.
    """

    method: str
    host: str
    path: str


@attrs.frozen
class ResponseInfo:
    """How a request was answered, or that it was not.

    Attributes:
        request: The very object that `on_request` was given.
        status: The HTTP status, or None where no answer came.
        request_id: The server's id of the request, from the response headers, if any.
        elapsed_s: Seconds until the head of the answer was there, or until it was given up.
        error: Why no answer came, or None.
    """

    request: RequestInfo
    status: int | None
    request_id: str | None
    elapsed_s: float
    error: NemoError | None = None
