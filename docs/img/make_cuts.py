"""Make the pictures of what the local engine does: `python docs/img/make_cuts.py`.

Writes `before-after.jpg`, `backgrounds.jpg` and `edges.jpg` next to this file, and the pictures of
the player, by `make_cards.py`. The clips come from the matte benchmark (`pip install -e
".[bench-matte]"`; generated on first use): those with people from public-domain photos, none of
which were used for tuning. They go through `Client.local()` like a user's, so run this again when
the engine has changed; it takes two or three minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import make_cards

from benchmarks.matting import clips
from nemovideo import Client

Box = tuple[int, int, int, int]

HERE = Path(__file__).resolve().parent

ASTRONAUT, OFFICIAL = "astronaut-still-room", "biden-handheld-shelves"
"""Eileen Collins, by NASA, and Joe Biden, by the White House."""

_GREEN = "#00b140"
_MOMENTS = (0, 59, 118)
_TILE = (400, 225)
_ZOOM = 225
_GAP_PX = 4
_CHECK_PX = 12
_EDGES: tuple[tuple[str, Box], ...] = (
    (ASTRONAUT, (850, 190, 1150, 490)),
    (ASTRONAUT, (520, 760, 820, 1060)),
    (OFFICIAL, (760, 170, 1060, 470)),
    (OFFICIAL, (420, 640, 720, 940)),
)
"""Where the edges are shown pixel by pixel: hair, a shoulder, thin hair, a dark sleeve."""


def clip(name: str) -> Path:
    """Return a clip of the benchmark."""
    (clip,) = clips.named_clips([name])
    return clip.video


def cut(client: Client, video: Path, background: str, folder: Path) -> Path:
    """Return the clip with another background, rendered once by the client."""
    output = folder / f"{video.stem}-{background.strip('#').replace(' ', '-')}.mov"
    if not output.exists():
        client.remove_background(video, background=background, output=output)
    return output


def frames(video: Path, numbers: Sequence[int]) -> list[Image.Image]:
    """Return frames of a video, with their alpha."""
    with av.open(str(video)) as container:
        decoded = enumerate(container.decode(video=0))
        return [
            Image.fromarray(frame.to_ndarray(format="rgba"))
            for number, frame in decoded
            if number in numbers
        ]


def small(video: Path, output: Path, *, height: int) -> Path:
    """Write a smaller copy of the video, for the player."""
    with av.open(str(video)) as source, av.open(str(output), "w") as target:
        shown = source.streams.video[0]
        stream = target.add_stream("libx264", rate=shown.average_rate, options={"crf": "18"})
        width = round(shown.width * height / shown.height / 2) * 2
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            picture = frame.reformat(width=width, height=height, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 30)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return output


def tile(picture: Image.Image) -> Image.Image:
    """Return a frame as a tile."""
    return on_checks(picture.resize(_TILE, Image.Resampling.LANCZOS))


def zoom(picture: Image.Image, box: Box) -> Image.Image:
    """Return a square of a frame, at nearly its original resolution."""
    return on_checks(picture.crop(box).resize((_ZOOM, _ZOOM), Image.Resampling.LANCZOS))


def on_checks(picture: Image.Image) -> Image.Image:
    """Return a picture with a checkerboard where it is transparent."""
    rows, columns = np.mgrid[: picture.height, : picture.width] // _CHECK_PX
    ground = Image.fromarray(np.where((rows + columns) % 2, 255, 216).astype(np.uint8))
    return Image.alpha_composite(ground.convert("RGBA"), picture).convert("RGB")


def save(rows: Sequence[Sequence[Image.Image]], name: str, *, quality: int = 80) -> None:
    """Write tiles in rows as one JPEG."""
    width, height = rows[0][0].size
    size = (
        len(rows[0]) * (width + _GAP_PX) - _GAP_PX,
        len(rows) * (height + _GAP_PX) - _GAP_PX,
    )
    sheet = Image.new("RGB", size, "white")
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            sheet.paste(tile, (x * (width + _GAP_PX), y * (height + _GAP_PX)))
    sheet.save(HERE / name, quality=quality, optimize=True, progressive=True)


def main() -> None:
    """Cut the people out, and write the pictures."""
    with tempfile.TemporaryDirectory() as name, Client.local() as client:
        folder = Path(name)
        astronaut, official = clip(ASTRONAUT), clip(OFFICIAL)

        office = cut(client, astronaut, "office setting", folder)
        rows = [frames(video, _MOMENTS) for video in (astronaut, office)]
        save([[tile(picture) for picture in row] for row in rows], "before-after.jpg")

        middle = _MOMENTS[1:2]
        others = [
            cut(client, official, background, folder)
            for background in ("transparent", "blur", _GREEN, "studio", "beach")
        ]
        tiles = [tile(frames(video, middle)[0]) for video in (official, *others)]
        save([tiles[:3], tiles[3:]], "backgrounds.jpg")

        sources = {ASTRONAUT: astronaut, OFFICIAL: official}
        kinds = ("transparent", _GREEN, "studio")
        shown = {
            which: [frames(video, middle)[0]]
            + [frames(cut(client, video, kind, folder), middle)[0] for kind in kinds]
            for which, video in sources.items()
        }
        save([[zoom(picture, box) for picture in shown[w]] for w, box in _EDGES], "edges.jpg")

        talk = small(astronaut, folder / "talk.mp4", height=360)
        cutout = folder / "cutout.webm"
        client.remove_background(talk, background="transparent", output=cutout)
        make_cards.make(talk, cutout)


if __name__ == "__main__":
    main()
