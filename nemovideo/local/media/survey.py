"""A scan of all packets of a file: duration, continuity of its clock, and frame sizes.

Only key frames with a new header, whose size may have changed, are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import av
import av.error

from nemovideo.local.media.clock import Clock, is_wrap
from nemovideo.local.media.containers import (
    DECODER_OPTIONS,
    main_audio,
    main_video,
    open_media,
)
from nemovideo.local.media.limits import MAX_PACKETS

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

_BACK_S = Fraction(1, 5)
_GAP_S = Fraction(60)
_GAP_FACTOR = 20
_BUCKET_S = 10
_SAME_RATE = Fraction(15, 100)
_MAX_FRAME_S = Fraction(10)
_MAX_HEADERS = 64
_SPS = {"h264": (7, 0x1F, 0), "hevc": (33, 0x3F, 1)}
"""The NAL unit type of sequence parameter sets, and its mask and shift in the first byte."""
_HEADER_BYTES = {"vp8": slice(3, 10), "vp9": slice(0, 10), "av1": slice(0, 16)}


@attrs.frozen
class Survey:
    """The result of a scan.

    Attributes:
        end_s: When the video (or else the audio) ends, in seconds on the file's clock; if that
            is `broken`, from the first packet.
        last_end_s: When the longer of the two ends.
        frames: The number of packets of the main stream.
        broken: Whether the clock jumps, restarts or stalls.
        stalled: Whether most frames of the video share a timestamp.
        sizes: The stored sizes of key frames with a distinct header.
    """

    end_s: Fraction
    last_end_s: Fraction
    frames: int
    broken: bool
    stalled: bool = False
    sizes: tuple[tuple[int, int], ...] = ()


def survey(path: Path) -> Survey:
    """Scan the packets of the main video and audio streams.

    Raises:
        ValueError: There are more than `MAX_PACKETS`.
    """
    plain = _scan(path, broken=False)
    if plain.stalled:
        return attrs.evolve(
            _scan(path, broken=True, frame_s=_fallback_frame_s(path, plain)), stalled=True
        )
    return _scan(path, broken=True) if plain.broken else plain


def _fallback_frame_s(path: Path, scan: Survey) -> Fraction:
    """Return the frame duration of a video without usable timestamps.

    It is computed from the header's rate, or from the length of the sound if the two disagree.
    """
    with open_media(path) as container:
        rate = getattr(main_video(container), "guessed_rate", None)
        sound = main_audio(container)
        sound_s = scan.last_end_s if scan.last_end_s > scan.end_s else Fraction(0)
        if sound is not None and sound.duration and sound.time_base:
            sound_s = sound.duration * sound.time_base
    rate = Fraction(rate) if rate and _plausible(rate) else None
    if sound_s > 0:
        by_sound = scan.frames / sound_s
        if _plausible(by_sound) and (rate is None or abs(by_sound / rate - 1) > _SAME_RATE):
            rate = by_sound
    return 1 / (rate or Fraction(30))


def _plausible(rate: Fraction) -> bool:
    return 5 <= rate <= 120


def _scan(path: Path, *, broken: bool, frame_s: Fraction | None = None) -> Survey:
    with open_media(path) as container:
        video = main_video(container)
        streams = [s for s in (video, main_audio(container)) if s is not None]
        tracks = {
            s.index: _Track(s, broken=broken, frame_s=frame_s if s is video else None)
            for s in streams
        }
        sizes = _Sizes(video) if video is not None and not broken else None
        audio_buckets: set[int] = set()
        with suppress(av.error.FFmpegError):  # truncated: the packets so far count
            for number, packet in enumerate(container.demux(streams)):
                if number >= MAX_PACKETS:
                    raise ValueError(f"it has more than {MAX_PACKETS:,} packets")
                if packet.size == 0:  # the flush packet, which has no stream
                    continue
                time_s = tracks[packet.stream_index].add(packet)
                if time_s is not None and video is not None:
                    if packet.stream_index != video.index:
                        audio_buckets.add(int(time_s // _BUCKET_S))
                    elif sizes is not None and packet.is_keyframe:
                        sizes.add(packet)
        main = tracks[streams[0].index]
        stalled = video is not None and main.stalled
        ends_s = [track.end_s for track in tracks.values()]
        return Survey(
            end_s=main.end_s,
            last_end_s=max(ends_s),
            frames=main.count,
            broken=stalled
            or any(track.went_back or track.wrapped for track in tracks.values())
            or main.has_gap(audio_buckets if len(streams) > 1 else None),
            stalled=stalled,
            sizes=tuple(sizes.found) if sizes is not None else (),
        )


class _Track:
    """The timestamps of one stream."""

    def __init__(self, stream: Stream, *, broken: bool, frame_s: Fraction | None) -> None:
        rate = getattr(stream, "average_rate", None)
        self._tick_s = stream.time_base or Fraction(1, 1000)
        self._frame_s = frame_s or frame_duration_s(stream)
        if not frame_s and broken and (rate is None or rate < 1):  # derived from the broken clock
            guessed = getattr(stream, "guessed_rate", None) or Fraction(30)
            self._frame_s = 1 / guessed if rate is not None else Fraction(0)
        self._broken = broken
        gapless = stream.type == "audio"
        self._clock = Clock(broken=broken, tick_s=self._tick_s, gapless=gapless)
        self._origin_s: Fraction | None = None
        self._last_s: Fraction | None = None
        self._longest_s = Fraction(0)
        self._gaps: list[tuple[Fraction, Fraction]] = []
        self.count = 0
        self.end_s = Fraction(0)
        self.went_back = False
        self.wrapped = False
        self._repeated = 0

    @property
    def stalled(self) -> bool:
        """Whether most packets share a timestamp with the previous one."""
        return 3 * self._repeated > 2 * self.count

    def add(self, packet: Packet[Stream]) -> Fraction | None:
        """Add a packet, and return its presentation time on the file's clock."""
        shown = packet.pts if packet.pts is not None else packet.dts
        if shown is None or packet.is_discard:
            return None
        coded_s = (packet.dts if packet.dts is not None else shown) * self._tick_s
        shown_s = shown * self._tick_s
        duration_s = (packet.duration or 0) * self._tick_s or self._frame_s
        if self._broken:
            duration_s = self._frame_s or min(duration_s, _MAX_FRAME_S)
            if self._origin_s is None:
                self._origin_s = coded_s
            due_s = self._clock.at(coded_s, duration_s) - self._origin_s
            self.end_s = max(self.end_s, due_s + duration_s)
        else:
            self.end_s = max(self.end_s, shown_s + duration_s)
        self._compare(coded_s)
        self.count += 1
        return shown_s

    def has_gap(self, audio_buckets: set[int] | None) -> bool:
        """Return whether there is a long gap without packets of the other stream."""
        for start_s, end_s in self._gaps:
            first, last = int(start_s // _BUCKET_S) + 1, int(end_s // _BUCKET_S)
            if audio_buckets is None or not any(first <= bucket < last for bucket in audio_buckets):
                return True
        return False

    def _compare(self, coded_s: Fraction) -> None:
        if self._last_s is not None:
            step_s = coded_s - self._last_s
            self._repeated += step_s == 0
            self.went_back |= step_s < -_BACK_S
            self.wrapped |= is_wrap(step_s, self._tick_s)
            if step_s > max(_GAP_S, _GAP_FACTOR * self._longest_s):
                self._gaps.append((self._last_s, coded_s))
            else:
                self._longest_s = max(self._longest_s, step_s)
        self._last_s = coded_s


class _Sizes:
    """The sizes of a stream's key frames; one is decoded for each distinct header."""

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self._name = context.name.removeprefix("lib")
        self._extradata = context.extradata or b""
        self._codec = context.name
        self._seen: set[bytes] = {b""}
        self.found: list[tuple[int, int]] = []

    def add(self, packet: Packet[Stream]) -> None:
        """Decode a key frame if its header is new."""
        if packet.has_sidedata("new_extradata"):  # the sample entry changed
            self._extradata = head = bytes(packet.get_sidedata("new_extradata"))
        else:
            head = self._head(packet)
        if head in self._seen or len(self._seen) > _MAX_HEADERS:
            return
        self._seen.add(head)
        decoder = av.CodecContext.create(self._codec, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata = self._extradata or None
        decoder.options = dict(DECODER_OPTIONS)
        with suppress(av.error.FFmpegError):
            frames = [*decoder.decode(packet), *decoder.decode(None)]
            self.found += [(frame.width, frame.height) for frame in frames[:1]]

    def _head(self, packet: Packet[Stream]) -> bytes:
        data = bytes(packet)
        if self._name in _HEADER_BYTES:
            return data[_HEADER_BYTES[self._name]]
        if self._name not in _SPS:
            return b""
        sps, mask, shift = _SPS[self._name]
        units = _units(data, self._length_bytes())
        return b"".join(u for u in units if u and (u[0] >> shift) & mask == sps)

    def _length_bytes(self) -> int:
        """Return the size of a NAL unit's length prefix; 0 if start codes are used."""
        offset = 4 if self._name == "h264" else 21
        if len(self._extradata) <= offset or self._extradata[0] != 1:
            return 0
        return (self._extradata[offset] & 3) + 1


def frame_duration_s(stream: Stream) -> Fraction:
    """Return the average frame duration in seconds; 0 for audio."""
    rate = getattr(stream, "average_rate", None)
    return 1 / rate if rate else Fraction(0)


def _units(data: bytes, length: int) -> Iterator[bytes]:
    if length == 0:
        yield from data.split(b"\0\0\1")
        return
    offset = 0
    while offset + length <= len(data):
        size = int.from_bytes(data[offset : offset + length], "big")
        yield data[offset + length : offset + length + size]
        offset += length + size
