"""`IsolatedWork`: the same work as `Work`, in child processes with limits."""

from __future__ import annotations

import glob
import logging
import math
import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import LocalBackendError, RenderFailedError, UnsupportedFileError
from nemovideo.local.isolation import child
from nemovideo.local.isolation.child import Setup
from nemovideo.local.isolation.processes import ProcessLostError, ProcessPool, prepare
from nemovideo.local.matte import Engine
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import RenderResult
from nemovideo.local.server.limits import Limits
from nemovideo.local.timeline import Timeline
from nemovideo.local.work import Work


class IsolatedWork:
    """Probes, previews and renders in child processes, which are killed if they exceed a limit.

    Probes run in separate processes, which need no engine.

    Raises:
        LocalBackendError: The engine is an object that cannot be sent to another process, or no
            process can be started.
    """

    def __init__(
        self, engine: Engine | None, model: Path | None, device: str, limits: Limits
    ) -> None:
        setup = Setup(
            engine,
            model,
            device,
            memory_bytes=_memory_limit(limits.memory_bytes),
            log_level=logging.getLogger(child.LOGGER).getEffectiveLevel(),
        )
        try:
            pickle.dumps(setup)
        except Exception as error:  # from the engine's own code
            raise LocalBackendError(
                f"the engine cannot be sent to another process: {error}",
                remedy="Use isolate=False, or an engine that can be pickled.",
            ) from error
        self._limits = limits
        self._probes = ProcessPool(setup)
        self._renders = ProcessPool(setup)
        prepare()

    def stop(self) -> None:
        """End all processes."""
        self._probes.stop()
        self._renders.stop()

    def load(self) -> None:
        """Load the engine in one process; raises the errors of `load_matting`."""
        try:
            self._renders.run(Work.load, limit_s=math.inf)
        except ProcessLostError as error:
            remedy = None
            if error.over_limit:
                remedy = Remedy(("raise ", Code("Limits(memory_bytes=…)", in_shell="--max-memory")))
            raise LocalBackendError(
                f"the engine cannot be loaded: {error}", remedy=remedy
            ) from error

    def probe(self, path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
        """Return a file's type and properties.

        Raises:
            UnsupportedFileError: See `nemovideo.local.media.probe.probe`; or the file crashes
                the decoder, or exceeds a limit.
        """
        call = partial(Work.probe, path=path, name=name, id=id)
        try:
            return self._probes.run(call, limit_s=self._limits.probe_s)
        except ProcessLostError as error:
            raise UnsupportedFileError(
                f"{name} cannot be examined: {error}",
                code=4001,
                remedy="Save or convert the file again, or make it smaller.",
            ) from error

    def preview(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        at_s: Sequence[float] | None,
        target: Path,
    ) -> None:
        """Write frames of a draft to a file.

        Raises:
            RenderFailedError: See `nemovideo.local.previews.preview_draft`; or a file crashes
                the decoder, or the preview exceeds a limit.
        """
        call = partial(Work.preview, timeline=timeline, media=media, at_s=at_s, target=target)
        try:
            self._renders.run(call, limit_s=self._limits.preview_s)
        except ProcessLostError as error:
            raise RenderFailedError(f"the preview failed: {error}") from error

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
        """Render a draft to a file.

        Raises:
            RenderFailedError: See `nemovideo.local.render.render`; or the draft crashes a
                library, or exceeds a limit.
        """
        render = partial(
            Work.render,
            timeline=timeline,
            media=media,
            output=output,
            format=format,
            quality=quality,
        )
        try:
            return self._renders.run(
                partial(child.reporting, render=render),
                limit_s=self._limits.stall_s,
                cancelled=cancelled,
                on_progress=on_progress,
            )
        except ProcessLostError as error:
            raise RenderFailedError(f"the render failed: {error}") from error
        finally:
            for part in output.parent.glob(f".{glob.escape(output.name)}.*"):
                with suppress(OSError):
                    part.unlink()


def _memory_limit(memory_bytes: int | None) -> int | None:
    """Return the limit, but no more than the machine's memory."""
    if sys.platform == "linux" and memory_bytes is not None:
        return min(memory_bytes, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return None
