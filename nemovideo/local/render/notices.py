"""Warnings of a render."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Warn: TypeAlias = Callable[[str], None]
"""A function, such as `Notices.add`, that takes a warning: a whole sentence for the user."""


_MAX_WARNINGS = 100
_MAX_WARNING_CHARS = 1000


def ignore_warning(_sentence: str) -> None:
    """Ignore a warning: the default of `warn` arguments."""


class Notices:
    """The first distinct warnings of a render, in order; thread-safe."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def add(self, sentence: str) -> None:
        """Add a warning, unless it was added before or there are too many."""
        if len(self._sentences) < _MAX_WARNINGS:
            self._sentences.setdefault(sentence[:_MAX_WARNING_CHARS])

    @property
    def sentences(self) -> tuple[str, ...]:
        """The warnings so far."""
        return tuple(self._sentences)
