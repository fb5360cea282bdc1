"""Text for the wire and the disk: JSON with lone surrogates, and digests of tokens."""

from __future__ import annotations

import hashlib
import json


def json_bytes(value: object) -> bytes:
    r"""Return compact JSON in UTF-8.

    UTF-8 cannot encode a lone surrogate. "backslashreplace" writes it as `\ud83d`, which is
    also its escape in JSON, and surrogates occur only inside strings.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def json_text(value: object) -> str:
    """Return the result of `json_bytes` as text, which SQLite can store."""
    return json_bytes(value).decode()


def token_digest(token: str) -> str:
    """Return the digest that is stored in place of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
