"""Tokens, scopes and credits over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.app import Api, Clock, anonymous, client, serving

DAY_S = 24 * 3600.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Api]:
    """A backend for tests that do not change its state."""
    with serving() as api:
        yield api


def test_an_anonymous_token_has_100_credits_and_is_valid_for_seven_days() -> None:
    with serving(clock=Clock()) as api:
        issued = anonymous(api).json()["data"]
        assert issued["token"].startswith("nmv_usr_")
        assert issued["user_id"].startswith("anon_")
        assert issued["credits"] == 100
        assert issued["expires_at"] == "2027-01-22T08:00:00Z"
        with client(api.backend, issued["token"]) as visitor:
            assert visitor.balance() == (100, 0, 100)


def test_without_a_client_id_there_is_no_token() -> None:
    with serving() as api:
        response = api.ask("POST", "/api/auth/anonymous-token")
        assert (response.status_code, response.json()["code"]) == (400, 400)


def test_a_client_gets_one_token_a_week_and_stays_the_same_user() -> None:
    clock = Clock()
    with serving(clock=clock) as api:
        first = anonymous(api, "me").json()["data"]
        clock.now += 6 * DAY_S
        second = anonymous(api, "me")
        assert (second.status_code, second.json()["code"]) == (429, 429)
        assert DAY_S <= int(second.headers["retry-after"]) <= DAY_S + 1
        with client(api.backend, first["token"]) as visitor:
            session_id = visitor.session()
        clock.now += DAY_S
        third = anonymous(api, "me").json()["data"]
        assert third["user_id"] == first["user_id"]
        with client(api.backend, third["token"]) as visitor:
            assert visitor.draft(session_id) is None
        with client(api.backend, first["token"]) as late:
            assert late.ask("GET", "/api/credits/balance/simple").json()["code"] == 1001


def test_a_client_whose_token_was_revoked_gets_a_new_one() -> None:
    with serving() as api:
        token = anonymous(api, "me").json()["data"]["token"]
        api.backend.expire_tokens()
        with client(api.backend, token) as visitor:
            assert visitor.ask("GET", "/api/credits/balance/simple").status_code == 401
        assert anonymous(api, "me").json()["data"]["token"] != token


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nmv_usr_wrong", "Basic {}", "{}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/claim-token"),
        ("POST", "/api/tasks/me/with-session/nemo_agent"),
        ("GET", "/api/credits/balance/simple"),
        ("GET", "/api/state/nemo_agent/me/1/latest"),
        ("POST", "/api/upload-video/nemo_agent/me/1"),
        ("POST", "/run_sse"),
        ("POST", "/api/render/proxy/lambda"),
        ("GET", "/api/render/proxy/lambda/r"),
        ("POST", "/api/render/proxy/lambda/r/cancel"),
        ("GET", "/api/render/proxy/r/download"),
    ],
)
def test_every_endpoint_requires_a_valid_bearer_token(
    shared: Api, method: str, path: str, header: str
) -> None:
    token = shared.http.headers["authorization"].removeprefix("Bearer ")
    response = shared.ask(method, path, headers={"Authorization": header.format(token)})
    assert (response.status_code, response.json()["code"]) == (401, 1001)


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (("read",), "GET", "/api/credits/balance/simple", 200),
        (("write",), "GET", "/api/credits/balance/simple", 403),
        (("read", "upload"), "POST", "/api/tasks/me/with-session/nemo_agent", 403),
        (("write",), "POST", "/api/tasks/me/with-session/nemo_agent", 200),
        (("*",), "POST", "/api/tasks/me/with-session/nemo_agent", 200),
        (("read", "write"), "POST", "/api/upload-video/nemo_agent/me/1", 403),
        (("upload",), "POST", "/api/upload-video/nemo_agent/me/1", 404),
        (("read", "upload"), "POST", "/run_sse", 403),
        (("read", "write", "upload"), "POST", "/api/render/proxy/lambda", 403),
        (("render",), "POST", "/api/render/proxy/lambda", 404),
    ],
)
def test_scopes_are_checked(
    shared: Api, scopes: tuple[str, ...], method: str, path: str, status: int
) -> None:
    body = {"sessionId": "1"}
    with client(shared.backend, shared.backend.issue_token(scopes=scopes)) as api:
        response = api.ask(method, path, json=body if method == "POST" else None)
        assert response.status_code == status
        if status == 403:
            assert response.json()["code"] == 403


def test_a_token_expires() -> None:
    clock = Clock()
    with serving(clock=clock) as api:
        token = api.backend.issue_token(expires_in_s=60)
        with client(api.backend, token) as short:
            assert short.balance() == (100, 0, 100)
            clock.now += 60
            assert short.ask("GET", "/api/credits/balance/simple").status_code == 401


def test_another_users_session_is_not_found() -> None:
    with serving() as api:
        session_id = api.session()
        with client(api.backend) as stranger:
            for response in (
                stranger.ask("GET", f"/api/state/nemo_agent/me/{session_id}/latest"),
                stranger.run(session_id, "edit mine"),
                stranger.upload(session_id, ("a.mp4", b"VIDEO")),
            ):
                assert (response.status_code, response.json()["code"]) == (404, 1002)


def test_edits_cost_credits_and_chat_does_not() -> None:
    with serving(credits=10, costs={"edit": 3, "generation": 5}) as api:
        session_id = api.session()
        api.events(session_id, "hello")
        assert api.balance() == (10, 0, 10)
        api.events(session_id, "edit one")
        assert api.balance() == (7, 0, 7)
        api.events(session_id, "generate all")
        assert api.balance() == (2, 0, 2)


def test_an_edit_without_a_change_is_refunded() -> None:
    with serving(credits=10, costs={"edit": 3}) as api:
        session_id = api.session()
        api.events(session_id, "refuse this")
        assert api.balance() == (10, 0, 10)


def test_a_run_beyond_the_balance_is_rejected_before_the_stream() -> None:
    with serving(credits=1, costs={"edit": 2}) as api:
        session_id = api.session()
        response = api.run(session_id, "edit this")
        assert (response.status_code, response.json()["code"]) == (200, 2001)
        assert response.headers["content-type"] == "application/json"
        assert api.draft(session_id) is None
        assert api.balance() == (1, 0, 1)


def test_default_pricing_never_rejects_a_run() -> None:
    with serving() as api, client(api.backend, api.backend.issue_token(credits=1)) as poor:
        session_id = poor.session()
        for number in range(3):
            poor.events(session_id, f"edit {number}")
        assert poor.titles(session_id) == ["0", "1", "2"]
        assert poor.balance() == (0, 0, 0)


def test_a_failed_run_costs_nothing() -> None:
    with serving(credits=10, costs={"edit": 3}) as api:
        events = api.events(api.session(), "fail now")
        assert events[0]["errorCode"] == "RuntimeError"
        assert events[1]["error"] == "RuntimeError: the agent is broken"
        assert api.balance() == (10, 0, 10)


def test_tokens_are_not_stored_in_plain_text() -> None:
    with serving() as api:
        token = anonymous(api).json()["data"]["token"]
        api.balance()
        kept = b"".join(path.read_bytes() for path in api.backend.state_dir.glob("backend*"))
        assert token.encode() not in kept
