"""Assemble the frames of one run into a reply (docs/protocol.md §5)."""

from __future__ import annotations

import re

import attrs

from nemovideo._wire.sse import Frame
from nemovideo.events import ErrorEvent, ToolCallEvent, ToolResultEvent
from nemovideo.models import Reply

_NO_CONTENT = frozenset(("STOP", "MODEL_RETURNED_NO_CONTENT"))
"""Codes that are harmless after a tool has run."""

_TRUNCATED = frozenset(
    ("MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
)
"""Finish reasons of a truncated text, sent with or after it."""

_TEMPORARY = (
    r"\W*(?:(?:sorry|oops|apologies|i apologi[sz]e|unfortunately)\b[\s,.:;!—-]*(?:but\s+)?)?"
    r"(?:(?:it (?:seems|looks like)\s+)?i(?:'ve|’ve| have)?\s+(?:just\s+)?)?"
    r"encountered\s+a\s+temporary\s+issue"
    r"|\W*(?:抱歉|对不起|不好意思)?[，,。！!\s]*我?遇到了?一?[个些]?(?:临时|暂时)性?的?问题"
)
_TEMPORARY_MAX_CHARS = 300
_FAILED = frozenset(("error", "failed", "failure"))
_REASONS = ("message", "error", "error_message", "errorMessage", "detail", "reason")
_ASK_TOOL = "ask_question"
"""The tool that the agent uses to ask the user; its question becomes the reply's text."""


@attrs.define
class _Segment:
    """The text of one step of one agent: partial texts, or the complete one."""

    texts: list[str] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)


class AnswerBuilder:
    """Consumes the frames of a run in order, and builds the reply.

    Attributes:
        turn_complete: Whether the last frame ended the turn.
        heartbeats: The number of heartbeats.
    """

    def __init__(self) -> None:
        self._segments: list[_Segment] = []
        self._open: dict[str, _Segment] = {}
        self._unconfirmed: dict[str, _Segment] = {}
        self._calls: list[ToolCallEvent] = []
        self._tool_ran = False
        self._ends_with_text = False
        self._warnings: list[str] = []
        self._failure_reasons: dict[int, str] = {}
        self._clearable_failures: dict[str, int] = {}
        self._results = 0
        self._failed_tools: dict[str, None] = {}
        self._suspect: ErrorEvent | None = None
        self._failure: ErrorEvent | None = None
        self.turn_complete = False
        self.heartbeats = 0

    def add(self, frame: Frame) -> None:
        """Add the next frame."""
        if frame.heartbeat:
            self.heartbeats += 1
        else:
            self.turn_complete = frame.turn_complete
        for event in frame.events:
            if isinstance(event, ToolCallEvent):
                self._calls.append(event)
                self._demote_suspect()
                if question := question_of(event):
                    self._segments.append(_Segment([question]))
                    self._ends_with_text = True
            elif isinstance(event, ToolResultEvent) and event.name != _ASK_TOOL:
                self._tool_ran = True
                self._end_step(frame.author)
                self._add_result(event)
            elif isinstance(event, ErrorEvent):
                self._add_error(event, frame)
        if frame.partial and frame.text:
            self._ends_with_text = True
            self._add_partial(frame)
        elif frame.text and not frame.text.isspace():
            self._ends_with_text = not _says_temporary_issue(frame.text)
            self._clearable_failures.clear()
            self._demote_suspect()
            self._add_complete(frame)

    @property
    def failure(self) -> ErrorEvent | None:
        """The event that reported the run's failure, or None."""
        return self._failure or self._suspect

    @property
    def ended_without_text(self) -> bool:
        """Whether no text followed the last tool call, or there was none at all."""
        return not self._ends_with_text

    @property
    def complete(self) -> bool:
        """Whether the last step has ended with a complete text."""
        return self._ends_with_text and not self._open

    @property
    def text(self) -> str:
        """The texts of all steps, in order, separated by a blank line."""
        texts = [segment.text for segment in self._segments]
        text = "\n\n".join(text for text in texts if text and not text.isspace())
        # At the end of an answer, "a temporary issue" is noise (docs/protocol.md §10).
        if not _says_temporary_issue(text[text.rfind("\n\n") + 1 :].strip("\n")):
            return text
        paragraphs = text.split("\n\n")
        while len(paragraphs) > 1 and _says_temporary_issue(paragraphs[-1]):
            paragraphs.pop()
        return "\n\n".join(paragraphs)

    def reply(self) -> Reply:
        """Return the reply received so far, without `changes`."""
        text = self.text
        return Reply(
            raw_text=text,
            text=text,
            tool_calls=tuple(self._calls),
            silent=not text,
            incomplete=any(segment.text.strip() for segment in self._open.values()),
            warnings=tuple(dict.fromkeys((*self._warnings, *self._failure_reasons.values()))),
            failed_tools=tuple(self._failed_tools),
        )

    def _add_partial(self, frame: Frame) -> None:
        segment = self._open.get(frame.author)
        if segment is None:
            self._open[frame.author] = segment = _Segment()
            self._segments.append(segment)
        segment.texts.append(frame.text)

    def _add_complete(self, frame: Frame) -> None:
        """Add a complete text, which repeats and therefore replaces its partial texts.

        ADK 1.0 repeats only the beginning; then the partial texts are kept.
        """
        segment = self._open.pop(frame.author, None)
        late = self._unconfirmed.pop(frame.author, None)
        if segment is None and late is not None and late.text == frame.text:
            segment = late  # a tool result arrived before the complete text
        if segment is None:
            segment = _Segment()
            self._segments.append(segment)
        if not segment.text.startswith(frame.text):
            segment.texts = [frame.text]

    def _end_step(self, author: str) -> None:
        """End a step: keep partial texts that no complete text has repeated."""
        self._ends_with_text = False
        if (segment := self._open.pop(author, None)) is not None:
            self._unconfirmed[author] = segment

    def _add_result(self, event: ToolResultEvent) -> None:
        """Record a failed tool; if the model retries the call successfully, drop the failure."""
        reason = failure_of(event)
        self._results += 1
        self._failed_tools.pop(event.name, None)
        if reason is not None:
            self._failed_tools[event.name] = None
            self._failure_reasons[self._results] = reason
            self._clearable_failures[event.name] = self._results
        elif (earlier := self._clearable_failures.pop(event.name, None)) is not None:
            del self._failure_reasons[earlier]

    def _add_error(self, event: ErrorEvent, frame: Frame) -> None:
        if frame.failure:
            # A failure can come in two frames; the first has the better message.
            self._failure = self._failure or self._suspect or event
        elif frame.text or (self._ends_with_text and event.code in _TRUNCATED):
            self._warnings.append(event.message or event.code or "")
        elif not ((self._tool_ran or self._segments) and event.code in _NO_CONTENT):
            self._suspect = self._suspect or event

    def _demote_suspect(self) -> None:
        """Demote a suspected failure to a warning, because the model has continued."""
        if self._suspect is not None:
            self._warnings.append(self._suspect.message or self._suspect.code or "")
            self._suspect = None


def question_of(call: ToolCallEvent) -> str:
    """Return the question that a call asks the user, or "" for any other call.

    It is in the call's arguments, under a key that varies.
    """
    if call.name != _ASK_TOOL:
        return ""
    texts = [value for value in call.args.values() if isinstance(value, str) and value.strip()]
    named = call.args.get("question")
    return named if isinstance(named, str) and named.strip() else next(iter(texts), "")


def failure_of(event: ToolResultEvent) -> str | None:
    """Return the reason that a tool gives for its failure, None if it reports none."""
    result = event.result
    status = result.get("status")
    failed = (
        (isinstance(status, str) and status.lower() in _FAILED)
        or result.get("success") is False
        or result.get("isError") is True
        or bool(result.get("error"))
    )
    if not failed:
        return None
    reasons = (result.get(name) for name in _REASONS)
    texts = (value.strip() for value in reasons if isinstance(value, str))
    return next(filter(None, texts), f"the agent's tool {event.name!r} failed")


def _says_temporary_issue(text: str) -> bool:
    if len(text) > _TEMPORARY_MAX_CHARS or not ("temporary" in text.lower() or "问题" in text):
        return False  # skip the pattern for most texts
    return re.match(_TEMPORARY, text, re.IGNORECASE) is not None
