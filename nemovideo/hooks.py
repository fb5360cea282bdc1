"""The arguments passed to the hooks `on_request` and `on_response`, without secrets."""

from __future__ import annotations

import attrs

from nemovideo.errors import NemoError


@attrs.frozen
class RequestInfo:
    """A request that is about to be sent; a retry is a separate request.

    Attributes:
        method: The HTTP method.
        host: The host; for downloads, it may differ from the API's.
        path: The path, without its query, and with `***` in place of the secret in a local
            backend's file links.
        route: The path with a placeholder for each id, such as
            `/api/state/nemo_agent/me/{session_id}/latest`; for a link to a file, `{link}`.
    """

    method: str
    host: str
    path: str
    route: str = ""


@attrs.frozen
class ResponseInfo:
    """The response to a request, or its failure.

    Attributes:
        request: The object passed to `on_request`.
        status: The HTTP status, or None if there was no response.
        request_id: The server's id for the request, from the response headers, if any.
        elapsed_s: Seconds until the response headers arrived, or until the failure.
        error: Why there was no response, or None.
    """

    request: RequestInfo
    status: int | None
    request_id: str | None
    elapsed_s: float
    error: NemoError | None = None
