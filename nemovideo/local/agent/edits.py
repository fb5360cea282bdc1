"""Edits of a timeline as pure functions. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

from attrs import evolve

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background, Clip, Crop, Overlay, Sound, Timeline

IMAGE_MS = 5000
"""The default duration of a picture."""


def timeline_for(media: Sequence[MediaItem]) -> Timeline | None:
    """Return a timeline with the first uploaded video, at its size and rate, or None."""
    video = next((item for item in media if item.kind == "video"), None)
    return timeline_of(video) if video else None


def timeline_of(item: MediaItem) -> Timeline:
    """Return a timeline with one uploaded video or picture, at its size."""
    empty = Timeline()
    return Timeline(
        clips=(clip_of(item),),
        width=_even(item.width or empty.width),
        height=_even(item.height or empty.height),
        fps=item.fps or empty.fps,
    )


def clip_of(item: MediaItem, duration_ms: int | None = None) -> Clip:
    """Return a clip of the whole upload; a picture lasts 5 s by default."""
    length = duration_ms or (item.duration_ms if item.kind == "video" else None) or IMAGE_MS
    return Clip(kind=item.kind, duration_ms=length, name=item.name, media=item.id)


def on_clips(
    timeline: Timeline, change: Callable[[Clip], Clip], only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with `change` applied to its clips, or to the indexes in `only`."""
    return evolve(
        timeline,
        clips=tuple(
            change(clip) if only is None or index in only else clip
            for index, clip in enumerate(timeline.clips)
        ),
    )


def on_footage(
    timeline: Timeline, change: Callable[[Clip], Clip], only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with `change` applied as in `on_clips`, but not to title cards."""
    return on_clips(timeline, lambda clip: clip if clip.kind == "card" else change(clip), only)


def set_background(
    timeline: Timeline, background: Background | None, only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with this background in its videos and pictures."""
    return on_footage(timeline, lambda clip: evolve(clip, background=background), only)


def shape(timeline: Timeline, size: tuple[int, int], fit: str | None) -> Timeline:
    """Return the timeline on a canvas of this size.

    `fit` is the new `Clip.fit` of videos and of a single picture, None to keep it.
    """
    alone = len(timeline.clips) == 1

    def change(clip: Clip) -> Clip:
        fits = clip.kind == "video" or (clip.kind == "image" and alone)
        return evolve(clip, fit=fit) if fit and fits else clip

    width, height = _even(size[0]), _even(size[1])
    return evolve(on_clips(timeline, change), width=width, height=height, has_custom_size=True)


def rotate(timeline: Timeline, degrees: int, only: Sequence[int] | None = None) -> Timeline:
    """Return the timeline with its clips rotated clockwise, and the canvas too if all are."""
    sideways = degrees % 180 != 0

    def change(clip: Clip) -> Clip:
        crop = clip.crop
        for _ in range(degrees % 360 // 90):
            crop = crop and Crop(1 - crop.bottom, crop.left, 1 - crop.top, crop.right)
        # The renderer mirrors after rotating.
        flip = {"x": "y", "y": "x"}.get(clip.flip, clip.flip) if sideways else clip.flip
        return evolve(clip, rotation_deg=(clip.rotation_deg + degrees) % 360, crop=crop, flip=flip)

    rotated = on_footage(timeline, change, only)
    if not sideways or only is not None:
        return rotated
    return evolve(rotated, width=timeline.height, height=timeline.width, has_custom_size=True)


def flip(timeline: Timeline, axis: str, only: Sequence[int] | None = None) -> Timeline:
    """Return the timeline with its clips mirrored: "x" swaps left and right, "y" top and bottom."""

    def change(clip: Clip) -> Clip:
        crop = clip.crop
        if crop is not None and axis == "x":
            crop = evolve(crop, left=1 - crop.right, right=1 - crop.left)
        elif crop is not None:
            crop = evolve(crop, top=1 - crop.bottom, bottom=1 - crop.top)
        return evolve(clip, flip="".join(sorted(set(clip.flip) ^ {axis})), crop=crop)

    return on_footage(timeline, change, only)


def crop(timeline: Timeline, kept: Crop, only: Sequence[int] | None = None) -> Timeline:
    """Return the timeline with its clips cropped, and the canvas too if all are."""

    def change(clip: Clip) -> Clip:
        old = clip.crop or Crop()
        width, height = old.right - old.left, old.bottom - old.top
        inner = Crop(
            old.left + kept.left * width,
            old.top + kept.top * height,
            old.left + kept.right * width,
            old.top + kept.bottom * height,
        )
        return evolve(clip, crop=inner)

    cropped = on_footage(timeline, change, only)
    if only is not None:
        return cropped
    width = _even(round(timeline.width * (kept.right - kept.left)))
    height = _even(round(timeline.height * (kept.bottom - kept.top)))
    return evolve(cropped, width=width, height=height, has_custom_size=True)


def trim(
    timeline: Timeline, start_ms: int, end_ms: int, *, keeps: bool, only: int | None = None
) -> Timeline:
    """Return the timeline with a part of it, or of the clip `only`, kept or cut out."""
    first, last = (0, len(timeline.clips)) if only is None else (only, only + 1)
    clips = timeline.clips[first:last]
    if keeps:
        left = _between(clips, start_ms, end_ms)
    else:
        left = _between(clips, 0, start_ms) + _between(clips, end_ms, timeline.duration_ms)
    return with_clips(timeline, (*timeline.clips[:first], *left, *timeline.clips[last:]))


def repeat(timeline: Timeline, count: int, only: Sequence[int] | None = None) -> Timeline:
    """Return the timeline with all of it, or each of the clips `only`, played `count` times."""
    clips = timeline.clips
    if only is None:
        return with_clips(timeline, clips * count)
    runs = ((clip,) * (count if index in only else 1) for index, clip in enumerate(clips))
    return with_clips(timeline, tuple(chain.from_iterable(runs)))


def set_speed(
    timeline: Timeline, speed: Callable[[Clip], float], only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with new speeds of its videos; titles move with the picture."""

    def change(clip: Clip) -> Clip:
        if clip.kind != "video":
            return clip
        new = speed(clip)
        return evolve(
            clip, speed=new, duration_ms=max(1, round(clip.duration_ms * clip.speed / new))
        )

    faster = on_clips(timeline, change, only)
    old, new = timeline.duration_ms, faster.duration_ms
    moved = tuple(
        evolve(title, start_ms=round(title.start_ms * new / max(1, old)))
        for title in timeline.titles
    )
    return with_clips(evolve(timeline, titles=moved), faster.clips)


def prepend(timeline: Timeline, clip: Clip) -> Timeline:
    """Return the timeline with a clip in front; titles and music shift."""
    shift, total = clip.duration_ms, timeline.duration_ms
    return evolve(
        timeline,
        clips=(clip, *timeline.clips),
        titles=tuple(evolve(t, start_ms=t.start_ms + shift) for t in timeline.titles),
        sounds=tuple(_later(sound, shift, total) for sound in timeline.sounds),
        overlays=tuple(_later(overlay, shift, total) for overlay in timeline.overlays),
    )


def append(timeline: Timeline, clip: Clip) -> Timeline:
    """Return the timeline with a clip at its end.

    Music and overlays that covered the whole timeline are extended.
    """
    return with_clips(timeline, (*timeline.clips, clip))


def _between(clips: Sequence[Clip], start_ms: int, end_ms: int) -> tuple[Clip, ...]:
    kept: list[Clip] = []
    at = 0
    for clip in clips:
        first, last = max(start_ms, at), min(end_ms, at + clip.duration_ms)
        if last > first:
            # Source time runs `speed` times as fast as the timeline.
            skipped = round((first - at) * clip.speed) if clip.kind == "video" else 0
            start = clip.source_start_ms + skipped
            kept.append(evolve(clip, duration_ms=last - first, source_start_ms=start))
        at += clip.duration_ms
    return tuple(kept)


def with_clips(timeline: Timeline, clips: Sequence[Clip]) -> Timeline:
    """Return the timeline with new clips; titles and music are cut to the new duration.

    Music and overlays that covered the whole timeline also cover the whole new one.
    """
    old, new = timeline.duration_ms, sum(clip.duration_ms for clip in clips)
    return evolve(
        timeline,
        clips=tuple(clips),
        titles=tuple(
            evolve(title, duration_ms=min(title.duration_ms, new - title.start_ms))
            for title in timeline.titles
            if title.start_ms < new
        ),
        sounds=tuple(_refitted(s, old, new) for s in timeline.sounds if s.start_ms < new),
        overlays=tuple(_refitted(o, old, new) for o in timeline.overlays if o.start_ms < new),
    )


_Part = TypeVar("_Part", Sound, Overlay)


def _refitted(part: _Part, old_ms: int, new_ms: int) -> _Part:
    rest = new_ms - part.start_ms
    fills = part.start_ms + part.duration_ms >= old_ms
    return evolve(part, duration_ms=rest if fills else min(part.duration_ms, rest))


def _later(part: _Part, shift_ms: int, total_ms: int) -> _Part:
    """Return the part shifted, or extended if it covered the whole timeline."""
    if part.start_ms == 0 and part.duration_ms == total_ms:
        return evolve(part, duration_ms=part.duration_ms + shift_ms)
    return evolve(part, start_ms=part.start_ms + shift_ms)


def _even(pixels: int) -> int:
    """H.264 with 4:2:0 color needs even sizes."""
    return max(2, pixels - pixels % 2)
