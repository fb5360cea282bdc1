"""The sentences of a conversation in the user's language.

They are in `sentences/`; those about changes to a draft come from `Change.describe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from nemovideo._language.gui.sentences import mask
from nemovideo._language.sentences import sentences
from nemovideo._support.patterns import lazy
from nemovideo._values.lines import one_line, seconds
from nemovideo.draft import Change, ChangeKind, Draft, TrackType
from nemovideo.draft.summary import summarize
from nemovideo.models import Credits, MediaFile

_HAN = lazy("[\u4e00-\u9fff]")
_KANA = lazy("[\u3040-\u30ff]")
_WORDS = lazy(r"[^\W\d_]")
_PATH = lazy(r"(?:~|\.{1,2}|[A-Za-z]:|https?:/)?[/\\]\S{0,300}?\.[A-Za-z0-9]{2,4}(?![A-Za-z0-9])")
_RUN = lazy(r"[^\s\u4e00-\u9fff]+")
_IN_PATH = lazy(r"[/\\]|\.\w")
_ADDED = (ChangeKind.TRACK_ADDED, ChangeKind.SEGMENT_ADDED)


@attrs.frozen(kw_only=True)
class Phrases:
    """The sentences of one language, with fields in braces."""

    language: str
    connecting: str
    still_working: str
    uploading: str
    a_file: str
    rendering: str
    rendering_percent: str
    ready: str
    project: str
    credits: str
    credits_reserved: str
    nothing_yet: str
    files_only: str
    say_something: str
    name_a_file: str
    no_local_files: str
    no_files_named: str
    uploaded: str
    what_now: str
    edited: str
    changed: str
    unchanged: str
    only_instructions: str
    recovered: str
    recovered_unchanged: str
    incomplete: str
    first_stage: str
    second_stage: str
    offer_export: str
    offer_message: str
    not_exported: str
    comma: str
    parenthesized: str
    errors: Mapping[str, str]

    def notice(self, kind: str, values: Mapping[str, object]) -> str:
        """Return a notice as a line; empty names become "a file"."""
        names = values.get("names")
        if isinstance(names, Sequence):
            values = {"names": self.comma.join(str(name) or self.a_file for name in names)}
        form: str = getattr(self, kind)
        return form.format(**values)

    def balance(self, credits: Credits) -> str:  # noqa: A002 - the protocol's name
        """Return the balance as a sentence."""
        phrase = self.credits_reserved if credits.frozen else self.credits
        return phrase.format(available=f"{credits.available:g}", reserved=f"{credits.frozen:g}")

    def timeline(self, draft: Draft) -> str:
        """Return the timeline's summary, in the form of docs/protocol.md §6."""
        return summarize(draft, self.language)

    def files(self, files: Iterable[MediaFile]) -> str:
        """Return files by name and duration, or name and size in pixels."""
        return self.comma.join(self._file(file) for file in files)

    def changes(self, changes: Iterable[Change]) -> str:
        """Return changes as a list, one per line."""
        return "\n".join(f"- {change.describe(self.language)}" for change in changes)

    def stages(self, changes: Iterable[Change], after: Draft) -> str:
        """Return the changes that a new video makes, as two stages (docs/protocol.md §10)."""
        first: list[str] = []
        second: list[str] = []
        for change in changes:
            if change.kind in _ADDED and change.track is not None:
                video = after.tracks[change.track].type == TrackType.VIDEO
                (first if video else second).append(change.describe(self.language))
        stages = [(self.first_stage, first), (self.second_stage, second)]
        return "\n".join(f"{name}{self.comma.join(done)}" for name, done in stages if done)

    def _file(self, file: MediaFile) -> str:
        name = one_line(file.filename)
        if file.duration_s:
            return self.parenthesized.format(name, seconds(round(file.duration_s * 1000)))
        if file.width and file.height:
            return self.parenthesized.format(name, f"{file.width}×{file.height}")
        return name


def _load(file: str) -> Phrases:
    loaded = sentences(file)
    return Phrases(**loaded["conversation"], errors=loaded["errors"])


ENGLISH = _load("english.json")
CHINESE = _load("chinese.json")


def phrases_for(text: str, otherwise: Phrases) -> Phrases:
    """Return the sentences in the language of a text, ignoring quotations and paths.

    Defaults to `otherwise` for a text without other words.
    """
    words = _RUN.sub(
        lambda run: " " if _IN_PATH.search(run[0]) else run[0], _PATH.sub(" ", mask(text))
    )
    if _HAN.search(words) and not _KANA.search(words):
        return CHINESE
    return ENGLISH if _WORDS.search(words) else otherwise


def phrases_in(language: str) -> Phrases:
    """Return the sentences of a language by its ISO code: Chinese, otherwise English."""
    return CHINESE if language.lower().startswith("zh") else ENGLISH
