"""Clients in other programs: copied, pickled, shared, closed, unclosed, observed."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import socket
import ssl
import subprocess
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import anyio
import httpx
import pytest
import trustme

from nemovideo import AsyncClient, Client, Credits, RetryPolicy, errors
from nemovideo.hooks import RequestInfo, ResponseInfo
from nemovideo.local import LocalBackend
from nemovideo.testing import FakeClock
from tests.support.batch import quick_backend, quick_client
from tests.support.servers import BALANCE, TOKEN, Script, raw_response, raw_server, sync_client

GOOD = httpx.Response(200, json=BALANCE)


def respond(connection: socket.socket, head: bytes) -> None:
    connection.sendall(raw_response(BALANCE))


@pytest.mark.parametrize("cls", [Client, AsyncClient])
@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_a_copied_or_pickled_client_keeps_only_its_settings(
    cls: type[Client] | type[AsyncClient],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", TOKEN)
    monkeypatch.setenv("NEMO_API_URL", "https://api.test")
    original = cls(
        clock=FakeClock(), timeout_s=7, deadline=9, user_agent="me/1", config_dir=tmp_path
    )
    with monkeypatch.context() as other_environment:
        other_environment.delenv("NEMO_TOKEN")
        other_environment.delenv("NEMO_API_URL")
        duplicate = (
            pickle.loads(pickle.dumps(original)) if how == "pickle" else copy.deepcopy(original)
        )
    ours, copied = original._settings, duplicate._settings
    assert type(duplicate) is cls
    assert (copied.base_url, copied.token, copied.timeout_s, copied.deadline_s) == (
        *(ours.base_url, ours.token),
        *(7, 9),
    )
    assert copied.headers == ours.headers
    assert copied.store.directory == tmp_path
    assert not isinstance(copied.clock, FakeClock)
    assert duplicate.backend is None


def test_a_pickled_client_works_in_another_process(backend: LocalBackend) -> None:
    with Client(base_url=backend.url) as client:
        assert client.credits.balance().available == 100
        code = (
            "import pickle, sys\n"
            "with pickle.load(sys.stdin.buffer) as c: print(c.credits.balance().available)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            input=pickle.dumps(client),
            capture_output=True,
            check=True,
        )
    assert done.stdout.strip() == b"100"
    requests = [seen for seen in backend.requests if seen.path.endswith("anonymous-token")]
    assert len(requests) == 1


def test_a_copy_with_other_options_uses_the_same_connections() -> None:
    script = Script(GOOD)
    with sync_client(script, timeout_s=5, user_agent="me/1") as client:
        copied = client.with_options(timeout_s=9, user_agent="you/2")
        assert (client._settings.timeout_s, copied._settings.timeout_s) == (5, 9)
        copied.credits.balance()
        with copied.with_options("nmv_usr_other") as third:
            third.credits.balance()
        client.credits.balance()
    agents = [request.headers["User-Agent"].split()[-1] for request in script.requests]
    assert agents == ["you/2", "you/2", "me/1"]
    tokens = [request.headers["Authorization"] for request in script.requests]
    assert tokens == [f"Bearer {TOKEN}", "Bearer nmv_usr_other", f"Bearer {TOKEN}"]
    with pytest.raises(errors.InvalidRequestError, match="closed"):
        copied.credits.balance()


def test_a_client_may_be_closed_twice_but_not_used_afterward() -> None:
    client = sync_client(Script(GOOD))
    client.close()
    client.close()
    with pytest.raises(errors.InvalidRequestError, match="the client is closed"):
        client.credits.balance()
    with client:  # reopened
        assert client.credits.balance().available == 100

    async def main() -> None:
        async_client = AsyncClient(TOKEN, base_url="https://api.test")
        await async_client.close()
        await async_client.aclose()
        with pytest.raises(errors.InvalidRequestError, match="the client is closed"):
            await async_client.credits.balance()

    asyncio.run(main())


def test_a_client_with_an_embedded_backend_cannot_be_reopened(tmp_path: Path) -> None:
    client = Client.local(state_dir=tmp_path / "s")
    client.close()
    with pytest.raises(errors.InvalidRequestError, match="backend has stopped"):
        client.__enter__()


def test_an_unclosed_client_gives_a_resource_warning() -> None:
    with raw_server(respond) as server:
        client = Client(TOKEN, base_url=server.url)
        client.credits.balance()
        with pytest.warns(ResourceWarning, match="nemovideo Client was not closed"):  # noqa: PT031
            del client
            gc.collect()


def test_a_module_level_client_emits_no_warning_at_exit() -> None:
    code = """
import sys
from nemovideo import Client
client = Client("nmv_usr_x", base_url=sys.argv[1])
client.credits.balance()
"""
    with raw_server(respond) as server:
        command = [sys.executable, "-W", "always", "-c", code, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_an_unclosed_async_client_is_closed_with_its_loop() -> None:
    with raw_server(respond) as server:
        client = AsyncClient(TOKEN, base_url=server.url)

        async def once() -> float:
            return (await client.credits.balance()).available

        for _ in range(2):
            with pytest.warns(ResourceWarning, match="AsyncClient was not closed") as caught:  # noqa: PT031
                assert asyncio.run(once()) == 100
                gc.collect()
            assert len(caught) == 1  # and none from asyncio about an open transport


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_hooks_are_called_for_each_attempt_on_both_loops(loop: str) -> None:
    infos: list[RequestInfo | ResponseInfo] = []
    script = Script(httpx.ConnectError("refused"), httpx.Response(503), GOOD)

    async def main() -> None:
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(script))
        async with AsyncClient(
            TOKEN,
            base_url="https://api.test",
            http_client=http_client,
            clock=FakeClock(),
            on_request=infos.append,
            on_response=infos.append,
        ) as client:
            await client.credits.balance()
        assert not http_client.is_closed
        await http_client.aclose()

    anyio.run(main, backend=loop)
    requests = [info for info in infos if isinstance(info, RequestInfo)]
    responses = [info for info in infos if isinstance(info, ResponseInfo)]
    assert [type(info) for info in infos] == [RequestInfo, ResponseInfo] * 3
    assert {(info.method, info.host, info.path) for info in requests} == {
        ("GET", "api.test", "/api/credits/balance/simple")
    }
    assert [info.status for info in responses] == [None, 503, 200]
    assert isinstance(responses[0].error, errors.APIConnectionError)
    assert all(info.request is request for info, request in zip(responses, requests, strict=True))


@pytest.mark.parametrize(
    ("variable", "name", "message"),
    [
        ("SSL_CERT_FILE", "ca.pem", "SSL_CERT_FILE"),
        ("SSL_CERT_DIR", "none", "SSL_CERT_DIR"),
        ("SSL_CERT_DIR", "empty", "SSL_CERT_DIR.*empty"),
    ],
)
def test_certificates_that_cannot_be_used_name_their_variable(
    variable: str, name: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    (tmp_path / "empty").mkdir()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / name))
    with (
        Client(TOKEN, base_url="https://api.test") as client,
        pytest.raises(errors.InvalidRequestError, match=message),
    ):
        client.credits.balance()


def test_https_to_a_plain_http_server_is_not_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    connections: list[object] = []

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        with (
            Client(TOKEN, base_url=f"https://{address}") as client,
            pytest.raises(errors.APIConnectionError) as caught,
        ):
            client.credits.balance()
        server.shutdown()
    assert len(connections) == 1
    assert "speaks http, not https" in caught.value.remedy
    assert address in caught.value.message


@pytest.mark.parametrize("fault", ["unknown authority", "another host", "expired"])
@pytest.mark.parametrize("cls", [Client, AsyncClient])
def test_a_certificate_error_is_not_retried(
    cls: type[Client] | type[AsyncClient],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    authority, other = trustme.CA(), trustme.CA()
    (other if fault == "unknown authority" else authority).cert_pem.write_to_path(
        str(tmp_path / "ca.pem")
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    over = datetime(2020, 1, 1, tzinfo=timezone.utc) if fault == "expired" else None
    host = "else.test" if fault == "another host" else "127.0.0.1"
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, not_after=over).configure_cert(secure)

    async def main() -> None:
        client = cls(TOKEN, base_url=server.url, retry=RetryPolicy(attempts=3, initial_s=0.001))
        try:
            found = client.credits.balance()
            if not isinstance(found, Credits):
                await found
        finally:
            if (closing := client.close()) is not None:
                await closing

    with raw_server(respond, secure) as server:
        with pytest.raises(errors.APIConnectionError, match="certificate") as caught:
            asyncio.run(main())
        assert server.accepted == 1
    assert f"SSL_CERT_FILE={tmp_path / 'ca.pem'}" in str(caught.value.remedy)
    assert not caught.value.sent


def test_the_routes_of_requests_contain_no_ids(tmp_path: Path, clip: Path) -> None:
    seen: list[RequestInfo] = []
    runs: list[set[str]] = []
    with (
        quick_backend(tmp_path / "state") as backend,
        quick_client(backend, on_request=seen.append) as client,
    ):
        for name in ("a.mp4", "b.mp4"):
            del seen[:]
            client.remove_background(clip, background="blur", output=tmp_path / name)
            runs.append({info.route for info in seen})
            upload = next(info for info in seen if "upload" in info.path)
            assert upload.path.startswith(upload.route.partition("{")[0])
            assert upload.path != upload.route
    assert runs[1] <= runs[0]


@pytest.mark.parametrize("ends_by", ["cancellation", "deadline"])
def test_on_response_is_called_for_a_request_that_is_canceled(ends_by: str) -> None:
    begun: list[RequestInfo] = []
    ended: list[ResponseInfo] = []

    async def never(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async def run() -> None:
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(never))
        client = AsyncClient(
            "nmv_usr_x",
            base_url="http://127.0.0.1:9",
            http_client=http_client,
            on_request=begun.append,
            on_response=ended.append,
        )
        async with http_client, client:
            if ends_by == "cancellation":
                with anyio.move_on_after(0.05):
                    await client.credits.balance()
            else:
                with pytest.raises(errors.APITimeoutError):
                    await client.with_options(deadline=0.05).credits.balance()

    anyio.run(run)
    assert [info.request for info in ended] == begun
    assert len(ended) == 1
    kind = errors.APITimeoutError if ends_by == "deadline" else errors.APIConnectionError
    assert type(ended[0].error) is kind


def test_the_error_of_a_deadline_names_the_request() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        clock.sleep(9)
        raise httpx.ReadTimeout("timed out", request=request)

    clock = FakeClock()
    with (
        sync_client(Script(silent), clock=clock, deadline=5) as client,
        pytest.raises(errors.APITimeoutError, match="during GET /api/credits") as caught,
    ):
        client.credits.balance()
    assert "The server did not respond" in caught.value.remedy
