"""The timeline as a picture: lanes, bars and a time axis, as one SVG of bounded size."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import attrs

from nemovideo.draft.json_values import TrackType
from nemovideo.draft.summary import describe_segment, one_line, percent, segment_name, track_label

if TYPE_CHECKING:
    from nemovideo.draft import Segment, Track

_WIDTH = 860
_LABEL_WIDTH = 84
_SPAN = _WIDTH - _LABEL_WIDTH - 14
_LANE_HEIGHT = 32
_LANE_PITCH = 40
_AXIS_HEIGHT = 22

_LANES_SHOWN = 30
_BARS_SHOWN = 300
_NARROW = 3.0
"""Bars narrower than this, in pixels, are drawn together with their neighbours."""

_LETTER_WIDTH = 6.8
_LABEL_INSET = 8
_TICKS_AT_MOST = 8
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000, 86_400),
)


@attrs.frozen
class Lane:
    """A track as it is drawn.

    Attributes:
        place: Its index in its draft.
        marks: "added", "changed" or "removed" for a segment's index, or under None for the
            whole track.
    """

    track: Track
    place: int
    marks: Mapping[int | None, str] = attrs.field(factory=dict)


@attrs.frozen
class _Bar:
    """One or more segments, drawn as one rectangle."""

    x: float
    width: float
    segments: list[Segment]
    mark: str | None


def timeline_svg(
    lanes: Sequence[Lane], duration_ms: int, description: str, *, dimmed: bool = False
) -> str:
    """Return the lanes above each other on one time axis.

    Args:
        lanes: What to draw, at most 30 of them; the rest is counted.
        duration_ms: The least that the axis covers; longer tracks make it longer.
        description: What a screen reader says.
        dimmed: Whether what is not marked stands back.
    """
    shown = lanes[:_LANES_SHOWN]
    ends = (part.end_ms for lane in shown for part in lane.track.segments)
    total_ms = max(duration_ms, max(ends, default=0), 1)
    bottom = len(shown) * _LANE_PITCH
    rows = "".join(
        _lane(lane, row * _LANE_PITCH, total_ms, dimmed=dimmed) for row, lane in enumerate(shown)
    )
    axis = "".join(_axis(total_ms, bottom))
    more = len(lanes) - len(shown)
    rest = _text(0, bottom + 40, f"and {more} more tracks", opacity=0.68) if more else ""
    height = bottom + _AXIS_HEIGHT + (24 if more else 0)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(description[:1000])}"'
        f' font-size="12" fill="currentColor">{axis}{rows}{rest}</svg>'
    )


def _lane(lane: Lane, top: int, total_ms: int, *, dimmed: bool) -> str:
    whole = lane.marks.get(None)
    label = track_label(lane.track)
    ground = (
        f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{_SPAN}" height="{_LANE_HEIGHT}" rx="6"'
        ' fill-opacity=".06"/>'
    )
    name = _text(0, top + 20, f"{lane.place + 1}. {label}", opacity=0.8)
    if whole == "removed":
        name = f'<g text-decoration="line-through">{name}</g>'
    bars = _bars(lane, total_ms)
    drawn = "".join(_bar(lane.track, bar, top, dimmed=dimmed) for bar in bars[:_BARS_SHOWN])
    return ground + name + drawn


def _bars(lane: Lane, total_ms: int) -> list[_Bar]:
    """Return the lane's bars; neighbours too narrow to be seen apart become one."""
    bars: list[_Bar] = []
    for index, segment in enumerate(lane.track.segments):
        x = segment.start_ms / total_ms * _SPAN
        width = segment.duration_ms / total_ms * _SPAN
        mark = lane.marks.get(index, lane.marks.get(None))
        last = bars[-1] if bars else None
        if (
            last is not None
            and width < _NARROW
            and last.width < 2 * _NARROW
            and last.mark == mark
            and 0 <= x - last.x <= 2 * _NARROW
        ):
            end = max(last.x + last.width, x + width)
            last.segments.append(segment)
            bars[-1] = attrs.evolve(last, width=end - last.x)
        else:
            bars.append(_Bar(x, width, [segment], mark))
    return bars


def _bar(track: Track, bar: _Bar, top: int, *, dimmed: bool) -> str:
    # A nested <svg> clips its content, without the ids that a clip path needs
    # and that would clash between two outputs of one notebook.
    gap = 1.5 if bar.width > 2 * _NARROW else 0.0
    width = max(bar.width - gap, 2.0)
    colour = f"var(--nemo-{_COLOURS.get(track.type, 'other')})"
    inset = 1.0 if bar.mark else 0.0
    paint, ink = f'fill="{colour}"', "#fff"
    if dimmed and bar.mark is None:
        paint, ink = f'{paint} fill-opacity=".3"', "currentColor"
    elif bar.mark == "removed":
        paint = 'fill="none" stroke="var(--nemo-removed)" stroke-width="1.5" stroke-dasharray="4 3"'
        ink = "currentColor"
    elif bar.mark:
        paint = f'{paint} stroke="var(--nemo-{bar.mark})" stroke-width="3"'
    return (
        f'<svg x="{_LABEL_WIDTH + bar.x:.1f}" y="{top}" width="{width:.1f}"'
        f' height="{_LANE_HEIGHT}"><title>{_tip(track, bar)}</title>'
        f'<rect x="{inset}" y="{inset}" width="{max(width - 2 * inset, 1):.1f}"'
        f' height="{_LANE_HEIGHT - 2 * inset}" rx="5" {paint}/>'
        f"{_label(track, bar, width, ink)}</svg>"
    )


_COLOURS: dict[object, str] = {
    TrackType.VIDEO: "video",
    TrackType.AUDIO: "audio",
    TrackType.TEXT: "text",
}


def _label(track: Track, bar: _Bar, width: float, ink: str) -> str:
    if len(bar.segments) > 1:
        return ""
    segment = bar.segments[0]
    volume = track.volume if segment.volume is None else segment.volume
    loud = volume is not None and (track.type == TrackType.AUDIO or volume != 1)
    name = segment_name(track, segment, '"')
    words = f"{name} · {percent(volume)}" if volume is not None and loud else name
    fitting = _fit(words, width - 2 * _LABEL_INSET)
    return _text(_LABEL_INSET, 20.5, fitting, fill=ink) if fitting else ""


def _tip(track: Track, bar: _Bar) -> str:
    if len(bar.segments) > 1:
        return f"{len(bar.segments)} segments"
    return escape(describe_segment(track, bar.segments[0]))


def _fit(words: str, width: float) -> str:
    """Return as much of the words as fits into `width` pixels, or nothing worth reading."""
    widths = [_LETTER_WIDTH * (1.9 if _is_wide(letter) else 1) for letter in words]
    if sum(widths) <= width:
        return words
    used = _LETTER_WIDTH
    for count, letter_width in enumerate(widths):
        used += letter_width
        if used > width:
            return f"{words[:count].rstrip()}…" if count > 1 else ""
    return words


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _axis(total_ms: int, top: int) -> Iterator[str]:
    """Yield ticks at round times, and their labels: seconds, or a clock beyond two minutes."""
    total_s = total_ms / 1000
    step_s = next((s for s in _STEPS_S if total_s / s <= _TICKS_AT_MOST), total_s / _TICKS_AT_MOST)
    for count in range(int(total_s / step_s + 1e-9) + 1):
        at_s = count * step_s
        x = _LABEL_WIDTH + at_s / total_s * _SPAN
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{top - 2}" stroke="currentColor"'
            ' stroke-opacity=".12" stroke-dasharray="2 4"/>'
        )
        label = f"{at_s:.6g}s" if total_s <= 120 else _clock(at_s)
        yield _text(x, top + 12, label, opacity=0.68, anchor="middle")


def _clock(time_s: float) -> str:
    minutes, rest = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _text(
    x: float,
    y: float,
    words: str,
    *,
    fill: str = "currentColor",
    opacity: float = 1,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" fill-opacity="{opacity}"'
        f' text-anchor="{anchor}">{escape(one_line(words))}</text>'
    )
