"""Render jobs: submitted, waited for, and their file fetched (protocol.md §4)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, urljoin

from nemovideo import _wire
from nemovideo._flows import auth
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, blocking, download, sleep
from nemovideo.draft import Draft
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    DownloadError,
    DraftNotReadyError,
    InvalidRequestError,
    MalformedResponseError,
    NemoError,
    RateLimitError,
    RenderCancelledError,
    RenderFailedError,
    RenderTimeoutError,
    ServerError,
)
from nemovideo.models import RenderedVideo, RenderJob

OnJob = Callable[[RenderJob], None]
OnBytes = Callable[[int, int | None], None]

FORMATS = ("mp4", "webm", "mov")
"""The formats that a file's suffix can ask for."""

_PATH = "/api/render/proxy/lambda"
_PASSING = (APIConnectionError, ServerError, RateLimitError, MalformedResponseError)
_UNCLEAR = (APIConnectionError, ServerError, MalformedResponseError)
_CHECKS = 2


def submit(
    context: Context,
    session_id: str,
    draft: Draft,
    format: str = "mp4",  # noqa: A002 - the protocol's word
    quality: str = "high",
) -> Flow[RenderJob]:
    """Submit a draft for rendering, exactly as it came; once more if that is known to have failed.

    Raises:
        DraftNotReadyError: It has no track with a segment; nothing was sent.
    """
    try:
        return (yield from _submit_once(context, session_id, draft, format, quality))
    except _NeverArrivedError:
        pass
    try:
        return (yield from _submit_once(context, session_id, draft, format, quality))
    except _NeverArrivedError as failure:
        raise failure.reason from None


class _NeverArrivedError(Exception):
    """The submit failed, and the service knows nothing of a job with its id."""

    def __init__(self, reason: NemoError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _submit_once(
    context: Context,
    session_id: str,
    draft: Draft,
    format: str,  # noqa: A002 - the protocol's word
    quality: str,
) -> Flow[RenderJob]:
    """Submit under a new id; where the answer was lost, ask for the job by that id."""
    if not draft.ready:
        raise DraftNotReadyError("the draft has no track with a segment")
    render_id = f"render_{uuid.uuid4().hex}"
    body = {
        "id": render_id,
        "sessionId": session_id,
        "draft": draft.to_json(),
        "output": {"format": format, "quality": quality},
    }
    try:
        data = yield from auth.authorized(context, Request("POST", _PATH, json=body))
    except _UNCLEAR as error:
        if isinstance(error, APIConnectionError) and not error.sent:
            raise
        return (yield from _find_lost(context, render_id, error))
    return _wire.read_render(data, render_id)


def _find_lost(context: Context, render_id: str, reason: NemoError) -> Flow[RenderJob]:
    """Return the job whose submit was not properly answered.

    The answer may be lost while the request is still on its way through a
    gateway, so the service is given time, and asked more than once.

    Raises:
        _NeverArrivedError: The service does not know it, so another one does no harm.
        NemoError: `reason`: it is not known whether there is such a job.
    """
    unknown = 0
    for _ in range(_CHECKS):
        try:
            yield from sleep(context.settings.polling.interval_s)
            return (yield from get(context, render_id))
        except _PASSING:  # noqa: PERF203 - each question by itself
            continue
        except APIError as error:
            unknown += 404 in (error.status, error.code)
    if unknown == _CHECKS:
        raise _NeverArrivedError(reason)
    reason.remedy = (
        f"Ask client.render.get({render_id!r}) whether the render was begun before you submit again"
        f": {reason.remedy}"
    )
    raise reason


def get(context: Context, render_id: str) -> Flow[RenderJob]:
    """Return the job as it is now."""
    request = Request("GET", f"{_PATH}/{quote(render_id, safe='')}", repeatable=True)
    return _wire.read_render((yield from auth.authorized(context, request)), render_id)


def wait(context: Context, job: RenderJob, on_progress: OnJob | None = None) -> Flow[RenderJob]:
    """Ask for the job until it has ended; a poll that fails is no more than a failed poll.

    Raises:
        RenderFailedError: The job failed; RenderCancelledError where it was cancelled.
        RenderTimeoutError: It did not end in time; it may still be running.
    """
    polling, clock = context.settings.polling, context.settings.clock
    ends_at = clock.monotonic() + polling.timeout_s
    polls = 0
    while not job.finished:
        if on_progress is not None:
            on_progress(job)
        if clock.monotonic() >= ends_at:
            late = RenderTimeoutError(f"{job.id} did not end within {polling.timeout_s:.0f} s")
            late.render_id = job.id
            raise late
        yield from sleep(polling.wait_s(polls))
        polls += 1
        try:
            job = yield from get(context, job.id)
        except _PASSING:
            continue
    if not job.completed:
        cls = RenderCancelledError if job.cancelled else RenderFailedError
        error = cls(f"{job.id} {job.status}{f': {job.error}' if job.error else ''}")
        error.render_id = job.id
        raise error
    if on_progress is not None:
        on_progress(job)
    return job


def cancel(context: Context, job: RenderJob) -> Flow[RenderJob]:
    """Cancel a job that has not ended, and return it as it is then."""
    request = Request("POST", f"{_PATH}/{quote(job.id, safe='')}/cancel", repeatable=True)
    yield from auth.authorized(context, request)
    return (yield from get(context, job.id))


def fetch(
    context: Context,
    job: RenderJob,
    path: Path,
    *,
    overwrite: bool = False,
    on_progress: OnBytes | None = None,
) -> Flow[Path]:
    """Download a finished job's file: from its link, or else from the API itself.

    The token goes only with requests to the API's own origin.

    Raises:
        InvalidRequestError: `path` exists and `overwrite` is False, or the job has no file yet.
        DownloadError: What came is not the whole file.
    """
    path = yield from blocking(partial(check_output, path, overwrite=overwrite))
    if not job.completed:
        raise InvalidRequestError(
            f"{job.id} is {job.status}", remedy="Wait for it with client.render.wait(job)."
        )
    base_url = context.settings.base_url
    if job.url is not None:
        url = urljoin(f"{base_url}/", job.url)
        try:
            return (yield from download(Request("GET", url, repeatable=True), path, on_progress))
        except (APIError, APIConnectionError, DownloadError):
            pass  # links expire; the API still has the file
    request = Request(
        "GET", f"/api/render/proxy/{quote(job.id, safe='')}/download", repeatable=True
    )
    return (
        yield from auth.with_token(
            context, lambda bearer: download(request.with_token(bearer), path, on_progress)
        )
    )


def export(
    context: Context,
    session_id: str,
    path: Path | None,
    *,
    format: str,  # noqa: A002 - the protocol's word
    quality: str,
    overwrite: bool = False,
    task_id: str | None = None,
    on_job: OnJob | None = None,
    on_bytes: OnBytes | None = None,
) -> Flow[RenderedVideo]:
    """Render a session's draft and fetch the file; a failed render is tried once more (§4)."""
    if path is not None:
        yield from blocking(partial(check_output, path, overwrite=overwrite))
    state = yield from state_flow.get(context, session_id)
    if state.draft is None:
        raise DraftNotReadyError("the session has no draft yet")
    draft = state.draft

    try:
        job = yield from _render(context, session_id, draft, format, quality, on_job)
    except RenderCancelledError:
        raise
    except (RenderFailedError, _NeverArrivedError):
        try:
            job = yield from _render(context, session_id, draft, format, quality, on_job)
        except _NeverArrivedError as failure:
            raise failure.reason from None
    if path is not None:
        path = yield from fetch(context, job, path, overwrite=overwrite, on_progress=on_bytes)
    return RenderedVideo(
        path=path,
        url=urljoin(f"{context.settings.base_url}/", job.url or ""),
        project_url=(yield from project_url(context, session_id, task_id)),
        job=job,
        session_id=session_id,
    )


def _render(
    context: Context,
    session_id: str,
    draft: Draft,
    format: str,  # noqa: A002 - the protocol's word
    quality: str,
    on_job: OnJob | None,
) -> Flow[RenderJob]:
    job = yield from _submit_once(context, session_id, draft, format, quality)
    return (yield from wait(context, job, on_job))


def project_url(context: Context, session_id: str, task_id: str | None) -> Flow[str | None]:
    """Return the project's link, or None: a finished video is not lost for want of a link."""
    try:
        return (yield from auth.claim_token(context, session_id, task_id)).url
    except NemoError:
        return None


def format_for(path: str | os.PathLike[str] | None, format: str | None) -> str:  # noqa: A002
    """Return the format asked for, else the one that the path's suffix names, else mp4.

    Raises:
        InvalidRequestError: The suffix is that of no video.
    """
    if format:
        return format
    suffix = "" if path is None else Path(path).suffix.lower().removeprefix(".")
    return check_format(suffix) if suffix else "mp4"


def check_format(format: str) -> str:  # noqa: A002 - the protocol's word
    """Return the format.

    Raises:
        InvalidRequestError: It is none for a video.
    """
    if format not in FORMATS:
        raise InvalidRequestError(
            f"{format!r} is not a format for the result",
            remedy=f"Use one of: {', '.join(FORMATS)}.",
        )
    return format


def check_output(path: Path, *, overwrite: bool) -> Path:
    """Return where the file will be written to.

    Raises:
        InvalidRequestError: The folder does not exist, or the file does and must not be replaced.
    """
    path = path.expanduser()
    if not path.parent.is_dir():
        raise InvalidRequestError(f"there is no folder {path.parent}", remedy="Make it first.")
    if path.is_dir():
        raise InvalidRequestError(f"{path} is a folder", remedy="Name a file in it.")
    if path.exists() and not overwrite:
        raise InvalidRequestError(
            f"{path} exists already", remedy="Choose another name, or pass overwrite=True."
        )
    return path
