"""What the local agent edits and the local renderer reads: a draft in plain words.

The protocol names only `t`, `tt`, `sg`, `d` and `m` (protocol.md §6). All that
this backend needs beyond them stands in the segments' `m`, under the keys that
this module writes and reads. They are the local backend's own conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn, override

_Part = TypeVar("_Part", bound=attrs.AttrsInstance)
_converter = cattrs.Converter(omit_if_default=True)

_LARGEST = 10**9
"""More than any width, rate, or time in milliseconds (11 days) that makes sense."""

SCENES: tuple[str, ...] = ("office", "studio", "living room", "beach", "city")
"""The backgrounds that the local backend draws itself."""


@attrs.frozen
class Background:
    """What stands behind the person once the real background is gone.

    `kind` is "transparent", "matte" (the mask alone, white on black), "color"
    (with `color`, as #rrggbb), "blur", "image" or "video" (with `media`, the id
    of an uploaded file), or "scene" (with `scene`, one of SCENES).
    """

    kind: str
    color: str | None = None
    media: str | None = None
    scene: str | None = None


@attrs.frozen
class Clip:
    """A stretch of picture: of an uploaded video or image, or a drawn title card.

    `kind` is "video", "image" or "card". `media` is the id of the uploaded file
    (None for a card), `duration_ms` the time on the timeline, after `speed`.
    `brightness` is added (-1..1, 0 neutral); `contrast` and `saturation` are
    factors (0..3, 1 neutral). `color` is a card's own colour, `text` its words.
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
    """Words over the picture. `position` is "top", "center" or "bottom"."""

    text: str
    duration_ms: int
    start_ms: int = 0
    position: str = "center"


@attrs.frozen
class Timeline:
    """The whole draft. `width`, `height` and `fps` are the first video's, if there is one."""

    clips: tuple[Clip, ...] = ()
    sounds: tuple[Sound, ...] = ()
    titles: tuple[Title, ...] = ()
    width: int = 1920
    height: int = 1080
    fps: float = 30.0
    title: str = "project"

    @property
    def duration_ms(self) -> int:
        """The length of the picture track."""
        return sum(clip.duration_ms for clip in self.clips)

    def to_draft(self) -> dict[str, Any]:
        """Return the draft JSON of protocol.md §6, with this backend's keys in `m`."""
        tracks: list[dict[str, Any]] = []
        if self.clips:
            tracks.append(_track(0, [_segment(clip) for clip in self.clips], self.duration_ms))
        tracks += [_track(1, [_segment(s)], s.start_ms + s.duration_ms) for s in self.sounds]
        tracks += [_track(7, [_segment(t)], t.start_ms + t.duration_ms) for t in self.titles]
        metadata = {"title": self.title, "width": self.width, "height": self.height}
        return {"t": tracks, "d": self.duration_ms, "m": {**metadata, "fps": self.fps}}

    @classmethod
    def from_draft(cls, draft: Mapping[str, Any]) -> Timeline:
        """Read a draft back; what this backend does not know is passed over.

        Raises:
            ValueError: A part has the wrong type; the message names it.
        """
        clips: list[Clip] = []
        sounds: list[Sound] = []
        titles: list[Title] = []
        for track in _items(draft, "t"):
            for segment in _items(track, "sg"):
                match track.get("tt"):
                    case 0:
                        clips.append(_read(Clip, segment, kind="video", name="clip"))
                    case 1:
                        sounds.append(_read(Sound, segment, name="music"))
                    case 7:
                        titles.append(_read(Title, segment))
                    case _:
                        pass
        frame = _read(_Frame, {"m": draft.get("m"), "d": draft.get("d", 0)})
        return cls(
            clips=tuple(clips),
            sounds=tuple(sounds),
            titles=tuple(titles),
            width=frame.width,
            height=frame.height,
            fps=frame.fps,
            title=frame.title,
        )


@attrs.frozen
class _Frame:
    """The part of the draft's own `m` that describes the picture."""

    duration_ms: int = 0
    width: int = 1920
    height: int = 1080
    fps: float = 30.0
    title: str = "project"


# Music always says how loud it is: people look for that in the summary.
_converter.register_unstructure_hook(
    Sound,
    make_dict_unstructure_fn(
        Sound, _converter, _cattrs_omit_if_default=True, volume=override(omit_if_default=False)
    ),
)


def _track(kind: int, segments: list[dict[str, Any]], duration_ms: int) -> dict[str, Any]:
    return {"tt": kind, "sg": segments, "d": duration_ms, "m": {}}


def _segment(part: Clip | Sound | Title) -> dict[str, Any]:
    """Return the segment's JSON; values that equal the default are left out."""
    values = _converter.unstructure(part)
    return {"d": values.pop("duration_ms"), "m": values}


def _items(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = holder.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _read(part: type[_Part], segment: Mapping[str, Any], **defaults: str) -> _Part:
    metadata = segment.get("m")
    values = {**defaults, **(metadata if isinstance(metadata, Mapping) else {})}
    try:
        read = _converter.structure({**values, "duration_ms": segment.get("d")}, part)
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
