"""MP4, MOV and M4A: the movie box (ISO/IEC 14496-12, Apple's QuickTime format)."""

from __future__ import annotations

import math

import attrs

from nemovideo._uploads.inspect.boxes import Box, boxes, children, version
from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader, truncated
from nemovideo.models import MediaInfo

_CODECS = {
    **dict.fromkeys((b"avc1", b"avc3"), "h264"),
    **dict.fromkeys((b"hvc1", b"hev1"), "hevc"),
    **dict.fromkeys((b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"ap4x"), "prores"),
    b"av01": "av1",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"jpeg": "mjpeg",
    b"png ": "png",
    b"mp4a": "aac",
    b"Opus": "opus",
    b"fLaC": "flac",
    b"alac": "alac",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b".mp3": "mp3",
    b"sowt": "pcm_s16le",
}
_REQUIRED = (b"moov", b"mdat", b"moof")
_MAX_TRACKS = 64
_ENABLED = 1


@attrs.frozen
class _Track:
    handler: bytes = b""
    enabled: bool = True
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    rotation_deg: int = 0
    fps: float | None = None
    duration_ms: int | None = None


@attrs.frozen
class _Movie:
    tracks: tuple[_Track, ...]
    duration_ms: int | None
    fragmented: bool


def parse(reader: Reader) -> MediaInfo:
    """Parse the movie box, and check that the top-level boxes are complete."""
    movie: _Movie | None = None
    brand = b"qt  "  # old QuickTime files have no ftyp box
    fragments = 0
    try:
        for box in boxes(reader, 0, reader.size):
            if box.end > reader.size and (movie is None or box.type in _REQUIRED):
                # A truncated fragmented file plays up to its last complete fragment.
                if movie is None or not movie.fragmented or fragments <= (box.type == b"mdat"):
                    raise truncated(box.end, reader.size)
                break
            if box.type == b"ftyp":
                brand = reader.read(box.start, 4)
            elif box.type == b"moov" and movie is None:
                movie = _movie(reader, box)
            fragments += box.type == b"moof"
    except BudgetError:  # such as thousands of fragments
        if movie is None:
            raise
    if movie is None:
        raise DamagedError("has no moov box: the recording was not finished, or is truncated")
    return _info(movie, brand, reader.size)


def _info(movie: _Movie, brand: bytes, size: int) -> MediaInfo:
    sound = next((t for t in movie.tracks if t.handler == b"soun"), None)
    pictures = [track for track in movie.tracks if track.handler == b"vide"]
    # The chapter pictures of an audiobook are a video track that is not enabled.
    shown = [track for track in pictures if track.enabled] or ([] if sound else pictures)
    video = shown[0] if shown else _Track()
    only_sound = sound is not None and not shown
    format_ = "mov" if brand == b"qt  " else "mp4"
    return MediaInfo(
        format="m4a" if only_sound or brand in (b"M4A ", b"M4B ") else format_,
        kind="audio" if only_sound else "video",
        size_bytes=size,
        duration_ms=movie.duration_ms or video.duration_ms or (sound and sound.duration_ms) or None,
        width=video.width,
        height=video.height,
        rotation_deg=video.rotation_deg if shown else None,
        fps=video.fps,
        video_codec=video.codec,
        audio_codec=sound.codec if sound else None,
    )


def _movie(reader: Reader, moov: Box) -> _Movie:
    tracks: list[_Track] = []
    scale, duration, fragmented, compressed = 0, 0, False, False
    for box in boxes(reader, moov.start, moov.end):
        if box.end > moov.end:
            raise DamagedError("has a damaged header")
        if box.type == b"mvhd":
            scale, duration = _time(reader, box)
        elif box.type == b"trak" and len(tracks) < _MAX_TRACKS:
            tracks.append(_track(reader, box))
        elif box.type == b"mvex":
            fragmented = True
        elif box.type == b"cmov":
            compressed = True
    if not tracks and not compressed:
        raise DamagedError("has no tracks")
    return _Movie(tuple(tracks), _in_ms(duration, scale), fragmented)


def _track(reader: Reader, trak: Box) -> _Track:
    track, seconds = _Track(), 0.0
    if (tkhd := children(reader, trak, b"tkhd").get(b"tkhd")) is not None:
        long, flags = version(reader, tkhd)
        a, b = reader.unpack(">ii", tkhd.start + (52 if long else 40))
        rotation = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
        track = _Track(enabled=bool(flags & _ENABLED), rotation_deg=rotation)
    mdia = children(reader, trak, b"mdia").get(b"mdia")
    parts = {} if mdia is None else children(reader, mdia, b"mdhd", b"hdlr", b"minf")
    if (hdlr := parts.get(b"hdlr")) is not None:
        track = attrs.evolve(track, handler=reader.read(hdlr.start + 8, 4))
    if (mdhd := parts.get(b"mdhd")) is not None:
        scale, duration = _time(reader, mdhd)
        seconds = duration / scale if scale else 0.0
        track = attrs.evolve(track, duration_ms=_in_ms(duration, scale))
    minf = parts.get(b"minf")
    stbl = None if minf is None else children(reader, minf, b"stbl").get(b"stbl")
    return track if stbl is None else _with_samples(reader, stbl, track, seconds)


def _with_samples(reader: Reader, stbl: Box, track: _Track, seconds: float) -> _Track:
    """Return the track with codec, size and frame rate from its sample tables."""
    parts = children(reader, stbl, b"stsd", b"stsz")
    is_video = track.handler == b"vide"
    if is_video and seconds > 0 and (stsz := parts.get(b"stsz")) is not None:
        (samples,) = reader.unpack(">I", stsz.start + 8)
        track = attrs.evolve(track, fps=round(samples / seconds, 3) if samples > 1 else None)
    stsd = parts.get(b"stsd")
    if stsd is None or stsd.end - stsd.start < 16:
        return track
    entry = stsd.start + 8
    track = attrs.evolve(track, codec=_CODECS.get(reader.read(entry + 4, 4)))
    if not is_video or stsd.end - entry < 36:
        return track
    width, height = reader.unpack(">HH", entry + 32)
    if track.rotation_deg % 180:
        width, height = height, width
    return attrs.evolve(track, width=width or None, height=height or None)


def _time(reader: Reader, box: Box) -> tuple[int, int]:
    """Return the time scale and duration of an mvhd or mdhd box; 0 if unknown."""
    long, _ = version(reader, box)
    layout, offset = (">IQ", 20) if long else (">II", 12)
    scale, duration = reader.unpack(layout, box.start + offset)
    unknown = 0xFFFFFFFFFFFFFFFF if long else 0xFFFFFFFF
    return scale, 0 if duration == unknown else duration


def _in_ms(duration: int, scale: int) -> int | None:
    return round(duration * 1000 / scale) or None if scale else None
