"""The result of a job."""

from __future__ import annotations

from pathlib import Path

import attrs

from nemovideo._jobs.checkpoints import Checkpoint
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._support.disk import Stamp, sha256_of_file
from nemovideo._support.user_folders import expanded
from nemovideo.models import RenderedVideo, RenderJob, Reply, SavedVideo


def delivered(record: Checkpoint) -> RenderedVideo | None:
    """Return the result of a finished job from its checkpoint, if the file is complete.

    It has no links: they work without a token, so a checkpoint does not contain them.
    """
    if not record.finished or record.output is None or not record.output.is_file():
        return None
    if sha256_of_file(record.output) != record.sha256:
        return None
    size = record.output.stat().st_size
    job = RenderJob(
        record.render_id or "",
        "completed",
        progress=100.0,
        duration_s=record.duration_s,
        size_bytes=size,
        warnings=record.warnings,
    )
    return result(record, record.output, "", None, job, stored_reply(record))


def has_arrived(record: Checkpoint, size_bytes: int | None) -> bool:
    """Return whether the output is the result, downloaded by an earlier process.

    A download is renamed when it is complete. So the file is the result if it appeared after the
    download began and has the size that the service reported, or, once the checkpoint has it, the
    right digest.
    """
    stamp = None if record.output is None else Stamp.of(record.output)
    if record.output is None or stamp is None or stamp == record.output_before:
        return False
    if record.sha256 is not None:
        return sha256_of_file(record.output) == record.sha256
    return size_bytes is None or stamp.size_bytes == size_bytes


def result(
    record: Checkpoint,
    path: Path | None,
    url: str,
    project_url: str | None,
    job: RenderJob,
    reply: Reply,
) -> RenderedVideo:
    """Return the result from the checkpoint and the finished render."""
    source = record.spec.source.path
    cls = RenderedVideo if path is None else SavedVideo
    return cls(
        path=path,
        url=url,
        project_url=project_url,
        job=job,
        session_id=record.session_id or "",
        credits_before=record.credits_before,
        credits_after=record.credits_after,
        reply=reply,
        source=None if source is None else Path(source),
    )


def stored_reply(record: Checkpoint) -> Reply:
    """Return the agent's answer from the checkpoint; empty if there is none."""
    if record.message is None:
        return Reply()
    text, warnings = record.message.reply, record.message.warnings
    incomplete = record.message.incomplete
    return Reply(raw_text=text, text=text, warnings=warnings, incomplete=incomplete)


def with_given_path(video: RenderedVideo, spec: JobSpec | None) -> RenderedVideo:
    """Return the result with its path as the user wrote it, not the absolute one."""
    if spec is None or spec.output is None or video.path is None:
        return video
    return attrs.evolve(video, path=expanded(spec.output))
