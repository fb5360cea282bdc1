"""What a sentence of a user asks for: a file, the credits, the timeline, an upload, or the agent.

The table of docs/protocol.md §8, for whole sentences in English and Chinese. A wish
is recognized by two things at once: a key that names it, and no word that does
not belong to it (`words.py`). "How many credits are left?" is made of
nothing else; "add the credits at the end" has an "add", so it goes to the
agent, as everything does that is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from nemovideo._language.gui.sentences import mask
from nemovideo._language.paths import find_paths
from nemovideo._language.routing.words import PATTERNS, asks_for, is_small_talk
from nemovideo._support.outputs import result_suffix
from nemovideo.models import Route

_TAIL_LENGTH = 240
"""How much of the end of a sentence can be a request to export."""
_QUALITIES = ("high", "medium", "low")


@attrs.frozen
class Routed:
    """Where a sentence goes, and what it says besides.

    Attributes:
        route: Who takes care of it.
        rest: What is left for the agent: its message with `AGENT`, the wish that
            came with the files with `UPLOAD`, else empty.
        paths: The files and URLs to upload, in order.
        then_export: Whether to export once the rest is done.
        format: The file format that the user named for the export ("webm"), if any.
        quality: "high", "medium" or "low" where the user named a quality or a resolution.
        output: The path that the user named for the exported file, if any.
    """

    route: Route
    rest: str = ""
    paths: tuple[str, ...] = ()
    then_export: bool = False
    format: str | None = None
    quality: str | None = None
    output: str | None = None


@attrs.frozen
class _Export:
    """The wish to export, as it was said."""

    format: str | None = None
    quality: str | None = None
    output: str | None = None


def is_existing_file(path: str) -> bool:
    """Whether there is a file at this path on this machine."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        return False


def route(text: str, *, is_file: Callable[[str], bool] = is_existing_file) -> Routed:
    """Decide who takes care of what the user said (docs/protocol.md §8).

    Where a sentence has several wishes, the agent's come first, and a wish to
    export at its end is noted in `then_export`: "remove the background and then
    export it". A negated wish ("don't export yet") goes to the agent as it is.

    Args:
        text: What the user said, in English or Chinese.
        is_file: Tells whether a path, with `~` expanded, is an existing file.
    """
    said = text.strip()
    if (wish := _simple(said)) is not None:
        return wish
    left, export = _peel(said)
    if PATTERNS["refuses_upload"].search(said) is None and (found := find_paths(left, is_file)):
        rest = "" if is_small_talk(found.rest) else found.rest
        return _with(Routed(Route.UPLOAD, rest=rest, paths=found.paths), export)
    if export is not None:
        return _with(_simple(left) or Routed(Route.AGENT, rest=left), export)
    if PATTERNS["exports_an_edit"].match(mask(said)) and not PATTERNS["negation"].search(said):
        return _with(Routed(Route.AGENT, rest=said), _details(said))
    return Routed(Route.AGENT, rest=said)


def _simple(said: str) -> Routed | None:
    """Return where a sentence goes that has one wish which needs no agent."""
    masked = mask(said)
    for found in (Route.CREDITS, Route.STATE, Route.UPLOAD):
        if asks_for(found.value, masked):
            return Routed(found)
    export = _export(said)
    if export is None:
        return None
    return attrs.evolve(_with(Routed(Route.EXPORT), export), then_export=False)


def _peel(said: str) -> tuple[str, _Export | None]:
    """Take the wish to export off the end of a sentence."""
    masked = mask(said)
    begin = max(0, len(said) - _TAIL_LENGTH)
    for joint in PATTERNS["joint"].finditer(masked, begin):
        left, right = said[: joint.start()], said[joint.end() :]
        names = PATTERNS["names_words"].search(left, max(0, len(left) - 40))
        if not left.strip() or (names and PATTERNS["bare_joint"].fullmatch(joint[0])):
            continue
        export = _export(right)
        if export is not None:
            return left.strip().rstrip(",，;；"), export
    return said, None


def _export(said: str) -> _Export | None:
    """Return the wish to export that these words are, or None where they are none."""
    _, others = _output(said)
    return _details(said) if asks_for("export", mask(others)) else None


def _details(said: str) -> _Export:
    output, others = _output(said)
    named = PATTERNS["format"].search(output or said)
    quality = next(
        (level for level in _QUALITIES if PATTERNS[f"quality.{level}"].search(others)), None
    )
    extension = named[1].lower() if named else None
    if output is not None and extension is not None:
        extension = result_suffix(output)
    elif PATTERNS["sequence"].search(said):
        extension = "zip"
    return _Export("mov" if extension == "prores" else extension, quality, output)


def _output(said: str) -> tuple[str | None, str]:
    """Return the path that an export is to have, if any, and the words without it."""
    match = PATTERNS["output"].search(said)
    if match is None:
        return None, said
    path = next(group for group in match.groups() if group)
    return path, f"{said[: match.start()]} {said[match.end() :]}"


def _with(routed: Routed, export: _Export | None) -> Routed:
    if export is None:
        return routed
    return attrs.evolve(
        routed,
        then_export=True,
        format=export.format,
        quality=export.quality,
        output=export.output,
    )
