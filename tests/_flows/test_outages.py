"""A server that cannot be reached, or has stopped responding."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from nemovideo import Client, Polling, StreamLimits, errors
from nemovideo.hooks import RequestInfo
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderJob
from nemovideo.options import Options
from nemovideo.testing import FakeClock
from tests.support.blocking import KINDS
from tests.support.servers import Script, sync_client
from tests.support.service import hanging, serving
from tests.support.streams import client_of

WORKING = httpx.Response(200, json={"id": "r", "status": "processing"})


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (httpx.ConnectError("refused"), "the server could not be reached for "),
        (httpx.Response(503, json={"code": 503, "message": "busy"}), "the service has failed for"),
    ],
)
def test_the_time_without_a_successful_poll_is_configurable(
    failure: httpx.Response | Exception, message: str
) -> None:
    script, clock = Script(WORKING, failure), FakeClock(grace_s=0.01)
    with sync_client(script, clock=clock, polling=Polling(outage_s=20)) as client:
        job = client.render.get("r")
        before = clock.now
        with pytest.raises((errors.APIConnectionError, errors.ServerError)) as caught:
            client.render.wait(job)
    assert clock.now - before <= 1 + 20
    assert caught.value.message.startswith(message)
    assert "client.render.get('r')" in caught.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_a_poll_without_an_answer_ends_with_the_outage(kind: str) -> None:
    with (
        serving(api__render=hanging) as service,
        client_of(kind, service, token="nmv_usr_x", polling=Polling(0, outage_s=1)) as client,
        pytest.raises(errors.APITimeoutError, match="could not be reached for 1") as caught,
    ):
        client.render.wait(RenderJob("r", "processing"))
    assert not caught.value.deadline_passed
    assert "(GET /api/render/proxy/lambda/r at 127.0.0.1:" in caught.value.message
    assert "Polling(outage_s=…)" in caught.value.remedy
    assert "with NEMO_OUTAGE" in caught.value.describe("shell")


PHASES = (
    "/api/tasks/me/with-session/nemo_agent",
    "/api/upload-video/nemo_agent/me/{session_id}",
    "/run_sse",
    "/api/render/proxy/lambda",
    "/api/render/proxy/lambda/{render_id}",
    "{link}",
)


OPTIONS: Options = {
    "timeout_s": 0.3,
    "polling": Polling(first_s=0.1, interval_s=0.1, outage_s=1.5),
    "stream": StreamLimits(silence_s=0.5, first_check_s=0.1, check_s=0.1),
}
VARIABLES = {"NEMO_TIMEOUT": "0.3", "NEMO_OUTAGE": "1.5", "NEMO_SILENCE": "0.5"}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("options", "variables"), [(OPTIONS, {}), ({}, VARIABLES)])
def test_a_dead_server_is_noticed_in_every_phase(
    backend: LocalBackend,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    options: Options,
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def die(info: RequestInfo) -> None:
        if info.route == phase:
            backend.faults.add(Fault(kind="stall", path="*", times=None))

    settings: Options = {"base_url": backend.url, "on_request": die}
    settings.update(options)
    began = time.monotonic()
    with (
        Client(
            backend.issue_token(credits=100),
            **settings,
        ) as client,
        pytest.raises(errors.NemoError),
    ):
        client.remove_background(clip, background="white", output=tmp_path / "x.mp4")
    assert backend.faults.unused == ()
    assert time.monotonic() - began < 20  # 2 s, on a machine with nothing else to do
