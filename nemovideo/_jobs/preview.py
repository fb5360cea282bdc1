"""Previews of `remove_background`, made on this machine without credits."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo._flows.context import Context
from nemovideo._flows.preview import check_extra, check_length, moments
from nemovideo._flows.steps import Flow, blocking
from nemovideo._flows.uploads import prepare_all
from nemovideo._jobs.plan import Background, Order, order_for
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Source, Upload, is_url
from nemovideo.models import At, Preview

if TYPE_CHECKING:
    from nemovideo.local.previews import Footage

log = logging.getLogger("nemovideo")


def of_source(context: Context, source: Source, background: Background, at: At) -> Flow[Preview]:
    """Return a preview of a clip with another background; see `Client.preview`."""
    at_s = moments(at)
    uploads, words = yield from _prepared(context, source, background)
    check_length(at_s, uploads[0].header.duration_ms)
    clock = context.settings.clock
    began_s = clock.monotonic()
    result = yield from blocking(partial(_rendered, context, uploads, words, at_s))
    log.debug("preview: %d moments in %.2f s", len(result.stills), clock.monotonic() - began_s)
    return result


def _prepared(
    context: Context, source: Source, background: Background
) -> Flow[tuple[list[Upload], str]]:
    """Return the checked files of a job, and its message."""
    local_files = context.settings.local_files
    order = order_for(source, background, format="webm", local_files=local_files)
    if any(is_url(file) for file in order.files):
        raise InvalidRequestError(
            "previews are made on this machine, which does not fetch URLs",
            remedy="Download the file first, or upload the URL and use session.preview().",
        )
    yield from blocking(check_extra)
    uploads = yield from prepare_all(order.files)
    return uploads, words_for(order, uploads)


def words_for(order: Order, uploads: Sequence[Upload]) -> str:
    """Return the message for the local agent, which has only these files."""
    if order.picture is None:
        return order.words
    picture = "remove the background"  # it is a URL, which is not fetched
    if len(uploads) > 1:
        picture = f'replace the background with the uploaded file "{uploads[1].name}"'
    return ". ".join(filter(None, (picture, order.words)))


@contextmanager
def footage_of(uploads: Sequence[Upload]) -> Iterator[list[Footage]]:
    """Yield each file with its path; files in memory are copied to disk for the block."""
    from nemovideo.local.previews import Footage

    with ExitStack() as stack:
        paths = [upload.path or _copied(upload, stack) for upload in uploads]
        yield [
            Footage(path, upload.name or path.name)
            for path, upload in zip(paths, uploads, strict=True)
        ]


def _copied(upload: Upload, stack: ExitStack) -> Path:
    folder = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="nemovideo-preview-", ignore_cleanup_errors=True)
    )
    path = Path(folder, f"file{Path(upload.name or '').suffix}")
    with upload.opened() as content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
    return path


def _rendered(
    context: Context, uploads: Sequence[Upload], words: str, at_s: list[float] | None
) -> Preview:
    from nemovideo.local.previews import edited, preview_draft

    with footage_of(uploads) as footage:
        timeline, media = edited(footage, words)
        if context.backend is None:
            return preview_draft(timeline, media, at_s)
        return preview_draft(timeline, media, at_s, context.backend.load_engine)
