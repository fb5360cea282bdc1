"""Regular expressions that are compiled on first use: compiling some takes longer than a call."""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    """A proxy for a pattern, compiled on the first attribute access."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an attribute of the pattern
        found = getattr(re.compile(*self._arguments), name)
        setattr(self, name, found)
        return found


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled on first use."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))
