"""Render jobs: submit, poll, and retry once after a failure (docs/protocol.md §4)."""

from __future__ import annotations

import logging
import math
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

import attrs

from nemovideo._downloads.openfile import BinaryWriter, OpenFile
from nemovideo._downloads.output_paths import check_output, output_path
from nemovideo._flows import auth, downloads
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.downloads import OnBytes
from nemovideo._flows.outages import Outage
from nemovideo._flows.steps import Flow, Request, Sleep, blocking
from nemovideo._flows.transparency import lost_transparency
from nemovideo._support import outputs
from nemovideo._values.remedies import Code, Remedy
from nemovideo._wire import models as wire
from nemovideo.draft import Draft
from nemovideo.errors import (
    APIConnectionError,
    APIError,
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
from nemovideo.models import RenderedVideo, RenderJob, SavedVideo

log = logging.getLogger("nemovideo")

OnJob = Callable[[RenderJob], None]
OnId = Callable[[str], Flow[None]]

_PATH = "/api/render/proxy/lambda"
_JOB_PATH = f"{_PATH}/{{render_id}}"
_AMBIGUOUS = (APIConnectionError, ServerError, MalformedResponseError)
_TRANSIENT = (*_AMBIGUOUS, RateLimitError)
_LOOKUPS = 2


def submit(
    context: Context,
    session_id: str,
    draft: Draft,
    format: str = "mp4",  # noqa: A002 - the protocol's name
    quality: str = "high",
) -> Flow[RenderJob]:
    """Submit a draft for rendering, unchanged; retry once if the submit did not arrive."""
    attempt = partial(_submit_once, context, session_id, draft, format, quality)
    try:
        return (yield from _submit_new(attempt))
    except _NeverArrivedError:
        return (yield from _submit_again(attempt))


def check_quality(context: Context, quality: str) -> None:
    """Check the quality for the local backend; the cloud may know others.

    Raises:
        InvalidRequestError: The quality is unknown; the remedy lists those that are.
    """
    if context.backend is not None:
        outputs.check_quality(quality)


class _NeverArrivedError(Exception):
    """The submit failed, and the service has no job with its id."""

    def __init__(self, reason: NemoError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _submit_once(
    context: Context,
    session_id: str,
    draft: Draft,
    format: str,  # noqa: A002 - the protocol's name
    quality: str,
    render_id: str,
) -> Flow[RenderJob]:
    """Submit under this id; if the response is lost, look the job up by it."""
    check_quality(context, quality)
    if not draft.ready:
        raise DraftNotReadyError("the draft has no track with a segment")
    body = {
        "id": render_id,
        "sessionId": session_id,
        "draft": draft.to_json(),
        "output": {"format": format, "quality": quality},
    }
    try:
        request = Request("POST", _PATH, json=body, fresh=True)
        data = yield from auth.authorized(context, request)
    except InvalidRequestError as error:  # the client was closed; the request may have arrived
        error.render_id = render_id
        raise
    except _AMBIGUOUS as error:
        if isinstance(error, APIConnectionError) and not error.sent:
            raise
        with _attaching_id(render_id):
            return (yield from _find_lost(context, render_id, error))
    return wire.read_render(data, render_id)


@contextmanager
def _attaching_id(render_id: str) -> Iterator[None]:
    """Attach the render's id to errors raised after it is submitted.

    The render may still be running.
    """
    try:
        yield
    except NemoError as error:
        error.render_id = render_id
        raise


def _find_lost(context: Context, render_id: str, reason: NemoError) -> Flow[RenderJob]:
    """Look up a job whose submit got no usable response.

    The request may still be in a gateway, so the lookup waits first and is repeated.

    Raises:
        _NeverArrivedError: The service does not know the id, so it is safe to submit again.
        NemoError: `reason`, when it is unknown whether the job exists.
    """
    unknown = 0
    wait_s, name = context.settings.polling.interval_s, type(reason).__name__
    for _ in range(_LOOKUPS):
        log.info("%s: %s; looking it up in %.1f s", render_id, name, wait_s)
        try:
            yield Sleep(wait_s)
            job = yield from find(context, render_id)
        except (APIError, *_TRANSIENT):
            continue
        if job is not None:
            return job
        unknown += 1
    if unknown == _LOOKUPS:
        raise _NeverArrivedError(reason)
    check_first = _check_remedy(render_id, "was started", "before you submit again, check with ")
    reason.remedy = Remedy.after(check_first, Remedy(reason.remedy))
    raise reason


def _check_remedy(render_id: str, state: str, check: str = "check with ") -> Remedy:
    code = Code(f"client.render.get({render_id!r})")
    return Remedy((check, code, f" whether the render {state}"))


@contextmanager
def _suggesting_check(render_id: str) -> Iterator[None]:
    """Add to the remedy of an error that the render may have completed."""
    try:
        yield
    except NemoError as error:
        error.remedy = Remedy.after(error.remedy, _check_remedy(render_id, "has completed"))
        raise


def get(context: Context, render_id: str, within_s: float = math.inf) -> Flow[RenderJob]:
    """Fetch the job."""
    request = Request("GET", _JOB_PATH, repeatable=True, within_s=within_s).for_id(render_id)
    return wire.read_render((yield from auth.authorized(context, request)), render_id)


def find(context: Context, render_id: str) -> Flow[RenderJob | None]:
    """Fetch the job; None if the service does not know it."""
    try:
        return (yield from get(context, render_id))
    except APIError as error:
        if 404 in (error.status, error.code):
            return None
        raise


def resolve(context: Context, job: RenderJob | str) -> Flow[RenderJob]:
    """Return the job, or fetch the one with this id.

    Raises:
        InvalidRequestError: It is neither a job nor an id.
    """
    if isinstance(job, str):
        return (yield from get(context, job))
    if not isinstance(job, RenderJob):
        raise InvalidRequestError(
            f"job={job!r:.60} is of type {type(job).__name__}, not a render job",
            remedy="Pass a RenderJob, or the id of a render.",
        )
    return job


def wait(
    context: Context,
    job: RenderJob | str,
    on_progress: OnJob | None = None,
    on_outage: Callable[[], None] | None = None,
) -> Flow[RenderJob]:
    """Poll the job until it ends; transient errors are ignored until they last too long.

    `on_progress` is called with the job after every poll, `on_outage` after one that failed.
    If all polls fail for `Polling.outage_s`, by default two minutes (30 s if a server on this
    machine refuses connections), the error of the last one is raised. See `Render.wait` for the
    other errors.
    """
    job = yield from resolve(context, job)
    with _attaching_id(job.id):
        return (yield from _poll_until_finished(context, job, on_progress, on_outage))


def _poll_until_finished(
    context: Context,
    job: RenderJob,
    on_progress: OnJob | None,
    on_outage: Callable[[], None] | None,
) -> Flow[RenderJob]:
    polling, clock = context.settings.polling, context.settings.clock
    ends_at = clock.monotonic() + polling.timeout_s
    polls = 0
    outage = Outage(context)
    while not job.finished:
        if outage.polls and on_outage is not None:
            on_outage()
        elif on_progress is not None:
            on_progress(job)
        if clock.monotonic() >= ends_at:
            code = f" with client.render.wait(client.render.get({job.id!r}))"
            raise RenderTimeoutError(
                f"{job.id} did not end within {polling.timeout_s:g} s",
                remedy=Remedy(("keep waiting", Code(code, ""))),
            )
        wait_s = outage.wait_s(polling.wait_s(polls))
        yield Sleep(wait_s, polling=True, purpose="for the render")
        polls += 1
        try:
            now = yield from get(context, job.id, outage.begin_read())
        except _TRANSIENT as failure:
            with _suggesting_check(job.id):
                outage.record(failure)
            name, wait_s = type(failure).__name__, outage.wait_s(polling.wait_s(polls))
            log.info("%s: %s; polling again in %.1f s", job.id, name, wait_s)
            continue
        outage.end()
        if (now.status, now.progress) != (job.status, job.progress):
            ends_at = clock.extended(ends_at, polling.timeout_s)
        job = now
    if not job.completed:
        cls = RenderCancelledError if job.cancelled else RenderFailedError
        ended = "was canceled" if job.cancelled else job.status
        raise cls(f"{job.id} {ended}{f': {job.error}' if job.error else ''}", remedy=job.remedy)
    if on_progress is not None:
        on_progress(job)
    return job


def cancel(context: Context, job: RenderJob | str) -> Flow[RenderJob]:
    """Cancel a job, and fetch it again."""
    render_id = job if isinstance(job, str) else (yield from resolve(context, job)).id
    request = Request("POST", f"{_JOB_PATH}/cancel", repeatable=True).for_id(render_id)
    yield from auth.authorized(context, request)
    return (yield from get(context, render_id))


def download(
    context: Context,
    job: RenderJob | str,
    path_or_file: str | os.PathLike[str] | BinaryWriter,
    *,
    overwrite: bool,
    on_progress: OnBytes | None,
) -> Flow[Path | int]:
    """Download to a path and return the path, or to an open file and return the number of bytes
    written.
    """
    found = yield from resolve(context, job)
    if not isinstance(path_or_file, (str, os.PathLike)):
        sink = OpenFile(path_or_file)
        return (yield from downloads.fetch_into(context, found, sink, on_progress))
    path = Path(path_or_file)
    return (
        yield from downloads.fetch(
            context, found, path, overwrite=overwrite, on_progress=on_progress
        )
    )


def export(
    context: Context,
    session_id: str,
    path: str | os.PathLike[str] | None,
    *,
    format: str | None,  # noqa: A002 - the protocol's name
    quality: str,
    overwrite: bool = False,
    task_id: str | None = None,
    on_job: OnJob | None = None,
) -> Flow[RenderedVideo]:
    """Render a session's draft and download the file; a failed render is retried once (§4)."""
    output = None if path is None else output_path(path)
    chosen = outputs.format_for(path, format)
    if output is not None:
        sources = context.uploaded.get(session_id, ())
        yield from blocking(partial(check_output, output, overwrite=overwrite, sources=sources))
    job = yield from produce(context, session_id, chosen, quality, on_job)
    if output is not None:
        with _attaching_id(job.id):
            output = yield from downloads.fetch(context, job, output, overwrite=overwrite)
    cls = RenderedVideo if output is None else SavedVideo
    return cls(
        path=output,
        url=urljoin(f"{context.settings.base_url}/", job.url or ""),
        project_url=(yield from project_url(context, session_id, task_id)),
        job=job,
        session_id=session_id,
    )


def produce(
    context: Context,
    session_id: str,
    format: str,  # noqa: A002 - the protocol's name
    quality: str,
    on_job: OnJob | None = None,
    *,
    on_outage: Callable[[], None] | None = None,
    on_id: OnId | None = None,
    earlier: str | None = None,
) -> Flow[RenderJob]:
    """Render a session's draft; a failed render is retried once under a new id (§4).

    The flow `on_id` runs with every new render id before it is submitted. `earlier` is one that
    another process has submitted, or was about to submit. See `wait` for `on_job` and `on_outage`.
    The finished job has a warning if the format does not keep the draft's transparency.
    """
    state = yield from state_flow.get(context, session_id)
    if state.draft is None:
        raise DraftNotReadyError("the session has no draft yet")
    submit = partial(_submit_once, context, session_id, state.draft, format, quality)
    job = yield from _finished(context, submit, on_job, on_outage, on_id, earlier)
    lost = lost_transparency(state.draft, format)
    return attrs.evolve(job, warnings=(*job.warnings, *lost))


def _finished(
    context: Context,
    submit: Callable[[str], Flow[RenderJob]],
    on_job: OnJob | None,
    on_outage: Callable[[], None] | None,
    on_id: OnId | None,
    earlier: str | None,
) -> Flow[RenderJob]:
    """Submit a render, or resume one, and wait; retry a failure once."""
    job: RenderJob | None = None
    try:
        if earlier is not None:
            job = yield from _resume(context, earlier, submit)
        if job is None:
            job = yield from _submit_new(submit, on_id)
        return (yield from wait(context, job, on_job, on_outage))
    except RenderCancelledError:
        raise
    except (RenderFailedError, _NeverArrivedError):
        job = yield from _submit_again(submit, on_id)
        return (yield from wait(context, job, on_job, on_outage))


def _submit_new(
    submit: Callable[[str], Flow[RenderJob]], on_id: OnId | None = None
) -> Flow[RenderJob]:
    """Submit under a new id (§4)."""
    render_id = f"render_{uuid.uuid4().hex}"
    if on_id is not None:
        yield from on_id(render_id)
    return (yield from submit(render_id))


def _submit_again(
    submit: Callable[[str], Flow[RenderJob]], on_id: OnId | None = None
) -> Flow[RenderJob]:
    """Submit one last time; if this does not arrive either, raise the reason."""
    try:
        return (yield from _submit_new(submit, on_id))
    except _NeverArrivedError as failure:
        raise failure.reason from None


def _resume(
    context: Context, render_id: str, submit: Callable[[str], Flow[RenderJob]]
) -> Flow[RenderJob | None]:
    """Return the job of an id that may have been submitted; None if it was canceled.

    An unknown id is reused, so that the service can reject the duplicate if the first submit is
    still in transit.
    """
    job = yield from find(context, render_id)
    if job is None:
        try:
            return (yield from submit(render_id))
        except APIError:
            job = yield from find(context, render_id)
            if job is None:
                raise
    return None if job.cancelled else job


def project_url(context: Context, session_id: str, task_id: str | None) -> Flow[str | None]:
    """Return the project's link; None on errors, because the video is finished without it."""
    try:
        return (yield from auth.claim_token(context, session_id, task_id)).url
    except NemoError:
        return None
