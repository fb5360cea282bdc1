"""Runs a flow without I/O: keeps nested flows, and passes answers and errors on."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import attrs

from nemovideo._flows.steps import Exclusive, Flow, Step
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import InvalidRequestError

T = TypeVar("T")


@attrs.frozen
class Leave:
    """The flow that was run exclusively under this name has ended."""

    name: str


class Machine(Generic[T]):
    """One flow on its way.

    `next()` returns the step to carry out; `answer` or `fail` says how it went.
    For an Exclusive step the driver takes the lock and calls `enter`; `next()`
    returns a Leave when the lock is to be given back.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._stack: list[tuple[str, Flow[Any]]] = [("", flow)]
        self._value: object = None
        self._error: BaseException | None = None

    def next(self) -> Step | Leave | None:
        """Return the next step, or None once the flow has returned.

        Raises:
            InvalidRequestError: It has ended before, by an error or by being abandoned.
            BaseException: Whatever the flow raised.
        """
        if not self._stack:
            raise InvalidRequestError(
                "this stream has ended or was left, and cannot be read again",
                remedy=Remedy(
                    ("look at ", Code("session.state()"), " for what became of the message")
                ),
            )
        name, flow = self._stack[-1]
        value, self._value = self._value, None
        error, self._error = self._error, None
        try:
            return flow.send(value) if error is None else flow.throw(error)
        except StopIteration as stop:
            self._value = stop.value
        except BaseException as raised:  # noqa: BLE001 - kept for the flow above, or raised below
            self._error = raised
        self._stack.pop()
        if self._stack:
            return Leave(name)
        if self._error is not None:
            raise self._error
        return None

    def answer(self, value: object) -> None:
        """Send a step's answer into the flow."""
        self._value = value

    def fail(self, error: BaseException) -> None:
        """Throw a step's error into the flow."""
        self._error = error

    def enter(self, step: Exclusive) -> None:
        """Go on with the inner flow of an Exclusive step, whose lock is now held."""
        self._stack.append((step.name, step.flow))

    @property
    def result(self) -> T:
        """What the flow has returned."""
        return cast("T", self._value)

    def close(self) -> list[str]:
        """Abandon what has not ended; return the names of the locks still held, innermost first."""
        held = []
        while self._stack:
            name, flow = self._stack.pop()
            flow.close()
            if name:
                held.append(name)
        return held
