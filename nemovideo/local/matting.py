"""`Matting`: the frames of a video with their alpha, as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from operator import length_hint
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from nemovideo._progress.bar import OnProgress
from nemovideo._progress.single import Show, reporting_single
from nemovideo._support.outputs import QUALITIES
from nemovideo.errors import InvalidRequestError
from nemovideo.local.arrays import Picture, check_number, image_of, mask_of, video_at
from nemovideo.local.frame_writer import write_frames
from nemovideo.local.matte import AUTO, Engine, LazyMatting, check_engine_name
from nemovideo.local.matte.raster import feathered, offset_edges, resized
from nemovideo.local.render.mattes import mattes, picture_matte
from nemovideo.local.render.notices import Notices
from nemovideo.models import Frame as Frame

_MAX_BLUR = 0.02  # of the shorter side
_MAX_GROWTH_PX = 500


class Matting:
    """Finds the people in pictures and videos on this machine: `Matting().frames("talk.mp4")`.

    The model is loaded at the first call, and downloaded if it is not cached.

    Args:
        engine: Same as for `Client.local(engine=…)`: "fine", "fast", "rembg", a `Model`, or your
            own object.
        softness: Blur of the edges, from 0 (none) to 1 (2% of the shorter side).
        grow_px: Growth of the mask in pixels; negative values shrink it.
        keep: "front" keeps the people in front, as an export does; "all" also keeps those
            behind them.
        device: The device for `.onnx` models: "auto", "cpu", "cuda", ….

    Raises:
        InvalidRequestError: An argument is not valid.
        LocalBackendError: There is no engine of that name.
    """

    def __init__(
        self,
        engine: Engine = "fine",
        *,
        softness: float = 0.0,
        grow_px: int = 0,
        keep: Literal["front", "all"] = "front",
        device: str = AUTO,
    ) -> None:
        check_number("softness", softness, 0, 1)
        check_number("grow_px", grow_px, -_MAX_GROWTH_PX, _MAX_GROWTH_PX, whole=True)
        if keep not in ("front", "all"):
            raise InvalidRequestError(f"keep is {keep!r}", remedy='Use "front" or "all".')
        if isinstance(engine, str):
            check_engine_name(engine)
        self._engine = LazyMatting(engine, device=device)
        self._softness = softness
        self._grow_px = grow_px
        self._keep_people_behind = keep == "all"
        self._notices = Notices()
        self._write_notices = Notices()
        self._read: float | None = None  # the fraction of its video that `frames` has read
        self._options = {"engine": engine, "softness": softness, "grow_px": grow_px, "keep": keep}

    def __repr__(self) -> str:
        options = (f"{name}={value!r}" for name, value in self._options.items())
        return f"Matting({', '.join(options)})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the last picture or video, in full sentences, such as "No person …".

        For a video, they are complete once all frames have been iterated. After `write`, those
        about the written file follow.
        """
        found = (*self._notices.sentences, *self._write_notices.sentences)
        return tuple(dict.fromkeys(found))

    def alpha(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Return the alpha of the people in a picture: height × width, 0..1.

        A picture with transparency keeps its own alpha.

        Args:
            picture: An RGB array, a Pillow image, or the path of a picture.

        Raises:
            InvalidRequestError: The picture is not valid.
            ModelUnavailableError: The engine's model cannot be downloaded.
            UnsupportedFileError: The file does not exist, or is not a picture.
        """
        image = image_of(picture)
        own = np.asarray(image.getchannel("A"))
        self._notices, self._write_notices = Notices(), Notices()
        if own.min() < 255:
            return self._finished(own)
        alpha = picture_matte(
            image.convert("RGB"),
            self._engine.load(),
            keep_people_behind=self._keep_people_behind,
            warn=self._notices.add,
        )
        return self._finished(alpha, image.size)

    def frames(
        self,
        source: str | os.PathLike[str],
        *,
        masks: Mapping[float, npt.NDArray[np.generic]] | None = None,
        clean_edges: bool = False,
        progress: bool | OnProgress = False,
    ) -> Iterator[Frame]:
        """Yield every frame of a video with its alpha, in time order.

        The masks are identical, bit for bit, to those of an export, at the file's frame rate;
        width and height are even. Only a few frames are in memory at a time.

        Args:
            source: The path of a video.
            masks: Your own masks for individual frames, by time in seconds: arrays of height ×
                width, bool, uint8 or floats in 0..1. Each replaces the engine's mask in its frame,
                and is propagated along the motion to the frames around it until the engine agrees
                or the shot ends; backward for at most a second.
            clean_edges: Remove the old background's color from soft edges in `rgb`, as an export
                does: for compositing over another background. Other pixels, and videos with their
                own alpha, are unchanged.
            progress: True for a progress bar, or a function that is called with a `Progress` for
                each frame and at the end.

        Raises:
            InvalidRequestError: A mask does not fit a frame of this video.
            ModelUnavailableError: The engine's model cannot be downloaded.
            UnsupportedFileError: The file does not exist, or is not a video.
            RenderFailedError: The video has no readable picture.
        """
        item = video_at(source)
        self._notices, self._write_notices = Notices(), Notices()
        matted = mattes(
            item,
            self._engine.load,
            keep_people_behind=self._keep_people_behind,
            warn=self._notices.add,
            masks={time_s: mask_of(time_s, mask) for time_s, mask in (masks or {}).items()},
            clean_edges=clean_edges,
        )
        duration_s = (item.duration_ms or 1) / 1000

        def generate() -> Iterator[Frame]:
            messages = "Reading frames…", "All frames read"
            with reporting_single(progress, "frames", *messages) as show:
                for time_s, rgb, alpha in matted:
                    self._read = min(float(time_s) / duration_s, 1.0)
                    show(self._read)
                    yield Frame(float(time_s), rgb, self._finished(alpha))

        return generate()

    def write(
        self,
        frames: Iterable[Frame],
        output: str | os.PathLike[str],
        *,
        fps: float | None = None,
        quality: str = QUALITIES[0],
        sound: str | os.PathLike[str] | None = None,
        progress: bool | OnProgress = False,
        overwrite: bool = False,
    ) -> Path:
        """Write frames to a video file, without sound unless `sound` is a file.

        Transparent areas are black in the file, except for a few pixels around the person. In an
        .mp4, which has no transparency, everything transparent is black, and `warnings` says so.
        The color of soft edges is written unchanged; for edges as in an export, use
        `frames(…, clean_edges=True)`.

        The file has the size of the frames, even if it is odd; only .mp4, .stacked.mp4, .matte.mp4
        and .bundle.zip stretch an odd width or height by one pixel, since H.264 has no odd sizes.

        Args:
            frames: The frames of `frames()`, or your own: `Frame(time_s, rgb)`, or
                `Frame(time_s, rgb, alpha)` with alpha as in `frames(…, masks=…)`; all of the same
                size.
            output: The path; its suffix is the format: .mp4, .webm, .mov, .gif, .webp (animated),
                .zip (a PNG per frame), .stacked.mp4, .bundle.zip, or .matte.mp4 and similar for
                the alpha alone.
            fps: Frames per second of the file, 1 to 240. By default the frames' own rate, taken
                from the `time_s` of the first ones. At a different rate, frames are repeated or
                dropped, so that the duration stays the same. Frames that all have the same time
                have no rate: each is written once, at `fps` or 30.
            quality: "high", "medium" or "low".
            sound: The path of a video or audio file whose sound to use, for .mp4, .webm and .mov.
                The sound is cut to match the frames: it begins at the first frame's `time_s`, and
                ends with the last frame. If the times do not increase, nothing is cut off its
                start. As in an export, AAC is copied to an MP4 unless its start is cut, and other
                sound is encoded. If the video has no sound, neither does the output.
            progress: True for a progress bar, or a function that is called with a `Progress` for
                each frame and at the end. The fraction is known for a list, and for frames of
                `frames()` that are computed while they are written; otherwise it is 0, and the
                message has the number of frames.
            overwrite: Replace an existing file.

        Returns:
            The file's path.

        Raises:
            InvalidRequestError: There are no frames, their sizes differ, a frame or an argument is
                not valid, or the format has no sound.
            UnsupportedFileError: The file for `sound` does not exist, cannot be read, or is not a
                video and has no sound.
            OutputError: The file cannot be written, or exists and `overwrite` is False.
        """
        self._write_notices = Notices()
        notices = Notices()
        with reporting_single(progress, "write", "Writing…", "Video ready!") as show:
            path = write_frames(
                self._reporting(frames, show),
                output,
                fps=fps,
                quality=quality,
                sound=sound,
                overwrite=overwrite,
                warn=notices.add,
            )
        self._write_notices = notices  # last: iterating `frames` may call `self.frames`
        return path

    def _reporting(self, frames: Iterable[Frame], show: Show) -> Iterator[Frame]:
        """Yield the frames, and report the progress of each."""
        self._read = None
        count = length_hint(frames)
        for number, frame in enumerate(frames):
            fraction = number / count if count else self._read
            if fraction is None:
                show(0.0, f"Writing frame {number + 1}…")
            else:
                show(fraction)
            yield frame

    def _finished(
        self, alpha: npt.NDArray[np.uint8], size: tuple[int, int] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the alpha as floats, resized if given a size, grown and softened."""
        result: npt.NDArray[np.float32] = alpha.astype(np.float32) * np.float32(1 / 255)
        if size is not None:
            result = resized(result, size)
        grown = offset_edges(result, self._grow_px)
        return feathered(grown, self._softness * _MAX_BLUR * min(result.shape))
