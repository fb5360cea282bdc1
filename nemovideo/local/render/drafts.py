"""Adapt a draft to the output format: mask only, or a single picture."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from PIL import Image

from nemovideo._support.outputs import BUNDLE
from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import load_image, media_item, opaque
from nemovideo.local.render.formats import Format, animated
from nemovideo.local.timeline import Background, Clip, Timeline

_STILL = ("image", "card")


def for_format(timeline: Timeline, media: Mapping[str, MediaItem], kind: Format) -> Timeline:
    """Return the draft to render for a format; most formats do not change it.

    A mask has no sound, and is always white on black: its color adjustments are dropped. Titles,
    overlays and fades are dropped too, if all clips are masks. A single picture has the size of
    its photo.

    Raises:
        RenderFailedError: The draft is a video, and the format a single picture.
    """
    if kind.still:
        timeline = _still(timeline, media, kind)
    if kind.stacked or kind.name == BUNDLE:
        clips = tuple(_cut_out(clip) for clip in timeline.clips)
        timeline = attrs.evolve(timeline, clips=clips)
    if kind.matte:
        clips = tuple(_masked(clip) for clip in timeline.clips)
        timeline = _plain(attrs.evolve(timeline, clips=clips, sounds=()))
    return _masks_only(timeline)


def resolved_format(timeline: Timeline, kind: Format) -> Format:
    """Return the format for this draft: a WebP is animated if the draft is a video."""
    return animated(kind) if kind.name == "webp" and is_video(timeline) else kind


def is_video(timeline: Timeline) -> bool:
    """Return whether the draft is a video, rather than a single picture."""
    moving = any(clip.kind not in _STILL for clip in timeline.clips)
    return (moving and timeline.duration_ms > 1500 / timeline.fps) or len(timeline.clips) > 1


def _cut_out(clip: Clip) -> Clip:
    """Return the clip with a transparent background, unless it has another."""
    if clip.background is not None or clip.kind == "card":
        return clip
    return attrs.evolve(clip, background=Background("transparent"))


def _masks_only(timeline: Timeline) -> Timeline:
    """Return the draft without anything that would change its masks from white on black."""
    clips = tuple(_unadjusted(clip) if _is_mask(clip) else clip for clip in timeline.clips)
    timeline = attrs.evolve(timeline, clips=clips)
    pictures = [clip for clip in clips if clip.kind != "card"]
    if pictures and all(map(_is_mask, pictures)):
        timeline = _plain(timeline)
    return timeline


def _is_mask(clip: Clip) -> bool:
    return clip.kind != "card" and clip.background is not None and clip.background.kind == "matte"


def _unadjusted(clip: Clip) -> Clip:
    return attrs.evolve(clip, brightness=0.0, contrast=1.0, saturation=1.0)


def _plain(timeline: Timeline) -> Timeline:
    """Return the draft without titles, overlays and fades."""
    return attrs.evolve(timeline, titles=(), overlays=(), fade_in_ms=0, fade_out_ms=0)


def _still(timeline: Timeline, media: Mapping[str, MediaItem], kind: Format) -> Timeline:
    frame_ms = 1000 / timeline.fps
    if is_video(timeline):
        raise RenderFailedError(
            f"{kind.name} holds one picture, and this draft is a video: use gif, or zip, which "
            "holds a PNG for each frame"
        )
    clip = timeline.clips[0]
    photo = media.get(clip.media or "")
    if not timeline.has_custom_size and photo is not None and photo.width and photo.height:
        timeline = attrs.evolve(timeline, width=photo.width, height=photo.height)
    return attrs.evolve(
        timeline,
        clips=(attrs.evolve(clip, duration_ms=round(frame_ms)),),
        sounds=(),
        fade_in_ms=0,
        fade_out_ms=0,
    )


def plain_photo(timeline: Timeline, media: Mapping[str, MediaItem]) -> Image.Image | None:
    """Return the photo of a draft that only replaces its background; None for other drafts."""
    clip = timeline.clips[0]
    plain = Clip("image", clip.duration_ms, clip.name, clip.media, background=clip.background)
    added = timeline.titles or timeline.overlays or len(timeline.clips) > 1
    if clip != plain or timeline.has_custom_size or added:
        return None
    return opaque(load_image(media_item(media, clip.media)))


def _masked(clip: Clip) -> Clip:
    """Return the clip with its person in white on black, without sound."""
    plain = attrs.evolve(_unadjusted(clip), volume=0.0)
    if clip.kind == "card":
        return attrs.evolve(plain, background=None, color="#000000", text=None)
    return attrs.evolve(plain, background=Background("matte"))
