"""The clock of a stream, put right where it jumps or starts again."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 10
_WRAP_TICKS = 2**32
_NEAR_S = 1
_OVERLAP_S = Fraction(1, 20)


class Clock:
    """Times that go on evenly, though those in the file do not.

    Args:
        broken: Whether the file's clock cannot be relied on (`MediaItem.broken_clock`); if it
            can, every time is returned as it is, gaps included.
        tick_s: The stream's unit of time, in seconds.
        gapless: Whether the next thing is due when the last one is over, as with sound.
    """

    def __init__(self, *, broken: bool, tick_s: Fraction, gapless: bool = False) -> None:
        self._broken = broken
        self._tick_s = tick_s
        self._gapless = gapless
        self._due_s: Fraction | None = None
        self._usual_s = Fraction(0)
        self._shift_s = Fraction(0)

    def at(self, time_s: Fraction, usual_s: Fraction) -> Fraction:
        """Return when something is due whose time in the file is `time_s`.

        It lasts `usual_s`. After a jump it is due when what was before it is over.
        """
        if not self._broken:
            return time_s
        if self._due_s is not None:
            late_s = time_s + self._shift_s - self._due_s
            earliest_s = -_OVERLAP_S if self._gapless else -self._usual_s
            if late_s < earliest_s or is_jump(late_s, self._tick_s):
                self._shift_s = self._due_s - time_s
        shown_s = time_s + self._shift_s
        self._due_s, self._usual_s = shown_s + usual_s, usual_s
        return shown_s


def is_jump(step_s: Fraction, tick_s: Fraction) -> bool:
    """Return whether a clock that is known to be wrong went wrong here."""
    return step_s > _JUMP_S or is_wrap(step_s, tick_s)


def is_wrap(step_s: Fraction, tick_s: Fraction) -> bool:
    """Return whether a step is that of a counter of 32 bits that ran over."""
    wrap_s = _WRAP_TICKS * tick_s
    return wrap_s > _NEAR_S and abs(step_s - wrap_s) < min(Fraction(_NEAR_S), wrap_s / 4)
