"""Reading and copying decoded JSON that may hold anything: the ground that the draft stands on.

Nothing here raises for a value of the wrong type; it answers None, and the
caller decides what that means. Only JSON of docs/protocol.md §6 passes through.
"""

from __future__ import annotations

import json
import marshal
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from nemovideo.draft.keys import SEGMENTS, TRACKS

_MARSHAL_VERSION = 4
"""The newest that every supported Python reads."""

_PLAIN = {str, int, float, bool, type(None)}

_LARGEST = 2**53
"""Beyond it a JSON number is not exact everywhere (RFC 8259 §6), nor a sensible quantity."""


def snapshot(value: object) -> bytes:
    """Return decoded JSON as bytes that nobody can change, and that `restored` reads back.

    `marshal` keeps every type, key order and odd float, and is the fastest way there and
    back by far; the bytes never leave the process, except inside a pickled draft.

    Raises:
        ValueError: The value is no JSON, or nested more than a thousand levels deep.
    """
    try:
        return marshal.dumps(cast("Any", value), _MARSHAL_VERSION)
    except ValueError:
        pass  # a subclass, such as an IntEnum in a draft made by hand, becomes its plain type
    try:
        return marshal.dumps(json.loads(json.dumps(value)), _MARSHAL_VERSION)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no JSON, or nested too deeply: {error}") from None


def restored(data: bytes) -> object:
    """Return a new copy of what `snapshot` was given."""
    value: object = marshal.loads(data)  # noqa: S302 (our own bytes)
    return value


def copied(value: Mapping[str, object]) -> dict[str, object]:
    """Return a deep copy of a JSON object.

    Raises:
        ValueError: It holds something that is no JSON, or nested more than a thousand levels deep.
    """
    return {
        key: item if type(item) in _PLAIN else restored(snapshot(item))
        for key, item in value.items()
    }


def number(value: object) -> float | None:
    """Return a finite number of sensible size, or None; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None


def milliseconds(value: object) -> int | None:
    """Return a time in whole milliseconds, or None if the value is no number, or below zero."""
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    found = number(value)
    return None if found is None or found < 0 else round(found)


def whole(value: object) -> int | None:
    """Return an integer (`7.0` counts as 7), or None."""
    found = number(value)
    return int(found) if found is not None and found == math.floor(found) else None


def first_text(metadata: Mapping[str, object], keys: Iterable[str]) -> str | None:
    """Return the first value under `keys` that is a string with something to read in it."""
    for key in keys:
        value = metadata.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return None


def json_object(value: object) -> dict[str, object]:
    """Return the value itself if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def is_ready(draft: Mapping[str, object]) -> bool:
    """Return whether a draft can be exported: whether a track has a segment."""
    tracks = draft.get(TRACKS)
    return isinstance(tracks, list) and any(
        isinstance(track, dict) and isinstance(found := track.get(SEGMENTS), list) and found
        for track in tracks
    )
