"""Everything a conversation says, in English and Chinese, except the changes to a draft."""

from __future__ import annotations

import json
from pathlib import Path


def sentences(file: str) -> dict[str, dict[str, str]]:
    """Return the sections of `english.json` or `chinese.json`; fields are in braces."""
    loaded: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name(file).read_bytes())
    return loaded
