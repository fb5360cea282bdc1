"""Descriptive, unused names for exported videos."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from nemovideo._downloads.output_paths import part_paths
from nemovideo._support.outputs import check_format, format_for, result_suffix
from nemovideo._support.user_folders import expanded
from nemovideo.errors import OutputPathError
from nemovideo.models import SessionState

_NAMELESS = ("", "project", "untitled")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+')
_NAME_CHARS, _NAME_BYTES = 60, 180


def export_path(
    folder: Path,
    state: SessionState,
    wanted: str | None,
    format: str | None,  # noqa: A002 - the protocol's name
    *,
    anywhere: bool = True,
) -> Path:
    """Return an unused path for an exported video; `folder` is created if needed.

    Args:
        folder: The default folder.
        state: The session's state, for the name of the project or the first clip.
        wanted: The path that the user asked for, absolute or relative to `folder`.
        format: The format that the user asked for; None for that of `wanted`, else mp4.
        anywhere: Whether `wanted` may point outside `folder`; if not, only its name is used.

    Raises:
        InvalidRequestError: The format is unknown.
        OutputPathError: The folder cannot be created.
    """
    folder = expanded(folder)
    if wanted and not anywhere:
        wanted = _safe(PureWindowsPath(wanted).name)  # splits at / and \
    path = folder / (wanted or f"{_name(state)}-edited")
    if wanted and anywhere:
        path = folder / expanded(wanted)
    suffix = check_format(format_for(path if wanted else None, format))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputPathError(
            f"the folder {folder} cannot be created: {error.strerror}",
            remedy="Choose another output_dir.",
        ) from error
    stem = path
    if wanted and path.suffix:
        stem = path.with_name(path.name[: -len(result_suffix(path)) - 1])
    return unused_path(stem, suffix)


def unused_path(stem: Path, suffix: str) -> Path:
    """Return an unused path, with a number if the name is taken."""
    return next(each for each in _numbered(stem, suffix) if not _taken(each))


def _name(state: SessionState) -> str:
    """Return the name of the project or of the first clip, made safe for a file name."""
    project = state.draft.name if state.draft is not None else None
    for name in (state.task_name or "", project or "", *_clip_names(state)):
        short = _safe(name)[:_NAME_CHARS].encode()[:_NAME_BYTES].decode(errors="ignore")
        safe = short.strip(" .")
        if safe.lower() not in _NAMELESS:
            return safe
    return "video"


def _safe(name: str) -> str:
    return _UNSAFE.sub(" ", name).strip(" .")


def _clip_names(state: SessionState) -> Iterator[str]:
    if state.draft is not None:
        for track in state.draft.tracks.video:
            for segment in track.segments:
                yield re.sub(r"\.\w{2,5}$", "", segment.name or "")
    for name in state.file_names:
        yield Path(name).stem


def _numbered(stem: Path, suffix: str) -> Iterator[Path]:
    yield stem.with_name(f"{stem.name}.{suffix}")
    for number in itertools.count(2):
        yield stem.with_name(f"{stem.name}-{number}.{suffix}")


def _taken(path: Path) -> bool:
    """Return whether the name, or the `.part` of a running download, exists."""
    return path.exists() or part_paths(path)[0].exists()
