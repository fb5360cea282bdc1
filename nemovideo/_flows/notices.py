"""Progress notices of a conversation, throttled to a readable rate.

Notices are events; callbacks inside a flow collect them, and `with_notices` emits them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import attrs

from nemovideo._flows.context import Context
from nemovideo._flows.steps import Emit, Flow, Step, run_with
from nemovideo._language.phrases import Phrases
from nemovideo.events import AgentEvent, StillWorkingEvent
from nemovideo.models import RenderJob

T = TypeVar("T")

_STEP_PERCENT = 10


@attrs.frozen
class Notice(AgentEvent):
    """A progress notice: its kind and values.

    Attributes:
        kind: The name of its phrase in `Phrases`, such as "rendering_percent".
        values: The values for the phrase's placeholders.
    """

    kind: str
    values: Mapping[str, object] = attrs.field(factory=dict)


def line_for(event: AgentEvent, phrases: Phrases) -> str | None:
    """Return the line to show for an event, in the user's language, or None."""
    match event:
        case Notice(kind, values):
            return phrases.notice(kind, values)
        case StillWorkingEvent(elapsed_s):
            return phrases.notice("still_working", _minutes(elapsed_s))
        case _:
            return None


class RenderMeter:
    """Converts polls of a render job into notices: one per 10%, and one when progress stalls."""

    def __init__(self, context: Context, emit: Callable[[Notice], None]) -> None:
        self._clock = context.settings.clock
        self._notice_s = context.settings.stream.notice_s
        self._emit = emit
        self._shown = -1
        self._started = self._notified_at = self._clock.monotonic()

    def __call__(self, job: RenderJob) -> None:
        """Report the job as of this poll."""
        now = self._clock.monotonic()
        percent = int((job.progress or 0) // _STEP_PERCENT) * _STEP_PERCENT
        if job.completed:
            self._emit(Notice("ready"))
        elif percent > self._shown:
            kind = "rendering_percent" if percent else "rendering"
            self._emit(Notice(kind, {"percent": min(percent, 100)}))
            self._shown, self._notified_at = percent, now
        elif now - self._notified_at >= self._notice_s:
            self._emit(Notice("still_working", _minutes(now - self._started)))
            self._notified_at = now


def with_notices(flow: Flow[T], notices: list[Notice]) -> Flow[T]:
    """Run a flow, and emit between its steps the notices that its callbacks have collected."""

    def perform(step: Step) -> Flow[object]:
        yield from _emitted(notices)
        result: object = yield step
        return result

    result = yield from run_with(flow, perform)
    yield from _emitted(notices)
    return result


def _emitted(notices: list[Notice]) -> Flow[None]:
    while notices:
        yield Emit(notices.pop(0))


def _minutes(elapsed_s: float) -> dict[str, object]:
    return {"minutes": max(1, round(elapsed_s / 60))}
