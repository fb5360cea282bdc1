"""The loops to compare with, each run in its own process.

    python -m benchmarks.matting.peers LOOP INPUT OUTPUT FRAMES

runs one and prints a line of JSON: the seconds to the finished file, CPU seconds, and peak memory.
The time includes loading the model, except for rembg, but not Python's imports. All write H.264
with libx264 `veryfast`, crf 19, and copy the audio.

A process imports only what its loop needs, so imports are inside functions.

- decode: decode all frames, write nothing.
- plain: decode and encode every frame, the lower bound.
- nemovideo: `nemovideo.local.render`, with one color as the new background.
- fast: the same with `engine="fast"`.
- naive: the loop in tutorials: OpenCV decodes, the small network sees each whole frame at 256 ×
  256, its mask is scaled up, and the pictures are blended as float RGB.
- modnet: the naive loop with MODNet, at the original aspect ratio and about 512 × 512 pixels.
- rembg: the naive loop with `rembg.remove`. The model is IS-Net (`isnet-general-use`) from
  @imgly/background-removal-data 1.4.5 (AGPL-3; fetched and run only, not part of this project),
  since rembg's own downloads are not in a package registry. It takes seconds per frame, so it runs
  on a few frames and the time is scaled up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs
import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from benchmarks.matting.sources import isnet

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
MaskOf = Callable[[Bytes], Floats]
"""A function from an RGB picture to its mask, in 0..1, of any size."""

LOOPS = ("decode", "plain", "nemovideo", "fast", "naive", "modnet", "rembg")
GREEN = (46, 160, 67)
_MODNET_SIDE = 512
_X264 = {"preset": "veryfast", "crf": "19"}


@attrs.frozen
class Cost:
    """The cost of a run."""

    seconds: float
    cpu_s: float
    memory_mb: float


def measured(loop: str, video: Path, output: Path, frames: int) -> Cost:
    """Run a loop in its own process and return its cost.

    Raises:
        subprocess.CalledProcessError: The loop failed; the error is on stderr.
    """
    module = [sys.executable, "-m", "benchmarks.matting.peers"]
    command = [*module, loop, str(video), str(output), str(frames)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def naive_mask() -> MaskOf:
    """Return MediaPipe's network, without post-processing."""
    from nemovideo.local.matte import SelfieSegmentation

    return SelfieSegmentation().mask


def modnet_mask() -> MaskOf:
    """Return MODNet, without post-processing."""
    import cv2

    from nemovideo.local.matte.modnet import ModNet, input_size

    modnet = ModNet()

    def mask(picture: Bytes) -> Floats:
        size = input_size((picture.shape[1], picture.shape[0]), _MODNET_SIDE)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return modnet.mask(small.astype(np.uint8, copy=False))

    return mask


def rembg_mask() -> MaskOf:
    """Return rembg with IS-Net."""
    model = isnet()
    os.environ["REMBG_HOME"] = str(model.parent)  # it loads models from there only
    import rembg

    session = rembg.new_session("dis_custom", model_path=str(model))

    def mask(picture: Bytes) -> Floats:
        alpha = rembg.remove(picture, session=session, only_mask=True)
        return np.asarray(np.asarray(alpha) / np.float32(255), dtype=np.float32)

    return mask


def loop_masks(mask_of: MaskOf, frames: Iterator[Bytes]) -> Iterator[Bytes]:
    """Yield the masks of a loop at full size, uint8."""
    import cv2

    for picture in frames:
        mask = cv2.resize(mask_of(picture), (picture.shape[1], picture.shape[0]))
        yield (np.clip(mask, 0, 1) * 255 + 0.5).astype(np.uint8)


def _decode(video: Path, _output: Path, frames: int) -> None:
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for number, _ in enumerate(container.decode(video=0), start=1):
            if number == frames:
                break


def _plain(video: Path, output: Path, frames: int) -> None:
    def decoded() -> Iterator[VideoFrame]:
        with av.open(str(video)) as container:
            container.streams.video[0].thread_type = "AUTO"
            yield from container.decode(video=0)

    _write(decoded(), video, output, frames)


def _per_frame(mask_of: MaskOf, video: Path, output: Path, frames: int) -> None:
    """Decode with OpenCV, mask each frame, and blend in float RGB."""
    import cv2

    def blended() -> Iterator[VideoFrame]:
        capture = cv2.VideoCapture(str(video))
        background = np.array(GREEN, dtype=np.float32)
        while True:
            there, bgr = capture.read()
            if not there:
                return
            picture = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            mask = cv2.resize(mask_of(picture), (picture.shape[1], picture.shape[0]))
            share = mask[..., np.newaxis].astype(np.float32)
            blend = picture.astype(np.float32) * share + background * (1 - share)
            yield VideoFrame.from_ndarray(blend.astype(np.uint8), format="rgb24")

    _write(blended(), video, output, frames)


def _write(pictures: Iterator[VideoFrame], video: Path, output: Path, frames: int) -> None:
    with av.open(str(video)) as source, av.open(str(output), "w") as target:
        shown = source.streams.video[0]
        stream = target.add_stream("libx264", rate=shown.average_rate, options=_X264)
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
        heard = source.streams.audio
        sound = target.add_stream_from_template(heard[0]) if heard else None
        for number, frame in enumerate(pictures):
            if number == frames:
                break
            frame.pict_type = 0
            frame.pts, frame.time_base = number, 1 / shown.average_rate
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if sound is not None:
            for packet in source.demux(heard[0]):
                if packet.dts is not None:
                    packet.stream = sound
                    target.mux(packet)


def _ours(video: Path, output: Path, frames: int, engine: str = "fine") -> None:
    from benchmarks.matting.ours import cut
    from nemovideo.local.timeline import Background

    color = "#{:02x}{:02x}{:02x}".format(*GREEN)
    cut(video, output, frames=frames, background=Background("color", color), engine=engine)


def _peak_mb() -> float:
    """Return the peak memory of this process.

    On Linux, `getrusage` would start from the peak of the parent process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def _prepared(loop: str) -> Callable[[Path, Path, int], None]:
    """Return the function of a loop, after its imports."""
    match loop:
        case "decode":
            return _decode
        case "plain":
            return _plain
        case "nemovideo" | "fast":
            import benchmarks.matting.ours  # noqa: F401

            return partial(_ours, engine="fine" if loop == "nemovideo" else loop)
        case "naive":
            import cv2

            import nemovideo.local.matte  # noqa: F401

            return lambda video, output, frames: _per_frame(naive_mask(), video, output, frames)
        case "modnet":
            import cv2
            import onnxruntime  # noqa: F401

            return lambda video, output, frames: _per_frame(modnet_mask(), video, output, frames)
        case _:
            import cv2  # noqa: F401

            mask_of = rembg_mask()
            return lambda video, output, frames: _per_frame(mask_of, video, output, frames)


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("video", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("frames", type=int)
    wanted = parser.parse_args()
    work = _prepared(wanted.loop)
    start, cpu = time.perf_counter(), time.process_time()
    work(wanted.video, wanted.output, wanted.frames)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "memory_mb": _peak_mb()}))


if __name__ == "__main__":
    _main()
