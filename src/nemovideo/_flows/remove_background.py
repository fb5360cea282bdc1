"""The main job: a clip in, the agent's edit, a render, a file out (protocol.md §11)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from nemovideo._files import Part, Source, is_media_name, is_url, url_name
from nemovideo._flows import agent, render, sessions, state, uploads
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo.errors import AgentError, CreditLimitError, InvalidRequestError, NemoError
from nemovideo.models import Progress, RenderedVideo, RenderJob, Reply

Background = str | os.PathLike[str] | None
"""What comes behind the person: see `Client.remove_background`."""

WITH_ALPHA = ("webm", "mov")

_WEIGHTS = {"upload": 0.15, "edit": 0.15, "render": 0.6, "download": 0.1}


@attrs.frozen
class Job:
    """What is to be done, checked as far as it can be before anything is sent.

    `picture` is the file or URL to put behind the person, if that is wanted,
    and `words` what to say to the agent otherwise.
    """

    source: Source
    picture: Source | None
    words: str
    output: Path | None
    format: str
    session_id: str | None
    task_id: str | None = None
    overwrite: bool = False
    max_credits: float | None = None


def plan(
    background: Background,
    output: str | os.PathLike[str] | None,
    format: str | None,  # noqa: A002 - the protocol's word
) -> tuple[Source | None, str, str]:
    """Return the picture to upload, the words to say, and the format of the file.

    Raises:
        InvalidRequestError: The format cannot be, or cannot hold what is wanted.
    """
    if output is None and format is None and background == "transparent":
        format = "webm"  # noqa: A001
    format = render.check_format(render.format_for(output, format))  # noqa: A001
    if background is None:
        return None, "remove the background", format
    if isinstance(background, os.PathLike) or is_url(background) or is_media_name(background):
        return background, "", format
    words = " ".join(background.split())
    if not words:
        raise InvalidRequestError("the background is empty", remedy="Say what should be there.")
    if words.lower() == "transparent":
        if format not in WITH_ALPHA:
            raise InvalidRequestError(
                f"an {format} file cannot be transparent",
                remedy=f"Use one of: {', '.join(WITH_ALPHA)}.",
            )
        return None, "cut out the background and make it transparent", format
    if words.lower() in ("blur", "blurred"):
        return None, "blur the background", format
    return None, f"replace the background with {words}", format


def run(
    context: Context, job: Job, on_progress: Callable[[Progress], None] | None
) -> Flow[RenderedVideo]:
    """Carry the job out."""
    meter = _Meter(context, on_progress)
    if (output := job.output) is not None:
        yield from blocking(lambda: render.check_output(output, overwrite=job.overwrite))
    files = [job.source] if job.picture is None else [job.source, job.picture]
    parts = yield from uploads.prepare_all([file for file in files if not is_url(file)])
    if output is not None:
        yield from blocking(lambda: _keep_sources(parts, output))
    before = (yield from state.balance(context)).available
    if job.max_credits is not None and job.max_credits < context.settings.edit_cost:
        raise CreditLimitError(
            f"an edit takes about {context.settings.edit_cost} credits, "
            f"and max_credits is {job.max_credits:g}"
        )
    session_id, task_id = job.session_id, job.task_id
    if session_id is None:
        session_id, task_id, _ = yield from sessions.create(context, "project", "en")
    meter.begin("upload", "Connecting…")
    sent = yield from uploads.upload(context, session_id, files, meter.bytes)
    meter.begin("edit", "Removing the background…")
    words = job.words
    if job.picture is not None:
        name = sent[1].filename if len(sent) > 1 else _name(job.picture, parts)
        words = f'replace the background with the uploaded file "{name}"'
    reply = yield from _edit(context, session_id, words)
    meter.begin("render", "Rendering…")
    video = yield from render.export(
        context,
        session_id,
        job.output,
        format=job.format,
        quality="high",
        overwrite=job.overwrite,
        task_id=task_id,
        on_job=meter.job,
        on_bytes=meter.bytes,
    )
    try:
        after = (yield from state.balance(context)).available
    except NemoError:
        after = None  # the video is there; only the receipt is missing
    meter.end()
    return attrs.evolve(
        video,
        credits_before=before,
        credits_after=after,
        reply=reply,
        source=None if is_url(job.source) else parts[0].path,
    )


def _edit(context: Context, session_id: str, words: str) -> Flow[Reply]:
    """Say the words, and make sure that the agent has changed the draft."""
    before = yield from state.get(context, session_id)
    reply = yield from agent.send(context, session_id, words)
    after = yield from state.get(context, session_id)
    if after.draft == before.draft:
        said = reply.text or "it said nothing"
        error = AgentError(f"the agent did not change the video: {said}")
        error.reply = reply
        raise error
    return reply


def _keep_sources(parts: Sequence[Part], output: Path) -> None:
    """Refuse to write the result over what it is made from, whatever `overwrite` says."""
    target = output.expanduser()
    for part in parts:
        if part.path is not None and target.exists() and target.samefile(part.path):
            raise InvalidRequestError(
                f"{output} is the file that the result is made from", remedy="Choose another name."
            )


def _name(source: Source, parts: list[Part]) -> str:
    return url_name(source) if isinstance(source, str) and is_url(source) else parts[-1].name


class _Meter:
    """Turns what the phases report into the progress of the whole call."""

    def __init__(self, context: Context, on_progress: Callable[[Progress], None] | None) -> None:
        self._clock = context.settings.clock
        self._report = on_progress
        self._started = self._clock.monotonic()
        self._phase = "upload"
        self._message = ""
        self._shown = 0.0

    def begin(self, phase: str, message: str) -> None:
        """Start a phase; those before it are done."""
        self._phase, self._message = phase, message
        self._tell(0.0)

    def bytes(self, done: int, total: int | None) -> None:
        """Take the progress of an upload or a download."""
        if self._phase == "render":
            self._phase, self._message = "download", "Downloading…"
        elif self._phase == "upload":
            self._message = "Uploading…"
        self._tell(done / total if total else 0.0)

    def job(self, job: RenderJob) -> None:
        """Take the progress of the render job."""
        percent = 100.0 if job.completed else job.progress or 0.0
        self._tell(percent / 100)

    def end(self) -> None:
        """Say that all is done."""
        self._phase, self._message = "download", "Video ready!"
        self._shown = 1.0
        self._tell(1.0)

    def _tell(self, part: float) -> None:
        if self._report is None:
            return
        names = list(_WEIGHTS)
        done = sum(_WEIGHTS[name] for name in names[: names.index(self._phase)])
        fraction = min(1.0, done + _WEIGHTS[self._phase] * min(part, 1.0))
        self._shown = fraction = max(fraction, self._shown)
        elapsed = self._clock.monotonic() - self._started
        eta = elapsed * (1 - fraction) / fraction if fraction > _WEIGHTS["upload"] else None
        self._report(Progress(self._phase, fraction, elapsed, eta, self._message))
