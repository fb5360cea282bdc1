"""Uploads by multipart or URL, streamed to disk; all files of a request are kept, or none."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

import attrs
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from nemovideo._uploads.names import safe_name
from nemovideo._values.formats import CONTENT_TYPES, suffix_of
from nemovideo.errors import UnsupportedFileError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server.accounts import authenticate, own_session
from nemovideo.local.server.bodies import read_json
from nemovideo.local.server.context import Context, check_disk, context_of
from nemovideo.local.server.fetch import REMEDY, Fetcher
from nemovideo.local.server.forms import Problem
from nemovideo.local.server.messages import without_paths
from nemovideo.local.server.sessions import file_info
from nemovideo.local.server.waiting import disconnected, first_completed
from nemovideo.local.store import SessionRow, StoredFile
from nemovideo.local.store.private import open_private

MAX_FILES = 20
MAX_SESSION_FILES = 1000
MAX_PARTS = 100
_CHUNK_BYTES = 1024 * 1024
_MULTIPART_SLACK_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_MAX_TYPE_BYTES = 300


async def upload(request: Request) -> Response:
    """POST /api/upload-video/nemo_agent/me/<session_id>: multipart or JSON with URLs.

    The first video of an empty session is added to the timeline.
    """
    context = context_of(request)
    account = authenticate(request, "upload")
    session = own_session(request, account, request.path_params["session_id"])
    limited_user = context.limited_user(account.user_id)
    content_type = request.headers.get("content-type", "")
    if len(content_type) > _MAX_TYPE_BYTES:  # parsing it takes 2 µs per byte
        raise Problem(400, f"The Content-Type is longer than {_MAX_TYPE_BYTES} bytes.")
    kind, options = parse_options_header(content_type)
    with _upload_writer(context, session) as writer:
        if kind == b"multipart/form-data":
            await _receive(request, options.get(b"boundary", b""), writer, limited_user)
        else:
            await _fetch_all(request, _urls(await read_json(request)), writer, limited_user)
        if not writer.files:
            raise Problem(400, "The request has no file: each must be a part named 'files'.")
        probe = partial(_probe, context, writer.files)
        items = await context.pools.probes.run(probe, user_id=limited_user)
        async with context.session_lock(session.session_id):
            stored = _keep(context, session.session_id, items)
    files = [file_info(request, file) for file in stored]
    return context.forms.response("upload", {"files": files, "session_state_applied": True})


@attrs.define
class ReceivedFile:
    """A file being received. `name` comes from the user, and is never part of the path."""

    name: str
    path: Path
    size_bytes: int = 0
    sha256: str = ""


@attrs.define
class UploadWriter:
    """Writes the files of a request to disk, hashes them, and enforces limits.

    `check_disk` is called with the number of bytes before each write, and may raise. `complete`
    is set at the end of a multipart body.
    """

    folder: Path
    max_bytes: int
    check_disk: Callable[[int], None]
    files: list[ReceivedFile] = attrs.field(factory=list)
    complete: bool = False
    _file: IO[bytes] | None = None
    _hash: hashlib._Hash = attrs.field(factory=hashlib.sha256)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _closed: bool = False

    def begin(self, name: str, size_bytes: int | None = None) -> None:
        """Start the next file; `size_bytes` is its size, if known."""
        if len(self.files) == MAX_FILES:
            raise Problem(400, f"The request has more than {MAX_FILES} files.")
        name = safe_name(name) or "file"
        self._check(name, size_bytes or 0)
        suffix = suffix_of(name)
        known = f".{suffix}" if suffix in CONTENT_TYPES else ""
        path = self.folder / f"{secrets.token_hex(8)}{known}"
        self.files.append(ReceivedFile(name, path))
        with self._lock:
            if self._closed:
                raise Problem(400, "The upload has ended.")
            self._file = open_private(path)
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append to the current file, if there is one."""
        if self._file is None:
            return
        file = self.files[-1]
        file.size_bytes += len(data)
        self._check(file.name, file.size_bytes)
        self.check_disk(len(data))
        self._file.write(data)
        self._hash.update(data)

    def end(self) -> None:
        """Finish the current file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self.files[-1].sha256 = self._hash.hexdigest()

    def close(self) -> None:
        """Close the current file, and open no more: an abandoned thread may still be writing."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _check(self, name: str, size_bytes: int) -> None:
        if size_bytes > self.max_bytes:
            raise Problem(413, f"{name} is larger than {self.max_bytes} bytes.", code=4002)


@contextmanager
def _upload_writer(context: Context, session: SessionRow) -> Iterator[UploadWriter]:
    """Yield a writer on a temporary folder, which is removed at the end."""
    folder = context.store.folder("incoming", f"{session.session_id}-{secrets.token_hex(4)}")
    with context.pending_uploads.count(session.user_id) as add:

        def count(size: int) -> None:
            check_disk(context, session.user_id, pending_bytes=add(size))

        writer = UploadWriter(folder, context.max_upload_bytes, count)
        try:
            yield writer
        finally:
            writer.close()
            shutil.rmtree(folder, ignore_errors=True)


async def _receive(
    request: Request, boundary: bytes, writer: UploadWriter, user_id: str | None
) -> None:
    """Parse a multipart body as a stream, with a buffer of about a megabyte."""
    length = request.headers.get("content-length", "")
    limit = MAX_FILES * (writer.max_bytes + _MULTIPART_SLACK_BYTES)
    if length.isdigit() and int(length) > limit:
        raise Problem(413, f"The request is larger than {limit} bytes.", code=4002)
    if not boundary:
        raise Problem(400, "The Content-Type has no boundary.")
    write = partial(context_of(request).pools.writes.run, user_id=user_id)
    try:
        parser = _parser(boundary, writer)
        buffer = bytearray()
        async for chunk in request.stream():
            buffer += chunk
            if len(buffer) >= _CHUNK_BYTES:
                await write(partial(parser.write, bytes(buffer)))
                buffer.clear()
        await write(partial(parser.write, bytes(buffer)))
    except FormParserError as error:
        raise Problem(400, f"The multipart body is damaged: {error}") from error
    if not writer.complete:
        raise Problem(400, "The multipart body is truncated: the last boundary is missing.")


def _parser(boundary: bytes, writer: UploadWriter) -> MultipartParser:
    headers: dict[bytes, bytes] = {}
    field, value = bytearray(), bytearray()
    parts = header_bytes = 0

    def on_part_begin() -> None:
        nonlocal parts
        parts += 1
        if parts > MAX_PARTS:
            raise Problem(400, f"The request has more than {MAX_PARTS} parts.")

    def read_header(target: bytearray, data: bytes) -> None:
        nonlocal header_bytes
        header_bytes += len(data)
        if header_bytes > _MAX_HEADER_BYTES:
            raise Problem(400, f"The parts have more than {_MAX_HEADER_BYTES} bytes of headers.")
        target += data

    def on_header_end() -> None:
        headers[bytes(field).lower()] = bytes(value)
        field.clear()
        value.clear()

    def on_end() -> None:
        writer.complete = True

    def on_headers_finished() -> None:
        _, options = parse_options_header(headers.get(b"content-disposition", b""))
        headers.clear()
        if options.get(b"name") == b"files" and b"filename" in options:
            writer.begin(_percent_decoded(options[b"filename"].decode("utf-8", "replace")))

    return MultipartParser(
        boundary,
        {
            "on_part_begin": on_part_begin,
            "on_header_field": lambda data, start, end: read_header(field, data[start:end]),
            "on_header_value": lambda data, start, end: read_header(value, data[start:end]),
            "on_header_end": on_header_end,
            "on_headers_finished": on_headers_finished,
            "on_part_data": lambda data, start, end: writer.write(data[start:end]),
            "on_part_end": writer.end,
            "on_end": on_end,
        },
    )


def _urls(body: dict[str, object]) -> list[str]:
    urls = body.get("urls")
    if body.get("source_type") != "url" or not isinstance(urls, list) or not urls:
        raise Problem(400, 'The body must be {"urls": ["…"], "source_type": "url"}.')
    if not all(isinstance(url, str) for url in urls):
        raise Problem(400, "The field 'urls' must be a list of strings.")
    if len(urls) > MAX_FILES:  # all are in memory while the first one is fetched
        raise Problem(400, f"The field 'urls' can have at most {MAX_FILES} URLs.")
    return urls


async def _fetch_all(
    request: Request, urls: Sequence[str], writer: UploadWriter, user_id: str | None
) -> None:
    """Fetch all files, unless the time limit passes or the client disconnects."""
    context = context_of(request)
    fetcher = Fetcher(private_urls=context.private_urls)
    done = False

    async def fetch() -> None:
        nonlocal done
        for url in urls:
            await context.pools.fetches.run(partial(_fetch, fetcher, url, writer), user_id=user_id)
        done = True

    try:
        await asyncio.wait_for(
            first_completed(fetch(), disconnected(request.receive)), context.limits.url_upload_s
        )
    except asyncio.TimeoutError:
        seconds = f"{context.limits.url_upload_s:g}"
        message = f"The URLs could not be fetched within {seconds} s."
        raise Problem(400, message, remedy=REMEDY) from None
    finally:
        fetcher.stop()
    if not done:
        raise ClientDisconnect


def _fetch(fetcher: Fetcher, url: str, writer: UploadWriter) -> None:
    with fetcher.open(url) as remote:
        name = remote.name
        if not Path(name).suffix:
            name += mimetypes.guess_extension(remote.content_type) or ""
        writer.begin(name, remote.size_bytes)
        for chunk in remote.chunks(_CHUNK_BYTES):
            writer.write(chunk)
        writer.end()


def _probe(context: Context, files: Sequence[ReceivedFile]) -> list[MediaItem]:
    items: list[MediaItem] = []
    for number, file in enumerate(files, start=1):
        try:
            item = context.probe(file.path, file.name, id=f"m{number}")
        except UnsupportedFileError as error:
            remedy = None if error.remedy == error.default_remedy else error.remedy
            raise Problem(400, without_paths(error.message), code=4001, remedy=remedy) from error
        items.append(attrs.evolve(item, sha256=file.sha256))
    return items


def _keep(context: Context, session_id: str, items: Sequence[MediaItem]) -> list[StoredFile]:
    """Move the files into the session, and start its timeline if it is empty.

    Raises:
        Problem: 404: the session has been removed. 400: it has too many files.
    """
    projects = context.store.projects
    moved: list[MediaItem] = []
    try:
        with context.store.database.transaction():
            if projects.session(session_id) is None:
                raise Problem(404, "Session not found.", code=1002)  # noqa: TRY301
            if projects.count_files(session_id) + len(items) > MAX_SESSION_FILES:
                message = f"A session can have at most {MAX_SESSION_FILES} files."
                raise Problem(400, message)  # noqa: TRY301 - after both, nothing has been moved
            folder = context.store.folder("media", session_id)
            for item in items:
                path = item.path.replace(folder / item.path.name)
                moved.append(attrs.evolve(item, path=path))
            stored = projects.add_files(session_id, moved)
            if projects.draft(session_id) is None:
                opening = context.opening([file.item for file in stored])
                if opening is not None:
                    projects.save_draft(session_id, opening.to_draft())
    except BaseException:
        for item in moved:
            with suppress(OSError):
                item.path.unlink()
        raise
    return stored


def _percent_decoded(name: str) -> str:
    """Undo the escapes of HTML form submission in file names (WHATWG, multipart)."""
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
