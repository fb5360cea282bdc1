"""Output paths: the real target, its part files, and the checks before anything is sent."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nemovideo._support.user_folders import expanded
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import OutputError, OutputPathError

_DEFAULT_NAME_BYTES = 255
_PART, _RECORD = ".part", ".part.json"
_DIGEST_CHARS = 16
_MIN_FREE_BYTES = 64 * 1024


def output_path(path: str | os.PathLike[str]) -> Path:
    """Return an output path.

    Raises:
        OutputPathError: It is a folder ("clips/"), or contains a NUL character.
    """
    written = os.fspath(path)
    if "\0" in written:
        raise OutputPathError(
            f"the output {written!r} contains a NUL character", remedy="Choose another name."
        )
    if written.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise OutputPathError(f"{written} is a folder", remedy="Add a file name.")
    return Path(written)


def part_paths(target: Path) -> tuple[Path, Path]:
    """Return the paths of a download's part and record, next to the target.

    A name that is too long for their suffixes is shortened, with a digest.
    """
    name = target.name
    room = _name_limit(target.parent) - len(_RECORD)
    if len(os.fsencode(name)) > room:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGEST_CHARS]
        kept = os.fsencode(name)[: room - _DIGEST_CHARS - 1].decode("utf-8", "ignore")
        name = f"{kept}-{digest}"
    return target.with_name(f"{name}{_PART}"), target.with_name(f"{name}{_RECORD}")


def real_path(path: Path) -> Path:
    """Return the path with `~` expanded and symlinks resolved.

    Raises:
        OutputPathError: The link points to itself.
    """
    path = expanded(path)
    if not os.path.islink(path):  # noqa: PTH114 - is_symlink() raises for names that are too long
        return path
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        target = path
    if target.is_symlink():
        raise OutputPathError(f"{path} is a link to itself", remedy="Choose another name.")
    return target


def check_output(
    path: Path, *, overwrite: bool, needed_bytes: float = 0, sources: Iterable[Path] = ()
) -> Path:
    """Check that an output file can be written, and return its real path.

    `needed_bytes` is the least disk space that the result takes. It may not replace one of its
    `sources`, even with `overwrite`.

    Raises:
        OutputPathError: The folder does not exist, the name is too long or is a folder,
            the file exists, or it is one of the sources.
        OutputError: The folder is not writable, or the disk has too little space.
    """
    target = real_path(path)
    named = str(path) if target == expanded(path) else f"{path} (a link to {target})"
    folder = target.parent
    if not folder.is_dir():
        raise OutputPathError(
            f"{named}: the folder {folder} does not exist", remedy="Create it first."
        )
    _check_name(target)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"the folder {folder} is not writable",
            remedy="Choose another folder, or change its permissions.",
        )
    if target.is_dir():
        raise OutputPathError(f"{named} is a folder", remedy="Add a file name.")
    if target.exists():
        _check_replaced(target, named, overwrite=overwrite, sources=sources)
    needed = max(needed_bytes, _MIN_FREE_BYTES)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return target
    if free < needed:
        raise OutputError(
            f"the disk that holds {folder} has {free:,} bytes free; "
            f"the file needs about {needed:,.0f}",
            remedy="Free some space, or choose another folder.",
        )
    return target


def _check_name(target: Path) -> None:
    limit = _name_limit(target.parent)
    try:
        target.lstat()
        for path in part_paths(target):
            with suppress(FileNotFoundError):
                path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
            return
        size = len(os.fsencode(target.name))
        reason = f"its name is {size} bytes long; the limit is {limit}"
        if size <= limit:
            reason = error.strerror or "the path is invalid"
        raise OutputPathError(
            f"{target.name[:40]}… cannot be written in {target.parent}: {reason}",
            remedy="Choose a shorter name.",
        ) from None


def _check_replaced(target: Path, named: str, *, overwrite: bool, sources: Iterable[Path]) -> None:
    if not target.is_file():
        raise OutputPathError(
            f"{named} is not a regular file", remedy="Open it, and pass the open file."
        )
    if any(_is_same(target, source) for source in sources):
        raise OutputPathError(f"{named} is one of the sources", remedy="Choose another name.")
    if not overwrite:
        raise OutputPathError(
            f"{named} already exists",
            remedy=Remedy("choose another name", ("pass ", Option("overwrite", True))),
        )


def _is_same(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except OSError:
        return False


def _name_limit(folder: Path) -> int:
    if hasattr(os, "pathconf"):
        with suppress(OSError, ValueError):
            return os.pathconf(folder, "PC_NAME_MAX")
    return _DEFAULT_NAME_BYTES
