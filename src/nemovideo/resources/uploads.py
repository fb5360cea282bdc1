"""Files on their way into a session."""

from __future__ import annotations

from collections.abc import Callable

from nemovideo._files import Source
from nemovideo._flows import uploads
from nemovideo.models import MediaFile
from nemovideo.resources.base import AsyncResource, Resource


class Uploads(Resource):
    """`client.uploads`."""

    def upload(
        self,
        session_id: str,
        *sources: Source,
        on_progress: Callable[[int, int], None] | None = None,
        deadline: float | None = None,
    ) -> list[MediaFile]:
        """Upload files: paths, bytes, open binary files, or http(s) URLs, in one request.

        Args:
            session_id: The session.
            sources: The files, up to 500 MB each (protocol.md §4 lists the formats).
            on_progress: Called with the bytes sent and all bytes of the request.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            SourceNotFoundError: There is no such file; nothing was sent.
            UnsupportedFileError: A file is empty, or of a format that is not taken.
            FileTooLargeError: A file is over 500 MB.
            SessionNotFoundError: There is no such session.
        """
        flow = uploads.upload(self._context, session_id, sources, on_progress)
        return self._run(flow, deadline)

    def upload_urls(
        self, session_id: str, *urls: str, deadline: float | None = None
    ) -> list[MediaFile]:
        """Let the service fetch files from http(s) URLs.

        Args:
            session_id: The session.
            urls: The files' URLs.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            InvalidRequestError: One of them is no http(s) URL; nothing was sent.
            UnsupportedFileError: A file is of a format that is not taken.
            FileTooLargeError: A file is over 500 MB.
        """
        return self._run(uploads.upload_urls(self._context, session_id, urls), deadline)


class AsyncUploads(AsyncResource):
    """`client.uploads` of the async client; see `Uploads`."""

    async def upload(
        self,
        session_id: str,
        *sources: Source,
        on_progress: Callable[[int, int], None] | None = None,
        deadline: float | None = None,
    ) -> list[MediaFile]:
        """Upload files; see `Uploads.upload`."""
        flow = uploads.upload(self._context, session_id, sources, on_progress)
        return await self._run(flow, deadline)

    async def upload_urls(
        self, session_id: str, *urls: str, deadline: float | None = None
    ) -> list[MediaFile]:
        """Let the service fetch files from URLs; see `Uploads.upload_urls`."""
        return await self._run(uploads.upload_urls(self._context, session_id, urls), deadline)
