"""Render jobs over HTTP, their files, and the project page."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Message

from nemovideo.local import Forms
from nemovideo.local.server import exports, sessions
from nemovideo.local.store import StoredFile
from tests.support.app import SKILL, Api, Renderer, anonymous, client, serving

SUBMIT = "/api/render/proxy/lambda"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A backend that renders immediately."""
    with serving() as api:
        yield api


def new_id() -> str:
    return f"render_{uuid.uuid4()}"


def test_a_render_goes_from_pending_to_a_file(api: Api) -> None:
    session_id, render_id = api.session_with_video(), new_id()
    submitted = api.submit(session_id, render_id, format="mp4", quality="high")
    assert submitted.json() == {"id": render_id, "status": "pending", "progress": 0}
    job = api.finished(render_id)
    assert (job["status"], job["progress"]) == ("completed", 100)
    assert job["completedAt"] >= job["createdAt"] > 1_700_000_000_000
    assert (job["output"]["duration"], job["output"]["size"]) == (1.0, 10)
    assert httpx.get(job["output"]["url"]).content == b"0123456789"
    part = httpx.get(job["output"]["url"], headers={"Range": "bytes=3-"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 3-9/10")


def test_the_download_requires_the_owners_token_and_serves_ranges(api: Api) -> None:
    session_id, render_id = api.session_with_video(), new_id()
    api.submit(session_id, render_id, format="webm")
    api.finished(render_id)
    path = f"/api/render/proxy/{render_id}/download"
    part = api.ask("GET", path, headers={"Range": "bytes=-2"})
    assert (part.status_code, part.content) == (206, b"89")
    assert part.headers["content-type"] == "video/webm"
    assert httpx.get(api.backend.url + path).status_code == 401
    with client(api.backend) as stranger:
        assert stranger.ask("GET", path).status_code == 404
        assert stranger.ask("GET", f"{SUBMIT}/{render_id}").status_code == 404


def test_the_renderer_gets_the_sessions_files_by_their_ids() -> None:
    renderer = Renderer()
    renderer.gate.set()
    with serving(render=renderer) as api:
        api.submit(api.session_with_video(), "r", format="mp4")
        api.finished("r")
        assert {key: item.name for key, item in renderer.media.items()} == {"m1": "talk.mp4"}


@pytest.mark.parametrize("missing", SKILL)
def test_export_is_blocked_without_the_attribution_headers(api: Api, missing: str) -> None:
    session_id = api.session_with_video()
    response = api.ask("POST", SUBMIT, json={"sessionId": session_id}, headers={missing: ""})
    assert (response.status_code, response.json()["code"]) == (402, 402)


def test_an_anonymous_user_exports_without_the_render_scope(api: Api) -> None:
    with client(api.backend, anonymous(api).json()["data"]["token"]) as visitor:
        session_id = visitor.session_with_video()
        assert visitor.submit(session_id, new_id(), format="mp4").status_code == 200


def test_a_render_is_free(api: Api) -> None:
    before = api.balance()
    render_id = new_id()
    api.submit(api.session_with_video(), render_id, format="mp4")
    api.finished(render_id)
    assert api.balance() == before


@pytest.mark.parametrize(
    "draft", [None, {}, {"t": []}, {"t": [{"tt": 0, "sg": []}]}, {"t": [1]}, [], "draft"]
)
def test_a_draft_without_a_segment_is_not_ready(api: Api, draft: object) -> None:
    body = {"id": new_id(), "sessionId": api.session(), "draft": draft, "output": {}}
    response = api.ask("POST", SUBMIT, json=body)
    assert (response.status_code, "not ready" in response.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name", ["../../evil", "m p4", "", "." * 3, "x" * 9])
def test_a_format_is_a_plain_suffix(api: Api, name: str) -> None:
    response = api.submit(api.session_with_video(), new_id(), format=name)
    assert response.status_code == 400


def test_an_id_is_rendered_only_once(api: Api) -> None:
    session_id, render_id = api.session_with_video(), new_id()
    assert api.submit(session_id, render_id, format="mp4").status_code == 200
    assert api.submit(session_id, render_id, format="mp4").status_code == 409


def test_an_unknown_session_or_job_is_not_found(api: Api) -> None:
    body = {"id": new_id(), "sessionId": "1", "draft": {"t": [{"sg": [{}]}]}}
    assert api.ask("POST", SUBMIT, json=body).json()["code"] == 1002
    assert api.ask("GET", f"{SUBMIT}/none").status_code == 404
    assert api.ask("POST", f"{SUBMIT}/none/cancel").status_code == 404


@pytest.mark.parametrize(
    ("format_", "error"),
    [
        ("tape", "There is no format tape"),
        ("offline", "python -m nemovideo.local fetch-models"),
        ("bug", "ZeroDivisionError: by zero"),
    ],
)
def test_a_failed_render_has_a_reason_and_the_next_one_runs(
    api: Api, format_: str, error: str
) -> None:
    session_id, first, second = api.session_with_video(), new_id(), new_id()
    api.submit(session_id, first, format=format_)
    job = api.finished(first)
    said = f"{job['error']} {job.get('remedy', '')}"
    assert (job["status"], error in said) == ("failed", True)
    api.submit(session_id, second, format="mp4")
    assert api.finished(second)["status"] == "completed"


def test_a_failure_of_the_store_fails_one_render_only(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = api.backend._running
    assert running is not None
    session_id, first, second = api.session_with_video(), new_id(), new_id()

    files = running.store.projects.files

    def locked_to_workers(session: str) -> list[StoredFile]:
        if threading.current_thread().name.startswith("nemovideo-render"):
            raise sqlite3.OperationalError("database is locked")
        return files(session)

    with monkeypatch.context() as patch:
        patch.setattr(running.store.projects, "files", locked_to_workers)
        api.submit(session_id, first, format="mp4")
        assert api.finished(first)["status"] == "failed"
    api.submit(session_id, second, format="mp4")
    assert api.finished(second)["status"] == "completed"


def test_a_render_of_an_invalid_draft_fails(api: Api) -> None:
    render_id = new_id()
    draft = {"t": [{"tt": 0, "sg": [{"d": "long", "m": {}}]}]}
    body = {"id": render_id, "sessionId": api.session(), "draft": draft, "output": {}}
    assert api.ask("POST", SUBMIT, json=body).status_code == 200
    assert "draft" in api.finished(render_id)["error"]


def test_a_running_and_a_pending_render_can_be_canceled() -> None:
    renderer = Renderer()
    with serving(render=renderer) as api:
        session_id = api.session_with_video()
        for render_id in ("one", "two", "three"):
            api.submit(session_id, render_id, format="mp4")
        assert renderer.begun.wait(10)
        assert api.render("one")["status"] == "processing"
        assert api.render("one")["progress"] == 50
        assert api.ask("POST", f"{SUBMIT}/two/cancel").json()["status"] == "cancelled"
        assert api.ask("POST", f"{SUBMIT}/one/cancel").json()["status"] == "cancelled"
        renderer.gate.set()
        assert api.finished("three")["status"] == "completed"
        assert api.render("one")["status"] == api.render("two")["status"] == "cancelled"
        assert api.ask("GET", "/api/render/proxy/one/download").status_code == 404
        assert api.ask("POST", f"{SUBMIT}/three/cancel").json()["status"] == "completed"


@pytest.mark.parametrize("raises", [True, False])
def test_a_canceled_renderer_may_end_in_any_way(
    raises: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def render(*_: Any, cancelled: Callable[[], bool], **__: Any) -> Any:
        begun.set()
        try:
            while not cancelled():
                pass
            if raises:
                raise RuntimeError("the program was killed")
        finally:
            ended.set()

    with serving(tmp_path, render=render) as api:
        api.submit(api.session_with_video(), "one", format="mp4")
        assert begun.wait(10)
        assert api.ask("POST", f"{SUBMIT}/one/cancel").json()["status"] == "cancelled"
        assert ended.wait(10)
    assert "failed" not in caplog.text
    assert list((tmp_path / "renders").iterdir()) == []


def test_a_render_canceled_after_its_last_frame_leaves_no_file(tmp_path: Path) -> None:
    cancel: list[Callable[[], object]] = []

    class Late(Renderer):
        def __call__(self, *args: Any, **options: Any) -> Any:
            rendered = super().__call__(*args, **options)
            cancel[0]()
            return rendered

    renderer = Late()
    with serving(tmp_path, render=renderer) as api:
        cancel.append(lambda: api.ask("POST", f"{SUBMIT}/late/cancel"))
        session_id = api.session_with_video()
        api.submit(session_id, "late", format="mp4")
        renderer.gate.set()
        assert api.finished("late")["status"] == "cancelled"
    assert list((tmp_path / "renders").iterdir()) == []


def test_the_page_of_a_claim_link_escapes_user_text(api: Api) -> None:
    created = api.data(
        "POST", "/api/tasks/me/with-session/nemo_agent", json={"task_name": "<b>bold</b>"}
    )
    api.upload(created["session_id"], ("<script>.mp4", b"VIDEO"))
    ids = {"task_id": created["task_id"], "session_id": created["session_id"]}
    claim = api.data("POST", "/api/auth/claim-token", json=ids)
    assert (claim["claim_token"][:4], claim["expires_in"]) == ("clm_", 604800)
    page = httpx.get(f"{api.backend.url}/workspace/claim", params={"ct": claim["claim_token"]})
    assert page.status_code == 200
    assert "&lt;b&gt;bold&lt;/b&gt;" in page.text
    assert "&lt;script&gt;.mp4" in page.text
    assert "<script" not in page.text
    assert httpx.get(f"{api.backend.url}/workspace/claim?ct=clm_x").status_code == 404
    assert api.ask("POST", "/api/auth/claim-token", json={**ids, "task_id": "x"}).status_code == 404
    balance = "/api/credits/balance/simple"
    header = {"Authorization": f"Bearer {claim['claim_token']}"}
    assert api.ask("GET", balance, headers=header).status_code == 401


def test_the_page_of_a_claim_link_shows_the_latest_renders_only(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_PAGE_RENDERS", 2)
    created = api.data("POST", "/api/tasks/me/with-session/nemo_agent", json={})
    api.upload(created["session_id"], ("a.mp4", b"VIDEO"))
    render_ids = [new_id() for _ in range(3)]
    for render_id in render_ids:
        api.submit(created["session_id"], render_id, format="mp4")
    ids = {"task_id": created["task_id"], "session_id": created["session_id"]}
    claim = api.data("POST", "/api/auth/claim-token", json=ids)
    page = httpx.get(f"{api.backend.url}/workspace/claim", params={"ct": claim["claim_token"]})
    assert [render_id in page.text for render_id in render_ids] == [False, True, True]


@pytest.mark.anyio
@pytest.mark.parametrize(("ranges", "sent"), [(None, b"0123456789"), ("bytes=3-5", b"345")])
async def test_a_download_that_has_begun_completes_even_if_its_file_is_removed(
    ranges: str | None, sent: bytes, tmp_path: Path
) -> None:
    path, received = tmp_path / "a.mp4", bytearray()
    path.write_bytes(b"0123456789")
    download = exports.Download(path.open("rb"), "a.mp4")
    path.unlink()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        received.extend(message.get("body", b""))

    headers = [] if ranges is None else [(b"range", ranges.encode())]
    await download({"type": "http", "method": "GET", "headers": headers}, receive, send)
    assert received == sent
    assert download.file.closed


def test_a_download_whose_file_has_been_removed_is_not_found(api: Api) -> None:
    render_id = new_id()
    api.submit(api.session_with_video(), render_id, format="mp4")
    assert api.finished(render_id)["status"] == "completed"
    for path in (api.backend.state_dir / "renders").iterdir():
        path.unlink()
    assert api.ask("GET", f"/api/render/proxy/{render_id}/download").status_code == 404


@pytest.mark.parametrize(
    ("render_id_key", "link"), [("taskId", "outputUrl"), ("render_id", "output")]
)
def test_responses_can_have_the_other_documented_forms(render_id_key: str, link: str) -> None:
    forms = Forms(
        envelopes={"render_submit": "success", "render_status": "code", "credits": "bare"},
        render_id=render_id_key,  # type: ignore[arg-type]
        render_link=link,  # type: ignore[arg-type]
    )
    with serving(forms=forms) as api:
        submitted = api.submit(api.session_with_video(), "r", format="mp4").json()
        assert submitted == {
            "success": True,
            "data": {render_id_key: "r", "status": "pending", "progress": 0},
        }
        while (job := api.render("r")["data"])["status"] != "completed":
            assert job["status"] in ("pending", "processing")
        assert link in job
        assert api.ask("GET", "/api/credits/balance/simple").json()["total"] == 100


@pytest.mark.parametrize(
    ("errors", "status", "key"),
    [("ok", 200, "code"), ("success", 404, "error"), ("detail", 404, "detail")],
)
def test_errors_can_have_the_other_documented_forms(errors: str, status: int, key: str) -> None:
    with serving(forms=Forms(errors=errors)) as api:  # type: ignore[arg-type]
        response = api.ask("GET", "/api/state/nemo_agent/me/1/latest")
        assert (response.status_code, key in response.json()) == (status, True)


def test_errors_can_be_the_web_page_of_a_proxy() -> None:
    with serving(forms=Forms(errors="html")) as api:
        response = api.ask("GET", "/api/state/nemo_agent/me/1/latest")
        assert (response.status_code, response.headers["content-type"][:9]) == (404, "text/html")
