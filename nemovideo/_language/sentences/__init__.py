"""Everything a conversation says, in English and Chinese, except the changes to a draft."""

from __future__ import annotations

import json
import pkgutil


def sentences(file: str) -> dict[str, dict[str, str]]:
    """Return the sections of `english.json` or `chinese.json`; fields are in braces."""
    loaded: dict[str, dict[str, str]] = json.loads(pkgutil.get_data(__name__, file) or b"{}")
    return loaded
