"""What a render has to say of itself: not errors, but nothing to keep quiet about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Warn: TypeAlias = Callable[[str], None]
"""Takes one sentence for the user; `Notices.add` is one."""


def unheard(_sentence: str) -> None:
    """Take a sentence that nobody asked for: the default of functions with a `warn` argument."""


class Notices:
    """The sentences of one render, in order, each of them once.

    Functions that read footage take `warn=notices.add` and call it with a whole
    sentence about the file, such as "talk.mp4 is damaged: 3 frames are missing."
    Any thread may call it.
    """

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def add(self, sentence: str) -> None:
        """Keep a sentence, unless it was said before."""
        self._sentences.setdefault(sentence)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that was said until now."""
        return tuple(self._sentences)
