"""What the local agent edits and the local renderer reads: a draft in plain words.

The protocol names only `t`, `tt`, `sg`, `d` and `m` (docs/protocol.md §6). All that
this backend needs beyond them stands in the segments' `m`, under the keys that
this module writes and reads. They are the local backend's own conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn, override

from nemovideo.draft.keys import DURATION, METADATA, SEGMENTS, TRACKS, TYPE, TrackType

_Part = TypeVar("_Part", bound=attrs.AttrsInstance)
_converter = cattrs.Converter(omit_if_default=True)

_LARGEST = 10**9
"""More than any width, rate, or time in milliseconds (11 days) that makes sense."""

POSITIONS: tuple[str, ...] = (
    "top", "center", "bottom", "left", "right",
    "top left", "top right", "bottom left", "bottom right",
)  # fmt: skip
"""The places of titles and overlays."""

SCENES: tuple[str, ...] = ("office", "studio", "living room", "beach", "city")
"""The backgrounds that the local backend draws itself."""


@attrs.frozen
class Background:
    """What stands behind the person once the real background is gone.

    `kind` is "transparent", "matte" (the mask alone, white on black), "color"
    (with `color`, as #rrggbb), "blur", "image" or "video" (with `media`, the id
    of an uploaded file), or "scene" (with `scene`, one of SCENES). `volume` is that
    of the sound of a background video: 0 (silent, the default) to 1 and beyond.
    """

    kind: str
    color: str | None = None
    media: str | None = None
    scene: str | None = None
    volume: float = 0.0


@attrs.frozen
class Crop:
    """The part of a picture that is kept, as shares of its width and height (0..1)."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


@attrs.frozen
class Place:
    """Where the person stands on the canvas, and how large.

    `x` and `y` run from 0 (left, top) to 1 (right, bottom) over the room that is free
    around the person; None leaves them where the picture has them. `scale` is a factor
    of the size at which they would be shown otherwise.
    """

    x: float | None = None
    y: float | None = None
    scale: float = 1.0


@attrs.frozen
class Clip:
    """A stretch of picture: of an uploaded video or image, or a drawn title card.

    `kind` is "video", "image" or "card". `media` is the id of the uploaded file
    (None for a card), `duration_ms` the time on the timeline, after `speed`.
    `brightness` is added (-1..1, 0 neutral); `contrast` and `saturation` are
    factors (0..3, 1 neutral). `color` is a card's own color, `text` its words.

    The picture is first turned (`turn`: 0, 90, 180 or 270 degrees clockwise), then
    mirrored (`flip`: "", "x" for left and right, "y" for top and bottom, or "xy"), then
    cropped. `fit` is "contain" (all of it is shown, between bars), "blur" (between bars that
    a blurred copy fills) or "cover" (it fills the canvas, and the person is kept in the
    frame). `place` moves the person over a new
    background.
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
    turn: int = 0
    flip: str = ""
    crop: Crop | None = None
    fit: str = "contain"
    place: Place | None = None


@attrs.frozen
class Sound:
    """Background music: an uploaded audio (or a video's sound), repeated to fill its time."""

    media: str
    name: str
    duration_ms: int
    start_ms: int = 0
    volume: float = 0.5


@attrs.frozen
class Title:
    """Words over the picture.

    `position` is one of POSITIONS, `color` any CSS color, `size` a factor of the usual
    height of the letters.
    """

    text: str
    duration_ms: int
    start_ms: int = 0
    position: str = "center"
    color: str = "white"
    size: float = 1.0


@attrs.frozen
class Overlay:
    """An uploaded picture over the video, such as a logo, or a video, silent and again and again.

    `position` is one of POSITIONS, `size` its width as a share of the canvas's shorter side.
    """

    media: str
    name: str
    duration_ms: int
    start_ms: int = 0
    position: str = "top right"
    size: float = 0.15
    opacity: float = 1.0
    kind: str = "overlay"


@attrs.frozen
class Timeline:
    """The whole draft.

    `width`, `height` and `fps` are the first video's, if there is one, until a shape is
    asked for: `shaped` is True then, and pixels are square. `fade_in_ms` and `fade_out_ms`
    are the lengths of the fades from and to black, for picture and sound. `keep_metadata`
    is whether the file says when and where its first video was recorded, and the like.
    """

    clips: tuple[Clip, ...] = ()
    sounds: tuple[Sound, ...] = ()
    titles: tuple[Title, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    width: int = 1920
    height: int = 1080
    fps: float = 30.0
    title: str = "project"
    shaped: bool = False
    fade_in_ms: int = 0
    fade_out_ms: int = 0
    keep_metadata: bool = True

    @property
    def duration_ms(self) -> int:
        """The length of the picture track."""
        return sum(clip.duration_ms for clip in self.clips)

    def to_draft(self) -> dict[str, Any]:
        """Return the draft JSON of docs/protocol.md §6, with this backend's keys in `m`."""
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
        frame = _Frame(**{field.name: getattr(self, field.name) for field in attrs.fields(_Frame)})
        return {TRACKS: tracks, DURATION: self.duration_ms, METADATA: _segment(frame)[METADATA]}

    @classmethod
    def from_draft(cls, draft: Mapping[str, Any]) -> Timeline:
        """Read a draft back; what this backend does not know is passed over.

        Raises:
            ValueError: A part has the wrong type; the message names it.
        """
        clips: list[Clip] = []
        sounds: list[Sound] = []
        titles: list[Title] = []
        overlays: list[Overlay] = []
        for track in _items(draft, TRACKS):
            for segment in _items(track, SEGMENTS):
                match track.get(TYPE):
                    case TrackType.VIDEO if _kind(segment) == "overlay":
                        overlays.append(_read(Overlay, segment, name="picture"))
                    case TrackType.VIDEO:
                        clips.append(_read(Clip, segment, kind="video", name="clip"))
                    case TrackType.AUDIO:
                        sounds.append(_read(Sound, segment, name="music"))
                    case TrackType.TEXT:
                        titles.append(_read(Title, segment))
                    case _:
                        pass
        frame = _read(_Frame, {METADATA: draft.get(METADATA), DURATION: draft.get(DURATION, 0)})
        return cls(
            clips=tuple(clips),
            sounds=tuple(sounds),
            titles=tuple(titles),
            overlays=tuple(overlays),
            **{
                field.name: getattr(frame, field.name)
                for field in attrs.fields(_Frame)
                if field.name != "duration_ms"
            },
        )


@attrs.frozen
class _Frame:
    """The part of the draft's own `m` that describes the picture."""

    duration_ms: int = 0
    title: str = "project"
    width: int = 1920
    height: int = 1080
    fps: float = 30.0
    shaped: bool = False
    fade_in_ms: int = 0
    fade_out_ms: int = 0
    keep_metadata: bool = True


_ALWAYS = override(omit_if_default=False)
# People look for how loud the music is in the summary.
_converter.register_unstructure_hook(
    Sound, make_dict_unstructure_fn(Sound, _converter, _cattrs_omit_if_default=True, volume=_ALWAYS)
)
_converter.register_unstructure_hook(
    Overlay,
    make_dict_unstructure_fn(Overlay, _converter, _cattrs_omit_if_default=True, kind=_ALWAYS),
)
_converter.register_unstructure_hook(
    _Frame,
    make_dict_unstructure_fn(
        _Frame,
        _converter,
        _cattrs_omit_if_default=True,
        title=_ALWAYS,
        width=_ALWAYS,
        height=_ALWAYS,
        fps=_ALWAYS,
    ),
)


def _track(kind: TrackType, segments: list[dict[str, Any]], duration_ms: int) -> dict[str, Any]:
    return {TYPE: int(kind), SEGMENTS: segments, DURATION: duration_ms, METADATA: {}}


def _segment(part: Clip | Sound | Title | Overlay | _Frame) -> dict[str, Any]:
    """Return the segment's JSON; values that equal the default are left out."""
    values = _converter.unstructure(part)
    return {DURATION: values.pop("duration_ms", 0), METADATA: values}


def _kind(segment: Mapping[str, Any]) -> object:
    metadata = segment.get(METADATA)
    return metadata.get("kind") if isinstance(metadata, Mapping) else None


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
        raise ValueError(f"a {part.__name__.lower()} in the draft is wrong: {reason}") from error
    except OverflowError as error:
        raise ValueError(
            f"a {part.__name__.lower()} in the draft has too large a number"
        ) from error
    for name, number in attrs.asdict(read, recurse=False).items():
        if isinstance(number, (int, float)) and not abs(number) <= _LARGEST:  # NaN is not, either
            raise ValueError(f"{name} in the draft is {number:g}, which is not a usable number")
    return read
