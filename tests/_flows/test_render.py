"""Render submits: retried only if the first did not arrive, and polled until the deadline."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import httpx
import pytest

from nemovideo import Client, Draft, RetryPolicy, errors
from nemovideo.local import LocalBackend
from nemovideo.local.render import RenderResult
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderJob
from nemovideo.retry import Polling
from nemovideo.testing import FakeClock
from tests.support.servers import Script, clone, forms, scripted, sync_client

DRAFT_JSON = {"t": [{"tt": 0, "sg": [{"d": 1000}]}], "d": 1000}
DRAFT = Draft.from_json(DRAFT_JSON)
SUBMIT = "/api/render/proxy/lambda"
LOST = [
    httpx.ReadError("reset"),
    httpx.ReadTimeout("silence"),
    httpx.Response(502, html="<title>502 Bad Gateway</title>"),
    httpx.Response(200, content=b'{"id": "render_'),
]


class Service:
    """A render service whose first submits fail with `faults`; `jobs` are the ids that arrived."""

    def __init__(self, *faults: object, arrives: bool) -> None:
        self.faults = list(faults)
        self.arrives = arrives
        self.jobs: list[str] = []
        self.status = "completed"
        self.script = Script(self.respond)

    def respond(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/state/"):
            return httpx.Response(200, json={"code": 0, "data": {"state": {"draft": DRAFT_JSON}}})
        if request.url.path == SUBMIT:
            render_id = json.loads(request.content)["id"]
            fault = self.faults.pop(0) if self.faults else None
            if fault is None or self.arrives:
                self.jobs.append(render_id)
            if isinstance(fault, Exception):
                raise fault
            if isinstance(fault, httpx.Response):
                return clone(fault)
            return httpx.Response(200, json={"id": render_id, "status": "pending"})
        render_id = request.url.path.rpartition("/")[2]
        if render_id in self.jobs:
            link = {"url": "/files/x.mp4"}
            body = {"id": render_id, "status": self.status, "output": link}
            return httpx.Response(200, json=body)
        return httpx.Response(404, json={"detail": "no such render"})

    @property
    def submits(self) -> list[str]:
        found = [r for r in self.script.requests if r.url.path == SUBMIT]
        return [json.loads(request.content)["id"] for request in found]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_submit_with_a_lost_response_is_found_and_not_retried(fault: object, kind: str) -> None:
    service = Service(fault, arrives=True)
    with scripted(kind, service.script, clock=FakeClock()) as client:
        found = client.render.submit("1", DRAFT).id
    assert service.submits == service.jobs == [found]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_a_submit_that_did_not_arrive_is_retried_once_with_a_new_id(fault: object) -> None:
    service = Service(fault, arrives=False)
    with sync_client(service.script, clock=FakeClock()) as client:
        job = client.render.submit("1", DRAFT)
    assert len(set(service.submits)) == len(service.submits) == 2
    assert service.jobs == [job.id] == [service.submits[1]]


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("form", forms(503, 503))
def test_a_5xx_on_a_submit_makes_one_render(form: str, arrives: bool) -> None:
    service = Service(forms(503, 503)[form], arrives=arrives)
    with sync_client(service.script, clock=FakeClock()) as client:
        found = client.render.submit("1", DRAFT).id
    assert service.jobs == [found]
    assert len(set(service.submits)) == len(service.submits) == (1 if arrives else 2)


def test_a_submit_that_fails_twice_raises(tmp_path: Path) -> None:
    service = Service(*[LOST[2]] * 9, arrives=False)
    with sync_client(service.script, clock=FakeClock()) as client:
        with pytest.raises(errors.ServerError):
            client.render.submit("1", DRAFT)
        assert len(service.submits) == 2
        with pytest.raises(errors.ServerError):
            client.sessions.attach("1").export(tmp_path / "x.mp4")
        assert len(service.submits) == 4


def test_a_submit_of_unknown_outcome_is_not_retried() -> None:
    script = Script(httpx.ReadError("reset"))
    with (
        sync_client(script, clock=FakeClock()) as client,
        pytest.raises(errors.APIConnectionError) as caught,
    ):
        client.render.submit("1", DRAFT)
    assert script.sent.count(f"POST {SUBMIT}") == 1
    assert "client.render.get('render_" in caught.value.remedy


def test_a_submit_that_was_not_sent_is_retried_with_the_same_id() -> None:
    service = Service(httpx.ConnectError("refused"), arrives=False)
    with sync_client(service.script, clock=FakeClock()) as client:
        client.render.submit("1", DRAFT)
    assert len(service.submits) == 2
    assert len(set(service.submits)) == 1


def test_a_failed_render_is_retried_once(tmp_path: Path) -> None:
    service = Service(arrives=True)
    service.status = "failed"
    with (
        sync_client(service.script, clock=FakeClock()) as client,
        pytest.raises(errors.RenderFailedError),
    ):
        client.sessions.attach("1").export()
    assert len(set(service.submits)) == 2


def test_failed_polls_do_not_fail_the_job() -> None:
    polls: list[httpx.Response | Exception] = [
        httpx.ReadError("reset"),
        httpx.Response(502, html="<p>no</p>"),
        httpx.Response(200, content=b"{"),
        httpx.Response(429, json={"code": 429}, headers={"Retry-After": "500"}),
        httpx.Response(200, json={"id": "r", "status": "completed"}),
    ]
    script = Script(httpx.Response(200, json={"id": "r", "status": "processing"}), *polls)
    with sync_client(script, clock=FakeClock()) as client:
        assert client.render.wait("r").completed


@pytest.mark.parametrize(
    ("base_url", "error", "limit_s"),
    [
        ("https://api.test", httpx.ConnectError("refused"), 120),
        ("https://api.test", httpx.Response(503, json={"code": 503}), 120),
        ("http://127.0.0.1:9", httpx.ConnectError("refused"), 30),
        ("http://127.0.0.1:9", httpx.ReadError("reset"), 120),
    ],
)
def test_a_wait_ends_when_polls_have_failed_for_too_long(
    base_url: str, error: httpx.Response | Exception, limit_s: int
) -> None:
    script = Script(httpx.Response(200, json={"id": "r", "status": "processing"}), error)
    clock = FakeClock(grace_s=0.01)
    with sync_client(script, clock=clock, base_url=base_url) as client:
        job = client.render.get("r")
        before = clock.now
        with pytest.raises((errors.APIConnectionError, errors.ServerError)) as caught:
            client.render.wait(job)
    assert limit_s <= clock.now - before < 2 * limit_s
    assert "client.render.get('r')" in caught.value.remedy


def test_a_failed_poll_and_a_lost_submit_are_logged_with_their_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nemovideo")
    service = Service(httpx.Response(503, json={"code": 503}), arrives=True)
    with sync_client(service.script, clock=FakeClock()) as client:
        job = client.render.submit("1", DRAFT)
    assert caplog.messages == [f"{job.id}: ServerError; looking it up in 10.0 s"]
    caplog.clear()
    script = Script(
        httpx.Response(200, json={"id": "r", "status": "processing"}),
        httpx.Response(503, json={"code": 503}),
        httpx.Response(200, json={"id": "r", "status": "completed"}),
    )
    with sync_client(script, clock=FakeClock(), retry=RetryPolicy(attempts=1)) as client:
        client.render.wait("r")
    assert caplog.messages == ["r: ServerError; polling again in 2.0 s"]


def test_only_polls_that_fail_in_a_row_end_a_wait() -> None:
    working = httpx.Response(200, json={"id": "r", "status": "processing"})
    silence = httpx.ReadTimeout("silence")
    completed = httpx.Response(200, json={"id": "r", "status": "completed"})
    responses: list[httpx.Response | Exception] = [silence, silence, working] * 10
    script = Script(working, *responses, completed)
    clock = FakeClock(grace_s=0.01)
    before = clock.now
    with sync_client(script, clock=clock, retry=RetryPolicy(attempts=1)) as client:
        assert client.render.wait(client.render.get("r")).completed
    assert clock.now - before > 240


def test_an_outage_is_reported_as_progress(
    backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    seen: list[str] = []
    backend.faults.add(Fault(kind="status", status=503, path=f"{SUBMIT}/*", times=9))
    token = backend.issue_token(credits=100)
    with Client(token, base_url=backend.url, clock=FakeClock()) as client:
        client.remove_background(
            clip,
            background="white",
            output=tmp_path / "x.mp4",
            progress=lambda now: seen.append(now.message),
        )
    assert "Connection lost; retrying…" in seen
    assert seen[-1] == "Video ready!"


def test_a_failure_of_the_backends_machine_has_one_remedy(clip: Path, tmp_path: Path) -> None:
    def render(*_: object, **__: object) -> RenderResult:
        raise errors.ModelUnavailableError("the model cannot be downloaded: no proxy")

    with (
        Client.local(render=render, clock=FakeClock(), state_dir=tmp_path / "state") as client,
        pytest.raises(errors.RenderFailedError, match="no proxy") as caught,
    ):
        client.remove_background(clip, background="white", output=tmp_path / "x.mp4")
    assert caught.value.remedy.startswith(errors.ModelUnavailableError("").remedy)
    assert str(caught.value).count("fetch-models") == 1


def test_a_wait_with_failing_polls_ends_at_its_deadline() -> None:
    script = Script(httpx.Response(200, json={"id": "r", "status": "x"}), httpx.ReadError("reset"))
    clock = FakeClock()
    with sync_client(script, clock=clock) as client:
        job = client.render.get("r")
        before = clock.now
        with pytest.raises(errors.NemoError):
            client.render.wait(job, deadline=60)
    assert clock.now - before <= 60


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_deadline_names_the_render_that_it_leaves_running(kind: str, tmp_path: Path) -> None:
    service = Service(arrives=True)
    service.status = "rendering"
    with (
        scripted(kind, service.script, clock=FakeClock()) as client,
        pytest.raises(errors.APITimeoutError) as caught,
    ):
        client.sessions.attach("1").export(tmp_path / "x.mp4", deadline=60)
    assert service.jobs == [caught.value.render_id]
    assert pickle.loads(pickle.dumps(caught.value)).render_id == caught.value.render_id


def test_a_refused_render_is_not_named(tmp_path: Path) -> None:
    service = Service(httpx.Response(402, json={"code": 402, "message": "no"}), arrives=False)
    with (
        sync_client(service.script, clock=FakeClock()) as client,
        pytest.raises(errors.ExportBlockedError) as caught,
    ):
        client.sessions.attach("1").export(tmp_path / "x.mp4")
    assert caught.value.render_id is None


def test_an_upload_with_a_lost_response_is_not_retried(backend: LocalBackend, clip: Path) -> None:
    with Client(base_url=backend.url) as client:
        session = client.sessions.create()
        backend.faults.add(Fault(kind="drop", path="/api/upload-video/*"))
        with pytest.raises(errors.APIConnectionError):
            session.upload(clip)
    uploads = [seen for seen in backend.requests if "upload" in seen.path]
    assert len(uploads) == 1


def test_a_late_render_is_reported_with_its_limit_and_its_id() -> None:
    service = Service(arrives=True)
    service.status = "rendering"
    polling = Polling(timeout_s=0.2)
    with sync_client(service.script, polling=polling, clock=FakeClock()) as client:
        job = client.render.submit("s", DRAFT)
        with pytest.raises(errors.RenderTimeoutError, match=r"within 0\.2 s") as caught:
            client.render.wait(job)
    assert f"client.render.get({job.id!r})" in caught.value.remedy


def test_a_job_can_be_given_by_its_id(tmp_path: Path) -> None:
    with LocalBackend(tmp_path / "state") as backend, Client(base_url=backend.url) as client:
        for call in (client.render.wait, client.render.cancel):
            with pytest.raises(errors.APIError) as caught:
                call("unknown")
            assert caught.value.status == 404
            with pytest.raises(errors.InvalidRequestError, match="job=5 is of type int"):
                call(5)  # type: ignore[arg-type]
        with pytest.raises(errors.APIError) as caught:
            client.render.download("unknown", tmp_path / "clean.mp4")
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("status", "remedy"), [("processing", "render.wait"), ("failed", "Render the draft again")]
)
def test_a_job_without_a_file_is_not_downloaded(status: str, remedy: str, tmp_path: Path) -> None:
    with (
        Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client,
        pytest.raises(errors.InvalidRequestError, match=status) as caught,
    ):
        client.render.download(RenderJob("r", status), tmp_path / "clean.mp4")
    assert remedy in caught.value.remedy
