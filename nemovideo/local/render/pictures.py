"""Writers of pictures: GIF, WebP, zips of PNGs, and still pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.filter
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from nemovideo._support.sequences import rate_comment
from nemovideo.errors import RenderFailedError
from nemovideo.local.render.canvas import Canvas

if TYPE_CHECKING:
    from av.filter.context import FilterContext

_HALF = 128
_DITHER = "bayer:bayer_scale=4"
_JPEG_QUALITIES = (95, 88, 80)
_WEBP_QUALITIES = (92, 84, 75)


class StillWriter:
    """Write one picture: PNG, JPEG or WebP.

    The opaque pixels come from `photo`, if that is given: the canvas has chroma at half the
    resolution.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        canvas: Canvas,
        quality: int,
        size: tuple[int, int],
        photo: Image.Image | None,
    ) -> None:
        self._path = path
        self._size = size
        self._photo = photo
        self._canvas = canvas
        self._image: Image.Image | None = None
        options: dict[str, dict[str, int]] = {
            "jpg": {"quality": _JPEG_QUALITIES[quality], "subsampling": 0},
            "webp": {"quality": _WEBP_QUALITIES[quality], "method": 4},
        }
        self._format = {"jpg": "JPEG"}.get(kind, kind.upper())
        self._options = options.get(kind, {})

    def write_frame(self, frame: VideoFrame) -> None:
        """Set the picture.

        Raises:
            RenderFailedError: It was already set.
        """
        if self._image is not None:
            raise RenderFailedError(f"a {self._format} holds one picture, and this draft has more")
        self._image = self._canvas.image(frame)
        if self._image.size != self._size:  # an odd size was rounded up
            self._image = self._image.resize(self._size, Image.Resampling.BICUBIC)
        if self._photo is not None and self._image.mode == "RGBA":
            inside = self._image.getchannel("A").point(lambda value: 255 * (value == 255))
            self._image.paste(self._photo, (0, 0), inside)

    def finish(self) -> None:
        """Write the file."""
        assert self._image is not None
        self._image.save(self._path, self._format, **self._options)


class AnimationWriter:
    """Write an animated WebP, with transparency."""

    def __init__(self, path: Path, canvas: Canvas, quality: int) -> None:
        self._canvas = canvas
        self._file = av.open(str(path), "w", format="webp", options={"loop": "0"})
        pixels = "yuva420p" if canvas.alpha else "yuv420p"
        self._stream = _add_stream(self._file, "libwebp_anim", pixels, canvas)
        chosen = _WEBP_QUALITIES[quality]
        self._stream.options = {"quality": str(chosen), "compression_level": "3"}
        self._frames = 0

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame."""
        frame.pts, frame.time_base = self._frames, 1 / self._canvas.fps
        frame.pict_type = 0
        self._frames += 1
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder."""
        self._file.mux(self._stream.encode(None))
        self._file.close()

    def close(self) -> None:
        """Close the file, even if incomplete."""
        self._file.close()


class ZipWriter:
    """Write a zip with a PNG for each frame."""

    def __init__(self, path: Path, canvas: Canvas) -> None:
        self._canvas = canvas
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._zip.comment = rate_comment(canvas.fps)
        self._pixels = "rgba" if canvas.alpha else "rgb24"
        encoder = av.CodecContext.create("png", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = canvas.width, canvas.height, self._pixels
        encoder.time_base = 1 / canvas.fps
        encoder.options = {"compression_level": "1", "pred": "sub"}
        encoder.thread_type = "AUTO"
        self._encoder = encoder
        self._frames = self._files = 0

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame."""
        picture = self._canvas.as_rgb(frame, self._pixels)
        picture.pts, picture.time_base = self._frames, 1 / self._canvas.fps
        self._frames += 1
        self._write(picture)

    def finish(self) -> None:
        """Flush the encoder, and write the central directory."""
        self._write(None)
        self._zip.close()

    def close(self) -> None:
        """Close the file, even if incomplete."""
        self._zip.close()

    def _write(self, picture: VideoFrame | None) -> None:
        for packet in self._encoder.encode(picture):
            self._files += 1
            self._zip.writestr(f"frame_{self._files:06d}.png", bytes(packet))


class GifWriter:
    """Write a GIF with one global palette; its pixels are either opaque or transparent.

    The palette depends on all frames, so they are stored in a temporary file next to the output.
    """

    def __init__(self, path: Path, canvas: Canvas, tick: Callable[[], None]) -> None:
        self._path = path
        self._canvas = canvas
        self._tick = tick
        self._stored_path = path.with_name(f"{path.name}.frames")
        self._stored = av.open(str(self._stored_path), "w", format="nut")
        self._stream = _add_stream(self._stored, "ffv1", "bgra", canvas)
        self._palette = _BufferedFilter(
            canvas, f"palettegen=reserve_transparent={int(canvas.alpha)}"
        )
        self._frames = 0

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame."""
        picture = self._canvas.as_rgb(frame, "bgra")
        picture.pts, picture.time_base = self._frames, 1 / self._canvas.fps
        self._frames += 1
        self._palette.push(picture)
        for _ in self._palette.ready():  # makes the filter process its queue
            pass
        self._stored.mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Compute the palette, and encode the frames with it."""
        self._stored.mux(self._stream.encode(None))
        self._stored.close()
        self._palette.push(None)
        palette = next(self._palette.ready())
        use = f"paletteuse=alpha_threshold={_HALF}:diff_mode=rectangle:dither={_DITHER}"
        painter = _BufferedFilter(self._canvas, use, palette)
        with (
            av.open(str(self._stored_path)) as source,
            av.open(str(self._path), "w", format="gif") as target,
        ):
            stream = _add_stream(target, "gif", "pal8", self._canvas)
            for number, frame in enumerate(source.decode(video=0)):
                self._tick()
                frame.pts, frame.time_base = number, 1 / self._canvas.fps
                painter.push(frame)
                for painted in painter.ready():
                    target.mux(stream.encode(painted))
            painter.push(None)
            for painted in painter.ready():
                target.mux(stream.encode(painted))
            target.mux(stream.encode(None))

    def close(self) -> None:
        """Remove the temporary file."""
        self._stored.close()
        self._stored_path.unlink(missing_ok=True)


def _add_stream(
    container: av.container.OutputContainer, codec: str, pixel_format: str, canvas: Canvas
) -> VideoStream:
    stream = container.add_stream(codec, rate=canvas.fps)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = canvas.width, canvas.height
    stream.pix_fmt = pixel_format
    stream.time_base = stream.codec_context.time_base = 1 / canvas.fps
    return stream


class _BufferedFilter:
    """A filter that buffers frames; its second input can be a palette."""

    def __init__(self, canvas: Canvas, filter_: str, palette: VideoFrame | None = None) -> None:
        self._graph = av.filter.Graph()
        self._source = self._input(canvas.width, canvas.height, canvas)
        name, _, args = filter_.partition("=")
        node = self._graph.add(name, args)
        self._source.link_to(node, 0, 0)
        if palette is not None:
            second = self._input(palette.width, palette.height, canvas)
            second.link_to(node, 0, 1)
        self._sink = self._graph.add("buffersink")
        node.link_to(self._sink)
        self._graph.configure()
        if palette is not None:
            palette.pts, palette.time_base = 0, 1 / canvas.fps
            second.push(palette)
            second.push(None)

    def _input(self, width: int, height: int, canvas: Canvas) -> FilterContext:
        return self._graph.add(
            "buffer",
            video_size=f"{width}x{height}",
            pix_fmt="bgra",
            time_base=str(1 / canvas.fps),
            pixel_aspect="1/1",
        )

    def push(self, frame: VideoFrame | None) -> None:
        """Push the next frame, or None after the last."""
        self._source.push(frame)

    def ready(self) -> Iterator[VideoFrame]:
        """Yield the frames that are ready."""
        while True:
            try:
                frame = self._sink.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(frame, VideoFrame)
            yield frame
