"""Fragmented MP4: where the last whole fragment ends (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

import attrs

from nemovideo._uploads.inspect.boxes import Box, boxes, children, version
from nemovideo._uploads.inspect.reader import Reader

# The flags of tfhd and trun say which fields are there, in this order, each with its size.
_TFHD_BEFORE_DURATION = ((0x1, 8), (0x2, 4))
_TFHD_DURATION = 0x8
_TRUN_HEAD = ((0x1, 4), (0x4, 4))
_TRUN_DURATION = 0x100
_TRUN_SAMPLE = ((0x100, 4), (0x200, 4), (0x400, 4), (0x800, 4))


@attrs.frozen
class Fragment:
    """One track's part of a fragment, in the track's own units of time."""

    samples: int
    start: int
    duration: int


def defaults(reader: Reader, mvex: Box) -> dict[int, int]:
    """Return how long a sample of each track lasts where its fragment does not say."""
    found: dict[int, int] = {}
    for box in boxes(reader, mvex.start, mvex.end):
        if box.type == b"trex":
            track, _, duration = reader.unpack(">III", box.start + 4)
            found[track] = duration
    return found


def look(reader: Reader, moof: Box, durations: dict[int, int]) -> dict[int, Fragment]:
    """Return the parts of a fragment by track; without those that do not say when they begin."""
    found: dict[int, Fragment] = {}
    for traf in boxes(reader, moof.start, moof.end):
        if traf.type != b"traf":
            continue
        parts = children(reader, traf, b"tfhd", b"tfdt", b"trun")
        if len(parts) < 3:
            continue
        track, default = _header(reader, parts[b"tfhd"], durations)
        (long, _), tfdt = version(reader, parts[b"tfdt"]), parts[b"tfdt"]
        (start,) = reader.unpack(">Q" if long else ">I", tfdt.start + 4)
        runs = [box for box in boxes(reader, traf.start, traf.end) if box.type == b"trun"]
        counted = [_run(reader, run, default) for run in runs]
        samples, duration = (sum(values) for values in zip(*counted, strict=True))
        found[track] = Fragment(samples, start, duration)
    return found


def _header(reader: Reader, tfhd: Box, durations: dict[int, int]) -> tuple[int, int]:
    """Return the track's id, and how long its samples last by default."""
    _, flags = version(reader, tfhd)
    (track,) = reader.unpack(">I", tfhd.start + 4)
    if not flags & _TFHD_DURATION:
        return track, durations.get(track, 0)
    place = tfhd.start + 8 + sum(size for flag, size in _TFHD_BEFORE_DURATION if flags & flag)
    return track, reader.unpack(">I", place)[0]


def _run(reader: Reader, trun: Box, default: int) -> tuple[int, int]:
    """Return how many samples a run has, and how long they last together."""
    _, flags = version(reader, trun)
    (count,) = reader.unpack(">I", trun.start + 4)
    if not flags & _TRUN_DURATION:
        return count, count * default
    place = trun.start + 8 + sum(size for flag, size in _TRUN_HEAD if flags & flag)
    step = sum(size for flag, size in _TRUN_SAMPLE if flags & flag)
    table = reader.read(place, min(trun.end - place, count * step))
    durations = (table[at : at + 4] for at in range(0, len(table), step))
    return count, sum(int.from_bytes(duration, "big") for duration in durations)
