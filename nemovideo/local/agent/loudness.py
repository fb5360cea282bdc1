"""Parse a volume in a text: "at 35%", "louder", "a bit quieter"."""

from __future__ import annotations

from nemovideo.local.agent.language import factor, number, percent
from nemovideo.local.agent.words import has


def new_volume(text: str, current: float) -> float | None:
    """Return the new volume, 0 to 2 (1: as recorded), or None if the text does not change it."""
    louder, quieter = has(text, "loudness.louder"), has(text, "loudness.quieter")
    if has(text, "loudness.too"):
        louder, quieter = quieter, louder
    share = percent(text)
    if share is None and has(text, "loudness.at") and has(text, "loudness.level"):
        plain = number(text)
        share = None if plain is None else plain / 100 if plain > 2 else plain
    if share is not None:
        by = has(text, "loudness.by")
        if by and (louder or quieter) and not has(text, "loudness.to"):
            return _limited(current * (1 - share if quieter else 1 + share))
        return _limited(share)
    if has(text, "loudness.normal") and has(text, "loudness.volume"):
        return 1.0
    if not (louder or quieter):
        return None
    times = factor(text)
    if times is not None and times > 1:  # "twice as loud"
        return _limited(current / times if quieter else current * times)
    step = 0.85 if has(text, "slightly") else 0.3 if has(text, "much") else 0.6
    return _limited(current * step if quieter else current / step)


def _limited(volume: float) -> float:
    return round(min(2.0, max(0.0, volume)), 4)
