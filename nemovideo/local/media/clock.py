"""Timestamps of a stream, corrected where they jump or restart."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 10
_WRAP_TICKS = 2**32
_WRAP_TOLERANCE_S = 1
_MIN_WRAP_S = Fraction(3, 4)
_OVERLAP_S = Fraction(1, 20)


class Clock:
    """A clock without jumps.

    Args:
        broken: Whether the file's timestamps are unreliable (`MediaItem.broken_clock`); if not,
            they are returned unchanged, gaps included.
        tick_s: The stream's time base, in seconds.
        gapless: Whether each frame must start where the last one ended, as in audio.
    """

    def __init__(self, *, broken: bool, tick_s: Fraction, gapless: bool = False) -> None:
        self._broken = broken
        self._tick_s = tick_s
        self._gapless = gapless
        self._time_s: Fraction | None = None
        self._due_s: Fraction | None = None
        self._last_duration_s = Fraction(0)
        self._shift_s = Fraction(0)

    def at(self, time_s: Fraction, duration_s: Fraction) -> Fraction:
        """Return the corrected time of a frame.

        After a jump or a repeated timestamp, it is the end of the last frame.
        """
        if not self._broken:
            return time_s
        if self._due_s is not None:
            late_s = time_s + self._shift_s - self._due_s
            earliest_s = -_OVERLAP_S if self._gapless else -self._last_duration_s
            is_jump = late_s > _JUMP_S or is_wrap(late_s, self._tick_s)
            repeats = not self._gapless and time_s == self._time_s
            if late_s < earliest_s or is_jump or repeats:
                self._shift_s = self._due_s - time_s
        self._time_s = time_s
        shown_s = time_s + self._shift_s
        self._due_s, self._last_duration_s = shown_s + duration_s, duration_s
        return shown_s


def is_wrap(step_s: Fraction, tick_s: Fraction) -> bool:
    """Return whether a step is the overflow of a 32-bit counter."""
    if step_s < _MIN_WRAP_S:  # the usual case; arithmetic with fractions is slow
        return False
    wrap_s = _WRAP_TICKS * tick_s
    tolerance_s = min(Fraction(_WRAP_TOLERANCE_S), wrap_s / 4)
    return wrap_s > _WRAP_TOLERANCE_S and abs(step_s - wrap_s) < tolerance_s
