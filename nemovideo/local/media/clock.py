"""The clock of a stream, put right where it jumps or starts again."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 10
_WRAP_TICKS = 2**32
_NEAR_S = 1


class Clock:
    """Times that go on evenly, though those in the file do not.

    Args:
        broken: Whether the file's clock cannot be relied on (`MediaItem.broken_clock`); if it
            can, every time is returned as it is, gaps included.
        tick_s: The stream's unit of time, in seconds.
    """

    def __init__(self, *, broken: bool, tick_s: Fraction) -> None:
        self._broken = broken
        self._tick_s = tick_s
        self._shift_s = Fraction(0)
        self._last_s: Fraction | None = None

    def at(self, time_s: Fraction, usual_s: Fraction) -> Fraction:
        """Return when something is due whose time in the file is `time_s`.

        After a jump it is due `usual_s` after what was before it.
        """
        if not self._broken:
            return time_s
        if self._last_s is not None:
            step_s = time_s + self._shift_s - self._last_s
            if step_s < 0 or is_jump(step_s, self._tick_s):
                self._shift_s = self._last_s + usual_s - time_s
        self._last_s = time_s + self._shift_s
        return self._last_s


def is_jump(step_s: Fraction, tick_s: Fraction) -> bool:
    """Return whether a clock that is known to be wrong went wrong here."""
    return step_s > _JUMP_S or is_wrap(step_s, tick_s)


def is_wrap(step_s: Fraction, tick_s: Fraction) -> bool:
    """Return whether a step is that of a counter of 32 bits that ran over."""
    wrap_s = _WRAP_TICKS * tick_s
    return wrap_s > _NEAR_S and abs(step_s - wrap_s) < min(Fraction(_NEAR_S), wrap_s / 4)
