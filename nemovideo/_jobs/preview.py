"""Previews of `remove_background`, made on this machine without credits."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nemovideo._flows.context import Context
from nemovideo._flows.preview import check_extra, check_length, moments
from nemovideo._flows.steps import Flow, blocking
from nemovideo._flows.uploads import prepare_all
from nemovideo._jobs.files import within_video
from nemovideo._jobs.job_spec import Background, JobSpec, Trim, spec_for
from nemovideo._jobs.message import check_edited, with_warnings
from nemovideo.draft import Draft
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Source, Upload, is_url
from nemovideo.models import At, Preview, Reply

if TYPE_CHECKING:
    from nemovideo.local.media.probe import MediaItem
    from nemovideo.local.previews import Footage
    from nemovideo.local.timeline import Timeline

log = logging.getLogger("nemovideo")


def of_source(
    context: Context,
    source: Source,
    background: Background,
    at: At,
    trim: Trim | None = None,
    edit: str | None = None,
) -> Flow[Preview]:
    """Return a preview of a clip with a different background; see `Client.preview`."""
    at_s = moments(at)
    local_files = context.settings.local_files
    spec = spec_for(
        source, background, format="webm", edit=edit, trim=trim, local_files=local_files
    )
    uploads = yield from _prepared(spec)
    spec = within_video(spec, uploads[0])
    clock = context.settings.clock
    began_s = clock.monotonic()
    result = yield from blocking(partial(_rendered, context, spec, uploads, at_s))
    log.debug("preview: %d moments in %.2f s", len(result.stills), clock.monotonic() - began_s)
    return result


def _prepared(spec: JobSpec) -> Flow[list[Upload]]:
    """Return the checked files of a job."""
    if any(is_url(file) for file in spec.files):
        raise InvalidRequestError(
            "previews are made on this machine, which does not fetch URLs",
            remedy="Download the file first, or upload the URL and use session.preview().",
        )
    yield from blocking(check_extra)
    return (yield from prepare_all(spec.files))


def edited_draft(
    spec: JobSpec, uploads: Sequence[Upload], footage: Sequence[Footage]
) -> tuple[Timeline, Mapping[str, MediaItem], Reply]:
    """Return the local agent's draft for a job, the files by id, and its reply.

    Raises:
        AgentError: The job itself would raise it, too.
    """
    from nemovideo.local.previews import edited

    timeline, media, reply = edited(footage, _message_for(spec, uploads))
    reply = with_warnings(reply, spec.notes)
    check_edited(spec.expected_duration_s, Draft.from_json(timeline.to_draft()), reply)
    return timeline, media, reply


def _message_for(spec: JobSpec, uploads: Sequence[Upload]) -> str:
    """Return the message for the local agent, which has only these files."""
    if spec.picture is None:
        return spec.message
    picture = "remove the background"  # a picture from a URL is not fetched
    if len(uploads) > 1:
        picture = f'replace the background with the uploaded file "{uploads[1].name}"'
    return ". ".join(filter(None, (picture, spec.message)))


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
    context: Context, spec: JobSpec, uploads: Sequence[Upload], at_s: list[float] | None
) -> Preview:
    from nemovideo.local.previews import preview_draft

    with footage_of(uploads) as footage:
        timeline, media, reply = edited_draft(spec, uploads, footage)
        check_length(at_s, timeline.duration_ms)
        engine = None if context.backend is None else context.backend.load_engine
        preview = preview_draft(timeline, media, at_s, engine)
    return attrs.evolve(preview, warnings=(*preview.warnings, *reply.warnings))
