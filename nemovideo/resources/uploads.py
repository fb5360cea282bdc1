"""Uploading files into a session."""

from __future__ import annotations

from collections.abc import Callable

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import uploads
from nemovideo.files import Source
from nemovideo.models import MediaFile, MediaInfo


class Uploads(Resource):
    """`client.uploads`."""

    def upload(
        self,
        session_id: str,
        *sources: Source,
        on_progress: Callable[[int, int], None] | None = None,
        deadline: float | None = None,
    ) -> list[MediaFile]:
        """Upload files, all in one request; they are checked before anything is sent.

        Args:
            session_id: The session.
            sources: The files, up to 500 MB each (formats: docs/protocol.md §4): paths, bytes,
                open binary files, http(s) URLs, iterables of chunks, or an `Upload`, which can
                set the name. Files with the same name are renamed.
            on_progress: Called with the bytes sent and the total of the request; it restarts if
                the request is retried.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            SourceNotFoundError: There is no such file; nothing was sent.
            UnsupportedFileError: A file is empty or truncated, its format is not supported, or its
                suffix is wrong.
            FileTooLargeError: A file is over 500 MB.
            SessionNotFoundError: There is no such session.
        """
        flow = uploads.upload(self._context, session_id, sources, on_progress)
        return self._run(flow, deadline)

    def inspect(self, source: Source, *, deadline: float | None = None) -> MediaInfo:
        """Check a file as `upload` does, and return its properties; nothing is sent.

        Args:
            source: The file; only a few KiB are read, however large it is.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            SourceNotFoundError: There is no such file.
            UnsupportedFileError: It cannot be uploaded; the message and `.remedy` say why.
            FileTooLargeError: It is over 500 MB.
            InvalidRequestError: It is a URL, which only the service reads.
        """
        return self._run(uploads.inspect(self._context, source), deadline)

    def upload_urls(
        self, session_id: str, *urls: str, deadline: float | None = None
    ) -> list[MediaFile]:
        """Let the service fetch files from http(s) URLs.

        Args:
            session_id: The session.
            urls: The files' URLs.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            InvalidRequestError: One of them is not an http(s) URL; nothing was sent.
            UnsupportedFileError: A file is of an unsupported format.
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

    async def inspect(self, source: Source, *, deadline: float | None = None) -> MediaInfo:
        """Check a file, and return its properties; see `Uploads.inspect`."""
        return await self._run(uploads.inspect(self._context, source), deadline)

    async def upload_urls(
        self, session_id: str, *urls: str, deadline: float | None = None
    ) -> list[MediaFile]:
        """Let the service fetch files from URLs; see `Uploads.upload_urls`."""
        return await self._run(uploads.upload_urls(self._context, session_id, urls), deadline)
