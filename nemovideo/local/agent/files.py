"""Which upload is meant: by its name, by its number, or the last one of its kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from nemovideo.local.agent.message import Clause, normalize
from nemovideo.local.agent.words import either, has
from nemovideo.local.media.probe import MediaItem

_ORDINALS = (
    (either("first|1st", "第一|第1"), 0),
    (either("second(?=(?: uploaded)? (?:pic|im|ph|vid|cl|fi|so|tr|au|mu|one))|2nd", "第二|第2"), 1),
    (either("third|3rd", "第三|第3"), 2),
    (either("fourth|4th", "第四|第4"), 3),
    (either("fifth|5th", "第五|第5"), 4),
    (
        either(
            "last(?= (?:pic|im|ph|vid|cl|fi|so|tr|au|mu|one|up))|latest|newest|most recent",
            "最后|最新",
        ),
        -1,
    ),
)


def of_kind(media: Sequence[MediaItem], kinds: Collection[str]) -> list[MediaItem]:
    """Return the uploads of these kinds, in the order of upload."""
    return [item for item in media if item.kind in kinds]


def named(clause: Clause, kinds: Collection[str]) -> list[MediaItem]:
    """Return the uploads of these kinds whose file name stands in the clause, in that order."""
    return [item for item in clause.files if item.kind in kinds]


def choose(clause: Clause, candidates: Sequence[MediaItem]) -> MediaItem | None:
    """Return the upload that the clause means: named, nearly named, numbered, or the last one."""
    for item in clause.files:
        if item in candidates:
            return item
    for item in candidates:
        if mentions_stem(clause.plain, item):
            return item
    index = ordinal(clause.plain)
    if index is not None:
        return candidates[index] if index < len(candidates) else None
    return candidates[-1] if candidates else None


def mentions_stem(text: str, item: MediaItem) -> bool:
    """Return whether the file's name without its suffix stands in the text as a word."""
    stem = normalize(item.name).rpartition(".")[0]
    return len(stem) > 1 and has(rf"(?<![a-z0-9]){re.escape(stem)}(?![a-z0-9])", text)


def ordinal(text: str) -> int | None:
    """Return the place in a list that "the second image" or "最后一张" means, -1 for the last."""
    return next((place for pattern, place in _ORDINALS if has(pattern, text)), None)
