"""The timeline: a draft as typed objects, for the local agent and the local renderer.

The protocol defines only the keys `t`, `tt`, `sg`, `d` and `m` (docs/protocol.md §6). Everything
else that this backend needs is in the segments' `m`, under keys that only this module reads and
writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from nemovideo.draft.keys import (
    DURATION,
    KIND,
    METADATA,
    OVERLAY,
    SEGMENTS,
    TRACKS,
    TYPE,
    TrackType,
)

_Part = TypeVar("_Part", bound=attrs.AttrsInstance)
_converter = cattrs.Converter(omit_if_default=True)

_MAX_NUMBER = 10**9
"""More than any useful width, rate, or time in milliseconds (11 days)."""

POSITIONS: tuple[str, ...] = (
    "top", "center", "bottom", "left", "right",
    "top left", "top right", "bottom left", "bottom right",
)  # fmt: skip
"""The positions of titles and overlays."""

SCENES: tuple[str, ...] = ("office", "studio", "living room", "beach", "city")
"""The backgrounds that the local backend can draw."""


@attrs.frozen
class Background:
    """The replacement of a clip's background.

    Attributes:
        kind: "transparent", "matte" (only the mask, white on black), "color", "blur", "image",
            "video" or "scene".
        color: As #rrggbb, for "color".
        media: The id of an uploaded file, for "image" and "video".
        scene: One of SCENES, for "scene".
        volume: The volume of a background video, from 0 (silent) to 1 and beyond.
    """

    kind: str
    color: str | None = None
    media: str | None = None
    scene: str | None = None
    volume: float = 0.0


@attrs.frozen
class Crop:
    """The visible part of a picture, as fractions of its width and height (0..1)."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


@attrs.frozen
class Place:
    """The position and size of the person on the canvas.

    Attributes:
        x, y: From 0 (left, top) to 1 (right, bottom) in the free space around the person; None
            keeps the position in the picture.
        scale: The size relative to the original.
    """

    x: float | None = None
    y: float | None = None
    scale: float = 1.0


@attrs.frozen
class Clip:
    """A segment of the picture track: an uploaded video or image, or a title card.

    The picture is first rotated, then flipped, then cropped.

    Attributes:
        kind: "video", "image" or "card".
        duration_ms: The duration on the timeline, after `speed`.
        media: The id of the uploaded file; None for a card.
        brightness: Added, -1..1.
        contrast, saturation: Factors, 0..3.
        text, color: The text and the background color of a card.
        rotation_deg: 0, 90, 180 or 270 degrees clockwise.
        flip: "", "x" (left and right), "y" (top and bottom) or "xy".
        fit: "contain" (between bars), "blur" (between bars filled with a blurred copy) or "cover"
            (fills the canvas, with the person in the frame).
        place: Where the person is over a new background.
    """

    kind: str
    duration_ms: int
    name: str
    media: str | None = None
    source_start_ms: int = 0
    speed: float = 1.0
    volume: float = 1.0
    background: Background | None = None
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    text: str | None = None
    color: str | None = None
    rotation_deg: int = 0
    flip: str = ""
    crop: Crop | None = None
    fit: str = "contain"
    place: Place | None = None


@attrs.frozen
class Sound:
    """Background music: an uploaded audio file (or a video's sound), looped to its duration."""

    media: str
    name: str
    duration_ms: int
    start_ms: int = 0
    volume: float = 0.5
    fade_in_ms: int = 0
    fade_out_ms: int = 0


@attrs.frozen
class Title:
    """Text over the picture.

    `position` is one of POSITIONS, `color` a CSS color, `size` a factor of the default size.
    """

    text: str
    duration_ms: int
    start_ms: int = 0
    position: str = "center"
    color: str = "white"
    size: float = 1.0
    fade_in_ms: int = 0
    fade_out_ms: int = 0


@attrs.frozen
class Overlay:
    """An uploaded picture over the video, such as a logo, or a silent, looped video.

    `position` is one of POSITIONS, `size` its width as a fraction of the canvas's shorter side.
    """

    media: str
    name: str
    duration_ms: int
    start_ms: int = 0
    position: str = "top right"
    size: float = 0.15
    opacity: float = 1.0
    kind: str = OVERLAY


@attrs.frozen
class Timeline:
    """A draft.

    Attributes:
        width, height, fps: Those of the first video, until the user chooses others.
        has_custom_size: Whether the user has chosen the size; pixels are then square.
        has_custom_fps: Whether the user has chosen the frame rate.
        fade_in_ms, fade_out_ms: Fades from and to black, of picture and sound.
        keep_metadata: Whether the result keeps the metadata of the first video, such as the
            time and place of the recording.
    """

    clips: tuple[Clip, ...] = ()
    sounds: tuple[Sound, ...] = ()
    titles: tuple[Title, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    width: int = 1920
    height: int = 1080
    fps: float = 30.0
    title: str = "project"
    has_custom_size: bool = False
    has_custom_fps: bool = False
    fade_in_ms: int = 0
    fade_out_ms: int = 0
    keep_metadata: bool = True

    @property
    def duration_ms(self) -> int:
        """The duration of the picture track."""
        return sum(clip.duration_ms for clip in self.clips)

    @property
    def part_count(self) -> int:
        """The number of clips, sounds, titles and overlays."""
        return sum(map(len, (self.clips, self.sounds, self.titles, self.overlays)))

    @property
    def text_chars(self) -> int:
        """The number of characters in all titles and cards."""
        texts: list[str | None] = [part.text for part in self.clips]
        texts += [title.text for title in self.titles]
        return sum(len(text or "") for text in texts)

    @property
    def max_overlaid(self) -> int:
        """The largest number of titles and overlays that are shown at the same time."""
        shown: tuple[Title | Overlay, ...] = (*self.titles, *self.overlays)
        changes = [(part.start_ms, 1) for part in shown]
        changes += [(part.start_ms + part.duration_ms, -1) for part in shown]
        return max(accumulate(change for _, change in sorted(changes)), default=0)

    def to_draft(self) -> dict[str, Any]:
        """Return the draft as JSON (docs/protocol.md §6), with this backend's keys in `m`."""
        tracks: list[dict[str, Any]] = []
        if self.clips:
            tracks.append(
                _track(TrackType.VIDEO, [_segment(clip) for clip in self.clips], self.duration_ms)
            )
        for kind, parts in (
            (TrackType.VIDEO, self.overlays),
            (TrackType.AUDIO, self.sounds),
            (TrackType.TEXT, self.titles),
        ):
            tracks += [_track(kind, [_segment(p)], p.start_ms + p.duration_ms) for p in parts]
        frame = _converter.unstructure(self)
        return {TRACKS: tracks, DURATION: self.duration_ms, METADATA: frame}

    @classmethod
    def from_draft(cls, draft: Mapping[str, Any]) -> Timeline:
        """Parse a draft; unknown keys and tracks are ignored.

        Raises:
            ValueError: A value has the wrong type or is out of range.
        """
        clips: list[Clip] = []
        sounds: list[Sound] = []
        titles: list[Title] = []
        overlays: list[Overlay] = []
        for track in _items(draft, TRACKS):
            for segment in _items(track, SEGMENTS):
                match track.get(TYPE):
                    case TrackType.VIDEO if _kind(segment) == OVERLAY:
                        overlays.append(_read(Overlay, segment, name="picture"))
                    case TrackType.VIDEO:
                        clips.append(_read(Clip, segment, kind="video", name="clip"))
                    case TrackType.AUDIO:
                        sounds.append(_read(Sound, segment, name="music"))
                    case TrackType.TEXT:
                        titles.append(_read(Title, segment))
        return attrs.evolve(
            _read(cls, draft),
            clips=tuple(clips),
            sounds=tuple(sounds),
            titles=tuple(titles),
            overlays=tuple(overlays),
        )


_KEYS = {"rotation_deg": "turn", "has_custom_size": "shaped", "has_custom_fps": "rated"}
"""The keys in drafts of the attributes that are named differently here."""

_ON_TRACKS: dict[str, Any] = dict.fromkeys(
    ("clips", "sounds", "titles", "overlays"), override(omit=True)
)
_ALWAYS = override(omit_if_default=False)
_OVERRIDES: dict[type[attrs.AttrsInstance], dict[str, Any]] = {
    Clip: {},
    Sound: {"volume": _ALWAYS},  # the summary of the draft shows it
    Overlay: {"kind": _ALWAYS},
    Timeline: _ON_TRACKS | dict.fromkeys(("title", "width", "height", "fps"), _ALWAYS),
}
for _type, _overrides in _OVERRIDES.items():
    _names = attrs.fields_dict(_type).keys() & _KEYS.keys()
    _overrides |= {name: override(rename=_KEYS[name]) for name in _names}
    _converter.register_structure_hook(
        _type, make_dict_structure_fn(_type, _converter, **_overrides)
    )
    _converter.register_unstructure_hook(
        _type,
        make_dict_unstructure_fn(_type, _converter, _cattrs_omit_if_default=True, **_overrides),
    )


def _track(kind: TrackType, segments: list[dict[str, Any]], duration_ms: int) -> dict[str, Any]:
    return {TYPE: int(kind), SEGMENTS: segments, DURATION: duration_ms, METADATA: {}}


def _segment(part: Clip | Sound | Title | Overlay) -> dict[str, Any]:
    """Return a segment as JSON, without default values."""
    values = _converter.unstructure(part)
    return {DURATION: values.pop("duration_ms", 0), METADATA: values}


def _kind(segment: Mapping[str, Any]) -> object:
    metadata = segment.get(METADATA)
    return metadata.get(KIND) if isinstance(metadata, Mapping) else None


def _items(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = holder.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _read(part: type[_Part], segment: Mapping[str, Any], **defaults: str) -> _Part:
    metadata = segment.get(METADATA)
    values = {**defaults, **(metadata if isinstance(metadata, Mapping) else {})}
    try:
        read = _converter.structure({**values, "duration_ms": segment.get(DURATION)}, part)
    except cattrs.BaseValidationError as error:
        reason = "; ".join(cattrs.transform_error(error, path="m"))
        for name, key in _KEYS.items():
            reason = reason.replace(f"m.{name}", f"m.{key}")
        raise ValueError(f"a {part.__name__.lower()} in the draft is invalid: {reason}") from error
    except OverflowError as error:
        raise ValueError(
            f"a {part.__name__.lower()} in the draft has too large a number"
        ) from error
    for name, number in attrs.asdict(read, recurse=False).items():
        if isinstance(number, (int, float)) and not abs(number) <= _MAX_NUMBER:  # true for NaN
            raise ValueError(f"{_KEYS.get(name, name)} in the draft is out of range")
    return read
