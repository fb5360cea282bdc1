"""JSON as people read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(
    value: object,
    *,
    indent: int | None = None,
    default: Callable[[object], object] | None = None,
) -> str:
    """Return a value as JSON with every script as it is; `default` is that of `json.dumps`.

    Lone surrogates (of file names that are no Unicode, say) have no place in UTF-8,
    but as escapes they have one in JSON.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
