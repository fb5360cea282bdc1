"""Helpers of the server's tests: a fast backend, and a client on plain httpx."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx

from nemovideo.errors import (
    ModelUnavailableError,
    RenderCancelledError,
    RenderFailedError,
    UnsupportedFileError,
)
from nemovideo.local.agent.turn import Step, ToolUse, Turn
from nemovideo.local.backend import LocalBackend
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Clip, Timeline, Title

SKILL = {"X-Skill-Source": "tests", "X-Skill-Version": "1.0", "X-Skill-Platform": "unknown"}
RUN = {"app_name": "nemo_agent", "user_id": "me"}
VIDEO = b"VIDEO of a person who talks"


def probe(path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
    """Accept files that start with VIDEO as videos."""
    content = path.read_bytes()
    if not content.startswith(b"VIDEO"):
        raise UnsupportedFileError(f"{name} is not a video")
    return MediaItem(
        *(id, name, path, "video", len(content)), duration_ms=1000, width=4, height=2, fps=25.0
    )


def opening(media: Sequence[MediaItem]) -> Timeline | None:
    """Put the first file on the timeline."""
    return Timeline((Clip("video", 1000, media[0].name, media=media[0].id),))


def respond(
    text: str,
    *,
    timeline: Timeline | None,
    media: Sequence[MediaItem],
    history: Sequence[Timeline | None] = (),
) -> Turn:
    """Respond to a command word: edit, generate, quietly, undo, refuse, fail; else chat."""
    word, _, rest = text.partition(" ")
    now = timeline or Timeline()
    titled = attrs.evolve(now, titles=(*now.titles, Title(rest or "words", 500)))
    tool = ToolUse("edit_title", {"text": rest}, {"status": "success"})
    match word:
        case "edit" | "quietly":
            done = Step(tool, "Done! The title is there.", titled)
            return Turn("edit", (done,), titled, changed=True, silent=word == "quietly")
        case "generate":
            more = attrs.evolve(titled, title="with music")
            steps = (Step(tool, "The video is there.", titled), Step(tool, "And music.", more))
            return Turn("generation", steps, more, changed=True)
        case "undo":
            undone = Step(tool, "Undone.", None)
            return Turn("edit", (undone,), history[-1], changed=True, undone=True)
        case "refuse":
            return Turn("edit", (Step(tool, "I cannot do that.", None),), timeline)
        case "fail":
            raise RuntimeError("the agent is broken")
        case _:
            return Turn("chat", (Step(None, f"You said: {text}", None),), timeline)


@attrs.frozen
class Rendered:
    duration_ms: int
    size_bytes: int
    warnings: tuple[str, ...] = ()


@attrs.define
class Renderer:
    """Writes a few bytes; waits until `gate` is set or the render is canceled."""

    gate: threading.Event = attrs.field(factory=threading.Event)
    begun: threading.Event = attrs.field(factory=threading.Event)
    media: Mapping[str, MediaItem] = attrs.field(factory=dict)

    def __call__(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        output: Path,
        *,
        format: str,  # noqa: A002
        quality: str,
        on_progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Rendered:
        assert on_progress is not None
        assert cancelled is not None
        if format == "tape":
            raise RenderFailedError("There is no format tape")
        if format == "offline":
            raise ModelUnavailableError("the model is not here")
        if format == "bug":
            raise ZeroDivisionError("by zero")
        self.media = media
        on_progress(0.5)
        self.begun.set()
        while not self.gate.wait(0.005):
            if cancelled():
                raise RenderCancelledError("cancelled")
        output.write_bytes(b"0123456789")
        return Rendered(timeline.duration_ms, 10)


@attrs.define
class Clock:
    """A clock that only the test advances."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class Api:
    """A client of the server."""

    backend: LocalBackend
    http: httpx.Client

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path, **options)

    def data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = self.ask(method, path, **options)
        body = response.json()
        assert (response.status_code, body["code"]) == (200, 0), body
        value: dict[str, Any] = body["data"]
        return value

    def session(self) -> str:
        created = self.data("POST", "/api/tasks/me/with-session/nemo_agent", json={})
        return str(created["session_id"])

    def session_with_video(self) -> str:
        session_id = self.session()
        assert self.upload(session_id, ("talk.mp4", VIDEO)).status_code == 200
        return session_id

    def upload(self, session_id: str, *files: tuple[str, bytes]) -> httpx.Response:
        parts = [("files", file) for file in files]
        return self.ask("POST", f"/api/upload-video/nemo_agent/me/{session_id}", files=parts)

    def run(self, session_id: str, text: str, *, streaming: bool = False) -> httpx.Response:
        return self.ask("POST", "/run_sse", json=run_body(session_id, text, streaming=streaming))

    def events(self, session_id: str, text: str, *, streaming: bool = False) -> list[Any]:
        response = self.run(session_id, text, streaming=streaming)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return read_events(response.text)

    def draft(self, session_id: str) -> dict[str, Any] | None:
        found = self.data("GET", f"/api/state/nemo_agent/me/{session_id}/latest")
        value: dict[str, Any] | None = found["state"]["draft"]
        return value

    def titles(self, session_id: str) -> list[str]:
        draft = self.draft(session_id) or {"t": []}
        tracks = [track for track in draft["t"] if track["tt"] == 7]
        return [segment["m"]["text"] for track in tracks for segment in track["sg"]]

    def balance(self) -> tuple[int, int, int]:
        found = self.data("GET", "/api/credits/balance/simple")
        return found["available"], found["frozen"], found["total"]

    def submit(self, session_id: str, render_id: str, **output: str) -> httpx.Response:
        body = {"id": render_id, "sessionId": session_id, "draft": self.draft(session_id)}
        return self.ask("POST", "/api/render/proxy/lambda", json={**body, "output": output})

    def render(self, render_id: str) -> dict[str, Any]:
        value: dict[str, Any] = self.ask("GET", f"/api/render/proxy/lambda/{render_id}").json()
        return value

    def finished(self, render_id: str) -> dict[str, Any]:
        """Poll until the job has finished."""
        while (job := self.render(render_id))["status"] in ("pending", "processing"):
            threading.Event().wait(0.005)
        return job


def run_body(session_id: str, text: str, *, streaming: bool = False) -> dict[str, Any]:
    message = {"role": "user", "parts": [{"text": text}]}
    body = {**RUN, "session_id": session_id, "new_message": message}
    return {**body, "streaming": True} if streaming else body


def read_events(text: str) -> list[Any]:
    frames = [frame for frame in text.split("\n\n") if frame]
    assert all(frame.startswith("data: ") for frame in frames)
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def complete_text(events: Sequence[Any]) -> str:
    """Return the text of the events that are not partial."""
    return "".join(
        part.get("text", "")
        for event in events
        if event.get("partial") is not True
        for part in event.get("content", {}).get("parts", [])
    )


def open_gate() -> Renderer:
    renderer = Renderer()
    renderer.gate.set()
    return renderer


def fast_backend(state_dir: Path | None = None, **options: Any) -> LocalBackend:
    fakes = {"respond": respond, "probe": probe, "opening": opening, "render": open_gate()}
    return LocalBackend(state_dir, **{**fakes, **options})


@contextmanager
def client(backend: LocalBackend, token: str | None = None) -> Iterator[Api]:
    token = token or backend.issue_token()
    headers = {**SKILL, "Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=backend.url, headers=headers, timeout=30) as http:
        yield Api(backend, http)


@contextmanager
def serving(state_dir: Path | None = None, **options: Any) -> Iterator[Api]:
    """Run a backend with a fast agent and renderer; yield a client with a new token."""
    with fast_backend(state_dir, **options) as backend, client(backend) as api:
        yield api


def anonymous(api: Api, client_id: str | None = None) -> httpx.Response:
    headers = {"X-Client-Id": client_id or str(uuid.uuid4())}
    return api.ask("POST", "/api/auth/anonymous-token", headers=headers)
