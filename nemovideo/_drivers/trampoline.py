"""Run a flow and its nested flows step by step, without I/O."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import attrs

from nemovideo._flows.steps import Exclusive, Flow, Step
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import InvalidRequestError

T = TypeVar("T")


@attrs.frozen
class Release:
    """A step of the trampoline: release the lock of an Exclusive flow that has ended."""

    name: str


class Trampoline(Generic[T]):
    """A stack of flows.

    `next()` returns the step to perform; `send` or `throw` passes its result to the flow. For an
    Exclusive step, the driver acquires the lock and calls `push`; `next()` returns a Release once
    that flow has ended.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._stack: list[tuple[str, Flow[Any]]] = [("", flow)]
        self._value: object = None
        self._error: BaseException | None = None

    def next(self) -> Step | Release | None:
        """Return the next step, or None once the flow has returned.

        Raises:
            InvalidRequestError: The flow has ended already, with an error or by `close`.
            BaseException: The flow's error.
        """
        if not self._stack:
            raise InvalidRequestError(
                "this stream has ended or was closed, and cannot be read again",
                remedy=Remedy(
                    ("check ", Code("session.state()"), " for the effect of the message")
                ),
            )
        name, flow = self._stack[-1]
        value, self._value = self._value, None
        error, self._error = self._error, None
        try:
            return flow.send(value) if error is None else flow.throw(error)
        except StopIteration as stop:
            self._value = stop.value
        except BaseException as raised:  # noqa: BLE001 - thrown into the outer flow, or raised below
            self._error = raised
        self._stack.pop()
        if self._stack:
            return Release(name)
        if self._error is not None:
            raise self._error
        return None

    def send(self, value: object) -> None:
        """Send the result of a step into the flow."""
        self._value = value

    def throw(self, error: BaseException) -> None:
        """Throw the error of a step into the flow."""
        self._error = error

    def push(self, step: Exclusive) -> None:
        """Continue with the flow of an Exclusive step, after acquiring its lock."""
        self._stack.append((step.name, step.flow))

    @property
    def result(self) -> T:
        """The return value of the flow."""
        return cast("T", self._value)

    def close(self) -> None:
        """Close all flows, the innermost first."""
        while self._stack:
            self._stack.pop()[1].close()
