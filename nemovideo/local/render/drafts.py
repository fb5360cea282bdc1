"""A draft as a format needs it: for the mask alone, or for a single picture."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from PIL import Image

from nemovideo._support.outputs import BUNDLE
from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import load_image, media_item, opaque
from nemovideo.local.render.encoding import Format, animated
from nemovideo.local.timeline import Background, Clip, Timeline

_STILL = ("image", "card")


def for_format(timeline: Timeline, media: Mapping[str, MediaItem], kind: Format) -> Timeline:
    """Return the draft to be rendered for a format; most take it as it is.

    For the mask alone everything but the pictures and their time is left out. A
    single picture has the photo's own size.

    Raises:
        RenderFailedError: A video is to be one picture.
    """
    if kind.still:
        timeline = _still(timeline, media, kind)
    if kind.stacked or kind.name == BUNDLE:
        clips = tuple(_cut_out(clip) for clip in timeline.clips)
        timeline = attrs.evolve(timeline, clips=clips)
    if kind.matte:
        clips = tuple(_masked(clip) for clip in timeline.clips)
        timeline = attrs.evolve(
            timeline, clips=clips, titles=(), overlays=(), sounds=(), fade_in_ms=0, fade_out_ms=0
        )
    return timeline


def settled(timeline: Timeline, kind: Format) -> Format:
    """Return the format as this draft needs it: a WebP of one picture, or a moving one."""
    return animated(kind) if kind.name == "webp" and moves(timeline) else kind


def moves(timeline: Timeline) -> bool:
    """Return whether the draft is a video, not one picture."""
    moving = any(clip.kind not in _STILL for clip in timeline.clips)
    return (moving and timeline.duration_ms > 1500 / timeline.fps) or len(timeline.clips) > 1


def _cut_out(clip: Clip) -> Clip:
    """Return the clip with nothing behind its person, unless the draft says what."""
    if clip.background is not None or clip.kind == "card":
        return clip
    return attrs.evolve(clip, background=Background("transparent"))


def _still(timeline: Timeline, media: Mapping[str, MediaItem], kind: Format) -> Timeline:
    frame_ms = 1000 / timeline.fps
    if moves(timeline):
        raise RenderFailedError(
            f"{kind.name} holds one picture, and this draft is a video: ask for gif, or for zip, "
            "which holds a PNG for each frame"
        )
    clip = timeline.clips[0]
    photo = media.get(clip.media or "")
    if not timeline.shaped and photo is not None and photo.width and photo.height:
        timeline = attrs.evolve(timeline, width=photo.width, height=photo.height)
    return attrs.evolve(
        timeline,
        clips=(attrs.evolve(clip, duration_ms=round(frame_ms)),),
        sounds=(),
        fade_in_ms=0,
        fade_out_ms=0,
    )


def plain_photo(timeline: Timeline, media: Mapping[str, MediaItem]) -> Image.Image | None:
    """Return the photo that the draft consists of, None if it has more or changes its colors."""
    clip = timeline.clips[0]
    plain = Clip("image", clip.duration_ms, clip.name, clip.media, background=clip.background)
    added = timeline.titles or timeline.overlays or len(timeline.clips) > 1
    if clip != plain or timeline.shaped or added:
        return None
    return opaque(load_image(media_item(media, clip.media)))


def _masked(clip: Clip) -> Clip:
    """Return the clip with its person white, all else black, and no sound."""
    plain = attrs.evolve(clip, volume=0.0, brightness=0.0, contrast=1.0, saturation=1.0)
    if clip.kind == "card":
        return attrs.evolve(plain, background=None, color="#000000", text=None)
    return attrs.evolve(plain, background=Background("matte"))
