"""Audio that is copied from the source to the output without re-encoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av.error

from nemovideo.local.media.containers import main_audio, open_media, origin_s
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.decoding import packets_of
from nemovideo.local.timeline import Timeline

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_CODEC = "aac"
_LEAD_PACKETS = 2
_MAX_GAP_S = Fraction(1, 25)


class CopiedSound:
    """The AAC packets of a file, written along with the frames."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packets = _timed_packets(path)
        self._next: tuple[int, Packet[Stream]] | None = None
        self._time_base = Fraction(1)
        self._container: OutputContainer | None = None
        self._stream: AudioStream | None = None

    def begin(self, container: OutputContainer) -> None:
        """Add the stream to the output."""
        with open_media(self._path) as source:
            stream = main_audio(source)
            assert stream is not None
            assert stream.time_base is not None
            self._time_base = stream.time_base
            self._stream = container.add_stream_from_template(stream)
        self._container = container
        self._next = next(self._packets, None)

    def write_until(self, end_s: Fraction) -> None:
        """Write the packets that start before a time."""
        assert self._container is not None
        assert self._stream is not None
        end = end_s / self._time_base
        while self._next is not None and self._next[0] < end:
            packet = self._next[1]
            packet.stream = self._stream
            self._container.mux(packet)
            self._next = next(self._packets, None)


def copied_sound(timeline: Timeline, media: Mapping[str, MediaItem]) -> CopiedSound | None:
    """Return the draft's audio for copying, or None if it must be mixed.

    It can be copied if the draft is a single clip from the start of its file, at its original speed
    and volume, without music or fades. It must be AAC, and start with the picture: not all players
    respect an initial gap.
    """
    if len(timeline.clips) != 1 or timeline.sounds or timeline.fade_in_ms or timeline.fade_out_ms:
        return None
    clip = timeline.clips[0]
    if clip.background is not None and clip.background.volume:
        return None
    item = media.get(clip.media or "")
    changed = (clip.source_start_ms, clip.speed, clip.volume) != (0, 1, 1)
    if (
        item is None
        or item.broken_clock
        or clip.kind != "video"
        or not item.has_audio
        or changed
        or item.warnings
    ):
        return None
    with open_media(item.path) as container:
        stream = main_audio(container)
        if stream is None or stream.codec_context.name != _CODEC:
            return None
        if not stream.codec_context.extradata:  # ADTS, which MP4 does not support
            return None
        start_s = (stream.start_time or 0) * (stream.time_base or 0) - origin_s(container, stream)
        if abs(start_s) > _MAX_GAP_S:
            return None
        if not _is_intact(container, stream):
            return None
    return CopiedSound(item.path)


def _is_intact(container: InputContainer, stream: AudioStream) -> bool:
    """Return whether all packets can be decoded; damaged audio is not copied."""
    try:
        for packet in container.demux(stream):
            packet.decode()
    except av.error.FFmpegError:
        return False
    return True


def _timed_packets(path: Path) -> Iterator[tuple[int, Packet[Stream]]]:
    """Yield (time from the start of the file, packet), with shifted timestamps.

    Up to two packets before the start are included, as the decoder's preroll.
    """
    with open_media(path) as container:
        stream = main_audio(container)
        assert stream is not None
        assert stream.time_base is not None
        shift = round(origin_s(container, stream) / stream.time_base)
        for packet in packets_of(container, stream, lambda: None):
            if packet.pts is None or packet.dts is None or not packet.size:
                continue
            packet.pts -= shift
            packet.dts -= shift
            if packet.pts + _LEAD_PACKETS * (packet.duration or 0) >= 0:
                yield packet.pts, packet
