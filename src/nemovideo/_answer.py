"""From the frames of one run to one answer (protocol-sse.md, "From events to one answer")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemovideo._sse import Frame
from nemovideo.events import ErrorEvent, ToolCallEvent, ToolResultEvent
from nemovideo.models import Reply

_NO_CONTENT = frozenset(("STOP", "MODEL_RETURNED_NO_CONTENT"))
"""Codes that mean no more than silence once a tool has run."""

_TEMPORARY = re.compile(
    r"(?:i\s+)?encountered\s+a\s+temporary\s+issue|遇到(?:了)?(?:一个)?(?:临时|暂时)(?:性)?(?:的)?问题",
    re.IGNORECASE,
)


class AnswerBuilder:
    """Takes the frames of a run in order; knows the answer at the end."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._pieces: list[str] = []
        self._calls: list[ToolCallEvent] = []
        self._tool_ran = False
        self._warnings: list[str] = []
        self._suspect: ErrorEvent | None = None
        self._failure: ErrorEvent | None = None

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        for event in frame.events:
            if isinstance(event, ToolCallEvent):
                self._calls.append(event)
            elif isinstance(event, ToolResultEvent):
                self._tool_ran = True
                self._end_pieces()
            elif isinstance(event, ErrorEvent):
                self._take_error(event, frame)
        if frame.text and frame.partial:
            self._pieces.append(frame.text)
        elif frame.text.strip():
            if self._suspect is not None:  # the model got over it
                self._warnings.append(self._suspect.message or self._suspect.code or "")
                self._suspect = None
            # The whole event repeats its pieces: adding both would double the text.
            self._pieces.clear()
            self._texts.append(frame.text)

    @property
    def failure(self) -> ErrorEvent | None:
        """The event by which the run failed, if it did."""
        return self._failure or self._suspect

    @property
    def text(self) -> str:
        """The texts of all steps, in order, separated by a blank line."""
        return "\n\n".join(self._all_texts())

    def reply(self) -> Reply:
        """Return the answer as far as it has come; what changed is not known here."""
        text = self.text
        return Reply(
            raw_text=text,
            text=text,
            tool_calls=tuple(self._calls),
            silent=not text.strip(),
            incomplete=bool(self._pieces),
            warnings=tuple(self._warnings),
        )

    def _all_texts(self) -> Iterator[str]:
        texts = [*self._texts, "".join(self._pieces)]
        texts = [text for text in texts if text.strip()]
        while len(texts) > 1 and _TEMPORARY.search(texts[-1]) and len(texts[-1]) < 400:
            texts.pop()  # said after a good answer, it means nothing (protocol.md §10)
        return iter(texts)

    def _end_pieces(self) -> None:
        """Keep pieces that no whole event has repeated: the model's step is over."""
        if self._pieces:
            self._texts.append("".join(self._pieces))
            self._pieces.clear()

    def _take_error(self, event: ErrorEvent, frame: Frame) -> None:
        if frame.failure:
            # One failure can come in two frames; the first has the plainer words.
            self._failure = self._failure or self._suspect or event
        elif frame.text:
            self._warnings.append(event.message or event.code or "")
        elif not ((self._tool_ran or self._texts) and event.code in _NO_CONTENT):
            self._suspect = self._suspect or event
