"""The draft in words: times, names and the timeline summary of protocol.md §6.

Pure text work. `Draft.summary()` and the sentences of `Draft.diff()` are put
together from what is here, so that both write a time or a name the same way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nemovideo.draft.json_values import TrackType

if TYPE_CHECKING:
    from nemovideo.draft.model import Draft, Segment, Track

_NAME_LENGTH = 80
_SEGMENTS_SHOWN = 10
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, changes of the writing direction, and halves of characters that no terminal takes."""
_LABELS = {TrackType.VIDEO: "Video", TrackType.AUDIO: "BGM", TrackType.TEXT: "Title"}


def summarize(draft: Draft) -> str:
    """Return the whole timeline on one line, as protocol.md §6 shows it."""
    count = len(draft.tracks)
    heading = f"Timeline ({count} track{'' if count == 1 else 's'})"
    if not count:
        return heading
    lines = (f"{place}. {describe_track(track)}" for place, track in enumerate(draft.tracks, 1))
    return f"{heading}: {' '.join(lines)}"


def describe_track(track: Track) -> str:
    """Return a track's label and segments: `BGM: Lo-fi (0-10s, 35%)`."""
    return f"{track_label(track)}: {describe_segments(track) or 'empty'}"


def describe_segments(track: Track, quote: str = '"') -> str:
    """Return a track's segments, separated by commas; after the tenth they are only counted."""
    shown = [describe_segment(track, part, quote) for part in track.segments[:_SEGMENTS_SHOWN]]
    rest = track.segments[_SEGMENTS_SHOWN:]
    if rest:
        end_ms = max(part.end_ms for part in rest)
        shown.append(f"{len(rest)} more ({time_range(rest[0].start_ms, end_ms)})")
    return ", ".join(shown)


def describe_segment(track: Track, segment: Segment, quote: str = '"') -> str:
    """Return a segment's name or words, its time, and its volume where that says something.

    What the segment does not say itself is its track's.
    """
    times = time_range(segment.start_ms, segment.end_ms)
    volume = track.volume if segment.volume is None else segment.volume
    if volume is not None and (track.type == TrackType.AUDIO or volume != 1):
        times = f"{times}, {percent(volume)}"
    return f"{segment_name(track, segment, quote)} ({times})".lstrip()


def segment_name(track: Track, segment: Segment, quote: str = '"') -> str:
    """Return what a person would call this segment: its words in quotes, its name, or nothing."""
    if track.type == TrackType.TEXT:
        words = segment.text or segment.name or track.text or track.name
        return quoted(words, quote) if words else ""
    return one_line(segment.name or segment.text or track.name or "")


def track_label(track: Track) -> str:
    """Return `Video`, `BGM`, `Title`, `Type 5` for another number, or `Track` without a number."""
    if isinstance(track.type, TrackType):
        return _LABELS[track.type]
    return "Track" if track.type is None else f"Type {track.type}"


def time_range(start_ms: int, end_ms: int) -> str:
    """Return `0-10s` or `0.4-2.05s`: seconds at any length, with no more decimals than needed."""
    return f"{_in_seconds(start_ms)}-{seconds(end_ms)}"


def seconds(duration_ms: int) -> str:
    """Return `10s` or `0.4s`."""
    return f"{_in_seconds(duration_ms)}s"


def percent(factor: float) -> str:
    """Return a factor as `35%`."""
    return f"{round(factor * 100)}%"


def quoted(text: str, quote: str = '"') -> str:
    """Return the text on one line between quotes; the same quotes inside become the other kind."""
    return (
        f"{quote}{one_line(text).replace(quote, chr(39) if quote == chr(34) else chr(34))}{quote}"
    )


def one_line(text: str) -> str:
    """Return the text without line breaks and other invisible signs, clipped to 80 characters."""
    line = " ".join(_INVISIBLE.sub(" ", text[: 10 * _NAME_LENGTH]).split())
    return line if len(line) <= _NAME_LENGTH else f"{line[: _NAME_LENGTH - 1].rstrip()}…"


def _in_seconds(time_ms: int) -> str:
    whole, rest = divmod(time_ms, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
