"""The timeline as one SVG of bounded size: lanes, bars and a time axis."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

import attrs

from nemovideo._values.lines import one_line

_WIDTH = 860
_LABEL_WIDTH = 84
_SPAN = _WIDTH - _LABEL_WIDTH - 14
_LANE_HEIGHT = 32
_LANE_PITCH = 40
_AXIS_HEIGHT = 22

_LANES_SHOWN = 30
_BARS_SHOWN = 300
_NARROW = 3.0
"""Bars narrower than this many pixels are merged with their neighbors."""

_LETTER_WIDTH = 6.8
_LABEL_INSET = 8
_MAX_TICKS = 8
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000, 86_400),
)


@attrs.frozen
class Bar:
    """A segment.

    Attributes:
        start_ms: Its start on the axis.
        duration_ms: Its duration.
        label: The text inside it, if there is room.
        tip: The tooltip.
        mark: "added", "changed" or "removed"; None if unchanged.
    """

    start_ms: int
    duration_ms: int
    label: str
    tip: str
    mark: str | None = None

    @property
    def end_ms(self) -> int:
        """Its end on the axis."""
        return self.start_ms + self.duration_ms


@attrs.frozen
class Lane:
    """A track.

    Attributes:
        label: The text in front of it.
        color: "video", "audio", "text" or "other".
        bars: Its segments, in order.
        removed: Whether the whole track was removed.
    """

    label: str
    color: str
    bars: Sequence[Bar]
    removed: bool = False


@attrs.frozen
class _Box:
    """One or more bars as one rectangle."""

    x: float
    width: float
    bars: list[Bar]
    mark: str | None


def timeline_svg(
    lanes: Sequence[Lane], duration_ms: int, description: str, *, dimmed: bool = False
) -> str:
    """Return up to 30 lanes on one time axis of at least `duration_ms`.

    The description is for screen readers. When `dimmed`, unmarked bars are faded.
    """
    shown = lanes[:_LANES_SHOWN]
    ends = (bar.end_ms for lane in shown for bar in lane.bars)
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
    background = (
        f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{_SPAN}" height="{_LANE_HEIGHT}" rx="6"'
        ' fill-opacity=".06"/>'
    )
    name = _text(0, top + 20, lane.label, opacity=0.8)
    if lane.removed:
        name = f'<g text-decoration="line-through">{name}</g>'
    boxes = _boxes(lane.bars, total_ms)[:_BARS_SHOWN]
    drawn = "".join(_bar(lane.color, box, top, dimmed=dimmed) for box in boxes)
    return background + name + drawn


def _boxes(bars: Sequence[Bar], total_ms: int) -> list[_Box]:
    """Return the boxes; narrow neighbors are merged."""
    boxes: list[_Box] = []
    for bar in bars:
        x = bar.start_ms / total_ms * _SPAN
        width = bar.duration_ms / total_ms * _SPAN
        last = boxes[-1] if boxes else None
        if (
            last is not None
            and width < _NARROW
            and last.width < 2 * _NARROW
            and last.mark == bar.mark
            and 0 <= x - last.x <= 2 * _NARROW
        ):
            end = max(last.x + last.width, x + width)
            last.bars.append(bar)
            boxes[-1] = attrs.evolve(last, width=end - last.x)
        else:
            boxes.append(_Box(x, width, [bar], bar.mark))
    return boxes


def _bar(color: str, box: _Box, top: int, *, dimmed: bool) -> str:
    # A nested <svg> clips its content. A clip path would need an id, which could clash with another
    # output of the notebook.
    gap = 1.5 if box.width > 2 * _NARROW else 0.0
    width = max(box.width - gap, 2.0)
    first, *others = box.bars
    tip = f"{len(box.bars)} segments" if others else escape(first.tip)
    label = "" if others else _fit(first.label, width - 2 * _LABEL_INSET)
    fill = f"var(--nemo-{color})"
    inset = 1.0 if box.mark else 0.0
    paint, ink = f'fill="{fill}"', "#fff"
    if dimmed and box.mark is None:
        paint, ink = f'{paint} fill-opacity=".3"', "currentColor"
    elif box.mark == "removed":
        paint = 'fill="none" stroke="var(--nemo-removed)" stroke-width="1.5" stroke-dasharray="4 3"'
        ink = "currentColor"
    elif box.mark:
        paint = f'{paint} stroke="var(--nemo-{box.mark})" stroke-width="3"'
    return (
        f'<svg x="{_LABEL_WIDTH + box.x:.1f}" y="{top}" width="{width:.1f}"'
        f' height="{_LANE_HEIGHT}"><title>{tip}</title>'
        f'<rect x="{inset}" y="{inset}" width="{max(width - 2 * inset, 1):.1f}"'
        f' height="{_LANE_HEIGHT - 2 * inset}" rx="5" {paint}/>'
        f"{_text(_LABEL_INSET, 20.5, label, fill=ink) if label else ''}</svg>"
    )


def _fit(words: str, width: float) -> str:
    """Return the words truncated to `width` pixels, or an empty string if too few fit."""
    widths = [
        _LETTER_WIDTH * (1.9 if unicodedata.east_asian_width(letter) in "WF" else 1)
        for letter in words
    ]
    if sum(widths) <= width:
        return words
    used = _LETTER_WIDTH
    for count, letter_width in enumerate(widths):
        used += letter_width
        if used > width:
            return f"{words[:count].rstrip()}…" if count > 1 else ""
    return words


def _axis(total_ms: int, top: int) -> Iterator[str]:
    """Yield ticks at round times with labels: seconds, or m:ss beyond two minutes."""
    total_s = total_ms / 1000
    step_s = next((s for s in _STEPS_S if total_s / s <= _MAX_TICKS), total_s / _MAX_TICKS)
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
