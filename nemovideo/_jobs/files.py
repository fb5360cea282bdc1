"""The files of a job, identified by their content and uploaded once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs

from nemovideo._flows import state as state_flow
from nemovideo._flows import uploads
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Sleep, blocking
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import FileEntry
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._jobs.journal import Journal
from nemovideo._jobs.progress import Meter
from nemovideo._support.disk import Stamp, sha256_of
from nemovideo._support.outputs import is_still
from nemovideo._support.user_folders import absolute_path
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidRequestError,
    NemoError,
    ServerError,
    UnsupportedFileError,
)
from nemovideo.files import Source, Upload, is_url

log = logging.getLogger("nemovideo")

_MIN_BYTES_PER_S = 125_000
_ASSUMED_FPS = 10
"""The frame rate to assume if the header has none; a trim may end one frame after the video."""


def inspect_all(
    sources: Sequence[Source], *, hashed: bool
) -> Flow[tuple[list[Upload], list[FileEntry]]]:
    """Check the sources, and return their entries; with `hashed`, including digests."""
    checked = iter((yield from uploads.prepare_all([s for s in sources if not is_url(s)])))
    found, entries = list[Upload](), list[FileEntry]()
    for source in sources:
        if is_url(source):
            upload = source if isinstance(source, Upload) else Upload(source)
            entry = checkpoints.url_entry(str(upload.source))
        else:
            upload = next(checked)
            path = upload.path
            stamp = None if path is None else Stamp.of(path)
            digest = (yield from blocking(partial(_digest, upload))) if hashed else None
            stored_path = None if path is None else str(absolute_path(path))
            entry = FileEntry(upload.name or "", digest, path=stored_path, stamp=stamp)
        found.append(upload)
        entries.append(entry)
    return found, entries


def check_kind(source: Upload, format: str) -> None:  # noqa: A002 - the protocol's name
    """Check that the source has a picture, and that the format suits it.

    Raises:
        UnsupportedFileError: The source is audio.
        InvalidRequestError: The source is a video, and the format is a single picture.
    """
    if source.info is None:
        return  # a URL, which only the service reads
    name, kind = source.name, source.info.kind
    if kind == "audio":
        raise UnsupportedFileError(
            f"{name!r} is audio, and has no background", remedy="Use a video or a picture."
        )
    if kind == "video" and is_still(format):
        raise InvalidRequestError(
            f"{name!r} is a video, and .{format} holds one picture",
            remedy="Use .zip for one picture per frame, or the suffix of a video.",
        )


def within_video(spec: JobSpec, source: Upload) -> JobSpec:
    """Return the specification with a trim that ends with the video, as far as its header says.

    A trim that ends later is shortened, with a warning. In the user's own session the trim is left
    unchanged, because the session may have other videos.

    Raises:
        InvalidRequestError: The part to keep starts after the end of the video.
    """
    trim, info = spec.trim, source.info
    if trim is None or spec.session_id is not None or info is None:
        return spec
    if info.kind != "video" or not info.duration_ms:
        return spec
    (start_s, end_s), length_s = trim, info.duration_ms / 1000
    length = f"{source.name!r} is {length_s:.3f}".rstrip("0").rstrip(".") + " s long"
    if start_s >= length_s:
        raise InvalidRequestError(
            f"{length}, and the part to keep starts at {start_s:g} s",
            remedy=Remedy(("set ", Option("trim"), " within the video")),
        )
    if end_s <= length_s + 1 / (info.fps or _ASSUMED_FPS):
        return spec
    note = f"{length}, so the part to keep ends there instead of at {end_s:g} s"
    return attrs.evolve(spec, trim=(start_s, length_s), notes=(*spec.notes, note))


def min_result_bytes(source: Upload) -> float:
    """Return a lower bound for the result's size: 1 Mbit/s, or the source's size if smaller."""
    info = source.info
    if info is None:
        return 0
    return min(info.size_bytes, (info.duration_ms or 0) / 1000 * _MIN_BYTES_PER_S)


def upload_all(
    context: Context, session_id: str, inputs: Sequence[Upload], journal: Journal, meter: Meter
) -> Flow[None]:
    """Upload the files that are not in the session yet, one at a time.

    Raises:
        CheckpointError: A file that must be sent cannot be read again, or has changed.
    """
    entries = journal.current.spec.files
    for index in range(len(journal.current.files), len(entries)):
        name = None
        if journal.current.files_before_upload is not None:
            name = yield from _find_arrived(
                context, session_id, entries[index], journal.current.files_before_upload
            )
        if name is None:
            name = yield from _upload(context, session_id, index, inputs, journal, meter)
        files = (*journal.current.files, name)
        yield from journal.save(
            attrs.evolve(journal.current, files=files, files_before_upload=None)
        )


def arrived(
    infos: Sequence[Mapping[str, object]], entry: FileEntry, files_before_upload: int
) -> str | None:
    """Return the session's name for a file, or None if the file has not arrived.

    The session had `files_before_upload` files before this one was sent.
    """
    for info in infos:
        if entry.sha256 is not None and info.get("hash") == entry.sha256:
            return _name(info, entry)
    for info in infos[files_before_upload:]:
        digest = info.get("hash")
        comparable = isinstance(digest, str) and len(digest) == len(entry.sha256 or "")
        if not comparable:
            return _name(info, entry)
    return None


def _find_arrived(
    context: Context, session_id: str, entry: FileEntry, files_before_upload: int
) -> Flow[str | None]:
    """Look twice for a file whose upload was cut off: the service may still be processing it."""
    for wait_s in (0.0, context.settings.polling.interval_s):
        if wait_s:
            yield Sleep(wait_s, purpose="to find out whether the file arrived", needs_s=wait_s)
        state = yield from state_flow.get(context, session_id)
        name = arrived(state.video_infos, entry, files_before_upload)
        if name is not None:
            return name
    return None


def _upload(
    context: Context,
    session_id: str,
    index: int,
    inputs: Sequence[Upload],
    journal: Journal,
    meter: Meter,
) -> Flow[str]:
    """Upload a file; after a dropped connection, send it again if it has not arrived."""
    record = journal.current
    entry, count = record.spec.files[index], len(record.spec.files)
    if inputs:
        source = inputs[index]
    else:
        assert journal.path is not None
        source = yield from _reopened(entry, journal.path)
    files_before_upload = len(record.files)
    if record.spec.session_id is not None:  # the user's session may have other files
        files_before_upload = len((yield from state_flow.get(context, session_id)).video_infos)
    yield from journal.save(attrs.evolve(record, files_before_upload=files_before_upload))
    left = attempt = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal left
        left = total - done
        meter.bytes(index * total + done, count * total)

    while True:
        attempt += 1
        left = 0 if source.info is None else source.size_bytes
        try:
            sent = yield from uploads.upload(context, session_id, [source], on_progress)
        except (APIConnectionError, ServerError) as error:
            if not _may_retry(context, error, attempt):
                raise
            failure = error
        else:
            return sent[0].filename if sent else entry.name
        meter.outage()
        yield from _pause(context, session_id, failure, attempt)
        if entry.sha256 is None and source.info is not None:
            entry = attrs.evolve(entry, sha256=(yield from blocking(partial(_digest, source))))
        name = yield from _find_arrived(context, session_id, entry, files_before_upload)
        if name is not None:
            return name
        if isinstance(failure, APITimeoutError) and not left:
            raise failure  # the service may still be processing it


def _may_retry(context: Context, error: NemoError, attempt: int) -> bool:
    """Return whether to retry a failed upload, once it is clear that it has not arrived."""
    if isinstance(error, APIConnectionError) and not error.sent:
        return False
    return context.settings.retry.allows(error, attempt=attempt, repeatable=True, limited=0)


def _pause(context: Context, session_id: str, error: NemoError, attempt: int) -> Flow[None]:
    policy = context.settings.retry
    wait_s = policy.wait_s(error, attempt=attempt)
    name = type(error).__name__
    log.info("session %s: %s; checking the upload in %.1f s", session_id, name, wait_s)
    if policy.on_retry is not None:
        policy.on_retry(error, wait_s)
    yield Sleep(wait_s)


def _reopened(entry: FileEntry, checkpoint: Path) -> Flow[Upload]:
    """Return a file of the checkpoint, if it can be read and is unchanged."""
    if entry.url is not None:
        return Upload(entry.url)
    if entry.path is None:
        raise checkpoints.failure(
            checkpoint,
            f"has no path or URL for {entry.name!r}",
            remedy=Remedy(
                ("make the same call again, with the source and this ", Option("checkpoint"))
            ),
        )
    (upload,) = yield from uploads.prepare_all([Path(entry.path)])
    if (yield from blocking(partial(_digest, upload))) != entry.sha256:
        raise checkpoints.failure(
            checkpoint,
            f"belongs to a job that started with different content in {entry.path!r}",
            remedy=Remedy(
                "put the file back", ("choose another ", Option("checkpoint"), " to start over")
            ),
        )
    return attrs.evolve(upload, name=entry.name)


def _digest(upload: Upload) -> str:
    with upload.opened() as file:
        return sha256_of(file)


def _name(info: Mapping[str, object], entry: FileEntry) -> str:
    name = info.get("filename")
    return name if isinstance(name, str) and name else entry.name
