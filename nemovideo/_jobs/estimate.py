"""Estimating the credits, the time and the result's size of a job."""

from __future__ import annotations

from functools import partial

from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._flows.uploads import prepare_all
from nemovideo._jobs.arguments import check_arguments
from nemovideo._jobs.files import check_kind
from nemovideo._jobs.plan import Background, plan, suggested_format
from nemovideo._jobs.preview import footage_of, prepared
from nemovideo._support.outputs import is_still
from nemovideo._values.lines import credits_text
from nemovideo.files import Source, is_url
from nemovideo.models import Estimate, MediaInfo

_CLOUD_SECONDS_PER_SECOND = 45 / 20
"""The service quotes 30 to 60 seconds for a 20-second clip (docs/protocol.md, "Timing")."""

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
        InvalidRequestError: The arguments conflict, or the format is for pictures only.
        UnsupportedFileError: The source is audio.
        AgentError: The local agent does not understand the background.
    """
    local_files = context.settings.local_files
    check_arguments(source, background, local_files=local_files)
    *_, chosen = plan(background, None, format, local_files=local_files)
    credits = float(context.settings.edit_cost)  # noqa: A001 - the service's own word
    if is_url(source):
        return Estimate(credits, None, None, "rough: a URL is not read before it is uploaded")
    (upload,) = yield from prepare_all([source])
    if format is None:
        chosen = suggested_format(upload, background)
    check_kind(upload, chosen)
    from nemovideo.local import rates

    pixels = _pixels(upload.header, chosen)
    size = yield from blocking(partial(rates.size, chosen, quality))
    output_bytes = None if pixels is None else round(pixels * size.bits / 8)
    if context.backend is None:
        return Estimate(
            credits,
            _cloud_seconds(upload.header),
            output_bytes,
            f"rough: about {credits_text(credits)} per edit, free exports, and 30 to 60 s per "
            "20 s of video; the size is typical of the format",
        )
    speed = yield from blocking(partial(rates.speed, context.backend.engine_name, chosen))
    if speed is None:
        speed = yield from _measure(context, source, background, chosen)
    size_basis = "from this machine's renders" if size.measured else "typical of the format"
    return Estimate(
        credits,
        None if pixels is None else pixels / speed,
        output_bytes,
        f"measured: the time is from this machine's renders; the size is {size_basis}",
    )


def _cloud_seconds(header: MediaInfo) -> float | None:
    if header.duration_ms is None:
        return None
    return max(_CLOUD_LEAST_S, header.duration_ms / 1000 * _CLOUD_SECONDS_PER_SECOND)


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


def _measure(context: Context, source: Source, background: Background, format_: str) -> Flow[float]:
    """Return the pixels per second of this machine, from rendering the clip's first frames."""
    uploads, words = yield from prepared(context, source, background)

    def measure() -> float:
        from nemovideo.local import rates
        from nemovideo.local.previews import measured_speed

        assert context.backend is not None
        with footage_of(uploads) as footage:
            speed = measured_speed(footage, words, format_, context.backend.load_engine)
        rates.record_speed(context.backend.engine_name, format_, speed)
        return speed

    return (yield from blocking(measure))
