"""What the transports of recorded and replayed clients call: protocols, and no HTTP library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from nemovideo._support.clock import Clock


class Incoming(Protocol):
    """A request while it is sent."""

    def sent(self, chunk: bytes) -> None:
        """Receive the next bytes of the body."""
        ...


class Take(Incoming, Protocol):
    """A request and its answer while they are recorded."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Receive the status and the headers, whose names are in lower case."""
        ...

    def heard(self, chunk: bytes) -> None:
        """Receive the next bytes of the answer."""
        ...

    def ended(self) -> None:
        """Record that the answer is complete."""
        ...

    def broke(self, error: Exception) -> None:
        """Record the error that ended the exchange."""
        ...


@attrs.frozen
class Answer:
    """A recorded answer: chunks, each with the seconds to wait before it.

    Attributes:
        status: The HTTP status, or None where only an error was recorded.
        headers: The response headers.
        chunks: Seconds to wait, and the bytes that come then.
        left: Whether the client hung up before the end of the answer.
        error: The recorded error, as `type: message`.
        clock: The clock to wait by.
    """

    status: int | None
    headers: Mapping[str, str]
    chunks: tuple[tuple[float, bytes], ...]
    left: bool
    error: str | None
    clock: Clock


class Question(Incoming, Protocol):
    """A request of a replayed client."""

    def answer(self) -> Answer:
        """Return the recorded answer."""
        ...


Begin = Callable[[str, str, Mapping[str, str]], Take]
"""Starts a take for a request: its method, URL and headers."""

Ask = Callable[[str, str, Mapping[str, str]], Question]
"""Starts a question for a request: its method, URL and headers."""
