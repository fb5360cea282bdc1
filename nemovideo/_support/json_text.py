"""Parse untrusted JSON within limits, and write any text as valid UTF-8 JSON."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable

from nemovideo._support.patterns import lazy

_LONE_SURROGATE = lazy("[\ud800-\udfff]")
_MAX_DEPTH = 200
_LONG_CHARS = 10_000
_MAX_CONTAINERS = 2_000_000
"""Five times as many as a draft of 100,000 segments has; each takes up to 100 bytes of memory."""


def read_json(text: str | bytes) -> object:
    """Parse JSON; bytes are UTF-8.

    Lone surrogates are kept if they are escaped. As bytes they are not UTF-8; decoding many of them
    leniently would block all other threads for a second.

    Raises:
        ValueError: It is not UTF-8, not JSON, is nested more than 200 levels deep, has more than
            two million arrays and objects, or has a number that is not a finite float (NaN,
            Infinity, 1e999) or has thousands of digits.
    """
    if isinstance(text, bytes):
        text = text.decode().removeprefix("\ufeff")
    return _decode(text, _STRICT)


def read_event_json(text: str) -> object:
    """Parse the JSON of an event, with None for numbers that are not finite.

    A log probability of NaN, for example, must not discard the text next to it.

    Raises:
        ValueError: It is not JSON, is nested more than 200 levels deep, has more than two million
            arrays and objects, or has a number with thousands of digits.
    """
    return _decode(text, _LENIENT)


def json_text(
    value: object,
    *,
    indent: int | None = None,
    default: Callable[[object], object] | None = None,
) -> str:
    """Return a value as JSON with unescaped Unicode; `default` is that of `json.dumps`.

    Lone surrogates (half an emoji, or a file name that is not Unicode) cannot be encoded in UTF-8,
    and are escaped.
    """
    return _escaped(json.dumps(value, ensure_ascii=False, indent=indent, default=default))


def json_bytes(value: object) -> bytes:
    """Return a value as compact JSON in UTF-8.

    Raises:
        ValueError: The value is not JSON, is nested too deeply, or has NaN or Infinity.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _escaped(text).encode()


def _escaped(text: str) -> str:
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _reject(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


def _finite_or_none(digits: str) -> float | None:
    number = float(digits)
    return number if -math.inf < number < math.inf else None


_STRICT = json.JSONDecoder(parse_constant=_reject, parse_float=_finite)
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_finite_or_none)


_may_nest: Callable[[object], bool] = getattr(gc, "is_tracked", bool)
"""Skips numbers and texts (and objects of only those) in C; a Python loop is as slow as parsing."""


def _decode(text: str, decoder: json.JSONDecoder) -> object:
    # A container has at least two characters.
    if len(text) > 2 * _MAX_CONTAINERS and _brackets(text) > _MAX_CONTAINERS:
        raise ValueError("too many arrays and objects")
    try:
        value: object = decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # In a long text, counting brackets takes longer than checking a flat value.
    if len(text) > _LONG_CHARS or _brackets(text) > _MAX_DEPTH:
        _check_depth(value)
    return value


def _brackets(text: str) -> int:
    return text.count("[") + text.count("{")


def _check_depth(value: object) -> None:
    level = below = [value]
    for _ in range(_MAX_DEPTH):
        if not level:
            return
        below = gc.get_referents(*level)
        level = list(filter(_may_nest, below))
    if any(type(item) in (dict, list) for item in below):
        raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")
