"""The errors of docs/protocol.md §7, in every form, on every endpoint, sync and async."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import httpx
import pytest

from nemovideo import Client, Draft, RenderJob, RetryPolicy, errors
from nemovideo.testing import FakeClock
from tests.support.servers import BALANCE, PNG, TOKEN, Script, forms, scripted

DRAFT = Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1000}]}], "d": 1000})
SESSION = "5529798706024415232"
WEB = "https://web.test"
DONE = RenderJob("r1", "completed")


@attrs.frozen
class Endpoint:
    """An endpoint: how it is called, and whether the call is idempotent."""

    path: str
    call: Callable[[Client], object]
    repeatable: bool = False


ENDPOINTS = {
    "session": Endpoint("/api/tasks/me/with-session/nemo_agent", lambda c: c.sessions.create()),
    "claim": Endpoint(
        "/api/auth/claim-token",
        lambda c: c.sessions.attach(SESSION, "1").project_url(),
        repeatable=True,
    ),
    "upload": Endpoint(
        f"/api/upload-video/nemo_agent/me/{SESSION}", lambda c: c.uploads.upload(SESSION, PNG)
    ),
    "credits": Endpoint(
        "/api/credits/balance/simple", lambda c: c.credits.balance(), repeatable=True
    ),
    "state": Endpoint(
        f"/api/state/nemo_agent/me/{SESSION}/latest",
        lambda c: c.state.get(SESSION),
        repeatable=True,
    ),
    "submit": Endpoint("/api/render/proxy/lambda", lambda c: c.render.submit(SESSION, DRAFT)),
    "poll": Endpoint("/api/render/proxy/lambda/r1", lambda c: c.render.get("r1"), repeatable=True),
    "download": Endpoint("/api/render/proxy/r1/download", lambda c: _download(c), repeatable=True),
}


def _download(client: Client) -> object:
    with TemporaryDirectory() as folder:
        return client.render.download(DONE, Path(folder) / "x.mp4")


@attrs.frozen
class Row:
    """A row of the error table: code, HTTP status, expected error and retries, endpoints."""

    code: int
    status: int
    cls: type[errors.APIError]
    remedy: str
    endpoints: tuple[str, ...] = tuple(ENDPOINTS)
    waits: tuple[float, ...] = ()


SESSION_ENDPOINTS = ("claim", "upload", "state")
ROWS = [
    Row(1001, 401, errors.AuthenticationError, "NEMO_TOKEN"),
    Row(1002, 404, errors.SessionNotFoundError, "sessions.create", SESSION_ENDPOINTS),
    Row(4001, 415, errors.UnsupportedFileError, "mp4", ("upload",)),
    Row(4002, 413, errors.FileTooLargeError, "Compress or trim", ("upload",)),
    Row(402, 402, errors.ExportBlockedError, "upgrade your plan", ("submit", "poll", "download")),
    Row(403, 403, errors.ScopeError, "scope"),
    Row(429, 429, errors.RateLimitError, "Wait", waits=(30.0,)),
]


def fail(
    kind: str, endpoint: Endpoint, script: Script, **options: object
) -> tuple[errors.NemoError, FakeClock]:
    """Call an endpoint that fails; return the error and the clock."""
    clock = FakeClock(now=1_800_000_000.0)
    options = {"clock": clock, "web_url": WEB, **options}
    with scripted(kind, script, **options) as client, pytest.raises(errors.NemoError) as caught:
        endpoint.call(client)
    return caught.value, clock


@pytest.mark.parametrize("form", forms(0, 0))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.code))
def test_every_error_in_every_form_on_every_endpoint(row: Row, form: str) -> None:
    if (row.code, form) == (1002, "page"):  # an HTML page is not from the API: the address is wrong
        row = attrs.evolve(row, cls=errors.APIError, remedy="")
    for name, kind in itertools.product(row.endpoints, ("sync", "async")):
        endpoint = ENDPOINTS[name]
        script = Script(forms(row.code, row.status)[form])
        error, clock = fail(kind, endpoint, script)
        assert type(error) is row.cls, (name, kind)
        assert row.remedy in error.remedy
        assert isinstance(error, errors.APIError)
        assert error.path == endpoint.path
        assert len(error.body) <= 2000
        assert "\n" not in str(error)
        assert len(script.requests) == 1 + len(row.waits)
        assert tuple(clock.waits) == row.waits
        bodies = {request.content for request in script.requests}
        assert len(bodies) == 1 or name == "upload"  # a multipart boundary is random
        for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert (str(copied), vars(copied)) == (str(error), vars(error))


EXCEPT_SUBMIT = [
    (kind, endpoint)
    for name, endpoint in ENDPOINTS.items()
    for kind in ("sync", "async")
    if name != "submit"  # a submit checks whether it has arrived
]


@pytest.mark.parametrize("form", forms(0, 0))
def test_5xx_is_retried_only_for_idempotent_calls(form: str) -> None:
    for kind, endpoint in EXCEPT_SUBMIT:
        script = Script(forms(503, 503)[form])
        error, clock = fail(kind, endpoint, script)
        assert type(error) is errors.ServerError
        assert len(script.requests) == (4 if endpoint.repeatable else 1), endpoint
        assert len(clock.waits) == len(script.requests) - 1
        for number, wait in enumerate(clock.waits):
            assert 0 <= wait <= 0.5 * 2**number


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadError("reset"), True),
        (httpx.RemoteProtocolError("bad"), True),
        (httpx.ReadTimeout("slow"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_connection_errors_are_retried_only_if_idempotent_or_not_sent(
    fault: Exception, sent: bool
) -> None:
    for kind, endpoint in EXCEPT_SUBMIT:
        script = Script(fault)
        error, _ = fail(kind, endpoint, script)
        assert isinstance(error, errors.APIConnectionError)
        assert error.sent == sent
        is_timeout = isinstance(error, errors.APITimeoutError)
        assert is_timeout == isinstance(fault, httpx.TimeoutException)
        assert len(script.requests) == (4 if endpoint.repeatable or not sent else 1), endpoint


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("form", forms(0, 0))
def test_a_missing_client_id_is_retried_once(kind: str, form: str, tmp_path: Path) -> None:
    script = Script(forms(400, 400)[form])
    endpoint = Endpoint("", lambda c: c.auth.token())
    error, clock = fail(kind, endpoint, script, token="", config_dir=tmp_path)
    assert type(error) is errors.MissingClientIdError
    assert "NEMO_CLIENT_ID" in error.remedy
    assert len(script.requests) == 2
    assert clock.waits == []


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("form", ["status and envelope", "200 and envelope", "detail", "page"])
@pytest.mark.parametrize("anonymous", [True, False])
def test_insufficient_credits_name_the_remedy(
    kind: str, form: str, anonymous: bool, tmp_path: Path
) -> None:
    refusal = forms(2001, 402)[form]

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("anonymous-token"):
            return httpx.Response(200, json={"token": "nmv_usr_a", "user_id": "anon 7"})
        if request.url.path == "/run_sse":
            return httpx.Response(
                refusal.status_code, headers=refusal.headers, content=refusal.content
            )
        return httpx.Response(200, json={"code": 0, "data": {"state": {"draft": None}}})

    script = Script(respond)
    endpoint = Endpoint("/run_sse", lambda c: c.agent.send(SESSION, "x"))
    options: dict[str, object] = {"token": "", "config_dir": tmp_path} if anonymous else {}
    error, _ = fail(kind, endpoint, script, **options)
    assert isinstance(error, errors.InsufficientCreditsError)
    assert script.sent.count("POST /run_sse") == 1
    if anonymous:
        assert error.register_url == f"{WEB}?bind=anon+7"
        assert error.register_url in error.remedy
    else:
        assert error.register_url is None
        assert error.remedy == "Top up credits in your account."


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("form", forms(0, 0))
def test_an_expired_anonymous_token_is_renewed_for_every_form(
    kind: str, form: str, tmp_path: Path
) -> None:
    refusal = forms(1001, 401)[form]
    issued: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("anonymous-token"):
            issued.append(f"nmv_usr_{len(issued)}")
            return httpx.Response(200, json={"token": issued[-1]})
        if request.headers["Authorization"] == "Bearer nmv_usr_0":
            return refusal
        return httpx.Response(200, json=BALANCE)

    script = Script(respond)
    clock = FakeClock(now=1_800_000_000.0)

    with scripted(kind, script, token="", config_dir=tmp_path, clock=clock) as client:
        assert client.credits.balance().total == 100
    assert len(script.requests) == 4
    assert clock.waits == []


@pytest.mark.parametrize(
    ("header", "waits", "requests"),
    [
        ("7", [7.0], 2),
        ("0", [0.0], 2),
        ("Fri, 15 Jan 2027 08:00:40 GMT", [40.0], 2),
        ("soon", [30.0], 2),
        ("121", [], 1),
        ("9" * 400, [], 1),
        ("Fri, 22 Jan 2027 08:00:00 GMT", [], 1),
    ],
)
def test_retry_after_is_honored_up_to_a_limit(
    header: str, waits: list[float], requests: int
) -> None:
    script = Script(httpx.Response(429, json={"code": 429}, headers={"Retry-After": header}))
    error, clock = fail("sync", ENDPOINTS["session"], script)
    assert isinstance(error, errors.RateLimitError)
    assert (clock.waits, len(script.requests)) == (waits, requests)


def test_retry_after_of_a_5xx_is_the_minimum_wait() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "20"})
    error, clock = fail("sync", ENDPOINTS["credits"], Script(busy))
    assert isinstance(error, errors.ServerError)
    assert clock.waits == [20.0, 20.0, 20.0]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_deadline_covers_all_attempts_and_on_retry_is_called(kind: str) -> None:
    retries: list[tuple[str, float]] = []
    retry = RetryPolicy(
        attempts=100,
        initial_s=4.0,
        max_s=4.0,
        on_retry=lambda error, wait: retries.append((type(error).__name__, wait)),
    )
    script = Script(httpx.Response(500))
    error, clock = fail(kind, ENDPOINTS["credits"], script, retry=retry, deadline=20.0)
    assert isinstance(error, errors.ServerError)
    assert sum(clock.waits) < 20
    assert retries == [("ServerError", wait) for wait in clock.waits]
    assert len(retries) == len(script.requests) - 1 >= 4


def test_a_redirect_is_not_followed_and_its_target_is_named() -> None:
    elsewhere = httpx.Response(307, headers={"Location": "https://evil.test/x?token=1"})
    for name, endpoint in ENDPOINTS.items():
        script = Script(elsewhere)
        if name != "submit":
            error, _ = fail("sync", endpoint, script)
            assert type(error) is errors.APIError
            assert "evil.test" in error.remedy
            assert len(script.requests) == 1


def test_an_error_has_the_request_id_without_secrets() -> None:
    refusal = httpx.Response(
        403, json={"detail": f"not with {TOKEN}"}, headers={"X-Request-Id": f"req-{TOKEN}"}
    )
    error, _ = fail("sync", ENDPOINTS["credits"], Script(refusal))
    assert isinstance(error, errors.ScopeError)
    assert error.request_id is not None
    assert error.request_id.startswith("req-")
    assert TOKEN not in json.dumps([str(error), repr(error), error.body, error.request_id])
