"""`nemovideo frames`: write a video's frames with alpha to a pipe or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nemovideo.cli.options import PATH, check_engine
from nemovideo.errors import InvalidRequestError, OutputError

if TYPE_CHECKING:
    from nemovideo.models import Frame


@click.command("frames")
@click.argument("source", type=PATH)
@click.option("--raw", is_flag=True, help="Write raw RGBA pixels to stdout, for ffmpeg.")
@click.option("-o", "--output", type=PATH, help="The folder for the PNGs. Default: NAME-frames.")
@click.option("--engine", default="fine", show_default=True, help="fine, fast or rembg.")
@click.option("--softness", default=0.0, show_default=True, help="Blur of the edges, 0 to 1.")
@click.option(
    "--grow", "grow_px", default=0, show_default=True, help="Grow the masks by this many pixels."
)
@click.option(
    "--keep",
    type=click.Choice(["front", "all"]),
    default="front",
    show_default=True,
    help="Keep only the people in front, or everyone.",
)
def frames(
    source: Path,
    *,
    raw: bool,
    output: Path | None,
    engine: str,
    softness: float,
    grow_px: int,
    keep: str,
) -> None:
    """Write the frames of the video SOURCE, transparent except for the people.

    \b
    nemovideo frames talk.mp4 --raw | ffmpeg -f rawvideo -pix_fmt rgba -s 1280x720 -r 30 -i - …
    nemovideo frames talk.mp4 -o frames
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    from nemovideo.local import Matting

    check_engine(engine, local=True)
    if raw and output is not None:
        raise InvalidRequestError("--raw writes to stdout", remedy="Leave out -o or --raw.")
    matting = Matting(
        engine, softness=softness, grow_px=grow_px, keep="all" if keep == "all" else "front"
    )
    transparent_frames = matting.frames(source, clean_edges=True)
    if raw:
        _pipe(transparent_frames)
        return
    folder = output or Path(f"{source.stem}-frames")
    for number, frame in enumerate(transparent_frames):
        _save(frame, folder, number)
    click.echo(str(folder))


def _pipe(frames: Iterator[Frame]) -> None:
    """Write pixels to stdout, and their format to stderr first."""
    from nemovideo.local.frame_writer import transparent_picture

    first = list(islice(frames, 2))
    for frame in first[:1]:
        height, width = frame.alpha.shape
        rate = f", {1 / (first[1].time_s - frame.time_s):.6g} fps" if len(first) > 1 else ""
        click.echo(f"rgba {width}x{height}{rate}", err=True)
    for frame in chain(first, frames):
        click.echo(transparent_picture(frame.rgb, frame.alpha).tobytes(), nl=False)


def _save(frame: Frame, folder: Path, number: int) -> None:
    from nemovideo.local.frame_writer import transparent_picture

    image = transparent_picture(frame.rgb, frame.alpha)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{number:06}.png")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error}") from error
