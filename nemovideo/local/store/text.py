"""JSON as UTF-8, for the wire and the disk, whatever text is in it."""

from __future__ import annotations

import json


def json_bytes(value: object) -> bytes:
    r"""Return compact JSON in UTF-8; half a surrogate pair stays the escape that it came as.

    UTF-8 cannot carry a lone surrogate. "backslashreplace" writes it as `\ud83d`, which is
    just its escape in JSON, and all surrogates of a JSON text are inside its strings.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def json_text(value: object) -> str:
    """Return the same as text, which SQLite can keep."""
    return json_bytes(value).decode()
