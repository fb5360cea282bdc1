"""Clips: a video as a camera would record it, and the true alpha of every frame.

    from benchmarks.matting.clips import tuning_clips, report_clips, truth

    for clip in tuning_clips():
        clip.video          # H.264, 30 fps
        for alpha in truth(clip):
            ...             # uint8, height × width, 0..255: gray FFV1 in `clip.alpha`

They are rendered once, in a few seconds each, and cached. People are composited over a
background, some in linear light. Then sensor noise is added, and the clip is encoded as H.264 at
the quality of a camera. Clips with people in the background are `hard`, because their true mask is
debatable, and have separate means.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import attrs
import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from benchmarks.matting import motion, people
from benchmarks.matting.sources import bench_dir
from benchmarks.matting.specs import REPORT, SPEED, TUNING, Size, Spec

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

FPS = 30
FRAMES = 120
_VERSION = 1
_BT709 = 1


@attrs.frozen
class KnownClip:
    """A rendered clip: the video, and the alpha as a gray FFV1 video of the same size and length.

    `kind` is "static", "moving", "fast", "small", "two", "hair" or "people" (in the
    background).
    """

    name: str
    video: Path
    alpha: Path
    size: Size
    frames: int
    kind: str
    hard: bool


def tuning_clips(*, frames: int = FRAMES) -> tuple[KnownClip, ...]:
    """Return the clips for tuning, rendered on first use."""
    return tuple(_composite_clip(spec, frames) for spec in TUNING)


def report_clips(*, frames: int = FRAMES) -> tuple[KnownClip, ...]:
    """Return the held-out clips for reporting; never tune on them."""
    return tuple(_composite_clip(spec, frames) for spec in REPORT)


def named_clips(parts: Sequence[str], *, frames: int = FRAMES) -> tuple[KnownClip, ...]:
    """Return the clips of both groups whose names contain one of these parts."""
    chosen = [spec for spec in (*TUNING, *REPORT) if any(part in spec.name for part in parts)]
    return tuple(_composite_clip(spec, frames) for spec in chosen)


def folder_clips(folder: Path, *, frames: int = FRAMES) -> tuple[KnownClip, ...]:
    """Return the clips of a folder: `NAME.mp4` with its true alpha in `NAME.alpha.mkv`.

    Raises:
        FileNotFoundError: A clip has no alpha, or there are no clips.
    """
    clips: list[KnownClip] = []
    for video in sorted(folder.glob("*.mp4")):
        alpha = video.with_suffix(".alpha.mkv")
        with av.open(str(alpha)) as container:
            stream = container.streams.video[0]
            size = stream.width, stream.height
            count = sum(1 for _ in container.decode(stream))
        clips.append(KnownClip(video.stem, video, alpha, size, min(count, frames), "given", False))
    if not clips:
        raise FileNotFoundError(f"there is no NAME.mp4 in {folder}")
    return tuple(clips)


def speed_clip(size: Size, *, moving: bool, seconds: int) -> KnownClip:
    """Return a long clip with audio for measuring speed."""
    spec = SPEED[size, moving]
    return _composite_clip(spec, seconds * FPS, sound=True)


def truth(clip: KnownClip) -> Iterator[Bytes]:
    """Yield the true alpha of each frame, uint8, height × width, 0..255."""
    with av.open(str(clip.alpha)) as container:
        for frame in islice(container.decode(video=0), clip.frames):
            yield frame.to_ndarray(format="gray").astype(np.uint8, copy=False)


def pictures(clip: KnownClip) -> Iterator[Bytes]:
    """Yield the frames of the video, uint8, height × width × 3, RGB."""
    with av.open(str(clip.video)) as container:
        for frame in islice(container.decode(video=0), clip.frames):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _composite_clip(spec: Spec, frames: int, *, sound: bool = False) -> KnownClip:
    stem = f"{spec.name}-{spec.size[1]}p-{frames}-{_VERSION}"
    folder = bench_dir() / "clips"
    video, alpha = folder / f"{stem}.mp4", folder / f"{stem}.alpha.mkv"
    if not (video.is_file() and alpha.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        parts = [path.with_name(f".{os.getpid()}.{path.name}") for path in (video, alpha)]
        _make(spec, frames, parts[0], parts[1], sound=sound)
        parts[0].replace(video)
        parts[1].replace(alpha)
    return KnownClip(spec.name, video, alpha, spec.size, frames, spec.kind, spec.hard)


def _make(spec: Spec, frames: int, video: Path, alpha: Path, *, sound: bool) -> None:
    width, height = spec.size
    cast = _cast(spec)
    room = spec.room(spec.size)
    random = np.random.default_rng(1)
    noise = random.normal(0, spec.noise, (height + 64, width + 64, 3)).astype(np.float32)
    with av.open(str(video), "w") as film, av.open(str(alpha), "w") as mask:
        pictures_out = film.add_stream("libx264", rate=FPS)
        pictures_out.width, pictures_out.height = width, height
        pictures_out.pix_fmt = "yuv420p"
        pictures_out.options = {"crf": str(spec.crf), "preset": "veryfast"}
        pictures_out.codec_context.colorspace = _BT709
        pictures_out.codec_context.color_primaries = _BT709
        pictures_out.codec_context.color_trc = _BT709
        alpha_out = mask.add_stream("ffv1", rate=FPS)
        alpha_out.width, alpha_out.height = width, height
        alpha_out.pix_fmt = "gray"
        tone = film.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(frames):
            rgba = cast(number)
            seen = rgba[..., 3:]
            background = room(number)
            if spec.linear:
                shown = np.sqrt(_unmixed(rgba) ** 2 * seen + background**2 * (1 - seen))
            else:
                shown = rgba[..., :3] + background * (1 - seen)
            top, left = random.integers(0, 64, 2)
            shown = shown + noise[top : top + height, left : left + width]
            picture = VideoFrame.from_ndarray(_bytes(shown), format="rgb24")
            yuv = picture.reformat(format="yuv420p", dst_colorspace=_BT709)
            film.mux(pictures_out.encode(_timed(yuv, number)))
            gray = VideoFrame.from_ndarray(_bytes(rgba[..., 3]), format="gray")
            mask.mux(alpha_out.encode(_timed(gray, number)))
        film.mux(pictures_out.encode(None))
        mask.mux(alpha_out.encode(None))
        if tone is not None:
            for start in range(0, frames * 48_000 // FPS, 1024):
                wave = np.sin(np.arange(start, start + 1024) / 48_000 * 6.28 * 220) * 0.1
                block = av.AudioFrame.from_ndarray(
                    wave.astype(np.float32)[np.newaxis], format="fltp", layout="mono"
                )
                block.sample_rate, block.pts = 48_000, start
                block.time_base = Fraction(1, 48_000)
                film.mux(tone.encode(block))
            film.mux(tone.encode(None))


def _cast(spec: Spec) -> Callable[[int], Floats]:
    """Return a function from frame number to all people, premultiplied RGBA."""
    if callable(spec.actors):
        return spec.actors(spec.size)
    actors = [(actor, people.cutout(actor.person).rgba) for actor in spec.actors]

    def together(frame: int) -> Floats:
        (first, rgba), *others = actors
        frame_rgba = motion.warp(rgba, first.path(frame), spec.size, (first.place, first.height))
        for actor, rgba in others:
            front = motion.warp(rgba, actor.path(frame), spec.size, (actor.place, actor.height))
            frame_rgba = front + frame_rgba * (1 - front[..., 3:])
        return frame_rgba

    return together


def _unmixed(rgba: Floats) -> Floats:
    """Return unpremultiplied colors."""
    colors: Floats = np.clip(rgba[..., :3] / np.maximum(rgba[..., 3:], 1e-3), 0, 1)
    return colors


def _bytes(picture: Floats) -> Bytes:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _timed(frame: VideoFrame, number: int) -> VideoFrame:
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame
