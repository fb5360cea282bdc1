"""Generate footage as cameras, phones and editors make it: unusual formats, sync, HDR.

Most clips show `quarters`, one color each, so that a wrong rotation, aspect ratio or matrix shows.
A `clap` tests the sound: black and silent, then white and a tone, both from the same time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np
import numpy.typing as npt

from nemovideo.local.media.probe import probe
from nemovideo.local.render import RenderResult, render
from nemovideo.local.timeline import Clip, Timeline
from tests.support.render import Decoded, Pixels, YellowMatte, decode

WIDTH, HEIGHT, FPS, COUNT = 96, 64, 25, 12
COLORS = ((200, 30, 30), (30, 180, 30), (30, 30, 200), (200, 200, 30))
Wave = npt.NDArray[np.float32]


def quarters(width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Return a picture with red and green above, blue and yellow below."""
    picture = np.zeros((height, width, 3), np.uint8)
    for index, color in enumerate(COLORS):
        rows = np.s_[: height // 2] if index < 2 else np.s_[height // 2 :]
        columns = np.s_[: width // 2] if index % 2 == 0 else np.s_[width // 2 :]
        picture[rows, columns] = color
    return picture


def shown_quarters(picture: Pixels) -> list[tuple[int, ...]]:
    """Return the colors at the centers of the four quarters."""
    height, width = picture.shape[:2]
    places = [(1, 1), (1, 3), (3, 1), (3, 3)]
    return [tuple(int(v) for v in picture[height * y // 4, width * x // 4]) for y, x in places]


def shades(count: int = COUNT, width: int = WIDTH, height: int = HEIGHT) -> list[Pixels]:
    """Return increasingly light pictures, so that each identifies its index."""
    return [
        np.full((height, width, 3), 30 + number * 200 // count, np.uint8) for number in range(count)
    ]


def tone(seconds: float, *, rate: int = 48000, start_s: float = 0.0, level: float = 0.3) -> Wave:
    """Return a tone of 440 Hz that starts at `start_s`."""
    times = np.arange(round(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * 440 * times) * (times >= start_s)
    return wave.astype(np.float32)


@attrs.frozen
class Track:
    """An audio track to write: one wave for all channels, or one for each.

    `start_s` is its start time in the file.
    """

    wave: Wave
    codec: str = "aac"
    layout: str = "stereo"
    rate: int = 48000
    start_s: float = 0.0
    default: bool = False
    options: Mapping[str, str] = attrs.field(factory=dict)


def film(
    path: Path,
    pictures: Sequence[Pixels] = (),
    *,
    frames: Sequence[av.VideoFrame] = (),
    times_s: Sequence[float] | None = None,
    fps: Fraction | int = FPS,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    tracks: Sequence[Track] = (),
    prepare: Callable[[av.VideoStream], None] | None = None,
) -> Path:
    """Write a video of pictures, or of frames as given, with audio tracks."""
    with av.open(str(path), "w", options=dict(container_options or {})) as out:
        quality = {"crf": "8", "preset": "ultrafast"} if codec == "libx264" else {}
        video = out.add_stream(codec, rate=fps, options={**quality, **(options or {})})
        assert isinstance(video, av.VideoStream)
        shown = list(frames) or [av.VideoFrame.from_ndarray(p, "rgb24") for p in pictures]
        video.width, video.height, video.pix_fmt = shown[0].width, shown[0].height, pix_fmt
        if times_s is not None:
            video.time_base = video.codec_context.time_base = Fraction(1, 90000)
        if prepare is not None:
            prepare(video)
        sounds = [_sound_stream(out, track) for track in tracks]
        packets = []
        for number, frame in enumerate(shown):
            frame.time_base = 1 / Fraction(fps) if times_s is None else Fraction(1, 90000)
            frame.pts = number if times_s is None else round(times_s[number] * 90000)
            packets += video.encode(frame)
        packets += video.encode(None)
        for stream, track in zip(sounds, tracks, strict=True):
            for sound in _sound_frames(track):
                packets += stream.encode(sound)
            packets += stream.encode(None)
        # Interleave as cameras do, so that a truncated file has both picture and sound.
        packets.sort(key=lambda packet: Fraction(packet.dts or 0) * packet.time_base)
        for packet in packets:
            out.mux(packet)
    return path


def _sound_stream(out: av.container.OutputContainer, track: Track) -> av.AudioStream:
    stream = out.add_stream(
        track.codec, rate=track.rate, layout=track.layout, options=dict(track.options)
    )
    assert isinstance(stream, av.AudioStream)
    if track.default:
        stream.disposition = av.stream.Disposition.default
    return stream


def _sound_frames(track: Track) -> Iterator[av.AudioFrame]:
    """Yield a frame for each second, which makes a packet of PCM."""
    channels = len(av.AudioLayout(track.layout).channels)
    waves = np.stack([track.wave] * channels) if track.wave.ndim == 1 else track.wave
    for begin in range(0, waves.shape[1], track.rate):
        part = np.ascontiguousarray(waves[:, begin : begin + track.rate])
        frame = av.AudioFrame.from_ndarray(part, "fltp", track.layout)
        frame.sample_rate, frame.time_base = track.rate, Fraction(1, track.rate)
        frame.pts = round(track.start_s * track.rate) + begin
        yield frame


def clap(
    path: Path,
    *,
    at_s: float = 0.4,
    seconds: float = 1.0,
    sound_s: float | None = None,
    video_start_s: float = 0.0,
    sound_start_s: float = 0.0,
    **how: Any,
) -> Path:
    """Write a clip in which light and tone start together, at `at_s` in the file."""
    times_s = [video_start_s + n / FPS for n in range(round((seconds - video_start_s) * FPS))]
    pictures = [
        np.full((HEIGHT, WIDTH, 3), 235 if t >= at_s - 1e-6 else 16, np.uint8) for t in times_s
    ]
    length_s = (seconds if sound_s is None else sound_s) - sound_start_s
    track = Track(tone(length_s, start_s=at_s - sound_start_s), start_s=sound_start_s)
    if video_start_s:
        how["times_s"] = times_s
    return film(path, pictures, tracks=[track], **how)


def clap_times(seen: Decoded) -> tuple[float, float]:
    """Return the start times of light and tone, in seconds."""
    light = next(n for n, frame in enumerate(seen.frames) if frame.mean() > 128) / seen.fps
    assert seen.sound is not None
    sound = int(np.argmax(np.abs(seen.sound[0]) > 0.1)) / 48000
    return float(light), sound


def hdr_frames(curve: str, nits: Sequence[float], count: int = 3) -> list[av.VideoFrame]:
    """Return frames of 16-pixel patches with these luminances: gray below, BT.2020 red above."""
    code = _pq if curve == "pq" else _hlg
    level = np.repeat([code(value) for value in nits], 16)
    black = np.zeros_like(level)
    above, below = np.stack([level, black, black], -1), np.stack([level] * 3, -1)
    rgb = np.concatenate([np.stack([above] * 32), np.stack([below] * 32)])
    luma = rgb @ np.array([0.2627, 0.6780, 0.0593])
    planes = (
        64 + 876 * luma,
        (512 + 896 * (rgb[..., 2] - luma) / 1.8814)[::2, ::2],
        (512 + 896 * (rgb[..., 0] - luma) / 1.4746)[::2, ::2],
    )
    frames = []
    for _ in range(count):
        frame = av.VideoFrame(len(level), 64, "yuv420p10le")
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : values.shape[1]] = values.round()
            plane.update(rows.tobytes())
        frame.colorspace = frame.color_primaries = 9
        frame.color_trc, frame.color_range = (16 if curve == "pq" else 18), 1
        frames.append(frame)
    return frames


def _pq(nits: float) -> float:
    """Return the inverse of the SMPTE ST 2084 curve."""
    powered = (nits / 10000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * powered) / (1 + 2392 / 128 * powered)) ** (2523 / 32))


def _hlg(nits: float) -> float:
    """Return the BT.2100 curve for a 1000 cd/m² display, without its system gamma."""
    scene = (nits / 1000) ** (1 / 1.2)
    if scene <= 1 / 12:
        return float((3 * scene) ** 0.5)
    return float(0.17883277 * np.log(12 * scene - 0.28466892) + 0.55991073)


def written_interlaced(path: Path) -> Path:
    """Write an interlaced clip of a bar that moves with each field."""
    pictures = []
    for number in range(COUNT):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        for field in (0, 1):
            left = 6 * number + 3 * field
            picture[field::2, left : left + 24] = 220
        pictures.append(picture)
    options = {"flags": "+ildct", "x264-params": "tff=1", "crf": "4"}
    return film(path, pictures, options=options)


def rendered(path: Path, output: Path, *, format: str = "mp4", **clip: Any) -> RenderResult:  # noqa: A002
    """Render a file unchanged, on the timeline that the agent would make."""
    media = probe(path, path.name, id="m1")
    assert media.duration_ms
    length = {"duration_ms": media.duration_ms, **clip}
    timeline = Timeline(
        clips=(Clip("video", name=media.name, media="m1", **length),),
        width=media.width or 0,
        height=media.height or 0,
        fps=media.fps or 0,
    )
    return render(timeline, {"m1": media}, output, format=format, engine=YellowMatte())


def decoded_render(path: Path, output: Path, **clip: Any) -> Decoded:
    """Render a file unchanged, and decode the result."""
    return decode(rendered(path, output, **clip).path)


def with_channels(path: Path, tag: int, labels: Sequence[int] = ()) -> Path:
    """Replace the `chan` box of a MOV's audio track (QuickTime's layout tags)."""
    data = bytearray(path.read_bytes())
    start = data.index(b"chan") - 4
    (size,) = struct.unpack_from(">I", data, start)
    described = b"".join(struct.pack(">II3f", label, 0, 0.0, 0.0, 0.0) for label in labels)
    body = struct.pack(">IIII", 0, tag, 0, len(labels)) + described
    box = struct.pack(">I", len(body) + 8) + b"chan" + body
    data[start : start + size] = box
    entry = max((b"sowt", b"lpcm"), key=lambda name: data.rfind(name, 0, start))
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        offset = data.rindex(parent, 0, start) - 4
        (before,) = struct.unpack_from(">I", data, offset)
        struct.pack_into(">I", data, offset, before + len(box) - size)
    path.write_bytes(data)
    return path


def packets(path: Path) -> list[bytes]:
    """Return the packets of a file's sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
