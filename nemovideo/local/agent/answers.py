"""Answers to the agent's own questions: "What should the title say?" → "Hello"."""

from __future__ import annotations

from nemovideo.local.agent.clauses import split
from nemovideo.local.agent.message import Message
from nemovideo.local.agent.turn import Question
from nemovideo.local.agent.words import has, pattern

_SOCIAL = ("greet", "welcome")


def declines(message: Message) -> bool:
    """Return whether a message dismisses the question: "never mind"."""
    return pattern("answers.never_mind").fullmatch(message.whole.text.strip(" .!。！")) is not None


def is_answer(message: Message, question: Question) -> bool:
    """Return whether a message answers the question, rather than asking for something else.

    A sentence that reads as a request ("redo", "make me look younger") is not the text of a
    title unless it is quoted.
    """
    whole = message.whole
    if declines(message):
        return False
    if question.free_text and not whole.quotes and has(whole.text.strip(), "answers.command"):
        return False
    if pattern("answers.subject").fullmatch(whole.text):
        return True
    intents = [wanted.intent for wanted in split(message) if wanted.intent is not None]
    return all(question.free_text and intent.name in _SOCIAL for intent in intents)


def completed(message: Message, question: Question) -> str:
    """Return the request that the answer completes."""
    whole = message.whole
    answer = " ".join(whole.raw.split())
    if question.free_text:
        answer = whole.quotes[0] if whole.quotes else answer.strip(" \"'“”‘’「」.。")
    return f"{question.before}{answer}{question.after}"
