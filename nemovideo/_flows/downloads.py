"""Download finished jobs: from their link, else from the API (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

from nemovideo._downloads.openfile import OpenFile
from nemovideo._downloads.output_paths import check_output
from nemovideo._downloads.partfile import PartFile
from nemovideo._downloads.resume import digest
from nemovideo._downloads.transfer import Transfer
from nemovideo._flows import auth
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, blocking, download
from nemovideo._support.user_folders import expanded
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    DownloadError,
    InvalidRequestError,
    OutputError,
)
from nemovideo.models import RenderJob

OnBytes = Callable[[int, int | None], None]


def fetch(
    context: Context,
    job: RenderJob,
    path: Path,
    *,
    overwrite: bool = False,
    on_progress: OnBytes | None = None,
) -> Flow[Path]:
    """Download a finished job's file: from its link, else from the API.

    Only requests to the API's own origin carry the token. See `Render.download`.
    """
    target = yield from blocking(partial(check_output, path, overwrite=overwrite))
    part = PartFile(target, _identity(context, job), overwrite=overwrite)
    yield from fetch_into(context, job, part, on_progress)
    return expanded(path)


def fetch_into(
    context: Context, job: RenderJob, sink: PartFile | OpenFile, on_progress: OnBytes | None
) -> Flow[int]:
    """Download a finished job's file, and return its size in bytes; see `fetch`."""
    if not job.completed:
        wait = Remedy(("wait for it with ", Code("client.render.wait(job)")))
        raise InvalidRequestError(
            f"{job.id} has no file: its status is {job.status!r}",
            remedy="Render the draft again." if job.finished else wait,
        )
    transfer = Transfer(sink, _identity(context, job), job.size_bytes)
    try:
        yield from blocking(transfer.open)
        yield from _receive(context, job, transfer, on_progress)
        yield from blocking(sink.finish)
    finally:
        sink.close()
    return transfer.received


def _receive(
    context: Context, job: RenderJob, transfer: Transfer, on_progress: OnBytes | None
) -> Flow[None]:
    base_url = context.settings.base_url
    if job.url is not None:
        url = urljoin(f"{base_url}/", job.url)
        context.settings.check_link(url)
        transfer.set_url(url)
        try:
            yield from download(Request("GET", url, repeatable=True), transfer, on_progress)
        except OutputError:
            raise
        except (APIError, APIConnectionError, DownloadError):
            pass  # links expire; the API still has the file
        else:
            return
    request = Request("GET", "/api/render/proxy/{render_id}/download", repeatable=True)
    request = request.for_id(job.id)
    transfer.set_url(request.url(base_url))
    yield from auth.with_token(
        context, lambda bearer: download(request.with_token(bearer), transfer, on_progress)
    )


def _identity(context: Context, job: RenderJob) -> str:
    """Return a digest that identifies the job's file, whatever URL serves it."""
    return digest(context.settings.base_url, job.id)
