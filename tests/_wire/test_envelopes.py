"""Response envelopes of every form, and their errors (docs/protocol.md §3, §7)."""

from __future__ import annotations

import json

import pytest

from nemovideo import errors
from nemovideo._wire import envelopes
from nemovideo._wire.envelopes import Exchange


def exchange(
    body: object, status: int = 200, path: str = "/x", headers: dict[str, str] | None = None
) -> Exchange:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange("POST", path, status, headers or {}, raw, secret="s3cret", now=1000.0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": 0, "message": "ok", "data": {"a": 1}}, {"a": 1}),
        ({"code": 0, "data": None}, None),
        ({"code": "0", "data": [1]}, [1]),
        ({"success": True, "data": {"a": 1}}, {"a": 1}),
        ({"available": 5}, {"available": 5}),
        ({"success": True, "id": "r"}, {"success": True, "id": "r"}),
        ([1, 2], [1, 2]),
    ],
)
def test_envelopes_of_every_form_are_unwrapped(body: object, expected: object) -> None:
    assert envelopes.open_envelope(exchange(body)) == expected


@pytest.mark.parametrize(
    ("status", "body", "cls", "message"),
    [
        (200, {"code": 1002, "message": "no session"}, "SessionNotFoundError", "no session"),
        (404, {"code": 1002, "message": "no session"}, "SessionNotFoundError", "no session"),
        (404, {"detail": "Session not found: 5"}, "SessionNotFoundError", "Session not found: 5"),
        (404, {"detail": "Not Found"}, "APIError", "Not Found"),
        (401, {"detail": "bad token"}, "AuthenticationError", "bad token"),
        (200, {"success": False, "error": "boom"}, "APIError", "boom"),
        (500, {"success": False, "error": {"message": "boom"}}, "ServerError", "boom"),
        (502, b"<html><title>502 Bad Gateway</title>x", "ServerError", "HTTP 502 Bad Gateway"),
        (401, b"<html><title>401</title></html>", "AuthenticationError", "HTTP 401 Unauthorized"),
        (
            422,
            {"detail": [{"type": "missing", "loc": ["body", "new_message"], "msg": "required"}]},
            "APIError",
            "body.new_message: required",
        ),
        (500, b"", "ServerError", "the service returned HTTP 500"),
        (302, b"", "APIError", "the service returned HTTP 302"),
    ],
)
def test_failures_of_every_form_raise_typed_errors(
    status: int, body: object, cls: str, message: str
) -> None:
    with pytest.raises(errors.APIError) as caught:
        envelopes.open_envelope(exchange(body, status))
    assert type(caught.value).__name__ == cls
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("path", "body", "cls"),
    [
        ("/run_sse", {"detail": "Session not found: 5"}, "SessionNotFoundError"),
        ("/run_sse", {"detail": "Not Found"}, "APIError"),
        ("/run_sse", b"<!doctype html><title>Your session has expired</title>", "APIError"),
        ("/api/state/nemo_agent/me/5/latest", b"<html>Not Found</html>", "APIError"),
        ("/api/state/nemo_agent/me/5/latest", {"detail": "Not Found"}, "SessionNotFoundError"),
    ],
)
def test_a_404_of_another_server_does_not_mean_that_the_session_is_missing(
    path: str, body: object, cls: str
) -> None:
    with pytest.raises(errors.APIError) as caught:
        envelopes.open_envelope(exchange(body, 404, path))
    assert type(caught.value).__name__ == cls


@pytest.mark.parametrize(
    ("path", "status", "body", "cls"),
    [
        ("lambda/r1", 404, {"detail": "Render not found."}, "RenderNotFoundError"),
        ("lambda/r1/cancel", 404, {"detail": "No such job"}, "RenderNotFoundError"),
        ("lambda/r1", 200, {"code": 404, "message": "Not Found"}, "RenderNotFoundError"),
        ("lambda/r1", 404, {"code": 1002, "message": "no session"}, "SessionNotFoundError"),
        ("lambda/r1", 404, {"detail": "Not Found"}, "APIError"),
        ("lambda/r1", 404, b"<html>Not Found</html>", "APIError"),
        ("lambda", 404, {"detail": "Template not found"}, "APIError"),
        ("r1/download", 404, {"detail": "The render has no file: it is failed."}, "APIError"),
    ],
)
def test_a_404_about_a_render_means_that_it_is_missing(
    path: str, status: int, body: object, cls: str
) -> None:
    with pytest.raises(errors.APIError) as caught:
        envelopes.open_envelope(exchange(body, status, f"/api/render/proxy/{path}"))
    assert type(caught.value).__name__ == cls
    assert cls != "RenderNotFoundError" or "submitted it" in caught.value.remedy


def test_a_success_without_json_is_malformed() -> None:
    with pytest.raises(errors.MalformedResponseError) as caught:
        envelopes.open_envelope(exchange(b"<html>hello</html>"))
    assert "hello" in caught.value.body


def test_tokens_in_a_body_are_redacted() -> None:
    body = {"detail": "token nmv_usr_abc.DEF-1 and s3cret and clm_xyz are wrong"}
    with pytest.raises(errors.APIError) as caught:
        envelopes.open_envelope(exchange(body, 401))
    shown = f"{caught.value}{caught.value!r}{caught.value.body}"
    assert "abc" not in shown
    assert "s3cret" not in shown
    assert "xyz" not in shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_accepts_seconds_and_dates(value: str | None, expected: float | None) -> None:
    assert envelopes.retry_after(value, now=1000.0) == expected


def test_the_request_id_comes_from_the_headers() -> None:
    with pytest.raises(errors.ServerError) as caught:
        envelopes.open_envelope(exchange({"detail": "x"}, 500, headers={"x-request-id": "abc"}))
    assert caught.value.request_id == "abc"
