"""Edits of a timeline: pure functions that know nothing of words. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background, Clip, Timeline

IMAGE_MS = 5000
"""How long a single picture stands when nobody says."""


def timeline_for(media: Sequence[MediaItem]) -> Timeline | None:
    """Return a timeline with the first uploaded video on it, None where no video was uploaded.

    Its size, frame rate and length become the timeline's.
    """
    video = next((item for item in media if item.kind == "video"), None)
    return timeline_of(video) if video else None


def timeline_of(item: MediaItem) -> Timeline:
    """Return a timeline with one uploaded video or picture on it, at its own size."""
    empty = Timeline()
    return Timeline(
        clips=(clip_of(item),),
        width=_even(item.width or empty.width),
        height=_even(item.height or empty.height),
        fps=item.fps or empty.fps,
    )


def clip_of(item: MediaItem, duration_ms: int | None = None) -> Clip:
    """Return a clip that shows the whole upload; pictures stand for 5 s."""
    length = duration_ms or (item.duration_ms if item.kind == "video" else None) or IMAGE_MS
    return Clip(kind=item.kind, duration_ms=length, name=item.name, media=item.id)


def on_clips(
    timeline: Timeline, change: Callable[[Clip], Clip], only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with `change` made to its clips, or to those at the places in `only`."""
    return evolve(
        timeline,
        clips=tuple(
            change(clip) if only is None or place in only else clip
            for place, clip in enumerate(timeline.clips)
        ),
    )


def set_background(
    timeline: Timeline, background: Background | None, only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with this background behind the people in its videos and pictures."""
    return on_clips(
        timeline,
        lambda clip: clip if clip.kind == "card" else evolve(clip, background=background),
        only,
    )


def keep(timeline: Timeline, start_ms: int, end_ms: int) -> Timeline:
    """Return the timeline cut down to the stretch from `start_ms` to `end_ms`."""
    return _fitted(timeline, _between(timeline.clips, start_ms, end_ms))


def cut_out(timeline: Timeline, start_ms: int, end_ms: int) -> Timeline:
    """Return the timeline without the stretch from `start_ms` to `end_ms`."""
    before = _between(timeline.clips, 0, start_ms)
    return _fitted(timeline, before + _between(timeline.clips, end_ms, timeline.duration_ms))


def set_speed(
    timeline: Timeline, speed: Callable[[Clip], float], only: Sequence[int] | None = None
) -> Timeline:
    """Return the timeline with its videos at the speeds given; titles stay with their pictures."""

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
    return _fitted(evolve(timeline, titles=moved), faster.clips)


def prepend(timeline: Timeline, clip: Clip) -> Timeline:
    """Return the timeline with a clip before all others; titles and music move along."""
    shift = clip.duration_ms
    total = timeline.duration_ms
    return evolve(
        timeline,
        clips=(clip, *timeline.clips),
        titles=tuple(evolve(t, start_ms=t.start_ms + shift) for t in timeline.titles),
        sounds=tuple(
            evolve(s, duration_ms=s.duration_ms + shift)
            if s.start_ms == 0 and s.duration_ms == total
            else evolve(s, start_ms=s.start_ms + shift)
            for s in timeline.sounds
        ),
    )


def with_clips(timeline: Timeline, clips: Sequence[Clip]) -> Timeline:
    """Return the timeline with other clips; titles and music are fitted to the new length."""
    return _fitted(timeline, tuple(clips))


def _between(clips: Sequence[Clip], start_ms: int, end_ms: int) -> tuple[Clip, ...]:
    kept: list[Clip] = []
    at = 0
    for clip in clips:
        first, last = max(start_ms, at), min(end_ms, at + clip.duration_ms)
        if last > first:
            # A clip's place in its source runs `speed` times as fast as the timeline.
            skipped = round((first - at) * clip.speed) if clip.kind == "video" else 0
            kept.append(
                evolve(
                    clip, duration_ms=last - first, source_start_ms=clip.source_start_ms + skipped
                )
            )
        at += clip.duration_ms
    return tuple(kept)


def _fitted(timeline: Timeline, clips: tuple[Clip, ...]) -> Timeline:
    """Return the timeline with these clips, its titles and music clipped to the new length.

    Music that filled the old length fills the new one.
    """
    old, new = timeline.duration_ms, sum(clip.duration_ms for clip in clips)
    return evolve(
        timeline,
        clips=clips,
        titles=tuple(
            evolve(title, duration_ms=min(title.duration_ms, new - title.start_ms))
            for title in timeline.titles
            if title.start_ms < new
        ),
        sounds=tuple(
            evolve(
                sound,
                duration_ms=new - sound.start_ms
                if sound.start_ms + sound.duration_ms >= old
                else min(sound.duration_ms, new - sound.start_ms),
            )
            for sound in timeline.sounds
            if sound.start_ms < new
        ),
    )


def _even(pixels: int) -> int:
    """H.264 with 4:2:0 colour needs even sizes."""
    return max(2, pixels - pixels % 2)
