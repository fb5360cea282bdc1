"""The sentences of the agent by name: `english.json` and `chinese.json`."""

from __future__ import annotations

import json
import pkgutil
from functools import cache

_FILES = {"en": "english.json", "zh": "chinese.json"}


@cache
def sentences(language: str) -> dict[str, str]:
    """Return the sentences of "en" or "zh"; fields are in braces."""
    loaded: dict[str, str] = json.loads(pkgutil.get_data(__name__, _FILES[language]) or b"{}")
    return loaded
