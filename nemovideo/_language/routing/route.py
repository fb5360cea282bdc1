"""Route a user's sentence: to an export, the credits, the timeline, an upload, or the agent.

This is the table of docs/protocol.md §8 for whole sentences in English and Chinese. A sentence is
a request if it has a key word of that request, and all its other words are common in such requests
(`words.py`): "How many credits are left?" is one, but "add the credits at the end" is not, because
of "add". Anything ambiguous goes to the agent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from nemovideo._language.gui.sentences import mask
from nemovideo._language.routing.paths import find_paths
from nemovideo._language.routing.words import PATTERNS, asks_for, is_small_talk
from nemovideo._support.outputs import contradicts, result_suffix
from nemovideo.models import Route

_TAIL_LENGTH = 240
"""The maximum length of a request to export at the end of a sentence, in characters."""
_MAX_CHARS = 20_000
"""Longer texts are data for the agent: finding the files in 400 KB would take seconds."""
_QUALITIES = ("high", "medium", "low")


@attrs.frozen
class Routed:
    """The handler of a sentence, and the details of the request.

    Attributes:
        route: The handler.
        rest: The message for the agent: the sentence with `AGENT`, the words besides the
            files with `UPLOAD`, else empty.
        paths: The files and URLs to upload, in order.
        then_export: Whether to export afterward.
        format: The file format of the export ("webm"), if the user gave one.
        quality: "high", "medium" or "low", if the user gave a quality or a resolution.
        output: The path of the exported file, if the user gave one.
    """

    route: Route
    rest: str = ""
    paths: tuple[str, ...] = ()
    then_export: bool = False
    format: str | None = None
    quality: str | None = None
    output: str | None = None


def is_existing_file(path: str) -> bool:
    """Return whether there is a file at this path on this machine."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        return False


def route(text: str, *, is_file: Callable[[str], bool] = is_existing_file) -> Routed:
    """Decide who handles a sentence (docs/protocol.md §8).

    A request to export at the end of an edit sets `then_export`: "remove the background and
    then export it". A negated request ("don't export yet") goes to the agent.

    `is_file` returns whether a path, with `~` expanded, is an existing file.
    """
    sentence = text.strip()
    if len(sentence) > _MAX_CHARS:
        return Routed(Route.AGENT, rest=sentence)
    if (simple := _simple(sentence)) is not None:
        return simple
    left, export = _split_off_export(sentence)
    if PATTERNS["refuses_upload"].search(sentence) is None and (found := find_paths(left, is_file)):
        rest = "" if is_small_talk(found.rest) else found.rest
        return _and_export(Routed(Route.UPLOAD, rest=rest, paths=found.paths), export)
    if export is not None:
        return _and_export(_simple(left) or Routed(Route.AGENT, rest=left), export)
    if PATTERNS["exports_an_edit"].match(mask(sentence)) and not PATTERNS["negation"].search(
        sentence
    ):
        return _and_export(Routed(Route.AGENT, rest=sentence), _details(sentence))
    return Routed(Route.AGENT, rest=sentence)


def _simple(sentence: str) -> Routed | None:
    """Return the route of a sentence that does not need the agent, or None."""
    masked = mask(sentence)
    for found in (Route.CREDITS, Route.STATE, Route.UPLOAD):
        if asks_for(found.value, masked):
            return Routed(found)
    return _export(sentence)


def _split_off_export(sentence: str) -> tuple[str, Routed | None]:
    """Split a request to export off the end of a sentence."""
    masked = mask(sentence)
    begin = max(0, len(sentence) - _TAIL_LENGTH)
    for connective in PATTERNS["connective"].finditer(masked, begin):
        left, right = sentence[: connective.start()], sentence[connective.end() :]
        names = PATTERNS["names_words"].search(left, max(0, len(left) - 40))
        if not left.strip() or (names and PATTERNS["bare_connective"].fullmatch(connective[0])):
            continue
        export = _export(right)
        if export is not None:
            return left.strip().rstrip(",，;；"), export
    return sentence, None


def _export(sentence: str) -> Routed | None:
    """Return the details of a request to export, or None if these words are not one."""
    _, others = _output(sentence)
    return _details(sentence) if asks_for("export", mask(others)) else None


def _details(sentence: str) -> Routed:
    output, others = _output(sentence)
    named = PATTERNS["format"].search(output or sentence)
    quality = next(
        (level for level in _QUALITIES if PATTERNS[f"quality.{level}"].search(others)), None
    )
    extension = named[1].lower() if named else None
    if output is not None and extension is not None:
        said_format = PATTERNS["format"].search(others)
        extension = said_format[1].lower() if said_format else ""
        if not contradicts(output, "mov" if extension == "prores" else extension):
            extension = result_suffix(output)
    elif PATTERNS["sequence"].search(sentence):
        extension = "zip"
    extension = "mov" if extension == "prores" else extension
    return Routed(Route.EXPORT, format=extension, quality=quality, output=output)


def _output(sentence: str) -> tuple[str | None, str]:
    """Return the path of an export, if any, and the words without it."""
    match = PATTERNS["output"].search(sentence)
    if match is None:
        return None, sentence
    path = next(group for group in match.groups() if group)
    return path, f"{sentence[: match.start()]} {sentence[match.end() :]}"


def _and_export(routed: Routed, export: Routed | None) -> Routed:
    if export is None:
        return routed
    return attrs.evolve(
        export, route=routed.route, rest=routed.rest, paths=routed.paths, then_export=True
    )
