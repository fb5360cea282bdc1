"""Where an exported video goes: a name that says what it is, and that nothing else has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from nemovideo._downloads.places import part_paths
from nemovideo._support.outputs import check_format, format_for, result_suffix
from nemovideo._support.places import expanded
from nemovideo.errors import InvalidRequestError
from nemovideo.models import SessionState

_NAMELESS = ("", "project", "untitled")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+')
_NAME_CHARS = 60


def export_path(
    folder: Path,
    state: SessionState,
    wanted: str | None,
    format: str | None,  # noqa: A002 - the protocol's word
    *,
    anywhere: bool = True,
) -> Path:
    """Return where to write the exported video; no existing file is ever in its place.

    Looks at the file system, and makes `folder` if it is not there.

    Args:
        folder: Where files go of which no more is said.
        state: The session's state, for the project's or the first clip's name.
        wanted: A path that the user named, absolute or within `folder`.
        format: The format that the user named; None goes by `wanted`, else mp4.
        anywhere: Whether `wanted` may lead out of `folder`; else only its name counts.

    Raises:
        InvalidRequestError: The format cannot be, or the folder cannot be made.
    """
    folder = expanded(folder)
    if wanted and not anywhere:
        wanted = _fit(PureWindowsPath(wanted).name)  # knows both kinds of slashes
    path = folder / expanded(wanted) if wanted else folder / f"{_name(state)}-edited"
    suffix = check_format(format_for(path if wanted else None, format))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(
            f"the folder {folder} cannot be made: {error.strerror}",
            remedy="Choose another output_dir.",
        ) from error
    stem = path
    if wanted and path.suffix:
        stem = path.with_name(path.name[: -len(result_suffix(path)) - 1])
    return next(each for each in _numbered(stem, suffix) if not _taken(each))


def _name(state: SessionState) -> str:
    """Return the name of the project or of the first clip, fit to be a file's name."""
    project = state.draft.name if state.draft is not None else None
    for name in (state.task_name or "", project or "", *_clip_names(state)):
        fit = _fit(name)[:_NAME_CHARS].strip(" .")
        if fit.lower() not in _NAMELESS:
            return fit
    return "video"


def _fit(name: str) -> str:
    return _UNFIT.sub(" ", name).strip(" .")


def _clip_names(state: SessionState) -> Iterator[str]:
    if state.draft is not None:
        for track in state.draft.tracks.video:
            for segment in track.segments:
                yield re.sub(r"\.\w{2,5}$", "", segment.name or "")
    for info in state.video_infos:
        if isinstance(name := info.get("filename"), str):
            yield Path(name).stem


def _numbered(stem: Path, suffix: str) -> Iterator[Path]:
    yield stem.with_name(f"{stem.name}.{suffix}")
    number = 2
    while True:
        yield stem.with_name(f"{stem.name}-{number}.{suffix}")
        number += 1


def _taken(path: Path) -> bool:
    """Whether the name is in use, or about to be: downloads are written to a `.part` file first."""
    return path.exists() or part_paths(path)[0].exists()
