"""From the frames of one run to one answer (docs/protocol.md §5)."""

from __future__ import annotations

import re

import attrs

from nemovideo._wire.sse import Frame
from nemovideo.events import ErrorEvent, TextEvent, ToolCallEvent, ToolResultEvent
from nemovideo.models import Reply

_NO_CONTENT = frozenset(("STOP", "MODEL_RETURNED_NO_CONTENT"))
"""Codes that mean no more than silence once a tool has run."""

_CUT_SHORT = frozenset(
    ("MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
)
"""Reasons for which a model ends its words early; servers give them beside or after the text."""

_TEMPORARY = (
    r"\W*(?:(?:sorry|oops|apologies|i apologi[sz]e|unfortunately)\b[\s,.:;!—-]*(?:but\s+)?)?"
    r"(?:(?:it (?:seems|looks like)\s+)?i(?:'ve|’ve| have)?\s+(?:just\s+)?)?"
    r"encountered\s+a\s+temporary\s+issue"
    r"|\W*(?:抱歉|对不起|不好意思)?[，,。！!\s]*我?遇到了?一?[个些]?(?:临时|暂时)性?的?问题"
)
_TEMPORARY_MAX_CHARS = 300
_ASK = "ask_question"
"""The tool call by which the agent asks the user something: its question is the answer's text."""


@attrs.define
class _Saying:
    """What one agent says in one step: pieces at first, then perhaps the whole."""

    texts: list[str] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)


class AnswerBuilder:
    """Takes the frames of a run in order; knows the answer at the end.

    Attributes:
        turn_complete: Whether the last frame says that the turn is over.
    """

    def __init__(self) -> None:
        self._sayings: list[_Saying] = []
        self._open: dict[str, _Saying] = {}
        self._unconfirmed: dict[str, _Saying] = {}
        self._calls: list[ToolCallEvent] = []
        self._tool_ran = False
        self._speaking = False
        self._warnings: list[str] = []
        self._suspect: ErrorEvent | None = None
        self._failure: ErrorEvent | None = None
        self.turn_complete = False

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        if not frame.heartbeat:
            self.turn_complete = frame.turn_complete
        for event in frame.events:
            if isinstance(event, TextEvent):
                continue
            if isinstance(event, ToolCallEvent):
                self._calls.append(event)
                self._get_over_it()
                if question := _question(event):
                    self._sayings.append(_Saying([question]))
                    self._speaking = True
            elif isinstance(event, ToolResultEvent):
                if event.name == _ASK:
                    continue
                self._tool_ran = True
                self._end_step(frame.author)
            elif isinstance(event, ErrorEvent):
                self._take_error(event, frame)
        if frame.partial and frame.text:
            self._speaking = True
            self._take_piece(frame)
        elif frame.text and not frame.text.isspace():
            self._speaking = not _says_temporary_issue(frame.text)
            self._get_over_it()
            self._take_whole(frame)

    @property
    def failure(self) -> ErrorEvent | None:
        """The event by which the run failed, if it did."""
        return self._failure or self._suspect

    @property
    def fell_silent(self) -> bool:
        """True where no word followed the last tool, or none came at all."""
        return not self._speaking

    @property
    def complete(self) -> bool:
        """True where the last step has ended with a whole text."""
        return self._speaking and not self._open

    @property
    def text(self) -> str:
        """The texts of all steps, in order, separated by a blank line."""
        texts = [saying.text for saying in self._sayings]
        text = "\n\n".join(text for text in texts if text and not text.isspace())
        # Said after a good answer, a temporary issue means nothing (docs/protocol.md §10).
        while (at := text.rfind("\n\n")) > 0 and _says_temporary_issue(text[at + 2 :]):
            text = text[:at]
        return text

    def reply(self) -> Reply:
        """Return the answer as far as it has come; what changed is not known here."""
        text = self.text
        return Reply(
            raw_text=text,
            text=text,
            tool_calls=tuple(self._calls),
            silent=not text,
            incomplete=any(saying.text.strip() for saying in self._open.values()),
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    def _take_piece(self, frame: Frame) -> None:
        saying = self._open.get(frame.author)
        if saying is None:
            self._open[frame.author] = saying = _Saying()
            self._sayings.append(saying)
        saying.texts.append(frame.text)

    def _take_whole(self, frame: Frame) -> None:
        """Take a whole text, which repeats its pieces: adding both would double the text.

        ADK 1.0 repeats only the first part; then the pieces are the answer.
        """
        saying = self._open.pop(frame.author, None)
        late = self._unconfirmed.pop(frame.author, None)
        if saying is None and late is not None and late.text == frame.text:
            saying = late  # a tool answered before the whole text came
        if saying is None:
            saying = _Saying()
            self._sayings.append(saying)
        if not (frame.text.strip() and saying.text.startswith(frame.text)):
            saying.texts = [frame.text]

    def _end_step(self, author: str) -> None:
        """Keep pieces that no whole event has repeated: the model's step is over."""
        self._speaking = False
        if (saying := self._open.pop(author, None)) is not None:
            self._unconfirmed[author] = saying

    def _take_error(self, event: ErrorEvent, frame: Frame) -> None:
        if frame.failure:
            # One failure can come in two frames; the first has the plainer words.
            self._failure = self._failure or self._suspect or event
        elif frame.text or (self._speaking and event.code in _CUT_SHORT):
            self._warnings.append(event.message or event.code or "")
        elif not ((self._tool_ran or self._sayings) and event.code in _NO_CONTENT):
            self._suspect = self._suspect or event

    def _get_over_it(self) -> None:
        """Take an error back to a warning: the model has gone on after it."""
        if self._suspect is not None:
            self._warnings.append(self._suspect.message or self._suspect.code or "")
            self._suspect = None


def _question(call: ToolCallEvent) -> str:
    """Return what the agent asks, which stands in the arguments under no fixed key."""
    if call.name != _ASK:
        return ""
    texts = [value for value in call.args.values() if isinstance(value, str) and value.strip()]
    named = call.args.get("question")
    return named if isinstance(named, str) and named.strip() else next(iter(texts), "")


def _says_temporary_issue(text: str) -> bool:
    if len(text) > _TEMPORARY_MAX_CHARS or not ("temporary" in text.lower() or "问题" in text):
        return False  # most texts, without a pattern
    return re.match(_TEMPORARY, text, re.IGNORECASE) is not None
