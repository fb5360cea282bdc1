"""Uploads: files and URLs, checked before anything is sent (protocol.md §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from nemovideo import _wire
from nemovideo._files import Part, Source, is_url, prepare
from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, blocking
from nemovideo.errors import InvalidRequestError
from nemovideo.models import MediaFile

OnBytes = Callable[[int, int], None]


def upload(
    context: Context, session_id: str, sources: Sequence[Source], on_progress: OnBytes | None
) -> Flow[list[MediaFile]]:
    """Upload files and URLs; the answers come in the order of the sources."""
    if not sources:
        raise InvalidRequestError("there is nothing to upload", remedy="Name at least one file.")
    urls = [str(source) for source in sources if is_url(source)]
    parts = yield from prepare_all([source for source in sources if not is_url(source)])
    files = iter((yield from _send_parts(context, session_id, parts, on_progress)))
    linked = iter((yield from upload_urls(context, session_id, urls)) if urls else [])
    pairs = (next(linked if is_url(source) else files, None) for source in sources)
    # A service that lists more files than were sent, or fewer, is still believed.
    return [file for file in (*pairs, *files, *linked) if file is not None]


def prepare_all(sources: Sequence[Source]) -> Flow[list[Part]]:
    """Check files before anything is sent."""
    return (yield from blocking(lambda: [prepare(source) for source in sources]))


def upload_urls(context: Context, session_id: str, urls: Sequence[str]) -> Flow[list[MediaFile]]:
    """Let the service fetch files from http(s) URLs."""
    for url in urls:
        if not is_url(url):
            raise InvalidRequestError(f"{url!r} is not an http(s) URL", remedy="Use upload().")
    if not urls:
        raise InvalidRequestError("there is nothing to upload", remedy="Name at least one URL.")
    body = {"urls": list(urls), "source_type": "url"}
    context.known.pop(session_id, None)
    data = yield from authorized(context, Request("POST", _path(session_id), json=body))
    return _wire.read_files(data)


def _send_parts(
    context: Context, session_id: str, parts: Sequence[Part], on_progress: OnBytes | None
) -> Flow[list[MediaFile]]:
    if not parts:
        return []
    context.known.pop(session_id, None)
    request = Request("POST", _path(session_id), parts=tuple(parts), on_sent=on_progress)
    return _wire.read_files((yield from authorized(context, request)))


def _path(session_id: str) -> str:
    return f"/api/upload-video/nemo_agent/me/{quote(session_id, safe='')}"
