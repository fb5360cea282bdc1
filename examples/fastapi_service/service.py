"""A web service that removes backgrounds: FastAPI around one `AsyncClient`.

    pip install "nemovideo[local]" fastapi
    NEMO_LOCAL=1 uvicorn --app-dir examples/fastapi_service --limit-concurrency 200 service:app

With NEMO_LOCAL, clips are decoded in this process. Without it, the service uses the cloud, with the
token in NEMO_TOKEN, or the server at NEMO_API_URL, such as a local backend that decodes clips in
separate processes:

    python -m nemovideo.local --host 127.0.0.1 --api-key-file keys.txt --max-renders 4 --keep 1d
    NEMO_API_URL=http://127.0.0.1:8000 NEMO_TOKEN=<the key> uvicorn --port 8080 … service:app

On the Internet, it must run behind a reverse proxy that buffers requests, has timeouts, and limits
the connections of each visitor. uvicorn does not: 200 silent connections would lock out everybody.
docs/embedding.md has the lines for nginx.

Open the address that uvicorn prints: the page uploads a clip, shows the progress, and plays the
result.

One client serves all requests; each clip is a separate task, which continues when the browser is
closed. Visitors are not trusted: their text is never used as a path or a URL (`local_files=False`),
and sizes, times, jobs and stored results are limited. However, a visitor's `background` is an
instruction to the agent, and can ask for other edits to the visitor's own clip. To limit who may
use the service, and how much, put a proxy or a login in front of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.datastructures import State, UploadFile
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nemovideo import AsyncClient, Progress, Upload
from nemovideo.errors import (
    SUPPORTED_SUFFIXES,
    AgentError,
    FileTooLargeError,
    RenderFailedError,
    UnsupportedFileError,
)

PAGE = Path(__file__).with_name("page.html")
CHUNK_BYTES = 1 << 20
MAX_CLIP_BYTES = int(os.environ.get("MAX_CLIP_BYTES", 100 << 20))
MAX_DESCRIPTION_CHARS = 200
MAX_FIELD_BYTES = 4 * MAX_DESCRIPTION_CHARS
MAX_JOBS = int(os.environ.get("MAX_JOBS", 4))  # concurrent clips, once they are uploaded
MAX_UPLOADS = 20  # unfinished, on disk
MAX_UPLOADS_EACH = 2  # per address
MAX_DISK_BYTES = int(os.environ.get("MAX_DISK_BYTES", 20 << 30))  # of the local backend
MAX_KEPT = 50  # results; older ones are removed
KEEP_S = 3600.0
UPLOAD_GRACE_S = float(os.environ.get("UPLOAD_GRACE_S", 10.0))
MIN_BYTES_PER_S = 100 << 10
JOB_S = 1800.0

SHOWN_TO_VISITORS = (AgentError, FileTooLargeError, RenderFailedError, UnsupportedFileError)
"""Errors about the clip or the request; others are only logged."""

BUSY = "busy: try again in a minute"
RETRY_LATER = {"Retry-After": "60"}
EXPECTED = "send a clip as 'file', and optionally a short description as 'background'"

log = logging.getLogger("uvicorn.error")


@dataclass
class Clip:
    """A clip in progress: its latest status, and a condition to wait for the next one."""

    folder: Path
    status: dict[str, object] = field(default_factory=lambda: {"message": "Uploading…"})
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    ended_at: float | None = None

    @property
    def result(self) -> Path:
        return self.folder / "clean.mp4"

    async def publish(self, **status: object) -> None:
        async with self.changed:
            self.status = status
            self.changed.notify_all()


class UploadLimits:
    """Limits unfinished uploads, in total and per address, and their size and duration.

    This is a middleware because FastAPI reads the whole form before it calls a handler. An upload
    does not count as a job until it is complete.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        state, address = scope["app"].state, (scope["client"] or ("",))[0]
        began_s, size = time.monotonic(), 0

        async def limited() -> Message:
            nonlocal size
            due_s = began_s + UPLOAD_GRACE_S + size / MIN_BYTES_PER_S
            try:
                message = await asyncio.wait_for(receive(), due_s - time.monotonic())
            except asyncio.TimeoutError:
                raise HTTPException(408, "the upload is too slow") from None
            size += len(message.get("body", b""))
            if size > MAX_CLIP_BYTES + CHUNK_BYTES:
                raise HTTPException(413, f"a clip may be at most {MAX_CLIP_BYTES >> 20} MB")
            return message

        uploads: Counter[str] = state.uploads
        if (
            len(state.tasks) >= MAX_JOBS
            or uploads[address] >= MAX_UPLOADS_EACH
            or uploads.total() >= MAX_UPLOADS
        ):
            await JSONResponse({"detail": BUSY}, 503, RETRY_LATER)(scope, receive, send)
            return
        uploads[address] += 1
        try:
            await self.app(scope, limited, send)
        finally:
            uploads[address] -= 1
            if not uploads[address]:
                del uploads[address]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    local = bool(os.environ.get("NEMO_LOCAL"))
    with tempfile.TemporaryDirectory() as folder:
        state.folder, state.clips, state.tasks = Path(folder), {}, set()
        state.uploads = Counter()
        options = {"local_files": False, "deadline": JOB_S}
        if local:
            from nemovideo.local import Limits

            limits = Limits(disk_bytes=MAX_DISK_BYTES)
            client = AsyncClient.local(**options, keep_s=KEEP_S, limits=limits)  # type: ignore[arg-type]
        else:
            client = AsyncClient(**options)  # type: ignore[arg-type]
        async with client as state.client:
            cleaner = asyncio.create_task(clean_up(state.clips))
            yield
            for task in (cleaner, *state.tasks):
                task.cancel()
            await asyncio.gather(cleaner, *state.tasks, return_exceptions=True)


async def clean_up(clips: dict[str, Clip]) -> None:
    """Once a minute, remove results that are too old, or the oldest if there are too many."""
    while True:
        ended = sorted((clip.ended_at, name) for name, clip in clips.items() if clip.ended_at)
        kept = [name for at, name in ended if at > time.monotonic() - KEEP_S][-MAX_KEPT:]
        for _, name in ended:
            if name not in kept:
                await asyncio.to_thread(shutil.rmtree, clips.pop(name).folder, ignore_errors=True)
        await asyncio.sleep(60)


app = FastAPI(title="Background remover", lifespan=lifespan)
app.add_middleware(UploadLimits)


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE)


@app.post("/clips", status_code=202)
async def start(request: Request) -> dict[str, str]:
    """Store an uploaded clip, start processing it, and return its id."""
    kind = request.headers.get("content-type", "").lower()
    # A charset can be any of Python's codecs, and "punycode" takes quadratic time.
    if not kind.startswith("multipart/form-data") or "charset" in kind:
        raise HTTPException(422, EXPECTED)
    # FastAPI's own parameters allow a thousand files, of which it keeps up to 1 MB each in memory.
    async with request.form(max_files=1, max_fields=1, max_part_size=MAX_FIELD_BYTES) as form:
        file, background = form.get("file"), form.get("background", "office setting")
        if not isinstance(file, UploadFile) or not isinstance(background, str):
            raise HTTPException(422, EXPECTED)
        if len(background) > MAX_DESCRIPTION_CHARS or not background.isprintable():
            raise HTTPException(422, EXPECTED)
        return {"id": await accept(request.app.state, file, background)}


async def accept(state: State, file: UploadFile, background: str) -> str:
    """Store the clip, start processing it, and return its id."""
    name = uuid.uuid4().hex
    clip = Clip(state.folder / name)
    # The file name from the browser is never used as a path, but the agent and errors mention it,
    # and its suffix determines the format.
    given = Path(file.filename or "")
    known = given.suffix.lower().removeprefix(".") in SUPPORTED_SUFFIXES
    source = clip.folder / "source"
    upload = Upload(source, given.name if known else given.stem)
    clip.folder.mkdir()
    try:
        with source.open("wb") as target:
            while chunk := await file.read(CHUNK_BYTES):
                target.write(chunk)
        if len(state.tasks) >= MAX_JOBS:
            raise HTTPException(503, BUSY, RETRY_LATER)  # noqa: TRY301 - removes the clip
    except BaseException:  # the disk is full, the visitor disconnected, or all jobs are taken
        shutil.rmtree(clip.folder, ignore_errors=True)
        raise
    state.clips[name] = clip
    task = asyncio.create_task(work(state.client, clip, upload, background))
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)
    return name


async def work(client: AsyncClient, clip: Clip, source: Upload, background: str) -> None:
    """Process the clip, and publish its progress."""
    loop, publishing = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def on_progress(now: Progress) -> None:
        task = loop.create_task(clip.publish(fraction=now.fraction, message=now.message))
        publishing.add(task)
        task.add_done_callback(publishing.discard)

    try:
        await client.remove_background(
            source, background=background, output=clip.result, progress=on_progress
        )
    except SHOWN_TO_VISITORS as error:
        last: dict[str, object] = {"error": error.message}  # the remedy is for programmers
    except Exception:
        log.exception("clip %s failed", clip.folder.name)
        last = {"error": "the video could not be processed; try again later"}
    else:
        last = {"done": True, "fraction": 1.0, "message": "Ready"}
    finally:
        clip.ended_at = time.monotonic()
    await asyncio.gather(*publishing)
    await clip.publish(**last)


def find(request: Request, name: str) -> Clip:
    """Return the clip with this id; raise 404 if there is none."""
    clip = request.app.state.clips.get(name)
    if not isinstance(clip, Clip):
        raise HTTPException(404, "there is no such clip")
    return clip


@app.get("/clips/{name}/events")
async def events(request: Request, name: str) -> StreamingResponse:
    """Stream the clip's progress as server-sent events, until it is done."""
    clip = find(request, name)

    async def lines() -> AsyncIterator[str]:
        sent: dict[str, object] | None = None
        while True:
            async with clip.changed:
                while clip.status is sent:
                    await clip.changed.wait()
                sent = clip.status
            yield f"data: {json.dumps(sent)}\n\n"
            if "done" in sent or "error" in sent:
                return

    headers = {"X-Accel-Buffering": "no"}  # otherwise, nginx would buffer them
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


@app.get("/clips/{name}/video")
async def video(request: Request, name: str) -> FileResponse:
    """Return the finished clip."""
    clip = find(request, name)
    if not clip.result.exists():
        raise HTTPException(409, "the video is not ready yet")
    headers = {"X-Content-Type-Options": "nosniff"}
    return FileResponse(clip.result, media_type="video/mp4", headers=headers)
