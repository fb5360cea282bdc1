"""Find the upload that a clause refers to: by name, by number, or the last one of its kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from nemovideo.local.agent.message import Clause, normalize
from nemovideo.local.agent.words import has
from nemovideo.local.media.probe import MediaItem

_NAMES = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS = {"last": -1, **{name: index for index, name in enumerate(_NAMES.split())}}


def of_kind(media: Sequence[MediaItem], kinds: Collection[str]) -> list[MediaItem]:
    """Return the uploads of these kinds, in the same order."""
    return [item for item in media if item.kind in kinds]


def choose(clause: Clause, candidates: Sequence[MediaItem]) -> MediaItem | None:
    """Return the upload that a clause refers to by name, stem or number, else the last one."""
    meant = [item for item in clause.files if item in candidates]
    meant += [item for item in candidates if mentions_stem(clause.plain, item)]
    if meant:
        return meant[0]
    index = ordinal(clause.plain)
    if index is not None:
        return candidates[index] if index < len(candidates) else None
    return candidates[-1] if candidates else None


def mentions_stem(text: str, item: MediaItem) -> bool:
    """Return whether the file's name without its suffix is a word of the text."""
    stem = normalize(item.name).rpartition(".")[0]
    return len(stem) > 1 and bool(re.search(rf"(?<![a-z0-9]){re.escape(stem)}(?![a-z0-9])", text))


def index_in(items: Sequence[object], text: str) -> int | None:
    """Return the index of the item that "the second clip" or "最后一段" refers to, or None."""
    index = ordinal(text)
    return index % len(items) if items and index is not None and index < len(items) else None


def ordinal(text: str) -> int | None:
    """Return the list index that "the second image" or "最后一张" refers to; -1 for the last."""
    return next((_ORDINALS[name] for name in _ORDINALS if has(text, f"ordinals.{name}")), None)
