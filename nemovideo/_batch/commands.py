"""What a batch asks its runner to do, and the news that it gets back."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import attrs

from nemovideo._batch.work import Outcome, Task
from nemovideo._flows.steps import Flow

T = TypeVar("T")


@attrs.frozen
class Do:
    """Run a flow; the answer is what it returns."""

    flow: Flow[Any]


@attrs.frozen
class Start:
    """Begin the work on a file, without waiting for it."""

    task: Task


@attrs.frozen
class Wait:
    """Wait for news of the work that was begun: the answer is Moved or Ended."""


@attrs.frozen
class Moved:
    """A file is so far, 0 to 1."""

    key: str
    fraction: float


@attrs.frozen
class Ended:
    """The work on a file has ended."""

    key: str
    outcome: Outcome


Commands = Generator[Do | Start | Wait, Any, T]
"""What a coordinator is: yields commands, is sent their answers, returns a T."""
