"""The sentences of the agent by name: `english.json` and `chinese.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_FILES = {"en": "english.json", "zh": "chinese.json"}


@cache
def sentences(language: str) -> dict[str, str]:
    """Return the sentences of "en" or "zh"; fields are in braces."""
    loaded: dict[str, str] = json.loads(Path(__file__).with_name(_FILES[language]).read_bytes())
    return loaded
