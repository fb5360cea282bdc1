"""What a person is told while an answer is under way: one line at a time.

Notices are events, so that both faces of a conversation hand them on in their
own way; callbacks inside a flow note them, and `with_notices` lets them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from nemovideo._flows.context import Context
from nemovideo._flows.steps import Emit, Flow, Step, through
from nemovideo._language.phrases import Phrases
from nemovideo.events import AgentEvent, StillWorkingEvent
from nemovideo.models import RenderJob

T = TypeVar("T")

_STEP_PERCENT = 10


@attrs.frozen
class Notice(AgentEvent):
    """A line for the user while the answer is under way."""

    text: str


def line_for(event: AgentEvent, phrases: Phrases) -> str | None:
    """Return the line to show for an event, or None where it is none of the user's business."""
    match event:
        case Notice(text):
            return text
        case StillWorkingEvent(elapsed_s):
            return _still_working(phrases, elapsed_s)
        case _:
            return None


class RenderMeter:
    """Turns the polls of a render job into notices, few enough to read."""

    def __init__(self, context: Context, phrases: Phrases, tell: Callable[[str], None]) -> None:
        self._clock = context.settings.clock
        self._notice_s = context.settings.stream.notice_s
        self._phrases = phrases
        self._tell = tell
        self._shown = -1
        self._started = self._told = self._clock.monotonic()

    def __call__(self, job: RenderJob) -> None:
        """Take the job as it is now."""
        now = self._clock.monotonic()
        percent = int((job.progress or 0) // _STEP_PERCENT) * _STEP_PERCENT
        if job.completed:
            self._tell(self._phrases.ready)
        elif percent > self._shown:
            form = self._phrases.rendering_percent if percent else self._phrases.rendering
            self._tell(form.format(percent=min(percent, 100)))
            self._shown, self._told = percent, now
        elif now - self._told >= self._notice_s:
            self._tell(_still_working(self._phrases, now - self._started))
            self._told = now


def with_notices(flow: Flow[T], notices: list[str]) -> Flow[T]:
    """Run a flow, and hand on between its steps what its callbacks have noted."""

    def perform(step: Step) -> Flow[object]:
        yield from _emitted(notices)
        answer: object = yield step
        return answer

    result = yield from through(flow, perform)
    yield from _emitted(notices)
    return result


def _emitted(notices: list[str]) -> Flow[None]:
    while notices:
        yield Emit(Notice(notices.pop(0)))


def _still_working(phrases: Phrases, elapsed_s: float) -> str:
    return phrases.still_working.format(minutes=max(1, round(elapsed_s / 60)))
