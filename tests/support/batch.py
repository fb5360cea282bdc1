"""Helpers of the batch tests: distinct clips, broken files, and a fast renderer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nemovideo import Client
from nemovideo.local import LocalBackend
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline
from nemovideo.retry import Polling, StreamLimits
from tests.support.media import make_clip

GOOD, BROKEN = 9, 3


@attrs.frozen
class Written:
    duration_ms: int
    size_bytes: int
    warnings: tuple[str, ...] = ()


class LeftHalf:
    """A fast matting engine: the person is the left half."""

    side = 64

    def mask(self, picture: Picture) -> Mask:
        mask = np.zeros_like(picture[..., 0], dtype=np.float32)
        mask[:, : mask.shape[-1] // 2] = 1
        return mask


def quick_render(
    timeline: Timeline,
    media: Mapping[str, MediaItem],
    output: Path,
    *,
    format: str,  # noqa: A002 - the renderer's own keyword
    quality: str,
    on_progress: Callable[[float], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Written:
    """Write a file with the bytes of its sources and the names of its backgrounds."""
    used = [media[clip.media].path.read_bytes() for clip in timeline.clips if clip.media]
    backgrounds = [str(clip.background) for clip in timeline.clips]
    output.write_bytes(b"\0\0\0\x18ftypisom" + repr(backgrounds).encode() + b"".join(used))
    return Written(timeline.duration_ms, output.stat().st_size)


def make_clips(folder: Path, count: int) -> list[Path]:
    """Write small clips with different content."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = ((64 + 2 * (n % 8), 48 + 2 * (n // 8)) for n in range(count))
    return [
        make_clip(folder / f"clip{n:02}.mp4", seconds=0.2, width=w, height=h, tone_hz=None)
        for n, (w, h) in enumerate(sizes)
    ]


def make_broken(folder: Path) -> list[Path]:
    """Write an empty file, a text file, and a truncated clip."""
    whole = make_clip(folder / "whole.tmp.mp4", seconds=0.2, width=64, height=48, tone_hz=None)
    content = whole.read_bytes()
    whole.unlink()
    contents = {"empty.mp4": b"", "text.mp4": b"not a video " * 99, "cut.mp4": content[:600]}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def results(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the results in a folder, with mtime and inode, which change if one is rewritten."""
    found = (path for path in folder.rglob("*.mp4") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in found
    }


def request_count(backend: LocalBackend, path: str) -> int:
    """Return the number of requests for a path."""
    return sum(request.path == path for request in backend.requests)


@contextmanager
def quick_backend(state_dir: Path, **options: Any) -> Iterator[LocalBackend]:
    """Run a backend with a fast renderer."""
    with LocalBackend(state_dir, render=quick_render, **options) as backend:
        yield backend


def quick_client(backend: LocalBackend, **options: Any) -> Client:
    """Return a client of a backend with short polling intervals."""
    defaults = {
        "base_url": backend.url,
        "web_url": backend.url,
        "edit_cost": backend.edit_cost,
        "polling": Polling(first_s=0.01, interval_s=0.05),
        "stream": StreamLimits(first_check_s=0.05, check_s=0.05),
    }
    return Client(**{**defaults, **options})
