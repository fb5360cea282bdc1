"""Render jobs: submitted, waited for, and done once more where they fail (docs/protocol.md §4)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, urljoin

from nemovideo._downloads.places import check_output
from nemovideo._flows import auth, downloads
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.downloads import OnBytes
from nemovideo._flows.steps import Flow, Request, blocking, sleep
from nemovideo._support import outputs
from nemovideo._values.remedies import Code, Remedy
from nemovideo._wire import envelopes
from nemovideo.draft import Draft
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    DraftNotReadyError,
    MalformedResponseError,
    NemoError,
    RateLimitError,
    RenderCancelledError,
    RenderFailedError,
    RenderTimeoutError,
    ServerError,
)
from nemovideo.models import RenderedVideo, RenderJob, SavedVideo

OnJob = Callable[[RenderJob], None]
OnId = Callable[[str], Flow[None]]

_PATH = "/api/render/proxy/lambda"
_PASSING = (APIConnectionError, ServerError, RateLimitError, MalformedResponseError)
_UNCLEAR = (APIConnectionError, ServerError, MalformedResponseError)
_CHECKS = 2


def _not_noted(_: str) -> Flow[None]:
    """Do nothing with a new id."""
    yield from ()


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
        return (yield from _submit_once(context, session_id, draft, format, quality, _new_id()))
    except _NeverArrivedError:
        pass
    try:
        return (yield from _submit_once(context, session_id, draft, format, quality, _new_id()))
    except _NeverArrivedError as failure:
        raise failure.reason from None


def check_quality(context: Context, quality: str) -> None:
    """Refuse a quality that the client's own local backend does not make; the cloud may know it.

    Raises:
        InvalidRequestError: There is none of that name; the remedy lists them.
    """
    if context.backend is not None:
        outputs.check_quality(quality)


def _new_id() -> str:
    """Return an id that no render has had: each has its own (§4)."""
    return f"render_{uuid.uuid4().hex}"


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
    render_id: str,
) -> Flow[RenderJob]:
    """Submit under this id; where the answer was lost, ask for the job by it."""
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
    except _UNCLEAR as error:
        if isinstance(error, APIConnectionError) and not error.sent:
            raise
        return (yield from _find_lost(context, render_id, error))
    return envelopes.read_render(data, render_id)


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
    asking = Remedy(
        (
            "ask ",
            Code(f"client.render.get({render_id!r})"),
            " whether the render was started before you submit again",
        )
    )
    reason.remedy = Remedy.after(asking, Remedy(reason.remedy))
    raise reason


def get(context: Context, render_id: str) -> Flow[RenderJob]:
    """Return the job as it is now."""
    request = Request("GET", f"{_PATH}/{quote(render_id, safe='')}", repeatable=True)
    return envelopes.read_render((yield from auth.authorized(context, request)), render_id)


def find(context: Context, render_id: str) -> Flow[RenderJob | None]:
    """Return the job as it is now, or None where the service knows no such job."""
    try:
        return (yield from get(context, render_id))
    except APIError as error:
        if 404 in (error.status, error.code):
            return None
        raise


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
        yield from sleep(polling.wait_s(polls), polling=True)
        polls += 1
        try:
            now = yield from get(context, job.id)
        except _PASSING:
            continue
        if (now.status, now.progress) != (job.status, job.progress):
            ends_at = clock.extended(ends_at, polling.timeout_s)
        job = now
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
        sources = context.uploaded.get(session_id, ())
        yield from blocking(partial(check_output, path, overwrite=overwrite, sources=sources))
    job = yield from produce(context, session_id, format, quality, on_job)
    if path is not None:
        path = yield from downloads.fetch(
            context, job, path, overwrite=overwrite, on_progress=on_bytes
        )
    cls = RenderedVideo if path is None else SavedVideo
    return cls(
        path=path,
        url=urljoin(f"{context.settings.base_url}/", job.url or ""),
        project_url=(yield from project_url(context, session_id, task_id)),
        job=job,
        session_id=session_id,
    )


def produce(
    context: Context,
    session_id: str,
    format: str,  # noqa: A002 - the protocol's word
    quality: str,
    on_job: OnJob | None = None,
    *,
    on_id: OnId = _not_noted,
    earlier: str | None = None,
) -> Flow[RenderJob]:
    """Render a session's draft; a failed render is tried once more under a new id (§4).

    Args:
        context: The client's.
        session_id: The session.
        format: What the file shall be.
        quality: How good.
        on_job: Told of the job each time it was asked for.
        on_id: Run with every new id before it is submitted.
        earlier: The id that another process was about to submit, or did.
    """
    state = yield from state_flow.get(context, session_id)
    if state.draft is None:
        raise DraftNotReadyError("the session has no draft yet")
    submit = partial(_submit_once, context, session_id, state.draft, format, quality)
    job: RenderJob | None = None
    try:
        if earlier is not None:
            job = yield from _take_up(context, earlier, submit)
        if job is None:
            job = yield from _submit_new(submit, on_id)
        return (yield from wait(context, job, on_job))
    except RenderCancelledError:
        raise
    except (RenderFailedError, _NeverArrivedError):
        try:
            job = yield from _submit_new(submit, on_id)
        except _NeverArrivedError as failure:
            raise failure.reason from None
        return (yield from wait(context, job, on_job))


def _submit_new(submit: Callable[[str], Flow[RenderJob]], on_id: OnId) -> Flow[RenderJob]:
    render_id = _new_id()
    yield from on_id(render_id)
    return (yield from submit(render_id))


def _take_up(
    context: Context, render_id: str, submit: Callable[[str], Flow[RenderJob]]
) -> Flow[RenderJob | None]:
    """Return the job of an id that may have been submitted; None for one that was cancelled.

    One that is unknown is submitted again under the same id, so that the service
    can refuse it if the first submit is still on its way.
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
    """Return the project's link, or None: a finished video is not lost for want of a link."""
    try:
        return (yield from auth.claim_token(context, session_id, task_id)).url
    except NemoError:
        return None
