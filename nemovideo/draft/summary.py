"""The one-line summary of a timeline (docs/protocol.md §6)."""

from __future__ import annotations

from nemovideo._values.lines import one_line, percent, quoted, time_range
from nemovideo.draft.effects import describe_effects, describe_fades
from nemovideo.draft.keys import KIND, OVERLAY, TrackType
from nemovideo.draft.parts import Segment, Timeline, Track

_SEGMENTS_SHOWN = 10
_LABELS: dict[object, str] = {
    TrackType.VIDEO: "Video",
    OVERLAY: "Logo",
    TrackType.AUDIO: "BGM",
    TrackType.TEXT: "Title",
    None: "Track",
}
_LABELS_CHINESE: dict[object, str] = {
    TrackType.VIDEO: "视频",
    OVERLAY: "标志",
    TrackType.AUDIO: "背景音乐",
    TrackType.TEXT: "标题",
    None: "轨道",
}


def summarize(draft: Timeline, language: str = "en") -> str:
    """Return the whole timeline on one line, in English or ("zh") Chinese."""
    tracks, fades = draft.tracks, describe_fades(draft, language)
    count = len(tracks)
    if language == "zh":
        details = "，".join([f"{count} 个轨道", *fades])
        heading, separator, empty = f"时间线（{details}）", "：", "空"
    else:
        details = ", ".join([f"{count} track{'' if count == 1 else 's'}", *fades])
        heading, separator, empty = f"Timeline ({details})", ": ", "empty"
    if not count:
        return heading
    lines = (
        f"{number}. {track_label(track, language)}{separator}"
        f"{describe_segments(track, language) or empty}"
        for number, track in enumerate(tracks, 1)
    )
    return f"{heading}{separator}{' '.join(lines)}"


def describe_segments(track: Track, language: str = "en", quotes: str = '""') -> str:
    """Return a track's first ten segments, separated by commas, and the number of the others."""
    shown = [
        describe_segment(track, segment, language, quotes)
        for segment in track.segments[:_SEGMENTS_SHOWN]
    ]
    rest = track.segments[_SEGMENTS_SHOWN:]
    if rest:
        times = time_range(rest[0].start_ms, max(part.end_ms for part in rest))
        more = f"另有 {len(rest)} 段" if language == "zh" else f"{len(rest)} more"
        shown.append(f"{more} ({times})")
    return ", ".join(shown)


def describe_segment(
    track: Track, segment: Segment, language: str = "en", quotes: str = '""'
) -> str:
    """Return a segment's name or text, its time, and its volume and edits if relevant.

    Missing values are taken from the track.
    """
    times = time_range(segment.start_ms, segment.end_ms)
    details = ", ".join((times, *describe_edits(track, segment, language)))
    return f"{segment_name(track, segment, quotes)} ({details})".lstrip()


def describe_edits(track: Track, segment: Segment, language: str = "en") -> list[str]:
    """Return a segment's volume, if it is audio or changed, and its other edits."""
    volume = track.volume if segment.volume is None else segment.volume
    effects = describe_effects(track, segment, language)
    if track.type == TrackType.AUDIO:
        return effects if volume is None else [percent(volume), *effects]
    if volume is None or volume == 1:
        return effects
    muted = "静音" if language == "zh" else "muted"
    return [percent(volume) if volume else muted, *effects]


def segment_name(track: Track, segment: Segment, quotes: str = '""') -> str:
    """Return a segment's display name: its text in quotes, its name, or an empty string."""
    name = full_name(track, segment)
    return quoted(name, quotes) if name and track.type == TrackType.TEXT else one_line(name)


def full_name(track: Track, segment: Segment) -> str:
    """Return the text of a title, or the name of another segment, as in the draft."""
    if track.type == TrackType.TEXT:
        return segment.text or segment.name or track.text or track.name or ""
    return segment.name or segment.text or track.name or ""


def track_label(track: Track, language: str = "en") -> str:
    """Return a track's label: `Video`, `Logo` (pictures over the video), `BGM` or `Title`.

    A track of any other type is `Type 5`, for example; one whose type is not a number is `Track`.
    """
    labels = _LABELS_CHINESE if language == "zh" else _LABELS
    overlay = bool(track.segments) and all(
        segment.metadata.get(KIND) == OVERLAY for segment in track.segments
    )
    kind = OVERLAY if overlay and track.type == TrackType.VIDEO else track.type
    return labels.get(kind) or f"Type {track.type}"
