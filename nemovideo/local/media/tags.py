"""Metadata of recordings: date, location, title, language and chapters."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from nemovideo.local.media.containers import main_audio, open_media
from nemovideo.local.media.pictures import picture_family
from nemovideo.local.media.probe import MediaItem

if TYPE_CHECKING:
    from av.container import InputContainer

_KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "com.apple.quicktime.title"),
    "creation_time": ("creation_time", "date_recorded"),
    "date": ("com.apple.quicktime.creationdate", "date"),
    "location": ("location", "com.apple.quicktime.location.iso6709", "location-eng"),
}
"""The tags that are written, and the tags of recordings that each is read from."""

_WORDS = {
    "title": "title",
    "creation_time": "recording date",
    "date": "recording date",
    "location": "location",
}
_UNKNOWN_LANGUAGES = (None, "", "und")


@attrs.frozen
class Chapter:
    """A chapter, in seconds from the start of the file."""

    start_s: Fraction
    end_s: Fraction
    title: str


@attrs.frozen
class Tags:
    """The metadata to keep; `values` is keyed by FFmpeg's names."""

    values: Mapping[str, str] = attrs.field(factory=dict)
    language: str | None = None
    chapters: tuple[Chapter, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the metadata for users."""
        found = [_WORDS[name] for name in self.values]
        found += ["language of the sound"] * (self.language is not None)
        return tuple(dict.fromkeys([*found, *["chapters"] * bool(self.chapters)]))


def tags_of(item: MediaItem) -> Tags:
    """Return a video's metadata; empty for a picture."""
    if item.kind != "video" or picture_family(item.path) is not None:
        return Tags()
    with open_media(item.path) as container:
        metadata = {name.lower(): value for name, value in container.metadata.items()}
        values = {
            name: next(metadata[key] for key in keys if metadata.get(key))
            for name, keys in _KEYS.items()
            if any(metadata.get(key) for key in keys)
        }
        audio = main_audio(container)
        language = None if audio is None else audio.metadata.get("language")
        return Tags(
            values,
            None if language in _UNKNOWN_LANGUAGES else language,
            tuple(_chapters(container)),
        )


def _chapters(container: InputContainer) -> list[Chapter]:
    found = []
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, 1000)
        title = chapter["metadata"].get("title", "")
        found.append(Chapter(chapter["start"] * unit, chapter["end"] * unit, title))
    return found
