"""The specification of a `remove_background` job, and its message (docs/protocol.md §11)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

import attrs

from nemovideo._downloads.output_paths import output_path
from nemovideo._flows.sessions import SessionLike
from nemovideo._jobs.arguments import check_arguments
from nemovideo._progress.bar import OnProgress
from nemovideo._support.numbers import check_number
from nemovideo._support.outputs import (
    DEFAULT_QUALITY,
    MATTE,
    WITH_ALPHA,
    check_format,
    default_format,
    format_for,
    has_alpha,
)
from nemovideo._uploads.files import is_photo
from nemovideo._uploads.trust import check_sources
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Source, is_media_name, is_url

Trim = tuple[float, float]
"""The start and end of a video, in seconds."""

_MAX_S = 7 * 24 * 3600

Background = str | os.PathLike[str] | None
"""The new background: see `Client.remove_background`."""


class JobOptions(TypedDict, total=False):
    """The keyword arguments of `remove_background`, except `output`."""

    background: Background
    edit: str | None
    trim: Trim | None
    format: str | None
    quality: str
    metadata: bool
    session: SessionLike | None
    progress: bool | OnProgress | None
    max_credits: float | None
    overwrite: bool
    deadline: float | None
    checkpoint: str | os.PathLike[str] | None


@attrs.frozen
class JobSpec:
    """A validated job specification.

    Attributes:
        picture: The file or URL of a background picture or video, or None.
        request: What the message says about the background; empty for a picture.
        format: The format of the result; None if it depends on the source and the `background`.
        edit: A description of more edits; empty for none.
        trim: The part to keep.
        notes: Warnings about the job, as sentences.
    """

    source: Source
    picture: Source | None
    request: str
    output: Path | None
    format: str | None
    session_id: str | None
    task_id: str | None = None
    overwrite: bool = False
    max_credits: float | None = None
    quality: str = DEFAULT_QUALITY
    background: Background = None
    edit: str = ""
    trim: Trim | None = None
    metadata: bool = True
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Source, ...]:
        """The files to upload, in this order."""
        return (self.source,) if self.picture is None else (self.source, self.picture)

    @property
    def message(self) -> str:
        """The message to the agent, without the picture."""
        trim = "" if self.trim is None else _trim_text(self.trim)
        metadata = "" if self.metadata else "remove the metadata"
        return ". ".join(filter(None, (self.request, trim, self.edit, metadata)))

    @property
    def expected_duration_s(self) -> float | None:
        """The expected duration after a trim without other edits."""
        return None if self.trim is None or self.edit else self.trim[1] - self.trim[0]


def spec_for(
    source: Source,
    background: Background = None,
    output: str | os.PathLike[str] | None = None,
    format: str | None = None,  # noqa: A002 - the protocol's name
    session: SessionLike | None = None,
    max_credits: float | None = None,
    overwrite: bool = False,
    edit: str | None = None,
    trim: Trim | None = None,
    quality: str = DEFAULT_QUALITY,
    metadata: bool = True,
    *,
    local_files: bool,
) -> JobSpec:
    """Check the arguments of `remove_background`, and return them as a specification."""
    check_arguments(source, background, local_files=local_files)
    if max_credits is not None:
        check_number("max_credits", max_credits, allow_infinite=True)
    path = None if output is None else output_path(output)
    picture, request, chosen = plan(background, output, format, local_files=local_files)
    if trim is not None:
        _check_range(trim)
    if not quality:
        raise InvalidRequestError("the quality is empty", remedy="Choose one, or leave it out.")
    return JobSpec(
        source=source,
        picture=picture,
        request=request,
        output=path,
        background=background,
        format=chosen if output is not None or format is not None else None,
        session_id=None if session is None else session.id,
        task_id=None if session is None else session.task_id,
        overwrite=overwrite,
        max_credits=max_credits,
        quality=quality,
        edit="" if edit is None else _edit_text(edit),
        trim=trim,
        metadata=metadata,
    )


def _check_range(trim: Trim) -> None:
    try:
        start_s, end_s = trim
        valid = 0 <= start_s < end_s < _MAX_S
    except (TypeError, ValueError):  # not two, or not numbers
        valid = False
    if not valid:
        raise InvalidRequestError(
            f"trim={trim!r} is not a valid range",
            remedy="Pass the start and the end in seconds, such as (0, 6.5).",
        )


def _trim_text(trim: Trim) -> str:
    start, end = (f"{time_s:.3f}".rstrip("0").rstrip(".") for time_s in trim)
    return f"keep only {start}s to {end}s"


def _edit_text(edit: str) -> str:
    text = " ".join(edit.split()).rstrip(" .")
    if not text:
        raise InvalidRequestError("the edit is empty", remedy="Describe the edit.")
    return text


def plan(
    background: Background,
    output: str | os.PathLike[str] | None,
    format: str | None,  # noqa: A002 - the protocol's name
    *,
    local_files: bool,
) -> tuple[Source | None, str, str]:
    """Return the picture to upload, the message, and the format of a video.

    Without `local_files`, a `str` is always a description.

    Raises:
        InvalidRequestError: The format is unknown, or cannot be transparent.
    """
    if output is None and format is None:
        format = default_format(still=False, transparent=is_transparent(background))  # noqa: A001
    format = check_format(format_for(output, format))  # noqa: A001
    if background is None:
        return None, "remove the background", format
    if isinstance(background, os.PathLike):
        return background, "", format
    if local_files and (is_url(background) or is_media_name(background)):
        check_sources([background], local_files=True)
        return background, "", format
    text = " ".join(background.split())
    if not text:
        raise InvalidRequestError("the background is empty", remedy="Describe the background.")
    if is_transparent(text):
        if not has_alpha(format) and not format.startswith(MATTE):
            raise InvalidRequestError(
                f"{format} files cannot be transparent",
                remedy=f"Use one of: {', '.join(WITH_ALPHA)}.",
            )
        return None, "cut out the background and make it transparent", format
    if text.lower() in ("blur", "blurred"):
        return None, "blur the background", format
    return None, f"replace the background with {text}", format


def is_transparent(background: Background) -> bool:
    """Return whether the background should be transparent."""
    return isinstance(background, str) and background.strip().lower() == "transparent"


def suggested_format(source: Source, background: Background) -> str:
    """Return the format of a result without a given format or name."""
    return default_format(still=is_photo(source), transparent=is_transparent(background))
