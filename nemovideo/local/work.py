"""The server's work on users' files in this process: probes, previews and renders."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from nemovideo.local import rates
from nemovideo.local.media.probe import MediaItem, probe
from nemovideo.local.previews import preview_draft
from nemovideo.local.render import RenderResult, render
from nemovideo.local.render.clips import MattingSource
from nemovideo.local.server.previews import write_preview
from nemovideo.local.timeline import Timeline

_log = logging.getLogger("nemovideo.local")


@attrs.frozen
class Work:
    """Probes, previews and renders with one engine.

    Attributes:
        matting: Loads the engine, or returns the loaded one.
        engine_name: Its name, under which the speed of renders is recorded for estimates.
    """

    matting: MattingSource
    engine_name: str

    def load(self) -> None:
        """Load the engine; raises the errors of `load_matting`."""
        self.matting()

    def probe(self, path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
        """Return a file's type and properties; see `nemovideo.local.media.probe.probe`."""
        return probe(path, name, id=id)

    def preview(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        at_s: Sequence[float] | None,
        target: Path,
    ) -> None:
        """Write frames of a draft to a file; see `nemovideo.local.previews.preview_draft`."""
        write_preview(preview_draft(timeline, media, at_s, self.matting), target)

    def render(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        output: Path,
        *,
        format: str,  # noqa: A002 - the renderer's own keyword
        quality: str,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> RenderResult:
        """Render a draft to a file; see `nemovideo.local.render.render`."""
        uses_matting = any(clip.background is not None for clip in timeline.clips)
        if uses_matting:
            self.matting()  # not part of the measured time
        stopwatch = rates.Stopwatch()

        def report(fraction: float) -> None:
            stopwatch.frame_done(fraction)
            on_progress(fraction)

        started = time.perf_counter()
        result = render(
            timeline,
            media,
            output,
            format=format,
            quality=quality,
            matting=self.matting,
            on_progress=report,
            cancelled=cancelled,
        )
        total_s = stopwatch.total_s
        seconds = max(time.perf_counter() - started, 1e-6)
        frames = result.duration_ms * timeline.fps / 1000
        name = next((media[clip.media].name for clip in timeline.clips if clip.media), "a title")
        rate = frames / seconds
        _log.info(
            "rendered %.0f frames of %.80r in %.1f s (%.1f frames/s)", frames, name, seconds, rate
        )
        if uses_matting:
            rates.record(
                self.engine_name,
                format,
                quality,
                pixels=round(timeline.width * timeline.height * frames),
                seconds=total_s,
                size_bytes=result.size_bytes,
            )
        return result
