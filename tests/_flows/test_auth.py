"""Anonymous tokens: one client id and one token for all calls, clients and processes."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import pytest

from nemovideo import AsyncClient, Client, errors
from nemovideo._config.credentials import CredentialStore
from nemovideo._support.filelock import FileLock
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.testing import FakeClock
from tests.support.servers import BALANCE, Script, async_client, sync_client

REQUEST = "POST /api/auth/anonymous-token"


def sent(backend: LocalBackend) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in backend.requests]


def issue(*texts: str, **extra: object) -> list[httpx.Response]:
    return [httpx.Response(200, json={"code": 0, "data": {"token": t, **extra}}) for t in texts]


def router(tokens: Script, calls: Script) -> Script:
    def route(request: httpx.Request) -> httpx.Response:
        is_token = request.url.path.endswith("/anonymous-token")
        return (tokens if is_token else calls)(request)

    return Script(route)


def test_three_processes_share_one_client_id_and_one_token(
    backend: LocalBackend, tmp_path: Path
) -> None:
    code = (
        "import sys; from nemovideo import Client\n"
        f"with Client(base_url={backend.url!r}) as client:\n"
        "    layer = client.credits; print('ready', flush=True); sys.stdin.read(1)\n"
        "    print(layer.balance().available)"
    )
    environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "empty")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all at once
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert outputs == ["100"] * 3
    assert sent(backend).count(REQUEST) == 1
    folder = tmp_path / "empty" / "nemovideo"
    assert sorted(path.name for path in folder.iterdir()) == ["client_id", "lock", "tokens.json"]
    assert stat.S_IMODE((folder / "tokens.json").stat().st_mode) == 0o600


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, sys, pathlib; from nemovideo._support.filelock import FileLock\n"
        f"assert FileLock(pathlib.Path({str(path)!r})).acquire(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    lock, other = FileLock(path), FileLock(path)
    assert lock.acquire()
    assert not other.acquire()
    lock.release()
    assert other.acquire()
    other.release()


def test_waiting_for_the_lock_keeps_the_loop_running_until_the_deadline(
    tmp_path: Path,
) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.sleep(0.01)

    async def main() -> None:
        script = Script(*issue("nmv_usr_a"))
        async with async_client(script, token="", config_dir=tmp_path) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(tick)
                with pytest.raises(errors.APITimeoutError) as caught:
                    await client.auth.token(deadline=0.3)
                tasks.cancel_scope.cancel()
            assert caught.value.deadline_passed
            assert script.requests == []

    anyio.run(main)
    lock.release()
    assert ticks > 5


def test_a_hundred_rejected_calls_renew_the_token_once(tmp_path: Path) -> None:
    def balance(request: httpx.Request) -> httpx.Response:
        time.sleep(0.002)
        if request.headers["Authorization"] == "Bearer nmv_usr_old":
            return httpx.Response(401, json={"code": 1001, "message": "expired"})
        return httpx.Response(200, json=BALANCE)

    tokens = Script(*issue("nmv_usr_old", "nmv_usr_new"))
    script = router(tokens, Script(balance))
    with sync_client(script, token="", config_dir=tmp_path) as client:
        client.auth.token()
        with ThreadPoolExecutor(20) as pool:
            found = list(pool.map(lambda _: client.credits.balance().available, range(100)))
    assert found == [100.0] * 100
    assert len(tokens.requests) == 2
    ids = {request.headers["X-Client-Id"] for request in tokens.requests}
    assert len(ids) == 1


def test_concurrent_tasks_share_one_failed_renewal(tmp_path: Path) -> None:
    week = {"Retry-After": str(5 * 86400)}
    refused = httpx.Response(429, json={"code": 429, "message": "one a week"}, headers=week)
    tokens = Script(*issue("nmv_usr_old"), refused)
    calls = Script(httpx.Response(401, json={"code": 1001, "message": "expired"}))
    found: list[errors.RateLimitError] = []

    async def one(client: AsyncClient) -> None:
        with pytest.raises(errors.RateLimitError) as caught:
            await client.credits.balance()
        found.append(caught.value)

    async def main() -> None:
        clock = FakeClock()
        script = router(tokens, calls)
        async with async_client(script, token="", config_dir=tmp_path, clock=clock) as client:
            await client.auth.token()
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(one, client)
        assert clock.waits == []

    anyio.run(main)
    assert len(found) == 10
    assert len(tokens.requests) == 2
    assert "NEMO_TOKEN" in found[0].remedy
    assert "5.0 days" in found[0].remedy


def test_a_local_server_under_a_second_address_needs_another_client_id(
    tmp_path: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEMO_CLIENT_ID", raising=False)
    second = backend.url.replace("127.0.0.1", "localhost")
    with Client(base_url=backend.url, config_dir=tmp_path) as client:
        client.credits.balance()
    with (
        Client(base_url=second, config_dir=tmp_path) as client,
        pytest.raises(errors.RateLimitError) as caught,
    ):
        client.credits.balance()
    assert "register" not in str(caught.value)
    assert "NEMO_CLIENT_ID" in caught.value.remedy
    monkeypatch.setenv("NEMO_CLIENT_ID", "6f1e2d3c-0000-4000-8000-000000000001")
    with Client(base_url=second, config_dir=tmp_path) as client:
        assert client.credits.balance().available == 100


@pytest.mark.parametrize("own_id", [False, True])
def test_a_lost_token_response_does_not_lock_the_client_out(
    tmp_path: Path, backend: LocalBackend, own_id: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own_id:
        monkeypatch.setenv("NEMO_CLIENT_ID", "6f1e2d3c-0000-4000-8000-000000000001")
    backend.faults.add(
        Fault(kind="drop", path="/api/auth/anonymous-token", after_bytes=10, run_continues=True)
    )
    with (
        Client(base_url=backend.url, config_dir=tmp_path) as client,
        pytest.raises(errors.APIConnectionError) as lost,
    ):
        client.credits.balance()
    assert "the response that contained the token was lost" in lost.value.remedy
    with Client(base_url=backend.url, config_dir=tmp_path) as client:
        if own_id:
            assert "NEMO_CLIENT_ID" in lost.value.remedy
            with pytest.raises(errors.RateLimitError) as refused:
                client.credits.balance()
            assert "the response that contained it was lost" in refused.value.remedy
        else:
            assert client.credits.balance().available == 100
            assert client.credits.balance().available == 100
    assert sent(backend).count(REQUEST) == (2 if own_id else 3)


def test_a_refused_token_leads_to_a_new_client_id_only_after_a_lost_response(
    tmp_path: Path,
) -> None:
    refused = httpx.Response(429, json={"code": 429, "message": "one a week"})
    outcomes = (refused, httpx.ConnectError("refused"), refused, refused)
    for outcome in outcomes:
        tokens = Script(outcome)
        with (
            sync_client(tokens, token="", config_dir=tmp_path, clock=FakeClock()) as client,
            pytest.raises(errors.NemoError),
        ):
            client.auth.token()
        ids = {request.headers["X-Client-Id"] for request in tokens.requests}
        assert ids == {(tmp_path / "client_id").read_text().strip()}
    assert not list(tmp_path.glob("client_id.*"))


def test_a_token_is_renewed_only_once_per_call(
    tmp_path: Path,
) -> None:
    tokens = Script(*issue("nmv_usr_a", "nmv_usr_b", "nmv_usr_c"))
    calls = Script(httpx.Response(401, json={"detail": "no"}))
    with (
        sync_client(router(tokens, calls), token="", config_dir=tmp_path) as client,
        pytest.raises(errors.AuthenticationError),
    ):
        client.credits.balance()
    assert (len(tokens.requests), len(calls.requests)) == (2, 2)


def test_a_missing_client_id_is_replaced_and_the_request_retried_once(tmp_path: Path) -> None:
    missing = httpx.Response(400, json={"code": 400, "message": "X-Client-Id missing"})
    tokens = Script(missing, *issue("nmv_usr_a"))
    with sync_client(tokens, token="", config_dir=tmp_path) as client:
        assert client.auth.token() == "nmv_usr_a"
    first, second = (request.headers["X-Client-Id"] for request in tokens.requests)
    assert first != second
    assert (tmp_path / "client_id").read_text().strip() == second
    tokens = Script(missing)
    with (
        sync_client(tokens, token="", config_dir=tmp_path / "b", client_id="given") as client,
        pytest.raises(errors.MissingClientIdError),
    ):
        client.auth.token()
    assert [request.headers["X-Client-Id"] for request in tokens.requests] == ["given", "given"]


def test_a_client_id_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
    tokens = Script(*issue("nmv_usr_a"))
    with sync_client(tokens, token="", config_dir=tmp_path) as client:
        client.auth.token()
    (request,) = tokens.requests
    assert request.headers["X-Client-Id"] == "11111111-2222-3333-4444-555555555555"
    assert not (tmp_path / "client_id").exists()


@pytest.mark.parametrize(
    ("environment", "token"),
    [
        ({"NEMOVIDEO_API_KEY": "nmv_usr_vendor"}, "nmv_usr_vendor"),
        ({"NEMOVIDEO_API_KEY": "nmv_usr_vendor", "NEMO_TOKEN": "nmv_usr_own"}, "nmv_usr_own"),
    ],
)
def test_the_token_of_the_environment_has_two_names(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], token: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        assert str(client.auth.token()) == token


@pytest.mark.parametrize(
    "kept", ["client-1732830000-ab12", "{0B9C7A6E-1111-4222-8333-444455556666}"]
)
def test_a_stored_client_id_of_any_form_is_used(tmp_path: Path, kept: str) -> None:
    (tmp_path / "client_id").write_text(f"{kept}\n")
    assert CredentialStore(tmp_path, "scope").client_id() == kept


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"two words\n", b"x" * 65])
def test_a_corrupt_client_id_file_is_renamed_and_replaced(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "client_id").write_bytes(damage)
    store = CredentialStore(tmp_path, "scope")
    client_id = store.client_id()
    assert CredentialStore(tmp_path, "scope").client_id() == client_id
    (renamed,) = tmp_path.glob("client_id.damaged-*")
    assert renamed.read_bytes() == damage


@pytest.mark.parametrize(
    "damage", ["", "[]", "{", '{"https://api.test": 5}', '{"https://api.test": {"token": "a\\nb"}}']
)
def test_a_corrupt_token_file_is_ignored(tmp_path: Path, damage: str) -> None:
    (tmp_path / "tokens.json").write_text(damage)
    with sync_client(Script(*issue("nmv_usr_a")), token="", config_dir=tmp_path) as client:
        assert client.auth.token() == "nmv_usr_a"


def test_tokens_are_stored_per_base_url_and_expire(tmp_path: Path) -> None:
    expiry = "2027-01-15T08:00:00Z"
    clock = FakeClock(now=1_799_000_000.0)
    tokens = Script(*issue("nmv_usr_a", "nmv_usr_b", "nmv_usr_c", expires_at=expiry))
    for base, moment, expected in (
        ("https://one.test", clock.now, "nmv_usr_a"),
        ("https://two.test", clock.now, "nmv_usr_b"),
        ("https://one.test", clock.now, "nmv_usr_a"),
        ("https://one.test", clock.now + 14 * 86400, "nmv_usr_c"),
    ):
        options = {"config_dir": tmp_path, "base_url": base, "clock": FakeClock(now=moment)}
        with sync_client(tokens, token="", **options) as client:
            assert client.auth.token() == expected
    assert set(json.loads((tmp_path / "tokens.json").read_text())) == {
        "https://one.test",
        "https://two.test",
    }


def test_an_expiring_token_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expiry = "2027-01-15T08:00:00Z"  # FakeClock starts on that day
    tokens = Script(*issue("nmv_usr_secret", expires_at=expiry, user_id="anon_7"))
    script = router(tokens, Script(httpx.Response(200, json=BALANCE)))
    clock = FakeClock(now=1_800_000_000.0 - 3 * 86400)
    with sync_client(script, token="", config_dir=tmp_path, clock=clock) as client:
        client.credits.balance()
        assert caplog.messages == []
        clock.now += 2.5 * 86400
        client.credits.balance()
        client.credits.balance()
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "expires at 2027-01-15 08:00 UTC" in record.message
    assert "?bind=anon_7" in record.message
    assert "secret" not in record.message


def test_a_client_without_a_writable_folder_keeps_its_token_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    tokens = Script(*issue("nmv_usr_a"))
    with sync_client(tokens, token="", config_dir=blocked / "sub") as client:
        assert client.auth.token() == "nmv_usr_a"
        assert client.auth.token() == "nmv_usr_a"
    assert len(tokens.requests) == 1
    assert "Cannot write to" in caplog.text
    assert "nmv_usr_a" not in caplog.text


def test_a_token_that_is_not_a_valid_header_is_malformed(tmp_path: Path) -> None:
    tokens = Script(*issue("nmv_usr_a\r\nX-Evil: 1"))
    with (
        sync_client(tokens, token="", config_dir=tmp_path) as client,
        pytest.raises(errors.MalformedResponseError),
    ):
        client.auth.token()


def test_many_threads_share_one_client(backend: LocalBackend) -> None:
    failures: list[Exception] = []

    def work(client: Client) -> None:
        try:
            for _ in range(3):
                client.sessions.create().state()
        except Exception as error:  # noqa: BLE001 - any error fails the test
            failures.append(error)

    with Client(base_url=backend.url) as client:
        threads = [threading.Thread(target=work, args=[client]) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []
    assert sent(backend).count(REQUEST) == 1


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("clm_abc", "claim token"),
        ("sk-ant-abc", "nmv_usr_"),
        ("abc", "nmv_usr_"),
        ("Bearer nmv_usr_abc", "characters"),
        ("nmv_usr_ä", "characters"),
    ],
)
@pytest.mark.parametrize("cls", [Client, AsyncClient])
def test_an_invalid_token_for_the_cloud_is_rejected_and_not_shown(
    token: str, message: str, cls: type[Client] | type[AsyncClient]
) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        cls(token)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert "abc" not in str(caught.value)


def test_another_host_accepts_any_token_but_a_claim_token() -> None:
    script = Script(httpx.Response(200, json=BALANCE))
    with sync_client(script, token=" gateway-key ", base_url="https://gateway.test") as client:
        client.credits.balance()
    assert script.requests[0].headers["Authorization"] == "Bearer gateway-key"
    with pytest.raises(errors.InvalidRequestError, match="claim token"):
        sync_client(script, token="clm_abc", base_url="https://gateway.test")
