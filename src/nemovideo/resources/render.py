"""Render jobs: from a draft to a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nemovideo._flows import render
from nemovideo.draft import Draft
from nemovideo.models import RenderJob
from nemovideo.resources.base import AsyncResource, Resource

OnJob = Callable[[RenderJob], None]
OnBytes = Callable[[int, int | None], None]


class Render(Resource):
    """`client.render`."""

    def submit(
        self,
        session_id: str,
        draft: Draft,
        format: str = "mp4",  # noqa: A002 - the protocol's word
        quality: str = "high",
        *,
        deadline: float | None = None,
    ) -> RenderJob:
        """Submit a draft for rendering; exports are free of credits.

        Args:
            session_id: The session.
            draft: The draft; it is sent exactly as it came, unknown keys included.
            format: "mp4", or what else the service can make.
            quality: "high", or what else the service knows.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            DraftNotReadyError: It has no track with a segment; nothing was sent.
            ExportBlockedError: The subscription tier does not allow it.
        """
        flow = render.submit(self._context, session_id, draft, format, quality)
        return self._run(flow, deadline)

    def get(self, render_id: str, *, deadline: float | None = None) -> RenderJob:
        """Return a job as it is now."""
        return self._run(render.get(self._context, render_id), deadline)

    def wait(
        self, job: RenderJob, on_progress: OnJob | None = None, *, deadline: float | None = None
    ) -> RenderJob:
        """Ask for the job every few seconds until it has ended; a failed poll is asked again.

        Raises:
            RenderFailedError: The job failed; RenderCancelledError where it was cancelled.
            RenderTimeoutError: It did not end in time; it may still be running.
        """
        return self._run(render.wait(self._context, job, on_progress), deadline)

    def cancel(self, job: RenderJob, *, deadline: float | None = None) -> RenderJob:
        """Cancel a job that has not ended, and return it as it is then."""
        return self._run(render.cancel(self._context, job), deadline)

    def download(
        self,
        job: RenderJob,
        path: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path:
        """Download a finished job's file; it gets its name only when it is whole.

        Args:
            job: The job; its link is tried first, then the API's own download.
            path: Where to write it.
            on_progress: Called with the bytes received, and all bytes where that is known.
            overwrite: Replace a file that is there already.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            InvalidRequestError: `path` exists, or the job has not ended.
            DownloadError: What came is not the whole file.
        """
        return self._run(
            render.fetch(
                self._context, job, Path(path), overwrite=overwrite, on_progress=on_progress
            ),
            deadline,
        )


class AsyncRender(AsyncResource):
    """`client.render` of the async client; see `Render`."""

    async def submit(
        self,
        session_id: str,
        draft: Draft,
        format: str = "mp4",  # noqa: A002 - the protocol's word
        quality: str = "high",
        *,
        deadline: float | None = None,
    ) -> RenderJob:
        """Submit a draft for rendering; see `Render.submit`."""
        flow = render.submit(self._context, session_id, draft, format, quality)
        return await self._run(flow, deadline)

    async def get(self, render_id: str, *, deadline: float | None = None) -> RenderJob:
        """Return a job as it is now."""
        return await self._run(render.get(self._context, render_id), deadline)

    async def wait(
        self, job: RenderJob, on_progress: OnJob | None = None, *, deadline: float | None = None
    ) -> RenderJob:
        """Ask for the job until it has ended; see `Render.wait`."""
        return await self._run(render.wait(self._context, job, on_progress), deadline)

    async def cancel(self, job: RenderJob, *, deadline: float | None = None) -> RenderJob:
        """Cancel a job that has not ended; see `Render.cancel`."""
        return await self._run(render.cancel(self._context, job), deadline)

    async def download(
        self,
        job: RenderJob,
        path: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> Path:
        """Download a finished job's file; see `Render.download`."""
        return await self._run(
            render.fetch(
                self._context, job, Path(path), overwrite=overwrite, on_progress=on_progress
            ),
            deadline,
        )
