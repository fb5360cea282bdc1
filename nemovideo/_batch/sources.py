"""The files of a batch, and the names of their results."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

import attrs

from nemovideo._support.disk import normalized_path
from nemovideo._values.formats import VIDEO_SUFFIXES, suffix_of
from nemovideo._values.lines import some_names
from nemovideo._values.remedies import Code, Option, Remedy
from nemovideo.errors import InvalidRequestError, SourceNotFoundError
from nemovideo.files import is_url

Sources = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""A folder, a file, a pattern such as "clips/**/*.mov", or the paths of files or of folders."""


@attrs.frozen
class Found:
    """The files of a batch.

    Attributes:
        paths: Their absolute paths.
        folder: The folder that was searched, or that contains those searched; the results mirror
            its subfolders. None for other files.
    """

    paths: tuple[Path, ...]
    folder: Path | None = None

    @property
    def root(self) -> Path:
        """The common folder of the files."""
        return self.folder or _common([path.parent for path in self.paths]) or Path()


def _common(folders: list[Path]) -> Path | None:
    """Return the folder that contains these folders; None if they are on different drives."""
    drives = {os.path.splitdrive(folder)[0].lower() for folder in folders}
    return Path(os.path.commonpath(folders)) if len(drives) == 1 else None


def listed(sources: Sources) -> str | os.PathLike[str] | list[str | os.PathLike[str]]:
    """Return the sources; an iterable of paths as a list.

    Raises:
        InvalidRequestError: They are neither a path nor an iterable.
    """
    if isinstance(sources, (str, os.PathLike)):
        return sources
    given: object = sources
    if not isinstance(given, Iterable) or isinstance(given, (bytes, bytearray, memoryview)):
        raise _not_a_path(sources)
    return [*sources]


def find(sources: Sources, *, recursive: bool, out_dir: Path) -> Found:
    """Return the files to process, without duplicates.

    These may include results of earlier batches.

    Raises:
        SourceNotFoundError: There is no such folder or file, or no video in it.
        InvalidRequestError: It is not a path, or the output would go into the folder itself.
    """
    if not isinstance(sources, (str, os.PathLike)):
        paths = [_local(path) for path in sources]
        if paths and all(path.is_dir() for path in paths):
            return _in_folders(paths, recursive, out_dir)
        return _found(paths)
    path = _local(sources)
    if path.is_dir():
        return _in_folder(path, recursive, out_dir)
    text = os.fspath(sources)
    if glob.has_magic(text) and not path.exists():
        matches = sorted(glob.glob(os.path.expanduser(text), recursive=True))  # noqa: PTH111, PTH207 - a pattern is not a path
        files = [path for path in map(_local, matches) if _is_video(path)]
        if not files:
            raise SourceNotFoundError(f"no video matches {text!r}", remedy="Check the pattern.")
        return _found(files)
    if not path.exists():
        raise SourceNotFoundError(f"there is no folder or file {path}")
    return _found([path])


def _in_folder(folder: Path, recursive: bool, out_dir: Path) -> Found:
    if out_dir == folder:
        raise InvalidRequestError(
            f"the results would be written into the folder of the sources, {folder}",
            remedy="Choose another output folder; a subfolder is fine.",
        )
    if not (files := _videos_in(folder, recursive, out_dir)):
        raise _no_video(str(folder), recursive)
    return Found(tuple(files), folder)


def _in_folders(folders: list[Path], recursive: bool, out_dir: Path) -> Found:
    """Return the videos in several folders; the output folder may be one of them."""
    found = _found(path for folder in folders for path in _videos_in(folder, recursive, out_dir))
    if not found.paths:
        raise _no_video(some_names(folders), recursive)
    if not recursive:
        return found
    return attrs.evolve(found, folder=_common(folders))


def _videos_in(folder: Path, recursive: bool, out_dir: Path) -> list[Path]:
    walk = folder.rglob("*") if recursive else folder.iterdir()
    inside = out_dir.is_relative_to(folder)
    return sorted(
        path
        for path in walk
        if _is_video(path)
        and not (inside and path.is_relative_to(out_dir))
        and _is_visible(path, folder)
    )


def _no_video(folder: str, recursive: bool) -> SourceNotFoundError:
    remedy = "Check the path."
    if not recursive:
        deeper = Remedy(("pass ", Option("recursive", True), " to search its subfolders"))
        remedy = Remedy.after(remedy, deeper)
    return SourceNotFoundError(f"there is no video in {folder}", remedy=remedy)


def _found(paths: Iterable[Path]) -> Found:
    return Found(tuple(dict.fromkeys(paths)))


def _local(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path; reject URLs, and anything that is not a path."""
    if not isinstance(path, (str, os.PathLike)):
        raise _not_a_path(path)
    if is_url(path):
        raise InvalidRequestError(
            f"{path!r} is not a local path", remedy="Pass the paths of files on this machine."
        )
    return normalized_path(path)


def _not_a_path(source: object) -> InvalidRequestError:
    return InvalidRequestError(
        f"a batch takes paths, not {type(source).__name__}",
        remedy=Remedy(
            "pass the paths of files on this machine",
            ("pass other sources one by one to ", Code("client.remove_background()")),
        ),
    )


def _is_video(path: Path) -> bool:
    """Return whether the file is a video; pictures in a folder are not sources."""
    return suffix_of(path.name) in VIDEO_SUFFIXES and not path.is_dir()


def _is_visible(path: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def output_names(
    found: Found,
    format: str,  # noqa: A002 - the protocol's name
    pattern: str = "{stem}{suffix}",
) -> list[PurePath]:
    """Return the unique name of each result, relative to the output folder.

    A result is named after its source, by the pattern. If two sources have the same stem, their
    suffixes are added to it ("talk-mov.mp4"), or their folders are kept, or both. Names that are
    still equal, except for upper and lower case, get a hash of the source's path.
    """
    choices = {path: _names(path, found) for path in found.paths}
    level = dict.fromkeys(choices, 0)
    stems = {path: _folded(names[0]) for path, names in choices.items()}
    while True:
        names = {path: _folded(choices[path][level[path]]) for path in choices}
        counts = Counter(names.values())
        equal = {path for path in choices if counts[names[path]] > 1}
        equal = {path for path in equal if level[path] < len(choices[path]) - 1}
        if not equal:
            break
        affected = {stems[path] for path in equal}
        for path, known in choices.items():
            # All files of one stem are named in the same way; only equal names get a hash.
            if path in equal or (stems[path] in affected and level[path] < len(known) - 2):
                level[path] += 1
    chosen = (choices[path][level[path]] for path in found.paths)
    return [folder / pattern.format(stem=stem, suffix=f".{format}") for folder, stem in chosen]


def _names(path: Path, found: Found) -> list[tuple[Path, str]]:
    """Return the folders and stems for a result, in order of preference."""
    folder, longer = _below(path, found.root).parent, _with_suffix(path)
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    kept = [(folder, path.stem), (folder, longer), (folder, f"{longer}-{digest}")]
    flat = [(Path(), path.stem), (Path(), longer)]
    return kept if found.folder is not None else flat + kept


def _with_suffix(path: Path) -> str:
    suffix = suffix_of(path.name)
    return f"{path.stem}-{suffix}" if suffix else path.stem


def _below(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)


def _folded(name: tuple[Path, str]) -> str:
    """Return the folder and stem as a case-insensitive file system sees them."""
    return os.path.join(*name).casefold()  # noqa: PTH118 - a stem of ".." is not a folder
