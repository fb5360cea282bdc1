"""Count the samples that the tables of an MP4 claim, before FFmpeg allocates an index for them.

If all samples have the same size, a table of a few bytes can claim any number of them.
"""

from __future__ import annotations

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from nemovideo._values.formats import sniff
from nemovideo.local.media.limits import MAX_BOXES, MAX_PACKETS

_HEAD_BYTES = 64
_PAYLOAD = frozenset({b"mdat", b"free", b"skip", b"wide"})
# FFmpeg reads tables in any box, so they are searched for instead of parsed.
_TABLE = re.compile(rb"(trak|hdlr|stts|stsz|stz2|trun|cmvd)[\s\S]{8,16}")
_ONE_TICK_PER_SAMPLE = struct.pack(">II", 1, 1)
_MOVIE_BYTES = 64 * 1024 * 1024

_Data: TypeAlias = bytes | mmap.mmap


def may_be_mp4(path: Path) -> bool:
    """Return whether a file may be an MP4: it does not start like one of another family."""
    with path.open("rb") as file:
        return sniff(file.read(_HEAD_BYTES)) <= {"mp4"}


def check_samples(path: Path) -> None:
    """Check the number of samples that an MP4 or MOV claims.

    Raises:
        ValueError: There are more than `MAX_PACKETS`, or more than `MAX_BOXES` boxes.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if sum(_counts(data, len(data))) > MAX_PACKETS:
            raise ValueError(f"its header claims more than {MAX_PACKETS:,} frames")


def _counts(data: _Data, file_bytes: int) -> Iterator[int]:
    """Yield the number of samples in each table.

    FFmpeg indexes uncompressed sound by chunk, so its samples are not counted, as long as the file
    is large enough to contain them.
    """
    handlers: set[bytes] = set()
    ticks: set[bytes] = set()
    for name, content in _tables(data):
        if name == b"cmvd":
            yield from _counts(content, file_bytes)
        elif name == b"trak":
            handlers.clear()
            ticks.clear()
        elif name == b"hdlr":
            handlers.add(content[8:12])
        elif name == b"stts":  # the number of entries, and the duration of the first one
            ticks.add(content[4:8] + content[12:16])
        elif name == b"trun":
            yield int.from_bytes(content[4:8], "big")
        else:
            size, count = struct.unpack(">II", content[4:12])
            is_pcm = (
                b"soun" in handlers and b"vide" not in handlers and ticks == {_ONE_TICK_PER_SAMPLE}
            )
            if not (is_pcm and name == b"stsz" and 0 < size * count <= file_bytes):
                yield count


def _tables(data: _Data) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the first 16 bytes of every table, and compressed headers in full."""
    for start, end in _headers(data):
        offset = start
        while found := _TABLE.search(data, offset, end):
            offset = found.start() + len(found[1])
            content = found[0][len(found[1]) :].ljust(16, b"\0")
            if found[1] == b"cmvd":  # its size, then zlib's bytes
                movie = zlib.decompressobj()
                try:
                    content = movie.decompress(data[offset + 4 : end], _MOVIE_BYTES)
                except zlib.error:
                    continue
                content = content.replace(b"cmvd", b"")  # FFmpeg decompresses once
            yield found[1], content


def _headers(data: _Data) -> Iterator[tuple[int, int]]:
    """Yield the start and end of every outermost box that is not payload."""
    offset = 0
    for _ in range(MAX_BOXES):
        if offset + 8 > len(data):
            return
        size, name = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        if size == 1:
            size = int.from_bytes(data[offset + 8 : offset + 16], "big")
        end = offset + size if size >= 8 else len(data)
        if name not in _PAYLOAD:
            yield offset, min(end, len(data))
        offset = end
    raise ValueError(f"it has more than {MAX_BOXES:,} boxes")
