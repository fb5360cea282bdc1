"""Errors as sentences for a person in a chat: what happened, and what to do.

The remedies of the errors themselves are for programmers ("Create a new session with …"). If
credits may have been used, the sentence says so (docs/protocol.md §7, §10). The sentences are
in `sentences/`, by the name of the error's class.
"""

from __future__ import annotations

from collections.abc import Container

from nemovideo import errors
from nemovideo._language.phrases import phrases_in
from nemovideo._values.lines import capitalized
from nemovideo._values.remedies import remedy_for
from nemovideo.errors import NemoError


def sentence_for(error: NemoError, message: str, language: str) -> str:
    """Return an error as a sentence, in Chinese for "zh", otherwise in English.

    `message` is the error's message with GUI instructions removed.
    """
    sentences = phrases_in(language).errors
    message = (message or error.message).strip().rstrip(".。")
    sentence = sentences[_name(error, sentences)].format(
        message=capitalized(message),
        remedy=remedy_for(error.remedy, "chat"),
        url=getattr(error, "register_url", None),
        formats="、".join(errors.SUPPORTED_SUFFIXES),
    )
    if not error.may_have_spent:
        return sentence
    return sentence + ("" if language == "zh" else " ") + sentences["may_have_spent"]


def _name(error: NemoError, sentences: Container[str]) -> str:
    match error:
        case errors.InsufficientCreditsError(register_url=str()):
            return "registration"
        case errors.APIConnectionError(sent=False):
            return "not_sent"
        case errors.RateLimitError(register_url=str()):
            return "rate_limit"
        case (
            errors.ServerError(status=507) | errors.ServerError(code=507)
        ):  # the general sentence is to try again later
            return "NemoError"
        case _:
            names = (cls.__name__ for cls in type(error).__mro__)
            return next(name for name in names if name in sentences)
