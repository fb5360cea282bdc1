"""Answers to the agent's own questions: "What should the text say?" → "Hello"."""

from __future__ import annotations

from nemovideo.local.agent.clauses import split
from nemovideo.local.agent.message import Message
from nemovideo.local.agent.turn import Question
from nemovideo.local.agent.words import either, has

_NEVER_MIND = either(
    r"never ?mind|cancel|forget (?:it|that|about it)|nothing|no(?: thanks| thank you)?|nope|"
    r"skip it|leave it|stop|don't",
    "算了|不用了?|不要了?|取消|没事|不必",
)
_SOCIAL = ("greet", "welcome")


def declines(message: Message) -> bool:
    """Return whether a message says that the question need not be answered."""
    return has(f"^(?:{_NEVER_MIND})$", message.whole.text.strip(" .!。！"))


def is_answer(message: Message, question: Question) -> bool:
    """Return whether a message answers the question, and is not a wish of its own."""
    if declines(message):
        return False
    intents = [wanted.intent for wanted in split(message) if wanted.intent is not None]
    return all(question.anything and intent.name in _SOCIAL for intent in intents)


def completed(message: Message, question: Question) -> str:
    """Return the wish that the answer completes."""
    whole = message.whole
    answer = " ".join(whole.raw.split())
    if question.anything:
        answer = whole.quotes[0] if whole.quotes else answer.strip(" \"'“”‘’「」.。")
    return f"{question.before}{answer}{question.after}"
