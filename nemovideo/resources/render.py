"""Render jobs."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, overload

from nemovideo._downloads.openfile import BinaryWriter
from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import render
from nemovideo._flows.context import Context
from nemovideo._flows.downloads import OnBytes
from nemovideo._flows.render import OnJob
from nemovideo._support.annotations import LazyModule
from nemovideo.draft import Draft
from nemovideo.models import RenderedVideo, RenderJob, SavedVideo

if TYPE_CHECKING:
    from nemovideo._progress import bar
else:
    bar = LazyModule("nemovideo._progress.bar")


class Render(Resource):
    """`client.render`."""

    def submit(
        self,
        session_id: str,
        draft: Draft,
        format: str = "mp4",  # noqa: A002 - the protocol's name
        quality: str = "high",
        *,
        deadline: float | None = None,
    ) -> RenderJob:
        """Submit a draft for rendering; exports cost no credits.

        Args:
            session_id: The session.
            draft: The draft; it is sent unchanged, with unknown keys.
            format: "mp4", or another format that the service supports.
            quality: "high", or another quality that the service supports.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            DraftNotReadyError: No track has a segment; nothing was sent.
            ExportBlockedError: The subscription tier does not allow it.
        """
        flow = render.submit(self._context, session_id, draft, format, quality)
        return self._run(flow, deadline)

    @overload
    def export(
        self,
        session_id: str,
        path: str | os.PathLike[str],
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> SavedVideo: ...
    @overload
    def export(
        self,
        session_id: str,
        path: None = None,
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> RenderedVideo: ...
    def export(
        self,
        session_id: str,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> RenderedVideo:
        """Render a session's draft and download the file; see `Session.export`."""
        with _reporting(self._context, progress, on_progress) as on_job:
            flow = render.export(
                self._context,
                session_id,
                path,
                format=format,
                quality=quality,
                overwrite=overwrite,
                task_id=task_id,
                on_job=on_job,
            )
            return self._run(flow, deadline)

    def get(self, render_id: str, *, deadline: float | None = None) -> RenderJob:
        """Return the current state of a job."""
        return self._run(render.get(self._context, render_id), deadline)

    def wait(
        self,
        job: RenderJob | str,
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        deadline: float | None = None,
    ) -> RenderJob:
        """Poll the job every few seconds until it has ended; failed polls are retried.

        Args:
            job: The job, or its id.
            on_progress: Called with the job after every poll.
            progress: True shows a bar; a callback receives `Progress` values.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            RenderFailedError: The job failed (RenderCancelledError: it was canceled).
            RenderTimeoutError: It did not end in time; it may still be running.
        """
        with _reporting(self._context, progress, on_progress) as on_job:
            return self._run(render.wait(self._context, job, on_job), deadline)

    def cancel(self, job: RenderJob | str, *, deadline: float | None = None) -> RenderJob:
        """Cancel an unfinished job, given as a `RenderJob` or an id, and return its new state."""
        return self._run(render.cancel(self._context, job), deadline)

    @overload
    def download(
        self,
        job: RenderJob | str,
        path_or_file: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path: ...

    @overload
    def download(
        self,
        job: RenderJob | str,
        path_or_file: BinaryWriter,
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> int: ...

    def download(
        self,
        job: RenderJob | str,
        path_or_file: str | os.PathLike[str] | BinaryWriter,
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path | int:
        """Download a finished job's file, resuming after dropped connections.

        Until it is complete, the file is called `<name>.part`; one left by another call or process
        is resumed if the server still has the same file.

        Args:
            job: The job, or its id; its link is tried first, then the API's download route.
            path_or_file: A path, or an open binary file, which is written from its current position
                and left open.
            on_progress: Called with the bytes received, and the total if known.
            overwrite: Replace an existing file.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Returns:
            The path, or the number of bytes written to the open file.

        Raises:
            OutputPathError: The path exists, or cannot be used.
            InvalidRequestError: The job has not ended, or the file is not binary.
            OutputError: The file cannot be written: no space, no permission, or another download
                is writing it.
            DownloadError: The received file is incomplete.
        """
        flow = render.download(
            self._context, job, path_or_file, overwrite=overwrite, on_progress=on_progress
        )
        return self._run(flow, deadline)


class AsyncRender(AsyncResource):
    """`client.render` of the async client; see `Render`."""

    async def submit(
        self,
        session_id: str,
        draft: Draft,
        format: str = "mp4",  # noqa: A002 - the protocol's name
        quality: str = "high",
        *,
        deadline: float | None = None,
    ) -> RenderJob:
        """Submit a draft for rendering; see `Render.submit`."""
        flow = render.submit(self._context, session_id, draft, format, quality)
        return await self._run(flow, deadline)

    @overload
    async def export(
        self,
        session_id: str,
        path: str | os.PathLike[str],
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> SavedVideo: ...
    @overload
    async def export(
        self,
        session_id: str,
        path: None = None,
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> RenderedVideo: ...
    async def export(
        self,
        session_id: str,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        task_id: str | None = None,
        deadline: float | None = None,
    ) -> RenderedVideo:
        """Render a session's draft and download the file; see `AsyncSession.export`."""
        with _reporting(self._context, progress, on_progress) as on_job:
            flow = render.export(
                self._context,
                session_id,
                path,
                format=format,
                quality=quality,
                overwrite=overwrite,
                task_id=task_id,
                on_job=on_job,
            )
            return await self._run(flow, deadline)

    async def get(self, render_id: str, *, deadline: float | None = None) -> RenderJob:
        """Return the current state of a job."""
        return await self._run(render.get(self._context, render_id), deadline)

    async def wait(
        self,
        job: RenderJob | str,
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        deadline: float | None = None,
    ) -> RenderJob:
        """Poll the job until it has ended; see `Render.wait`."""
        with _reporting(self._context, progress, on_progress) as on_job:
            return await self._run(render.wait(self._context, job, on_job), deadline)

    async def cancel(self, job: RenderJob | str, *, deadline: float | None = None) -> RenderJob:
        """Cancel a job that has not ended; see `Render.cancel`."""
        return await self._run(render.cancel(self._context, job), deadline)

    @overload
    async def download(
        self,
        job: RenderJob | str,
        path_or_file: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path: ...

    @overload
    async def download(
        self,
        job: RenderJob | str,
        path_or_file: BinaryWriter,
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> int: ...

    async def download(
        self,
        job: RenderJob | str,
        path_or_file: str | os.PathLike[str] | BinaryWriter,
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path | int:
        """Download a finished job's file; see `Render.download`."""
        flow = render.download(
            self._context, job, path_or_file, overwrite=overwrite, on_progress=on_progress
        )
        return await self._run(flow, deadline)


def _reporting(
    context: Context, progress: bool | bar.OnProgress, on_job: OnJob | None
) -> AbstractContextManager[OnJob | None]:
    if progress is False:
        return nullcontext(on_job)
    from nemovideo._jobs.progress import reporting_render

    return reporting_render(context.settings.clock, progress, on_job)
