"""Estimating the credits, the time and the result's size of a job."""

from __future__ import annotations

from functools import partial

from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._flows.uploads import prepare_all
from nemovideo._jobs.arguments import check_background, check_source
from nemovideo._jobs.plan import Background, plan, suggested_format
from nemovideo._jobs.preview import footage_of, prepared
from nemovideo._support.amounts import credits_text
from nemovideo._support.outputs import is_still
from nemovideo._uploads.trust import check_sources
from nemovideo.errors import UnsupportedFileError
from nemovideo.files import Source, is_url
from nemovideo.models import Estimate, MediaInfo

_CLOUD_SECONDS_PER_SECOND = 45 / 20
"""The service names 30 to 60 seconds for a clip of 20 (docs/protocol.md, "Timing")."""

_CLOUD_LEAST_S = 20.0
_FPS = 30.0


def of_source(
    context: Context,
    source: Source,
    background: Background,
    format: str | None,  # noqa: A002 - the protocol's word
    quality: str,
) -> Flow[Estimate]:
    """Estimate what `remove_background` will take; nothing is sent.

    Raises:
        InvalidRequestError: The arguments conflict.
        UnsupportedFileError: The source is audio.
        AgentError: The local agent does not understand the background.
    """
    check_source(source)
    check_background(background)
    local_files = context.settings.local_files
    check_sources([source], local_files=local_files)
    *_, chosen = plan(background, None, format, local_files=local_files)
    credits = float(context.settings.edit_cost)  # noqa: A001 - the service's own word
    if is_url(source):
        return Estimate(credits, None, None, "rough: a URL is not read before it is uploaded")
    (upload,) = yield from prepare_all([source])
    if upload.header.kind == "audio":
        raise UnsupportedFileError(
            f"{upload.name} is audio, and has no background",
            remedy="Give a video or a picture.",
        )
    if format is None:
        chosen = suggested_format(upload, background)
    pixels = _pixels(upload.header, chosen)
    if context.backend is None:
        return _in_the_cloud(credits, upload.header, pixels, chosen, quality)
    known = yield from blocking(partial(_known, context, pixels, chosen, quality))
    if known is None:
        yield from _measure(context, source, background, chosen)
        known = yield from blocking(partial(_known, context, pixels, chosen, quality))
    seconds, size_bytes, measured = known or (None, None, False)
    sure = "from this machine's renders" if measured else "typical of the format"
    return Estimate(
        credits,
        seconds,
        size_bytes,
        f"measured: the time is from this machine's renders; the size is {sure}",
    )


def _in_the_cloud(
    credits: float,  # noqa: A002 - the service's own word
    header: MediaInfo,
    pixels: int | None,
    format_: str,
    quality: str,
) -> Estimate:
    from nemovideo.local import rates

    seconds = None
    if header.duration_ms is not None:
        seconds = max(_CLOUD_LEAST_S, header.duration_ms / 1000 * _CLOUD_SECONDS_PER_SECOND)
    bits = rates.size(format_, quality).bits
    return Estimate(
        credits,
        seconds,
        None if pixels is None else round(pixels * bits / 8),
        f"rough: about {credits_text(credits)} per edit, free exports, and 30 to 60 s per 20 s of "
        "video; the size is typical of the format",
    )


def _pixels(header: MediaInfo, format_: str) -> int | None:
    """Return the total number of pixels of the result's frames, if known."""
    if header.width is None or header.height is None:
        return None
    frames = 1.0
    if header.kind == "video" and not is_still(format_):
        if header.duration_ms is None:
            return None
        frames = max(1.0, header.duration_ms / 1000 * (header.fps or _FPS))
    return round(header.width * header.height * frames)


def _known(
    context: Context, pixels: int | None, format_: str, quality: str
) -> tuple[float | None, int | None, bool] | None:
    """Return seconds, bytes and whether the size was measured; None if the speed is unknown."""
    from nemovideo.local import rates

    assert context.backend is not None
    speed = rates.speed(context.backend.engine_name, format_)
    if speed is None:
        return None
    size = rates.size(format_, quality)
    if pixels is None:
        return None, None, False
    return pixels / speed, round(pixels * size.bits / 8), size.measured


def _measure(context: Context, source: Source, background: Background, format_: str) -> Flow[None]:
    """Measure this machine's speed by rendering the first frames of the clip."""
    uploads, words = yield from prepared(context, source, background)

    def measure() -> None:
        from nemovideo.local import rates
        from nemovideo.local.previews import measured_speed

        assert context.backend is not None
        with footage_of(uploads) as footage:
            speed = measured_speed(footage, words, format_, context.backend.load_engine)
        rates.record_speed(context.backend.engine_name, format_, speed)

    yield from blocking(measure)
