"""A job in its own process that kills itself at a given event; fast to import."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from nemovideo import AsyncClient, Client, Polling, StreamLimits
from nemovideo._jobs import checkpoints
from nemovideo.hooks import RequestInfo, ResponseInfo
from nemovideo.models import Progress

COLOR = "#00b140"
QUICK: dict[str, Any] = {
    "polling": Polling(first_s=0.02, interval_s=0.05),
    "stream": StreamLimits(first_check_s=0.05, check_s=0.05),
}


class Killer:
    """Counts events, and kills this process at one, such as "before write 3"."""

    def __init__(self, point: str | None) -> None:
        self.point = point
        self.events: list[str] = []
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        self._seen[name] += 1
        event = f"{name} {self._seen[name]}"
        self.events.append(event)
        if event == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_request(self, request: RequestInfo) -> None:
        self(f"before {named(request)}")

    def on_response(self, response: ResponseInfo) -> None:
        self(f"after {named(response.request)}")

    def on_progress(self, progress: Progress) -> None:
        if progress.message in ("Uploading…", "Downloading…"):
            self(progress.message.lower().rstrip("…"))


def named(request: RequestInfo) -> str:
    """Return a short name for a request."""
    for part, word in (
        ("with-session", "session"),
        ("upload-video", "upload"),
        ("/state/", "state"),
        ("balance", "balance"),
        ("run_sse", "message"),
        ("claim-token", "claim"),
        ("/files/", "file"),
        ("/render/proxy/lambda/", "poll"),
        ("/render/proxy/lambda", "submit"),
    ):
        if part in request.path:
            return word
    return request.path


def child(
    driver: str, point: str | None, base_url: str, token: str, clip: Path, checkpoint: Path
) -> None:
    """Run the job, and write its events to a file if it survives."""
    killer = Killer(point)
    save = checkpoints.save

    def save_with_events(path: Path, checkpoint: checkpoints.Checkpoint) -> None:
        killer("before write")
        save(path, checkpoint)
        killer("after write")

    checkpoints.save = save_with_events
    options = {**QUICK, "on_request": killer.on_request, "on_response": killer.on_response}
    order: dict[str, Any] = {
        "background": COLOR,
        "output": checkpoint.with_name("clean.mp4"),
        "checkpoint": checkpoint,
        "progress": killer.on_progress,
    }
    if driver == "sync":
        with Client(token, base_url=base_url, **options) as client:
            client.remove_background(clip, **order)
    else:

        async def main() -> None:
            async with AsyncClient(token, base_url=base_url, **options) as client:
                await client.remove_background(clip, **order)

        anyio.run(main, backend="trio" if driver == "trio" else "asyncio")
    checkpoint.with_name("events").write_text("\n".join(killer.events))
