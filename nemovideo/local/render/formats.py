"""Output formats: their properties, and the codecs and options of their containers."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from nemovideo._support.outputs import (
    BUNDLE,
    FORMATS,
    MATTE,
    STACKED,
    STILLS,
    WITH_ALPHA,
    known_format,
)
from nemovideo.errors import RenderFailedError

TEN_BITS = "yuva444p10le"
_GIF_SIDE = 480
_GIF_FPS = 15
_WEBP_SIDE = 720
_WEBP_FPS = 30


@attrs.frozen
class Format:
    """Properties of a format; `name` is without the prefix "matte." or "stacked.".

    `max_side` applies if the draft sets no size, and `max_fps` if it sets no rate. `matte` is the
    mask only, without sound and transparency; `stacked` is the color above the mask.
    """

    name: str
    matte: bool = False
    stacked: bool = False
    has_alpha: bool = False
    has_sound: bool = True
    still: bool = False
    square_pixels: bool = False
    max_side: int | None = None
    max_fps: int | None = None


def format_named(name: str) -> Format:
    """Return the format of that name.

    Raises:
        RenderFailedError: The format is unknown; the message lists the known ones.
    """
    known = known_format(name)
    if known is None:
        raise RenderFailedError(
            f"unknown format {name!r}; known formats: {', '.join(FORMATS)}, {STACKED}.mp4, "
            f"{BUNDLE}.zip, and for the mask {MATTE}.mp4 and similar"
        )
    first, _, kind = known.rpartition(".")
    if first == BUNDLE:
        return Format(BUNDLE, has_alpha=True)
    matte = first == MATTE
    return Format(
        kind,
        matte=matte,
        stacked=first == STACKED,
        has_alpha=first == STACKED or (kind in WITH_ALPHA and not matte),
        has_sound=kind in ENCODINGS and not matte,
        still=kind in STILLS,
        square_pixels=kind not in ENCODINGS,
        max_side=_GIF_SIDE if kind == "gif" else None,
        max_fps=_GIF_FPS if kind == "gif" else None,
    )


def animated(kind: Format) -> Format:
    """Return the format of an animated WebP."""
    return attrs.evolve(kind, still=False, max_side=_WEBP_SIDE, max_fps=_WEBP_FPS)


@attrs.frozen
class Encoding:
    """Codecs and options of a container; `crf` is for high, medium and low quality."""

    container: str
    video: str
    audio: str
    pixel_format: str
    alpha_pixel_format: str | None
    audio_bit_rate: int | None
    crf: tuple[int, int, int] | None = None
    video_options: Mapping[str, str] = attrs.field(factory=dict)
    container_options: Mapping[str, str] = attrs.field(factory=dict)


ENCODINGS: Mapping[str, Encoding] = {
    "mp4": Encoding(
        container="mp4",
        video="libx264",
        audio="aac",
        pixel_format="yuv420p",
        alpha_pixel_format=None,
        audio_bit_rate=192_000,
        crf=(19, 24, 29),
        # subq=1 is a third faster, and the PSNR (about 50 dB) falls by half a decibel. Lookahead
        # in the same thread saves 25 MB, and is not slower. Lookahead of 7 frames instead of 10
        # saves 20 MB at 1080p and a few percent of the file, and the PSNR (about 53 dB) falls by
        # half a decibel.
        video_options={
            "preset": "veryfast",
            "subq": "1",
            "x264-params": "sync-lookahead=0:rc-lookahead=7",
        },
        container_options={"movflags": "+faststart"},
    ),
    "webm": Encoding(
        container="webm",
        video="libvpx-vp9",
        audio="libopus",
        pixel_format="yuv420p",
        alpha_pixel_format="yuva420p",
        audio_bit_rate=128_000,
        crf=(24, 31, 38),
        # Measured at 1080p with alpha: faster than x264's veryfast without.
        video_options={
            "b": "0",
            "deadline": "realtime",
            "cpu-used": "8",
            "row-mt": "1",
            "tile-columns": "2",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",  # VP9 with alpha does not allow it
        },
    ),
    "mov": Encoding(
        container="mov",
        # Not "prores": its alpha tops out at 4092 of 4095. A fixed quantizer makes prores_ks
        # several times faster, at the same size and quality.
        video="prores_ks",
        audio="pcm_s16le",
        pixel_format="yuv422p10le",
        alpha_pixel_format=TEN_BITS,
        audio_bit_rate=None,
        video_options={
            "flags": "+qscale",
            "global_quality": "118",  # a quantizer of 1
            "alpha_bits": "16",
            "vendor": "apl0",
        },
    ),
}
