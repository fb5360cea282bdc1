"""The checkpoint of a job: what is noted of it in a file, so that another process can go on.

The file is JSON of mode 0600. It holds no token, no link that opens something by
itself, and nothing of what the service keeps but its ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import attrs

from nemovideo._support.disk import Stamp, replace_text
from nemovideo._support.json_text import json_text, read_json
from nemovideo._support.outputs import DEFAULT_QUALITY
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import CheckpointError

if TYPE_CHECKING:
    import cattrs

VERSION = 1

JobPhase = Literal["new", "upload", "edit", "render", "download", "done"]
"""What a job does next; "done" once its result has been delivered."""

_KIND = "nemovideo job"
_LARGEST_BYTES = 4 * 1024 * 1024


@attrs.frozen
class FileNote:
    """A file that goes into the job: what it is, and where a new process can read it again.

    Attributes:
        name: Its name, for people.
        sha256: Of its content, or of the whole URL; None for what can be read only once.
        path: Where it is on this machine, if it is there.
        url: Its URL, unless there may be a secret in it.
        stamp: The file's size and times when it was hashed.
    """

    name: str
    sha256: str | None
    path: str | None = None
    url: str | None = None
    stamp: Stamp | None = None


@attrs.frozen
class OrderNote:
    """What was ordered; two orders of one checkpoint must not differ in any of it."""

    source: FileNote
    picture: FileNote | None
    words: str
    output: str | None
    format: str
    session_id: str | None
    quality: str = DEFAULT_QUALITY
    stretch_s: float | None = None

    @property
    def files(self) -> tuple[FileNote, ...]:
        """The files to upload, in this order."""
        return (self.source,) if self.picture is None else (self.source, self.picture)

    @property
    def key(self) -> tuple[object, ...]:
        """What decides the result: the files' content and what is wanted of them."""
        picture = None if self.picture is None else self.picture.sha256
        wishes = (self.words, self.format, self.quality)
        return (self.source.sha256, self.picture is None, picture, *wishes)

    def same_as(self, other: OrderNote) -> bool:
        """Return whether both mean the same; where a file was moved to does not matter."""
        place = (self.output, self.session_id)
        return self.key == other.key and place == (other.output, other.session_id)


@attrs.frozen
class Service:
    """Where the job is done: in the cloud, or by a local backend of the client's own."""

    base_url: str
    state_dir: str | None = None


@attrs.frozen
class MessageNote:
    """The message, noted before it is sent, with how all stood then.

    Attributes:
        status: "sending": it may have arrived. "answered": it has, and the draft was as before.
            "done": it has changed the draft.
        sent_at: Epoch seconds when this was noted.
        draft: The digest of the draft before the message.
        rest: The digest of the rest of the state before the message.
        available: The credits before the message.
        frozen: The reserved credits before the message.
        reply: The agent's words, once they are there.
    """

    status: Literal["sending", "answered", "done"]
    sent_at: float
    draft: str
    rest: str
    available: float
    frozen: float
    reply: str = ""


@attrs.frozen
class Checkpoint:
    """How far a job is. Every step is noted before it is taken, and after.

    Attributes:
        order: What is to be done.
        service: Where.
        overwrite: Whether a file that is there already may be replaced.
        max_credits: The limit that was set.
        session_id: The session, once it is made.
        task_id: Its project.
        files: The uploaded files' names, as the service knows them.
        held: How many files the session held before the upload that is under way.
        message: The message, from before it is sent.
        render_id: The render's id, from before it is submitted.
        rendered: Whether the render was seen to have ended well.
        output_before: What was at the output's place before the download.
        sha256: The digest of the result, once it is there.
        size_bytes: The size of the result, once it is there.
        finished: Whether all is done.
        credits_before: The available credits before the message.
        credits_after: The available credits at the end.
        duration_s: The result's length, where the service said so.
        fraction: How much of the whole is done, 0 to 1.
        elapsed_s: The seconds that all processes took until then.
        updated_at: Epoch seconds when this was written.
    """

    order: OrderNote
    service: Service
    overwrite: bool = False
    max_credits: float | None = None
    session_id: str | None = None
    task_id: str | None = None
    files: tuple[str, ...] = ()
    held: int | None = None
    message: MessageNote | None = None
    render_id: str | None = None
    rendered: bool = False
    output_before: Stamp | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    finished: bool = False
    credits_before: float | None = None
    credits_after: float | None = None
    duration_s: float | None = None
    fraction: float = 0.0
    elapsed_s: float = 0.0
    updated_at: float = 0.0

    @property
    def phase(self) -> JobPhase:
        """What comes next."""
        if self.finished:
            return "done"
        if self.rendered:
            return "download"
        if self.message is not None and self.message.status == "done":
            return "render"
        if len(self.files) == len(self.order.files):
            return "edit"
        return "new" if self.session_id is None else "upload"

    @property
    def output(self) -> Path | None:
        """Where the result goes."""
        return None if self.order.output is None else Path(self.order.output)


def load(path: Path) -> Checkpoint | None:
    """Read a checkpoint, or return None where there is no file.

    Raises:
        CheckpointError: It cannot be read, is damaged, is none at all, or is of a newer version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure(path, f"cannot be read: {error.strerror}") from error
    try:
        value = read_json(content if len(content) <= _LARGEST_BYTES else b"")
    except ValueError:
        raise failure(path, "is damaged, or no checkpoint at all") from None
    if not isinstance(value, dict) or value.get("kind") != _KIND:
        raise failure(path, "is no checkpoint of a job")
    if value.get("version") != VERSION:
        raise failure(
            path,
            f"is of version {value.get('version')!r}, and this nemovideo knows {VERSION}",
            remedy=Remedy(
                "update nemovideo", ("name another ", Option("checkpoint"), " to start over")
            ),
        )
    import cattrs

    try:
        return _converter().structure(value, Checkpoint)
    except (cattrs.BaseValidationError, ValueError, TypeError) as error:
        reason = cattrs.transform_error(error)[0]
        raise failure(path, f"is damaged: {reason}") from None


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint: the whole file or nothing, safe on the disk when this returns.

    Raises:
        CheckpointError: It cannot be written.
    """
    value = {
        "kind": _KIND,
        "version": VERSION,
        "phase": checkpoint.phase,
        **attrs.asdict(checkpoint),
    }
    by = path.with_name(f".{path.name}.new")  # only the holder of the job's lock is here
    try:
        replace_text(path, json_text(value, indent=1), by=by, private=True, lasting=True)
    except OSError as error:
        raise failure(
            path,
            f"cannot be written: {error.strerror}",
            remedy=Remedy("make room", ("name another ", Option("checkpoint"))),
        ) from error


def failure(path: Path, reason: str, *, remedy: str | None = None) -> CheckpointError:
    """Return the error that says what is wrong with a checkpoint."""
    error = CheckpointError(f"the checkpoint {path} {reason}", remedy=remedy)
    error.path = str(path)
    return error


def lock_path(path: Path) -> Path:
    """Return the file that is locked while a process is at the job."""
    return path.with_name(f".{path.name}.lock")


def note_url(url: str) -> FileNote:
    """Return the note of a URL; one with a query or a password is known by its digest only."""
    parts = urlsplit(url)
    private = bool(parts.query or "@" in parts.netloc)
    name = parts.path.rpartition("/")[2] or parts.hostname or "file"
    digest = hashlib.sha256(url.encode()).hexdigest()
    return FileNote(name, f"url:{digest}", url=None if private else url)


@cache
def _converter() -> cattrs.Converter:
    """Return the converter that takes nothing for what it is not."""
    import cattrs

    made = cattrs.Converter(detailed_validation=True)
    for kind in (str, bool, int):
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(float, _number)
    return made


def _exactly(kind: type) -> Callable[[object, type], object]:
    def take(value: object, _: type) -> object:
        if type(value) is not kind:
            raise ValueError(f"expected {kind.__name__}")
        return value

    return take


def _number(value: object, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number")  # noqa: TRY004 - cattrs collects ValueErrors
    return value
