"""Generate a small, real file of every format that can be uploaded."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

WIDTH, HEIGHT, FPS = 64, 48, 25
RATE = 48_000

# By suffix: FFmpeg's names of the muxer, the video codec and its pixels, and the audio codec.
_RECIPES: dict[str, tuple[str, str | None, str, str]] = {
    "mp4": ("mp4", "libx264", "yuv420p", "aac"),
    "mov": ("mov", "prores_ks", "yuv422p10le", "pcm_s16le"),
    "avi": ("avi", "mjpeg", "yuvj420p", "pcm_s16le"),
    "webm": ("webm", "libvpx-vp9", "yuv420p", "libopus"),
    "mkv": ("matroska", "libx264", "yuv420p", "flac"),
    "m4a": ("ipod", None, "", "aac"),
    "aac": ("adts", None, "", "aac"),
    "mp3": ("mp3", None, "", "libmp3lame"),
    "wav": ("wav", None, "", "pcm_s16le"),
}
PICTURES = ("jpg", "png", "gif", "webp")
FORMATS = (*_RECIPES, *PICTURES)


def make_file(path: Path, *, options: dict[str, str] | None = None) -> Path:
    """Write one second in the format of the path's suffix; `options` are the muxer's."""
    suffix = path.suffix[1:].lower()
    if suffix in PICTURES:
        noise = np.random.default_rng(7).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(noise).save(path)
        return path
    muxer, video_codec, pixels, audio_codec = _RECIPES[suffix]
    with av.open(str(path), "w", format=muxer, options=options or {}) as out:
        video = out.add_stream(video_codec, rate=FPS) if video_codec else None
        audio = out.add_stream(audio_codec, rate=RATE)
        assert isinstance(audio, av.AudioStream)
        if video is not None:
            assert isinstance(video, av.VideoStream)
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixels
            for index in range(FPS):
                picture = np.full((HEIGHT, WIDTH, 3), index * 8, np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(video.encode(None))
        samples = audio.codec_context.format.name
        shape = (2, 960) if samples.endswith("p") else (1, 1920)
        kind = {"f": np.float32, "s": np.int16}[samples[0]] if "32" not in samples else np.int32
        kind = np.float32 if samples.startswith("flt") else kind
        for index in range(50):
            silence = np.zeros(shape, kind)
            frame = av.AudioFrame.from_ndarray(silence, format=samples, layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, index * 960, Fraction(1, RATE)
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


class Counting(io.RawIOBase):
    """A file that counts the bytes read from it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.name = path.name
        self.count = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()
