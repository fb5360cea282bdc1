"""Upload files and URLs, after checking all of them (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import attrs

from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Collect, Flow, Request, blocking
from nemovideo._uploads.files import Spool, chunks_of, prepare
from nemovideo._uploads.names import distinct
from nemovideo._uploads.trust import check_sources, check_url, check_urls
from nemovideo._wire import models as wire
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Source, Upload, is_url
from nemovideo.models import MediaFile, MediaFiles, MediaInfo

OnBytes = Callable[[int, int], None]

_PATH = "/api/upload-video/nemo_agent/me/{session_id}"


def upload(
    context: Context,
    session_id: str,
    sources: Sequence[Source],
    on_progress: OnBytes | None,
) -> Flow[list[MediaFile]]:
    """Upload files and URLs; the results are in the order of the sources."""
    if not sources:
        raise InvalidRequestError("there is nothing to upload", remedy="Pass at least one file.")
    check_sources(sources, local_files=context.settings.local_files)
    urls = [_url(source) for source in sources if is_url(source)]
    parts = yield from prepare_all([source for source in sources if not is_url(source)])
    files = iter((yield from _send_parts(context, session_id, parts, on_progress)))
    linked = iter((yield from upload_urls(context, session_id, urls)) if urls else [])
    pairs = (next(linked if is_url(source) else files, None) for source in sources)
    # Keep everything that the service lists, even if the count differs.
    return MediaFiles(file for file in (*pairs, *files, *linked) if file is not None)


def inspect(context: Context, source: Source) -> Flow[MediaInfo]:
    """Check a file, and return the properties in its header."""
    check_sources([source], local_files=context.settings.local_files)
    if is_url(source):
        raise InvalidRequestError(
            "only the service can inspect a URL", remedy="Fetch the file, or upload the URL."
        )
    (upload,) = yield from prepare_all([source])
    return upload.header


def prepare_all(sources: Sequence[Source]) -> Flow[list[Upload]]:
    """Check files before anything is sent, and make their names unique.

    Once all others have passed, sources that can be read only once are spooled to temporary files,
    which are removed with their uploads. Uploads with an `info` have already been checked.
    """
    uploads = [source if isinstance(source, Upload) else Upload(source) for source in sources]
    chunks = [None if upload.info is not None else chunks_of(upload) for upload in uploads]

    def check() -> list[Upload]:
        return [
            upload if once is not None or upload.info is not None else prepare(upload)
            for upload, once in zip(uploads, chunks, strict=True)
        ]

    found = yield from blocking(check)
    checked: list[Upload] = []
    for upload, once in zip(found, chunks, strict=True):
        if once is None:
            checked.append(upload)
        else:
            spool = yield from blocking(partial(Spool, upload))
            yield Collect(once, spool.write)
            checked.append((yield from blocking(spool.checked)))
    names = distinct(upload.name or "" for upload in checked)
    return [attrs.evolve(upload, name=name) for upload, name in zip(checked, names, strict=True)]


def upload_urls(context: Context, session_id: str, urls: Sequence[str]) -> Flow[list[MediaFile]]:
    """Let the service fetch files from http(s) URLs."""
    for url in urls:
        if not is_url(url):
            raise InvalidRequestError(f"{url!r} is not an http(s) URL", remedy="Use upload().")
        check_url(url)
    if not urls:
        raise InvalidRequestError("there is nothing to upload", remedy="Pass at least one URL.")
    if not context.settings.private_urls:
        yield from blocking(partial(check_urls, urls))
    body = {"urls": list(urls), "source_type": "url"}
    context.known.forget(session_id)
    request = Request("POST", _PATH, json=body, fresh=True).for_id(session_id)
    data = yield from authorized(context, request)
    return MediaFiles(wire.read_files(data))


def _send_parts(
    context: Context, session_id: str, parts: Sequence[Upload], on_progress: OnBytes | None
) -> Flow[list[MediaFile]]:
    if not parts:
        return []
    context.known.forget(session_id)
    request = Request("POST", _PATH, parts=tuple(parts), fresh=True, on_sent=on_progress)
    files = wire.read_files((yield from authorized(context, request.for_id(session_id))))
    context.record_uploads(session_id, [part.path for part in parts if part.path is not None])
    infos = {part.name or "": part.info for part in parts}
    if len(files) == len(parts):
        infos = {file.filename: part.info for file, part in zip(files, parts, strict=True)} | infos
    return [attrs.evolve(file, info=infos.get(file.filename)) for file in files]


def _url(source: Source) -> str:
    return str(source.source if isinstance(source, Upload) else source)
