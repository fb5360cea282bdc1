"""Reading and copying arbitrary decoded JSON.

Values of the wrong type are not errors here; they are returned as None.
"""

from __future__ import annotations

import json
import marshal
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from nemovideo.draft.keys import SEGMENTS, TRACKS

_MARSHAL_VERSION = 4
"""The newest version that every supported Python has."""

_PLAIN = {str, int, float, bool, type(None)}

_MAX_INTEGER = 2**53
"""Larger JSON numbers are not exact in every implementation (RFC 8259 §6)."""


def snapshot(value: object) -> bytes:
    """Return decoded JSON as immutable bytes, for `restored`.

    `marshal` keeps types, key order and all floats, and is several times as fast as `json` and
    `copy.deepcopy`. The bytes never leave the process.

    Raises:
        ValueError: The value is not JSON, or is nested more than a thousand levels deep.
    """
    try:
        return marshal.dumps(cast("Any", value), _MARSHAL_VERSION)
    except ValueError:
        pass  # a subclass, such as an IntEnum in a draft made by hand, becomes its plain type
    try:
        return marshal.dumps(json.loads(json.dumps(value)), _MARSHAL_VERSION)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not JSON, or nested too deeply: {error}") from None


def restored(data: bytes) -> object:
    """Return a new copy of the value given to `snapshot`."""
    value: object = marshal.loads(data)  # noqa: S302 (our own bytes)
    return value


def copied(value: Mapping[str, object]) -> dict[str, object]:
    """Return a deep copy of a JSON object.

    Raises:
        ValueError: It is not JSON, or is nested more than a thousand levels deep.
    """
    return {
        key: item if type(item) in _PLAIN else restored(snapshot(item))
        for key, item in value.items()
    }


def number(value: object) -> float | None:
    """Return a finite number up to 2**53, or None; a boolean is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_MAX_INTEGER <= value <= _MAX_INTEGER else None


def milliseconds(value: object) -> int | None:
    """Return a time in whole milliseconds, or None if it is negative or not a number."""
    if type(value) is int and 0 <= value <= _MAX_INTEGER:
        return value
    found = number(value)
    return None if found is None or found < 0 else round(found)


def whole(value: object) -> int | None:
    """Return an integer (`7.0` counts as 7), or None."""
    found = number(value)
    return int(found) if found is not None and found == math.floor(found) else None


def first_text(metadata: Mapping[str, object], keys: Iterable[str]) -> str | None:
    """Return the first value under `keys` that is a nonblank string."""
    for key in keys:
        value = metadata.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return None


def json_object(value: object) -> dict[str, object]:
    """Return the value itself if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def is_ready(draft: Mapping[str, object]) -> bool:
    """Return whether a draft can be exported: whether any track has a segment."""
    tracks = draft.get(TRACKS)
    return isinstance(tracks, list) and any(
        isinstance(track, dict) and isinstance(found := track.get(SEGMENTS), list) and found
        for track in tracks
    )
