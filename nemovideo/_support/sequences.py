"""Read a zip of PNGs as a video: its frames and frame rate."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

DEFAULT_FPS = Fraction(30)
"""The default frame rate of a sequence."""

_RATE = re.compile(rb"(\d{1,9}(?:\.\d{1,9}|/\d{1,9})?) (?:fps|frames a second)\b")
_MAX_FPS = 1000
_DIGITS = re.compile(r"(\d+)")
_END, _END_BYTES, _COMMENT_BYTES = b"PK\5\6", 22, 65535
_LOCATOR, _LOCATOR_BYTES = b"PK\6\7", 20  # of a ZIP64 directory, whose size is unlimited
_MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
_MAX_FRAME_BYTES = 512 * 1024 * 1024


class SequenceError(Exception):
    """The file is not a readable zip of PNGs; the message follows its name, as in "a.zip has …"."""


def rate_comment(fps: Fraction) -> bytes:
    """Return the zip comment with a frame rate."""
    return f"{fps} fps".encode()


def rate_of(archive: zipfile.ZipFile) -> Fraction:
    """Return the frame rate in the zip's comment, such as "24 fps", or the default."""
    found = _RATE.search(archive.comment)
    try:
        fps = Fraction(found[1].decode()) if found else DEFAULT_FPS
    except ZeroDivisionError:
        return DEFAULT_FPS
    return fps if 0 < fps <= _MAX_FPS else DEFAULT_FPS


def frames_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the frames in the natural order of their names (10 after 9).

    Raises:
        SequenceError: There are none, one is too large, or they are encrypted.
    """
    found = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".png")
        and not any(part.startswith((".", "__MACOSX")) for part in entry.filename.split("/"))
    ]
    if not found:
        raise SequenceError("has no PNG files in it")
    if any(entry.file_size > _MAX_FRAME_BYTES or entry.flag_bits & 1 for entry in found):
        raise SequenceError("has PNG files that are too large, or encrypted")
    return sorted(found, key=lambda entry: _natural_key(entry.filename))


@contextmanager
def open_sequence(file: BinaryIO | Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip, if its directory is not too large.

    Raises:
        SequenceError: It is not a zip, is damaged, or has too many files.
    """
    try:
        with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
            _check_directory(opened)
            with zipfile.ZipFile(opened) as archive:
                yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise SequenceError(f"is a damaged zip: {error}") from error


def _check_directory(file: BinaryIO) -> None:
    """Check the size of the directory before `zipfile` loads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES))
    tail = file.read()
    end_offset = tail.rfind(_END)
    directory_bytes = int.from_bytes(tail[end_offset + 12 : end_offset + 16], "little")
    is_zip64 = tail[max(0, end_offset - _LOCATOR_BYTES) :].startswith(_LOCATOR)
    if end_offset >= 0 and (directory_bytes > _MAX_DIRECTORY_BYTES or is_zip64):
        raise SequenceError("has too many files in it")


def _natural_key(name: str) -> list[tuple[int, str]]:
    parts = _DIGITS.split(name.lower())
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
