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
    ) -> RenderJob:
        """Submit a draft for rendering; exports are free of credits.

        Args:
            session_id: The session.
            draft: The draft; it is sent exactly as it came, unknown keys included.
            format: "mp4", or what else the service can make.
            quality: "high", or what else the service knows.

        Raises:
            DraftNotReadyError: It has no track with a segment; nothing was sent.
            ExportBlockedError: The subscription tier does not allow it.
        """
        return self._run(render.submit(self._context, session_id, draft, format, quality))

    def get(self, render_id: str) -> RenderJob:
        """Return a job as it is now."""
        return self._run(render.get(self._context, render_id))

    def wait(
        self, job: RenderJob, on_progress: OnJob | None = None, *, deadline: float | None = None
    ) -> RenderJob:
        """Ask for the job every few seconds until it has ended; a failed poll is asked again.

        Raises:
            RenderFailedError: The job failed; RenderCancelledError where it was cancelled.
            RenderTimeoutError: It did not end in time; it may still be running.
        """
        return self._run(render.wait(self._context, job, on_progress), deadline)

    def cancel(self, job: RenderJob) -> RenderJob:
        """Cancel a job that has not ended, and return it as it is then."""
        return self._run(render.cancel(self._context, job))

    def download(
        self,
        job: RenderJob,
        path: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Download a finished job's file; it gets its name only when it is whole.

        Args:
            job: The job; its link is tried first, then the API's own download.
            path: Where to write it.
            on_progress: Called with the bytes received, and all bytes where that is known.
            overwrite: Replace a file that is there already.

        Raises:
            InvalidRequestError: `path` exists, or the job has not ended.
            DownloadError: What came is not the whole file.
        """
        return self._run(
            render.fetch(
                self._context, job, Path(path), overwrite=overwrite, on_progress=on_progress
            )
        )


class AsyncRender(AsyncResource):
    """`client.render` of the async client; see `Render`."""

    async def submit(
        self,
        session_id: str,
        draft: Draft,
        format: str = "mp4",  # noqa: A002 - the protocol's word
        quality: str = "high",
    ) -> RenderJob:
        """Submit a draft for rendering; see `Render.submit`."""
        return await self._run(render.submit(self._context, session_id, draft, format, quality))

    async def get(self, render_id: str) -> RenderJob:
        """Return a job as it is now."""
        return await self._run(render.get(self._context, render_id))

    async def wait(
        self, job: RenderJob, on_progress: OnJob | None = None, *, deadline: float | None = None
    ) -> RenderJob:
        """Ask for the job until it has ended; see `Render.wait`."""
        return await self._run(render.wait(self._context, job, on_progress), deadline)

    async def cancel(self, job: RenderJob) -> RenderJob:
        """Cancel a job that has not ended; see `Render.cancel`."""
        return await self._run(render.cancel(self._context, job))

    async def download(
        self,
        job: RenderJob,
        path: str | os.PathLike[str],
        on_progress: OnBytes | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Download a finished job's file; see `Render.download`."""
        return await self._run(
            render.fetch(
                self._context, job, Path(path), overwrite=overwrite, on_progress=on_progress
            )
        )
