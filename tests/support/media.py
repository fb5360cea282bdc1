"""Generate small clips, pictures and sounds, and measure results."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 48_000

Picture = npt.NDArray[np.uint8]


def make_clip(
    path: Path,
    *,
    seconds: float = 1.0,
    width: int = 160,
    height: int = 120,
    fps: int = 25,
    tone_hz: float | None = 440.0,
) -> Path:
    """Write a clip of a bright block that moves over a dark ground, with a tone."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"crf": "18"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=RATE) if tone_hz else None
        count = round(seconds * fps)
        for index in range(count):
            picture = np.full((height, width, 3), (40, 60, 80), np.uint8)
            left = width // 4 + (width // 4) * index // count
            picture[height // 4 :, left : left + width // 3] = (220, 170, 140)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None and tone_hz is not None:
            times = np.arange(int(seconds * RATE)) / RATE
            wave = (0.5 * np.sin(2 * np.pi * tone_hz * times)).astype(np.float32)
            for start in range(0, len(wave), 1024):
                block = wave[start : start + 1024][None, :]
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = RATE, start
                frame.time_base = Fraction(1, RATE)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def make_picture(path: Path, rgb: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Path:
    """Write a picture of one color."""
    from PIL import Image

    Image.new("RGB", size, rgb).save(path)
    return path


def make_tone(path: Path, *, seconds: float = 1.0, tone_hz: float = 880.0) -> Path:
    """Write a WAV file with a tone."""
    import wave

    times = np.arange(int(seconds * RATE)) / RATE
    samples = (16_000 * np.sin(2 * np.pi * tone_hz * times)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def pictures(path: Path) -> list[Picture]:
    """Return all frames of a video, as RGB."""
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]


def duration_s(path: Path) -> float:
    """Return the duration of the video stream, in seconds."""
    with av.open(str(path)) as video:
        rate = video.streams.video[0].average_rate
        assert rate is not None
        return sum(1 for _ in video.decode(video=0)) / float(rate)


def loudness(path: Path) -> float:
    """Return the root mean square of all channels, 0.0 to 1.0; 0.0 without sound."""
    with av.open(str(path)) as media:
        if not media.streams.audio:
            return 0.0
        resampler = av.AudioResampler(format="flt", rate=RATE)  # FFmpeg mixes mono louder
        blocks = [
            piece.to_ndarray().ravel()
            for frame in media.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    samples = np.concatenate(blocks) if blocks else np.zeros(1)
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def corner(picture: Picture) -> tuple[int, int, int]:
    """Return the mean color of the upper left corner."""
    red, green, blue = picture[:12, :12].reshape(-1, 3).mean(axis=0)
    return round(red), round(green), round(blue)


def near(found: tuple[int, int, int], expected: tuple[int, int, int], by: int = 25) -> bool:
    """Return whether two colors differ by at most `by` in each channel."""
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))
