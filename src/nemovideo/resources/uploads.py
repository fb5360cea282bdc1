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
    ) -> list[MediaFile]:
        """Upload files: paths, bytes, open binary files, or http(s) URLs, in one request.

        Args:
            session_id: The session.
            sources: The files, up to 500 MB each (protocol.md §4 lists the formats).
            on_progress: Called with the bytes sent and all bytes of the request.

        Raises:
            SourceNotFoundError: There is no such file; nothing was sent.
            UnsupportedFileError: A file is empty, or of a format that is not taken.
            FileTooLargeError: A file is over 500 MB.
            SessionNotFoundError: There is no such session.
        """
        return self._run(uploads.upload(self._context, session_id, sources, on_progress))

    def upload_urls(self, session_id: str, *urls: str) -> list[MediaFile]:
        """Let the service fetch files from http(s) URLs.

        Raises:
            InvalidRequestError: One of them is no http(s) URL; nothing was sent.
            UnsupportedFileError: A file is of a format that is not taken.
            FileTooLargeError: A file is over 500 MB.
        """
        return self._run(uploads.upload_urls(self._context, session_id, urls))


class AsyncUploads(AsyncResource):
    """`client.uploads` of the async client; see `Uploads`."""

    async def upload(
        self,
        session_id: str,
        *sources: Source,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[MediaFile]:
        """Upload files; see `Uploads.upload`."""
        return await self._run(uploads.upload(self._context, session_id, sources, on_progress))

    async def upload_urls(self, session_id: str, *urls: str) -> list[MediaFile]:
        """Let the service fetch files from URLs; see `Uploads.upload_urls`."""
        return await self._run(uploads.upload_urls(self._context, session_id, urls))
