"""Estimate a job's credits, its duration and the size of its result."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import attrs

from nemovideo._flows import render
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._flows.uploads import prepare_all
from nemovideo._jobs.files import check_kind, within_video
from nemovideo._jobs.job_spec import Background, JobSpec, Trim, spec_for, suggested_format
from nemovideo._jobs.preview import edited_draft, footage_of
from nemovideo._support.outputs import is_still
from nemovideo._values.lines import credits_text
from nemovideo.files import Source, Upload, is_url
from nemovideo.models import Estimate, MediaInfo

if TYPE_CHECKING:
    from nemovideo.local import LocalBackend
    from nemovideo.local.rates import Size

_CLOUD_SECONDS_PER_SECOND = 45 / 20
"""The service quotes 30 to 60 seconds for a 20-second clip (docs/protocol.md, "Timing")."""

_CLOUD_MIN_S = 20.0
"""The service quotes 10 to 30 seconds for any edit."""

_FPS = 30.0
_TYPICAL = "size: typical for this format"

log = logging.getLogger("nemovideo")


def of_source(
    context: Context,
    source: Source,
    background: Background,
    format: str | None,  # noqa: A002 - the protocol's name
    quality: str,
    trim: Trim | None = None,
    edit: str | None = None,
) -> Flow[Estimate]:
    """Estimate what `remove_background` will take; see `Client.estimate`."""
    spec = spec_for(
        source,
        background,
        format=format,
        edit=edit,
        trim=trim,
        quality=quality,
        local_files=context.settings.local_files,
    )
    render.check_quality(context, quality)
    credits = float(context.settings.edit_cost)  # noqa: A001 - the protocol's name
    if is_url(source):
        return Estimate(credits, None, None, "rough: a URL is not read before it is uploaded")
    uploads = yield from prepare_all([file for file in spec.files if not is_url(file)])
    chosen = spec.format or suggested_format(uploads[0], background)
    check_kind(uploads[0], chosen)
    spec = within_video(spec, uploads[0])
    header = _trimmed(uploads[0].header, spec.trim)
    if context.backend is None:
        estimate = yield from _in_cloud(credits, header, chosen, quality, edited=edit is not None)
        return attrs.evolve(estimate, warnings=spec.notes)
    return (yield from _locally(context, context.backend, credits, spec, uploads, chosen))


def _in_cloud(
    credits_: float, header: MediaInfo, format_: str, quality: str, *, edited: bool
) -> Flow[Estimate]:
    from nemovideo.local import rates

    size = yield from blocking(partial(rates.size, format_, quality))
    pixels = _pixels(header, format_)
    without = ", without the edit" if edited else ""
    return Estimate(
        credits_,
        _cloud_seconds(header),
        None if pixels is None else _bytes(pixels, size),
        f"rough: about {credits_text(credits_)} per edit, free exports, and 30 to 60 s per "
        f"20 s of video, but at least {_CLOUD_MIN_S:.0f} s; {_TYPICAL}{without}",
    )


def _locally(
    context: Context,
    backend: LocalBackend,
    credits_: float,
    spec: JobSpec,
    uploads: list[Upload],
    format_: str,
) -> Flow[Estimate]:
    """Estimate from the local agent's draft of the clip, which is not sent."""
    clock = context.settings.clock

    def compute() -> Estimate:
        from nemovideo.local import rates
        from nemovideo.local.previews import measured_speed

        began_s = clock.monotonic()
        size = rates.size(format_, spec.quality)
        speed = rates.speed(backend.engine_name, format_)
        basis = "measured: time and size from earlier renders on this machine"
        if not size.measured:
            basis = f"measured: time from earlier renders on this machine; {_TYPICAL}"
        with footage_of(uploads) as footage:
            timeline, media, reply = edited_draft(spec, uploads, footage)
            log.debug("estimate: the clip was probed in %.2f s", clock.monotonic() - began_s)
            if speed is None:
                began_s = clock.monotonic()
                speed = measured_speed(timeline, media, format_, backend.load_engine)
                basis = "measured on a few frames just now; " + (
                    "size from earlier renders on this machine" if size.measured else _TYPICAL
                )
                log.debug(
                    "estimate: %.1f million pixels/s, measured in %.2f s",
                    speed / 1e6,
                    clock.monotonic() - began_s,
                )
        frames = _frames(timeline.duration_ms, timeline.fps, format_)
        pixels = round(timeline.width * timeline.height * frames)
        seconds, output_bytes = pixels / speed, _bytes(pixels, size)
        return Estimate(credits_, seconds, output_bytes, basis, reply.warnings)

    return (yield from blocking(compute))


def _trimmed(header: MediaInfo, trim: Trim | None) -> MediaInfo:
    """Return the header of the part to keep, which lies within the video."""
    if trim is None or header.duration_ms is None:
        return header
    start_s, end_s = trim
    return attrs.evolve(header, duration_ms=max(1, round(1000 * (end_s - start_s))))


def _cloud_seconds(header: MediaInfo) -> float | None:
    if header.duration_ms is None:
        return None
    return max(_CLOUD_MIN_S, header.duration_ms / 1000 * _CLOUD_SECONDS_PER_SECOND)


def _bytes(pixels: int, size: Size) -> int:
    return round(pixels * size.bits / 8)


def _pixels(header: MediaInfo, format_: str) -> int | None:
    """Return the total number of pixels of the result's frames, if known."""
    if header.width is None or header.height is None:
        return None
    if header.kind != "video":
        return header.width * header.height
    if header.duration_ms is None and not is_still(format_):
        return None
    frames = _frames(header.duration_ms or 0, header.fps or _FPS, format_)
    return round(header.width * header.height * frames)


def _frames(duration_ms: int, fps: float, format_: str) -> float:
    return 1.0 if is_still(format_) else max(1.0, duration_ms / 1000 * fps)
