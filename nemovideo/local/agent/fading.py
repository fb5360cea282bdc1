"""Parse a fade: at which ends, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import attrs
from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.context import Context
from nemovideo.local.agent.language import mark_times, times
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Sound, Timeline, Title

_Fading = TypeVar("_Fading", Timeline, Sound, Title)

_FADE_MS = 1000


@attrs.frozen
class Fade:
    """A fade at the "in" or "out" end, or both; a length of 0 removes it."""

    ends: Sequence[str]
    length_ms: int = _FADE_MS

    @classmethod
    def of(cls, text: str) -> Fade:
        """Parse a text about a fade; if it names neither end, the fade is at both."""
        given = times(text)
        ends = [end for end in ("in", "out") if has(text, f"framing.fade_{end}")]
        fades_out = has(text.split("fad")[-1], "framing.out") or has(text, "framing.vanish")
        removes = has(text, "remove") and not fades_out
        return cls(ends or ["in", "out"], 0 if removes else given[0] if given else _FADE_MS)

    @classmethod
    def between(cls, before: Title, after: Title) -> Fade | None:
        """Return the fade that a title has been given, if any."""
        lengths = {
            "in": after.fade_in_ms * (after.fade_in_ms != before.fade_in_ms),
            "out": after.fade_out_ms * (after.fade_out_ms != before.fade_out_ms),
        }
        ends = [end for end, length_ms in lengths.items() if length_ms]
        return cls(ends, max(lengths.values())) if ends else None

    def within(self, duration_ms: int) -> Fade:
        """Return the fade, shortened to this duration if it is longer."""
        return evolve(self, length_ms=min(self.length_ms, duration_ms))

    def applied(self, part: _Fading) -> _Fading:
        """Return a part with the fade."""
        return evolve(
            part,
            fade_in_ms=self.length_ms if "in" in self.ends else part.fade_in_ms,
            fade_out_ms=self.length_ms if "out" in self.ends else part.fade_out_ms,
        )

    def within_titles(self, titles: Sequence[Title]) -> Fade:
        """Return the fade, at most as long as the shortest title, or half that if at both ends."""
        shortest_ms = min(title.duration_ms for title in titles)
        return self.within(max(1, shortest_ms // len(self.ends)))

    def described(self, context: Context) -> dict[str, str]:
        """Return the ends and the length as fields of a sentence."""
        shown = speech.listed(context, [context.say(f"fade.{end}") for end in self.ends])
        return {"shown": shown, "span": speech.seconds(context, self.length_ms)}


def take_fade(text: str) -> tuple[Fade | None, str]:
    """Return the fade that a text mentions among other things, and the text without it."""
    marked = mark_times(text)
    found = pattern("framing.fade_span").search(marked)
    if found is None:
        return None, text
    return Fade.of(found[0]), f"{marked[: found.start()]} {marked[found.end() :]}"
