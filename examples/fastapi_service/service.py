"""A web service that removes backgrounds: FastAPI around one `AsyncClient`.

    pip install "nemovideo[local]" fastapi
    NEMO_LOCAL=1 uvicorn --app-dir examples/fastapi_service service:app

Without NEMO_LOCAL it works with the cloud, and the token in NEMO_TOKEN. Open the address that
uvicorn prints: a page takes a clip, shows the progress as it comes, and plays the result.

One client serves all requests; each clip is a task of its own, which goes on when the browser is
closed. Uploaded files and results live in a temporary folder that goes with the service.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from nemovideo import AsyncClient, NemoError, Progress

PAGE = Path(__file__).with_name("page.html")
CHUNK_BYTES = 1 << 20


@dataclass
class Clip:
    """One clip on its way: what the page is told of it, and who waits for news."""

    folder: Path
    news: dict[str, object] = field(default_factory=lambda: {"message": "Uploading…"})
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def result(self) -> Path:
        return self.folder / "clean.mp4"

    async def tell(self, **news: object) -> None:
        async with self.changed:
            self.news = news
            self.changed.notify_all()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    make = AsyncClient.local if os.environ.get("NEMO_LOCAL") else AsyncClient
    with tempfile.TemporaryDirectory() as folder:
        async with make() as app.state.client:
            app.state.folder, app.state.clips, app.state.tasks = Path(folder), {}, set()
            yield
            for task in app.state.tasks:
                task.cancel()
            await asyncio.gather(*app.state.tasks, return_exceptions=True)


app = FastAPI(title="Background remover", lifespan=lifespan)


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE)


@app.post("/clips", status_code=202)
async def start(
    request: Request, file: UploadFile, background: Annotated[str, Form()] = "office setting"
) -> dict[str, str]:
    """Take a clip, and begin; the answer names it."""
    state = request.app.state
    name = uuid.uuid4().hex
    clip = state.clips[name] = Clip(state.folder / name)
    clip.folder.mkdir()
    # The name that the browser gave never becomes a path; only its suffix says what the file is.
    source = clip.folder / f"source{Path(file.filename or '').suffix}"
    with source.open("wb") as target:
        while chunk := await file.read(CHUNK_BYTES):
            target.write(chunk)
    task = asyncio.create_task(work(state.client, clip, source, background))
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)
    return {"id": name}


async def work(client: AsyncClient, clip: Clip, source: Path, background: str) -> None:
    """Do it, and tell those who wait."""
    loop, telling = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def on_progress(now: Progress) -> None:
        task = loop.create_task(clip.tell(fraction=now.fraction, message=now.message))
        telling.add(task)
        task.add_done_callback(telling.discard)

    try:
        await client.remove_background(
            source, background=background, output=clip.result, progress=on_progress
        )
    except NemoError as error:
        last: dict[str, object] = {"error": error.message, "remedy": error.remedy}
    else:
        last = {"done": True, "fraction": 1.0, "message": "Ready"}
    await asyncio.gather(*telling)
    await clip.tell(**last)


def find(request: Request, name: str) -> Clip:
    """Return the clip of this name, or answer 404."""
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
                while clip.news is sent:
                    await clip.changed.wait()
                sent = clip.news
            yield f"data: {json.dumps(sent)}\n\n"
            if "done" in sent or "error" in sent:
                return

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/clips/{name}/video")
async def video(request: Request, name: str) -> FileResponse:
    """Return the finished clip."""
    clip = find(request, name)
    if not clip.result.exists():
        raise HTTPException(409, "it is not ready")
    return FileResponse(clip.result, media_type="video/mp4")
