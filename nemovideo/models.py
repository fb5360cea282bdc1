"""The objects that users get, besides drafts and events: tokens, files, jobs, results."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nemovideo._support.annotations import LazyModule
from nemovideo._values.lines import credits_text, size_text
from nemovideo.errors import InvalidRequestError, MissingExtraError, NemoError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nemovideo import draft as drafts
    from nemovideo import events
else:
    np, npt = LazyModule("numpy"), LazyModule("numpy.typing")
    drafts, events = LazyModule("nemovideo.draft"), LazyModule("nemovideo.events")


class Route(enum.Enum):
    """Which handler answers the user's message."""

    EXPORT = "export"
    CREDITS = "credits"
    STATE = "state"
    UPLOAD = "upload"
    AGENT = "agent"


class GuiAction(enum.Enum):
    """The action that replaces an instruction to use the GUI."""

    EXPORT = "export"
    SHOW_STATE = "show_state"
    EDIT = "edit"
    SUMMARY = "summary"
    CREDITS = "credits"
    CALL_API = "call_api"


class Token(str):
    """A bearer token: a string whose `repr` shows only its kind.

    Attributes:
        anonymous: Whether it was acquired without an account.
        expires_at: When it expires, in seconds since the epoch; None if unknown.
        user_id: The user's id, if known.
        credits: The free credits granted with it, if known.
    """

    __slots__ = ("anonymous", "credits", "expires_at", "user_id")

    anonymous: bool
    expires_at: float | None
    user_id: str | None
    credits: int | None

    def __new__(
        cls,
        value: str,
        *,
        anonymous: bool = False,
        expires_at: float | None = None,
        user_id: str | None = None,
        credits: int | None = None,  # noqa: A002 - the protocol's name
    ) -> Token:
        """Make a token from its text and attributes."""
        token = super().__new__(cls, value)
        token.anonymous = anonymous
        token.expires_at = expires_at
        token.user_id = user_id
        token.credits = credits
        return token

    @property
    def sendable(self) -> bool:
        """Whether it is valid in a header; the HTTP library's error would reveal an invalid one."""
        return bool(self) and self.isascii() and self.isprintable() and " " not in self

    def __repr__(self) -> str:
        """Return the token's kind, without its text."""
        kind = "anonymous" if self.anonymous else "given"
        expiry = ""
        if self.expires_at is not None:
            moment = datetime.fromtimestamp(self.expires_at, timezone.utc)
            expiry = f", expires {moment:%Y-%m-%d %H:%M} UTC"
        return f"<Token nmv_usr_…: {kind}{expiry}>"


@attrs.frozen
class ClaimToken:
    """A token that only opens a project in a browser.

    Attributes:
        token: The claim token, `clm_…`.
        url: The link to the project; it contains no bearer token.
        expires_in_s: Seconds until it expires; None if unknown.
    """

    token: str = attrs.field(repr=False)
    url: str = attrs.field(repr=False)
    expires_in_s: float | None = None


@attrs.frozen
class MediaInfo:
    """The properties of a file, from its header; None if unknown or not applicable.

    Attributes:
        format: The format of the content, as a suffix: "mp4", "mov", "webm", "png", …
        kind: "video", "image" or "audio".
        size_bytes: The file's size.
        duration_ms: The duration in milliseconds.
        width: The displayed width in pixels, after rotation.
        height: The displayed height in pixels, after rotation.
        rotation_deg: The clockwise rotation for display: 0, 90, 180 or 270.
        fps: The average frame rate.
        video_codec: FFmpeg's name: "h264", "hevc", "vp9", …
        audio_codec: FFmpeg's name: "aac", "opus", "pcm_s16le", …
    """

    format: str
    kind: str
    size_bytes: int
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    rotation_deg: int | None = None
    fps: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None


@attrs.frozen
class MediaFile:
    """An uploaded file. Sizes are in pixels, `duration_s` in seconds.

    Attributes:
        filename: The name that the agent uses.
        file_type: "video", "image" or "audio".
        cdn_url: The file's URL at the service.
        raw: The received JSON, with unknown keys.
        info: The properties from its header; None for a file from a URL.
    """

    filename: str
    file_type: str
    cdn_url: str = attrs.field(repr=False)
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    hash: str | None = attrs.field(default=None, repr=False)
    raw: Mapping[str, object] = attrs.field(factory=dict, repr=False, eq=False)
    info: MediaInfo | None = attrs.field(default=None, repr=False)

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import details_card

        info = self.info
        codecs = () if info is None else (info.video_codec, info.audio_codec)
        details = (
            ("size", f"{self.width}×{self.height}" if self.width and self.height else ""),
            ("length", "" if self.duration_s is None else f"{self.duration_s:g} s"),
            ("frames per second", "" if self.fps is None else f"{self.fps:g}"),
            ("codecs", ", ".join(filter(None, codecs))),
            ("bytes", "" if info is None else f"{info.size_bytes:,}"),
        )
        return details_card(f"Uploaded {self.file_type}", self.filename, details)


class MediaFiles(list[MediaFile]):
    """Uploaded files: a list that displays each of them in a notebook."""

    def _repr_html_(self) -> str:
        return "".join(file._repr_html_() for file in self)


@attrs.frozen
class Credits:
    """The balance. `frozen` is reserved by work in progress; `total` is the sum of both."""

    available: float
    frozen: float
    total: float
    raw: Mapping[str, object] = attrs.field(factory=dict, repr=False, eq=False)

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import credits_bar

        return credits_bar(self.available, self.frozen, self.total)


@attrs.frozen
class SessionState:
    """The state of a session: the draft, the uploaded files, and generated media.

    `draft` is None until there is one. `raw` is the received JSON.
    """

    draft: drafts.Draft | None
    video_infos: tuple[Mapping[str, object], ...] = ()
    generated_media: object = None
    canvas_config: Mapping[str, object] | None = None
    video_analyses: Mapping[str, object] | None = None
    session_id: str | None = None
    task_id: str | None = None
    task_name: str | None = None
    raw: Mapping[str, object] = attrs.field(factory=dict, repr=False)

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the uploaded files."""
        names = (info.get("filename") or info.get("name") for info in self.video_infos)
        return tuple(name for name in names if isinstance(name, str))

    def __str__(self) -> str:
        """Return the draft's summary, and the names of the uploaded files."""
        shown = "No draft yet" if self.draft is None else str(self.draft)
        return f"{shown}\nFiles: {', '.join(self.file_names)}" if self.file_names else shown

    def _repr_html_(self) -> str:
        from nemovideo.draft import Draft

        return (self.draft or Draft.from_json({}))._repr_html_()


@attrs.frozen
class RenderJob:
    """A render job as of the last poll.

    Attributes:
        id: The job's id.
        status: "pending", "processing", "completed", "failed", or an unknown status.
        progress: 0 to 100, or None if unknown.
        url: The file's URL, once it exists.
        duration_s: The file's duration in seconds, once known.
        size_bytes: The file's size, once known.
        error: Why it failed, if it did.
        warnings: Warnings as sentences, for example about damaged footage; only from the local
            backend.
        remedy: What to do about a failure that the draft did not cause; only from the local
            backend.
    """

    id: str
    status: str
    progress: float | None = None
    url: str | None = attrs.field(default=None, repr=False)
    duration_s: float | None = None
    size_bytes: int | None = None
    error: str | None = None
    created_at_ms: float | None = None
    completed_at_ms: float | None = None
    warnings: tuple[str, ...] = ()
    remedy: str | None = None
    raw: Mapping[str, object] = attrs.field(factory=dict, repr=False, eq=False)

    @property
    def finished(self) -> bool:
        """Whether the job has ended, successfully or not."""
        return self.completed or self.failed or self.cancelled

    @property
    def completed(self) -> bool:
        """Whether the job has succeeded."""
        return self.status in ("completed", "succeeded", "success", "done")

    @property
    def failed(self) -> bool:
        """Whether the job has failed."""
        return self.status in ("failed", "error")

    @property
    def cancelled(self) -> bool:
        """Whether the job was canceled."""
        return self.status in ("cancelled", "canceled")

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import job_progress

        fraction = None if self.progress is None else self.progress / 100
        return job_progress(self.status, fraction, self.error or "")


@attrs.frozen
class Reply:
    """The agent's complete answer.

    Attributes:
        text: The answer without GUI instructions (docs/protocol.md §9).
        raw_text: The agent's unmodified text.
        actions: The actions that the GUI instructions asked for, in order.
        tool_calls: The tools that the agent called, in order.
        changes: The changes to the draft, if no text followed the agent's last edit or the stream
            dropped; else None.
        silent: Whether the agent sent no text.
        recovered: Whether the stream dropped and the result was taken from the state.
        incomplete: Whether the end of the answer is missing: the stream dropped, so edits may be
            missing too, or the text ends with fragments that no complete event confirmed.
        warnings: Errors that the agent reported with a complete answer, and why its tools failed,
            in their own words; and that the stream dropped.
        failed_tools: The names of the tools whose last call failed.
    """

    raw_text: str = ""
    text: str = ""
    actions: tuple[GuiAction, ...] = ()
    tool_calls: tuple[events.ToolCallEvent, ...] = ()
    changes: drafts.DraftDiff | None = None
    silent: bool = False
    recovered: bool = False
    incomplete: bool = False
    warnings: tuple[str, ...] = ()
    failed_tools: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the text and the changes, if any."""
        if self.changes is None or (self.text and not self.changes):
            return self.text
        return f"{self.text}\n\n{self.changes}" if self.text else str(self.changes)

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import message_card

        tools = ", ".join(dict.fromkeys(call.name.replace("_", " ") for call in self.tool_calls))
        details = (tools, "recovered" if self.recovered else "")
        below = "" if self.changes is None else self.changes._repr_html_()
        return message_card(
            "Reply", self.text, details=details, warnings=self.warnings, below=below
        )


@attrs.frozen
class Progress:
    """The progress of a long call.

    Attributes:
        phase: "upload", "edit", "render" or "download"; "batch" for many files; "frames" and
            "write" for those methods of `Matting`.
        fraction: 0.0 to 1.0 of the whole call.
        elapsed_s: Seconds since the call began.
        eta_s: Estimated seconds left; None while unknown.
        message: One line to display.
        render_id: The id of the current render, once it is submitted.
    """

    phase: str
    fraction: float
    elapsed_s: float
    eta_s: float | None
    message: str
    render_id: str | None = None


@attrs.frozen
class RenderedVideo:
    """A finished video.

    Attributes:
        path: The downloaded file, or None if there was no `output`.
        url: The file's URL at the service.
        project_url: A link that opens the project in a browser, or None.
        job: The render job.
        credits_spent: The credits that the call used, according to the balance; None if unknown.
        reply: The agent's answer, if the call asked the agent.
        source: The source, if it is a file on this machine.
    """

    path: Path | None
    url: str = attrs.field(repr=False)
    project_url: str | None = attrs.field(repr=False)
    job: RenderJob
    session_id: str
    credits_before: float | None = None
    credits_after: float | None = None
    reply: Reply | None = attrs.field(default=None, repr=False)
    source: Path | None = None

    @property
    def credits_spent(self) -> float | None:
        """The difference between the balances, or None if one of them is unknown."""
        if self.credits_before is None or self.credits_after is None:
            return None
        return self.credits_before - self.credits_after

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings as sentences: the render's (`RenderJob.warnings`), and the agent's.

        The agent's are `Reply.warnings`, and any questions it asked instead of making an edit.
        """
        warnings = () if self.reply is None else self.reply.warnings
        return tuple(dict.fromkeys((*self.job.warnings, *warnings)))

    @property
    def duration_s(self) -> float | None:
        """The video's duration in seconds, if known."""
        return self.job.duration_s

    @property
    def size_bytes(self) -> int | None:
        """The file's size in bytes."""
        return self.path.stat().st_size if self.path is not None else self.job.size_bytes

    def __str__(self) -> str:
        """Return one line: the file, its size and duration, the credits spent, and warnings."""
        exists = self.path is not None and self.path.exists()
        size = self.size_bytes if exists else self.job.size_bytes
        details = [
            "not downloaded" if self.path is None else str(self.path),
            "" if size is None else size_text(size),
            "" if self.duration_s is None else f"{self.duration_s:.4g} s",
            f"{credits_text(self.credits_spent)} spent" if self.credits_spent else "",
        ]
        return _with_notes(", ".join(filter(None, details)), self.warnings)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of the downloaded file as arrays, with their alpha.

        Raises:
            InvalidRequestError: No file was downloaded.
            MissingExtraError: PyAV or numpy is not installed.
            UnsupportedFileError: The file no longer exists, or cannot be read.
        """
        if self.path is None:
            raise InvalidRequestError(
                "the video was not downloaded", remedy="Pass a path as output=, then call frames()."
            )
        try:
            from nemovideo._support.pixels import frames_of
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"frames() needs {error.name}") from None
        return (Frame(*pixels) for pixels in frames_of(self.path))

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import video_card

        return video_card(self.path or self.url, self.source, self.warnings)


class SavedVideo(RenderedVideo):
    """A finished video that was downloaded: `path` is not None."""

    if TYPE_CHECKING:
        path: Path


def _with_notes(line: str, warnings: Sequence[str]) -> str:
    """Return a line with warnings appended."""
    return ". Note: ".join((line, *(text.rstrip(".") for text in warnings)))


def _shape(array: npt.NDArray[np.generic]) -> str:
    """Return the shape and type of an array: "<720×1280×3 uint8>"."""
    return f"<{'×'.join(map(str, array.shape))} {array.dtype}>"


@attrs.frozen(eq=False, init=False)
class Frame:
    """One frame of a video, as arrays.

    Attributes:
        time_s: Its time, in seconds from the start.
        rgb: The picture, height × width × 3, uint8.
        alpha: The opacity of each pixel, height × width, float32 in 0..1. If it is left out or
            None, the frame is opaque: 1 everywhere.
    """

    time_s: float
    rgb: npt.NDArray[np.uint8] = attrs.field(repr=_shape)
    alpha: npt.NDArray[np.float32] = attrs.field(repr=_shape)

    def __init__(
        self,
        time_s: float,
        rgb: npt.NDArray[np.uint8],
        alpha: npt.NDArray[np.float32] | None = None,
    ) -> None:
        if alpha is None:
            import numpy as np

            alpha = np.ones(np.shape(rgb)[:2], dtype=np.float32)
        self.__attrs_init__(time_s, rgb, alpha)


At = float | Sequence[float] | None
"""Seconds from the start, one or several; None for the start, the middle and the end."""


@attrs.frozen
class PreviewStill:
    """One moment of a preview, as PNG files.

    Attributes:
        time_s: Its time, in seconds from the start.
        before: The source frame; None if the source is not on this machine.
        after: The result, transparent where there is no background.
    """

    time_s: float
    before: bytes | None = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)


@attrs.frozen
class Preview:
    """A few moments of a video before it is exported, as PNG files of at most 1280 pixels a side.

    Attributes:
        before: The source frames side by side; None if the source is not on this machine.
        after: The results side by side.
        stills: Each moment separately.
        sheet: One picture with the source frames above the results.
        basis: How it was made: by the "local engine" (the cloud's result may differ), or by a
            "free export".
        warnings: Warnings as sentences.
    """

    before: bytes | None = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)
    stills: tuple[PreviewStill, ...] = attrs.field(repr=False)
    sheet: bytes = attrs.field(repr=False)
    basis: str
    warnings: tuple[str, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the sheet as a PNG file, replacing an existing one, and return its path.

        Raises:
            InvalidRequestError: The name does not end in ".png".
            OutputError: It cannot be written.
        """
        from nemovideo._support.disk import writing
        from nemovideo._support.user_folders import expanded

        target = expanded(path)
        if target.suffix.lower() != ".png":
            raise InvalidRequestError(
                f"{target.name} is not a PNG file", remedy='Choose a name that ends in ".png".'
            )
        with writing(target):
            target.write_bytes(self.sheet)
        return target

    def __str__(self) -> str:
        """Return one line: the number of pictures, their times and origin, and warnings."""
        count = len(self.stills)
        times = ", ".join(f"{still.time_s:.4g} s" for still in self.stills)
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        return _with_notes(f"{pictures} at {times} ({self.basis})", self.warnings)

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import preview_card

        moments = [(still.time_s, still.before, still.after) for still in self.stills]
        return preview_card(moments, self.basis, self.warnings)


@attrs.frozen
class Estimate:
    """An estimate of what a call will take.

    Attributes:
        credits: The expected credits.
        seconds: The expected time; None if unknown.
        output_bytes: The expected size of the result; None if unknown.
        basis: What the estimate is based on; it begins with "measured" or "rough".
        warnings: What `remove_background` would warn about before it renders, as sentences, such as
            a part of the edit that the local agent cannot do. The cloud's agent is not asked.
    """

    credits: float
    seconds: float | None = attrs.field(
        repr=lambda seconds: "None" if seconds is None else f"{seconds:.1f}"
    )
    output_bytes: int | None
    basis: str
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import details_card

        seconds = "" if self.seconds is None else f"about {self.seconds:.0f} s"
        size = "" if self.output_bytes is None else f"about {size_text(self.output_bytes)}"
        details = [("credits", f"{self.credits:g}"), ("time", seconds), ("result", size)]
        return details_card("Estimate", "", details, note=self.basis, warnings=self.warnings)


@attrs.frozen
class Answer:
    """A conversation's answer to one message from the user.

    Attributes:
        text: The answer to display, in the user's language.
        action: What handled the message: the agent, or an action that needs no agent.
        video: The exported video, if there was an export.
        reply: The agent's answer, if it was asked.
        error: The error, if there was one; `text` describes it with the remedy.
    """

    text: str
    action: Route
    video: RenderedVideo | None = None
    reply: Reply | None = None
    error: NemoError | None = attrs.field(default=None, eq=False)

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import message_card

        below = "" if self.video is None else self.video._repr_html_()
        return message_card("Answer", self.text, details=(self.action.value,), below=below)
