"""JSON in and out: every value that is read is finite and bounded, every text can be written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from nemovideo._support.patterns import lazy

_LONE_SURROGATE = lazy("[\ud800-\udfff]")
_MAX_DEPTH = 200


def read_json(text: str | bytes) -> object:
    """Read a JSON text; bytes are UTF-8.

    Lone surrogates, which are legal as escapes, are kept.

    Raises:
        ValueError: It is not JSON, is nested more than 200 levels deep, or holds a number that
            a float cannot carry (NaN, Infinity, 1e999) or of thousands of digits.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
    return _decoded(text, _STRICT)


def read_event_json(text: str) -> object:
    """Read the JSON text of an event, with None for numbers that a float cannot carry.

    One odd number beside an answer, a log probability of NaN, say, does not make it unreadable.

    Raises:
        ValueError: It is not JSON, is nested more than 200 levels deep, or holds a number of
            thousands of digits.
    """
    return _decoded(text, _LENIENT)


def json_text(
    value: object,
    *,
    indent: int | None = None,
    default: Callable[[object], object] | None = None,
) -> str:
    """Return a value as JSON with every script as it is; `default` is that of `json.dumps`.

    Lone surrogates (half an emoji, or a file name that is not Unicode) have no
    place in UTF-8; they are written as escapes.
    """
    return _escaped(json.dumps(value, ensure_ascii=False, indent=indent, default=default))


def json_bytes(value: object) -> bytes:
    """Return a value as compact JSON, to be sent.

    Raises:
        ValueError: The value is not JSON, is nested too deeply, or holds NaN or Infinity.
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


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _finite_or_none(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


_STRICT = json.JSONDecoder(parse_constant=_refused, parse_float=_finite)
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_finite_or_none)


def _decoded(text: str, decoder: json.JSONDecoder) -> object:
    try:
        value: object = decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > _MAX_DEPTH:
        _check_depth(value)
    return value


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        below: list[object] = []
        for item in level:
            if type(item) is dict:
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        if not below:
            return
        level = below
    raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")
