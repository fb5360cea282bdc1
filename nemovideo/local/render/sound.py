"""The audio mixer: the sound of clips and backgrounds, and music."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import chain

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph

from nemovideo.local.media.channels import floats, needs_mixing, speakers_of, stereo
from nemovideo.local.media.clock import Clock
from nemovideo.local.media.containers import main_audio, open_with_speakers, origin_s
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.decoding import damage_warning, packets_of
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.timeline import Background, Clip, Sound, Timeline

SAMPLE_RATE = 48_000
_DRIFT = SAMPLE_RATE // 20
_MAX_BLOCK_S = 10
"""The longest block of sound that is processed at once, in seconds."""
_TEMPO_STEPS = (0.5, 2.0)
_STEREO = ("FL", "FR")

Block = npt.NDArray[np.float32]
"""Channels × samples: two channels, 48 kHz, -1..1."""
Gain = npt.NDArray[np.float32]
"""The volume of each sample, or of all, as a factor."""


class Mixer:
    """The mixed audio of a draft, read in blocks from its start."""

    def __init__(
        self, timeline: Timeline, media: Mapping[str, MediaItem], warn: Warn = ignore_warning
    ) -> None:
        self._position = 0
        self._length = timeline.duration_ms * SAMPLE_RATE // 1000
        self._fades = timeline.fade_in_ms, timeline.fade_out_ms
        self._tracks: list[_Track] = []

        def add(part: Clip | Background | Sound, start_ms: int, duration_ms: int) -> None:
            item = media.get(part.media or "")
            if item is None or not item.has_audio:
                return
            if isinstance(part, Clip):
                start_s = Fraction(part.source_start_ms, 1000)
                blocks = decode_blocks(item, start_s=start_s, speed=part.speed, warn=warn)
            else:
                blocks = looped_blocks(item, warn=warn)
            fades = (part.fade_in_ms, part.fade_out_ms) if isinstance(part, Sound) else (0, 0)
            self._tracks.append(_Track(blocks, start_ms, duration_ms, part.volume, fades))

        start_ms = 0
        for clip in timeline.clips:
            if clip.kind == "video":
                add(clip, start_ms, clip.duration_ms)
            background = clip.background
            if background is not None and background.kind == "video" and background.volume > 0:
                add(background, start_ms, clip.duration_ms)
            start_ms += clip.duration_ms
        for sound in timeline.sounds:
            add(sound, sound.start_ms, sound.duration_ms)

    @property
    def silent(self) -> bool:
        """Whether the draft has no audio."""
        return not self._tracks

    def read(self, count: int) -> Block:
        """Return the next `count` samples of the mix."""
        mix = np.zeros((2, count), dtype=np.float32)
        for track in self._tracks:
            track.add_to(mix, self._position)
        mix *= _fading(self._position, count, self._length, self._fades)
        self._position += count
        return mix.clip(-1, 1)


def _fading(position: int, count: int, length: int, fades_ms: tuple[int, int]) -> Gain:
    """Return the volume of `count` samples of a fading sound that has `length` samples.

    Args:
        position: The first sample.
        count: The number of samples.
        length: The length of the sound.
        fades_ms: The lengths of the fades at its start and its end.
    """
    if not any(fades_ms):
        return np.ones(1, dtype=np.float32)
    gain: Gain = np.ones(count, dtype=np.float32)
    fade_in, fade_out = (fade_ms * SAMPLE_RATE / 1000 for fade_ms in fades_ms)
    positions = position + np.arange(count)
    if fade_in > 0:
        gain *= (positions / fade_in).clip(0, 1).astype(np.float32)
    if fade_out > 0:
        gain *= ((length - positions) / fade_out).clip(0, 1).astype(np.float32)
    return gain


class _Track:
    """A sound at its time on the timeline."""

    def __init__(
        self,
        blocks: Iterator[Block],
        start_ms: int,
        duration_ms: int,
        volume: float,
        fades_ms: tuple[int, int],
    ) -> None:
        self._blocks = blocks
        self._start = start_ms * SAMPLE_RATE // 1000
        self._end = (start_ms + duration_ms) * SAMPLE_RATE // 1000
        self._volume = max(0.0, volume)
        self._fades_ms = fades_ms
        self._rest: Block = np.zeros((2, 0), dtype=np.float32)

    def add_to(self, mix: Block, position: int) -> None:
        """Add the part within a block of the mix that starts at `position`."""
        first = max(self._start - position, 0)
        last = min(self._end - position, mix.shape[1])
        while first < last:
            if self._rest.shape[1] == 0:
                block = next(self._blocks, None)
                if block is None:
                    return
                self._rest = block
            part = self._rest[:, : last - first]
            offset, length = position + first - self._start, self._end - self._start
            gain = _fading(offset, part.shape[1], length, self._fades_ms) * np.float32(self._volume)
            mix[:, first : first + part.shape[1]] += part * gain
            self._rest = self._rest[:, part.shape[1] :]
            first += part.shape[1]


def decode_blocks(
    item: MediaItem,
    *,
    start_s: Fraction = Fraction(0),
    speed: float = 1.0,
    warn: Warn = ignore_warning,
) -> Iterator[Block]:
    """Yield a file's audio from `start_s`, at this speed and with its original pitch."""
    blocks = _until_error(_from(_timed_blocks(item, start_s, warn), start_s), item.name, warn)
    return blocks if speed == 1 else _at_speed(blocks, speed)


def _until_error(blocks: Iterator[Block], name: str, warn: Warn) -> Iterator[Block]:
    """Yield the blocks; end at an error, with a warning."""
    try:
        yield from blocks
    except (av.error.FFmpegError, ValueError):
        warn(f"The sound of {name} cannot be read to its end: the rest is silent.")


def looped_blocks(item: MediaItem, *, warn: Warn = ignore_warning) -> Iterator[Block]:
    """Yield a file's audio in a loop."""
    while True:
        count = 0
        for block in decode_blocks(item, warn=warn):
            count += block.shape[1]
            yield block
        if count == 0:
            return


def _timed_blocks(item: MediaItem, start_s: Fraction, warn: Warn) -> Iterator[tuple[int, Block]]:
    """Yield (position in samples, block); damaged packets are skipped.

    The position is counted in samples. Where the file's timestamps differ from it by more than
    `_DRIFT`, packets are missing, and the timestamps are used instead.
    """
    resampler = _Resampler()
    position = 0
    for time_s, frame in _decoded(item, start_s, warn):
        if time_s is not None:
            timestamp = round(time_s * SAMPLE_RATE)
            if abs(timestamp - position) > _DRIFT:
                position = timestamp
        for block in resampler.feed(frame):
            yield position, block
            position += block.shape[1]
    for block in resampler.rest():
        yield position, block
        position += block.shape[1]


def _decoded(
    item: MediaItem, start_s: Fraction, warn: Warn
) -> Iterator[tuple[Fraction | None, AudioFrame]]:
    """Yield (time in seconds, frame), from shortly before `start_s`."""
    with open_with_speakers(item.path) as (container, speakers):
        stream = main_audio(container)
        if stream is None:
            return
        names = speakers[stream.index]
        origin = origin_s(container, stream)
        tick_s = stream.time_base or Fraction(1, 1000)
        clock = Clock(broken=item.broken_clock, tick_s=tick_s, gapless=True)
        if start_s > 1 and stream.time_base and not item.broken_clock:
            offset = int((start_s - 1 + origin) / stream.time_base)
            container.seek(offset, stream=stream, backward=True)
        on_damage = partial(warn, damage_warning(item.name))
        for packet in packets_of(container, stream, on_damage):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                on_damage()
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame):
                    time_s = None
                    if frame.pts is not None and frame.time_base is not None:
                        length_s = Fraction(frame.samples, frame.sample_rate)
                        time_s = clock.at(frame.pts * frame.time_base - origin, length_s)
                    if frame.layout.nb_channels > len(_STEREO):
                        warn(
                            f"The sound of {item.name} has {frame.layout.nb_channels} channels: "
                            "it was mixed down to stereo."
                        )
                    yield time_s, _mixed(frame, names)


def _mixed(frame: AudioFrame, names: tuple[str, ...]) -> AudioFrame:
    """Return the frame, mixed to stereo if FFmpeg cannot do that."""
    if not needs_mixing(frame):
        return frame
    samples = stereo(floats(frame), speakers_of(frame, names))
    mixed = _frame(samples, "stereo", frame.sample_rate)
    mixed.pts = frame.pts
    if frame.time_base is not None:
        mixed.time_base = frame.time_base
    return mixed


class _Resampler:
    """Convert audio to the format of the mix, even if its own format changes."""

    def __init__(self) -> None:
        self._input: tuple[object, ...] = ()
        self._resampler: AudioResampler | None = None

    def feed(self, frame: AudioFrame) -> Iterator[Block]:
        """Yield the converted blocks that are ready."""
        for part in _parts(frame):
            input_ = (part.format.name, part.layout.name, part.sample_rate)
            if self._resampler is None or input_ != self._input:
                yield from self.rest()
                self._input = input_
                self._resampler = AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
            for resampled in self._resampler.resample(part):
                yield _samples(resampled)

    def rest(self) -> Iterator[Block]:
        """Flush the resampler."""
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                yield _samples(resampled)


def _parts(frame: AudioFrame) -> Iterator[AudioFrame]:
    """Split a long frame: at 1 Hz, a frame of a few KB would be resampled to gigabytes."""
    most = _MAX_BLOCK_S * frame.sample_rate
    if frame.samples <= most:
        yield frame
        return
    samples = floats(frame)
    for first in range(0, frame.samples, most):
        yield _frame(samples[:, first : first + most], frame.layout.name, frame.sample_rate)


def _from(timed: Iterator[tuple[int, Block]], start_s: Fraction) -> Iterator[Block]:
    """Yield the blocks from `start_s`, with gaps filled by silence."""
    position = round(start_s * SAMPLE_RATE)
    for start, block in timed:
        while start > position:
            silence = np.zeros(
                (2, min(start - position, _MAX_BLOCK_S * SAMPLE_RATE)), dtype=np.float32
            )
            yield silence
            position += silence.shape[1]
        rest = block[:, position - start :]
        if rest.shape[1]:
            yield rest
            position += rest.shape[1]


def _at_speed(blocks: Iterator[Block], speed: float) -> Iterator[Block]:
    graph = Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE, format="fltp", layout="stereo")
    nodes = [graph.add("atempo", f"{factor:.6f}") for factor in _tempo_factors(speed)]
    planar = graph.add("aformat", "sample_fmts=fltp")  # atempo outputs interleaved samples
    sink = graph.add("abuffersink")
    graph.link_nodes(source, *nodes, planar, sink).configure()
    position = 0
    for block in chain(blocks, (None,)):
        frame = None
        if block is not None:
            frame = _frame(block, "stereo", SAMPLE_RATE)
            frame.pts, frame.time_base = position, Fraction(1, SAMPLE_RATE)
            position += block.shape[1]
        source.push(frame)
        while True:
            try:
                output = sink.pull()
            except (BlockingIOError, EOFError):
                break
            if isinstance(output, AudioFrame):
                yield _samples(output)


def _tempo_factors(speed: float) -> list[float]:
    """Split a speed into factors in the range where `atempo` sounds good."""
    slowest, fastest = _TEMPO_STEPS
    factors: list[float] = []
    while not slowest <= speed <= fastest:
        step = slowest if speed < slowest else fastest
        factors.append(step)
        speed /= step
    return [*factors, speed]


def _frame(samples: Block, layout: str, rate: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
    frame.sample_rate = rate
    return frame


def _samples(frame: AudioFrame) -> Block:
    return frame.to_ndarray().astype(np.float32, copy=False)
