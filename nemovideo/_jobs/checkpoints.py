"""The checkpoint of a job, from which another process can resume it.

The file is JSON with mode 0600. It contains no token and no signed link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from nemovideo._support import urls
from nemovideo._support.disk import Stamp, open_regular, replace_text
from nemovideo._support.json_text import json_text, read_json
from nemovideo._support.outputs import DEFAULT_QUALITY
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import CheckpointError
from nemovideo.files import url_name

if TYPE_CHECKING:
    import cattrs

VERSION = 2

JobPhase = Literal["new", "upload", "edit", "render", "download", "done"]
"""The next step of a job; "done" once its result has been delivered."""

_KIND = "nemovideo job"
_MAX_BYTES = 4 * 1024 * 1024


@attrs.frozen
class FileEntry:
    """An input file, and where another process can read it again.

    Attributes:
        sha256: The digest of its content, or of the URL; None if it can be read only once.
        path: Its path on this machine, if any.
        url: Its URL, unless that may contain a secret.
        stamp: The file's size and times when it was hashed.
    """

    name: str
    sha256: str | None
    path: str | None = None
    url: str | None = None
    stamp: Stamp | None = None


@attrs.frozen
class JobSpecEntry:
    """The job specification; a call with a different one cannot resume the job.

    Attributes:
        notes: Warnings about the job, as sentences.
    """

    source: FileEntry
    picture: FileEntry | None
    message: str
    output: str | None
    format: str
    session_id: str | None
    quality: str = DEFAULT_QUALITY
    expected_duration_s: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files to upload, in this order."""
        return (self.source,) if self.picture is None else (self.source, self.picture)

    @property
    def key(self) -> tuple[object, ...]:
        """The key of the result: the digests of the files, and the edits."""
        picture = None if self.picture is None else self.picture.sha256
        edits = (self.message, self.format, self.quality)
        return (self.source.sha256, self.picture is None, picture, *edits)

    def same_as(self, other: JobSpecEntry) -> bool:
        """Return whether both specifications are the same, wherever their source files are."""
        destination = (self.output, self.session_id)
        return self.key == other.key and destination == (other.output, other.session_id)


@attrs.frozen
class Service:
    """The service of the job: the cloud, or the client's own local backend."""

    base_url: str
    state_dir: str | None = None


@attrs.frozen
class MessageEntry:
    """The message and the state before it, written before it is sent.

    Attributes:
        status: "sending": it may have arrived. "answered": it arrived, but did not do what was
            asked. "done": it did.
        sent_at: Epoch seconds when this was written.
        draft: The digest of the draft before the message; if it was answered, after it.
        rest: The digest of the rest of the state before the message.
        available: The credits before the message.
        frozen: The reserved credits before the message.
        reply: The agent's answer, once known.
        warnings: What the agent did not do, or asked.
        incomplete: Whether the end of the answer was not received, so that edits may be missing.
        failure: Why the answer did not do what was asked, if it did not.
        lost_at: Epoch seconds when the answer was lost, or when that was first noticed.
    """

    status: Literal["sending", "answered", "done"]
    sent_at: float
    draft: str
    rest: str
    available: float
    frozen: float
    reply: str = ""
    warnings: tuple[str, ...] = ()
    incomplete: bool = False
    failure: str = ""
    lost_at: float | None = None


@attrs.frozen
class Checkpoint:
    """The state of a job, which is written before and after every step.

    Attributes:
        spec: The job specification.
        overwrite: Whether an existing file may be replaced.
        max_credits: The credit limit.
        session_id: The session, once it is created.
        task_id: Its project.
        files: The service's names for the uploaded files.
        files_before_upload: How many files the session had before the current upload.
        message: The message, from before it is sent.
        render_id: The render's id, from before it is submitted.
        rendered: Whether the render has completed.
        output_before: The stamp of an existing output before the download.
        sha256: The digest of the result, once downloaded.
        size_bytes: The size of the result, once downloaded.
        finished: Whether the job is done.
        credits_before: The available credits before the message.
        credits_after: The available credits at the end.
        duration_s: The result's duration, if known.
        warnings: The warnings of the render.
        fraction: The progress of the whole job, 0 to 1.
        elapsed_s: The seconds spent so far, in all processes.
        updated_at: Epoch seconds when this was written.
    """

    spec: JobSpecEntry
    service: Service
    overwrite: bool = False
    max_credits: float | None = None
    session_id: str | None = None
    task_id: str | None = None
    files: tuple[str, ...] = ()
    files_before_upload: int | None = None
    message: MessageEntry | None = None
    render_id: str | None = None
    rendered: bool = False
    output_before: Stamp | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    finished: bool = False
    credits_before: float | None = None
    credits_after: float | None = None
    duration_s: float | None = None
    warnings: tuple[str, ...] = ()
    fraction: float = 0.0
    elapsed_s: float = 0.0
    updated_at: float = 0.0

    @property
    def phase(self) -> JobPhase:
        """The next step."""
        if self.finished:
            return "done"
        if self.rendered:
            return "download"
        if self.message is not None and self.message.status == "done":
            return "render"
        if len(self.files) == len(self.spec.files):
            return "edit"
        return "new" if self.session_id is None else "upload"

    @property
    def reply(self) -> str:
        """The agent's answer; empty if there is none."""
        return "" if self.message is None else self.message.reply

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """The warnings of the render and of the agent."""
        return (*self.warnings, *(() if self.message is None else self.message.warnings))

    @property
    def output(self) -> Path | None:
        """The path of the result."""
        return None if self.spec.output is None else Path(self.spec.output)


def load(path: Path) -> Checkpoint | None:
    """Read a checkpoint, or return None if there is no file.

    Raises:
        CheckpointError: It cannot be read, is damaged, is not a checkpoint, or has a different
            version.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure(path, f"cannot be read: {error.strerror}") from error
    try:
        value = read_json(content if len(content) <= _MAX_BYTES else b"")
    except ValueError:
        raise failure(path, "is damaged, or not a checkpoint") from None
    if not isinstance(value, dict) or value.get("kind") != _KIND:
        raise failure(path, "is not the checkpoint of a job")
    if value.get("version") != VERSION:
        raise failure(
            path,
            "was created by a different version of nemovideo (file version "
            f"{value.get('version')!r:.80}, not {VERSION})",
            remedy=Remedy(
                "resume the job with that version",
                ("choose another ", Option("checkpoint"), " to start over"),
            ),
        )
    import cattrs

    try:
        return _converter().structure(value, Checkpoint)
    except (cattrs.BaseValidationError, ValueError, TypeError) as error:
        reason = cattrs.transform_error(error)[0]
        raise failure(path, f"is damaged: {reason}") from None


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically, and flush it to disk.

    Raises:
        CheckpointError: It cannot be written.
    """
    value = to_json(checkpoint)
    temp = path.with_name(f".{path.name}.new")  # the job's lock is held
    try:
        replace_text(path, json_text(value, indent=1), temp=temp, private=True, durable=True)
    except OSError as error:
        raise failure(
            path,
            f"cannot be written: {error.strerror}",
            remedy=Remedy("free some space", ("choose another ", Option("checkpoint"))),
        ) from error


def to_json(checkpoint: Checkpoint) -> dict[str, object]:
    """Return the JSON value of a checkpoint."""
    value = _converter().unstructure(checkpoint)
    return {"kind": _KIND, "version": VERSION, "phase": checkpoint.phase, **value}


def failure(path: Path, reason: str, *, remedy: str | None = None) -> CheckpointError:
    """Return an error about a checkpoint."""
    error = CheckpointError(f"the checkpoint {path} {reason}", remedy=remedy)
    error.path = str(path)
    return error


def missing(path: Path) -> CheckpointError:
    """Return the error for a checkpoint that does not exist."""
    return failure(
        path,
        "does not exist",
        remedy="Check the path. If the job ended before it wrote this file, nothing was sent: "
        "start the job again.",
    )


def lock_path(path: Path) -> Path:
    """Return the file that is locked while a job is running."""
    return path.with_name(f".{path.name}.lock")


def url_entry(url: str) -> FileEntry:
    """Return the entry for a URL; if it has a query or a password, only its digest is stored."""
    parts = urls.split(url)
    private = bool(parts.query or "@" in parts.netloc)
    digest = hashlib.sha256(url.encode()).hexdigest()
    return FileEntry(url_name(url) or "file", f"url:{digest}", url=None if private else url)


@cache
def _converter() -> cattrs.Converter:
    """Return a converter that rejects values of a different type instead of converting them."""
    import cattrs

    converter = cattrs.Converter(detailed_validation=True)
    for kind in (str, bool, int):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    return converter


def _exactly(kind: type) -> Callable[[object, type], object]:
    def structure(value: object, _: type) -> object:
        if type(value) is not kind:
            raise ValueError(f"expected {kind.__name__}")
        return value

    return structure


def _number(value: object, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number")  # noqa: TRY004 - cattrs collects ValueErrors
    return value
