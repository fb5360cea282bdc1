"""Regular expressions that are compiled on first use: some take longer than a whole call."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, cast


class _Lazy:
    """A proxy of a pattern, compiled on the first attribute access."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.args = pattern, flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(*self.args)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an attribute of the pattern
        found = getattr(self.compiled, name)
        setattr(self, name, found)
        return found


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled on first use."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))
