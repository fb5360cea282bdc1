"""The documented forms of responses and errors (docs/protocol.md §3); ★ by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs
from starlette.responses import JSONResponse as _JSONResponse
from starlette.responses import Response

from nemovideo.local.server.messages import without_paths
from nemovideo.local.store.text import json_bytes

_TEXT_LIMIT = 1000

Envelope = Literal["code", "success", "bare"]
Endpoint = Literal[
    "anonymous_token",
    "claim_token",
    "session",
    "upload",
    "credits",
    "state",
    "render_submit",
    "render_status",
    "render_cancel",
]


class JSONResponse(_JSONResponse):
    """A JSON response that may contain lone surrogates."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return json_bytes(content)


class Problem(Exception):  # noqa: N818 - an error response, not an error of the program
    """An error response. Without a `code` it is FastAPI's `{"detail": …}`.

    A `remedy` is sent if the client's remedy for the code would be wrong.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int | None = None,
        detail: object = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message: str = without_paths(message)
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.headers: dict[str, str] = dict(headers or {})


@attrs.frozen
class Forms:
    """The forms of responses that the server uses.

    Attributes:
        envelopes: By endpoint, envelopes other than ★ (bare for renders, code for the rest).
        render_id: The key of a job's id.
        render_link: The key of the link of a completed job.
        errors: "status" (HTTP status and envelope ★), "ok" (HTTP 200 and envelope), "success",
            "detail" (FastAPI) or "html" (the page of a proxy).
    """

    envelopes: Mapping[Endpoint, Envelope] = attrs.field(factory=dict)
    render_id: Literal["id", "render_id", "taskId"] = "id"
    render_link: Literal["output", "outputUrl"] = "output"
    errors: Literal["status", "ok", "success", "detail", "html"] = "status"

    def response(self, endpoint: Endpoint, data: Mapping[str, object]) -> JSONResponse:
        """Return the data of an endpoint in its envelope."""
        starred: Envelope = "bare" if endpoint.startswith("render_") else "code"
        match self.envelopes.get(endpoint, starred):
            case "code":
                return JSONResponse({"code": 0, "message": "success", "data": data})
            case "success":
                return JSONResponse({"success": True, "data": data})
            case "bare":
                return JSONResponse(data)

    def error_response(self, problem: Problem) -> Response:
        """Return an error response; one without a code (422) is always FastAPI's."""
        status, headers = problem.status, problem.headers
        remedy = {} if problem.remedy is None else {"remedy": problem.remedy}
        envelope = {"code": problem.code, "message": problem.message, **remedy}
        detail = {"detail": problem.detail or problem.message, **remedy}
        if self.errors == "html":
            page = f"<html><head><title>{status}</title></head><body><h1>Error</h1></body></html>"
            return Response(page, max(status, 400), headers, media_type="text/html")
        if problem.code is None or self.errors == "detail":
            return JSONResponse(detail, max(status, 400), headers)
        if self.errors == "success":
            return JSONResponse({"success": False, "error": problem.message}, status, headers)
        return JSONResponse(envelope, 200 if self.errors == "ok" else status, headers)


def text_field(body: Mapping[str, object], name: str, default: str | None = None) -> str:
    """Return a field of 1 to 1000 characters.

    Raises:
        Problem: 400: it is missing and has no default, or is not a valid string.
    """
    value = body.get(name, default)
    if not isinstance(value, str) or not 1 <= len(value) <= _TEXT_LIMIT:
        raise Problem(400, f"The field {name!r} must be a string of 1 to {_TEXT_LIMIT} characters.")
    if not is_utf8(value):
        raise Problem(400, f"The field {name!r} contains a lone surrogate.")
    return value


def is_utf8(text: str) -> bool:
    """Return whether the text can be encoded in UTF-8: it has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
