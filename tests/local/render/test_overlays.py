"""Animated overlays, and overlays with alpha."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nemovideo import Client
from nemovideo.local.matte import LazyMatting
from nemovideo.local.render import render
from nemovideo.local.render.stills import make_stills
from nemovideo.local.timeline import Clip, Overlay, Timeline
from tests.support.footage import FPS, film
from tests.support.render import Pixels, YellowMatte, decode, item, near

BLUE, RED, LIME = (30, 60, 160), (220, 30, 30), (40, 200, 40)
WIDTH, HEIGHT, COUNT = 160, 120, 25
SIDE = 60  # half of the shorter side
INSIDE, CORNER = (HEIGHT - 20, WIDTH - 45), (HEIGHT - 8, WIDTH - 8)


def sticker(path: Path) -> Path:
    """Write ten frames, five red and five green; their right half is transparent."""
    pictures = []
    for number in range(10):
        picture = np.zeros((32, 32, 4), np.uint8)
        picture[:, :16] = (*(RED if number < 5 else LIME), 255)
        pictures.append(picture)
    if path.suffix in (".gif", ".webp", ".png"):
        images = [Image.fromarray(picture, "RGBA") for picture in pictures]
        more = {"lossless": True} if path.suffix == ".webp" else {"disposal": 2}
        images[0].save(
            path, save_all=True, append_images=images[1:], duration=40, loop=0,
            **(more if path.suffix != ".png" else {}),
        )  # fmt: skip
        return path
    codec, pixels = ("libvpx-vp9", "yuva420p") if path.suffix == ".webm" else ("qtrle", "argb")
    frames = [av.VideoFrame.from_ndarray(picture, "rgba") for picture in pictures]

    def prepare(stream: av.VideoStream) -> None:
        stream.metadata["alpha_mode"] = "1"

    return film(path, frames=frames, codec=codec, pix_fmt=pixels, prepare=prepare)


def talk(path: Path) -> Path:
    return film(path, [np.full((HEIGHT, WIDTH, 3), BLUE, np.uint8)] * COUNT)


def at(picture: Pixels, place: tuple[int, int]) -> tuple[int, ...]:
    return tuple(int(v) for v in picture[place])


def draft(**overlay: float) -> Timeline:
    how = {"size": 0.5, "duration_ms": 1000, **overlay}
    laid = Overlay("m2", "s", position="bottom right", **how)  # type: ignore[arg-type]
    clips = (Clip("video", 1000, "talk", media="m1"),)
    return Timeline(clips=clips, overlays=(laid,), width=WIDTH, height=HEIGHT, fps=FPS)


@pytest.mark.parametrize("name", ["s.gif", "s.webp", "s.png", "s.webm", "s.mov"])
def test_an_animated_overlay_loops_with_its_alpha(tmp_path: Path, name: str) -> None:
    media = {"m1": item(talk(tmp_path / "t.mp4")), "m2": item(sticker(tmp_path / name), "m2")}
    result = render(draft(start_ms=200), media, tmp_path / "o.mp4", engine=YellowMatte())
    frames = decode(result.path).frames
    assert len(frames) == COUNT
    for number, frame in enumerate(frames):
        since = number - 5  # a loop of ten frames
        expected = BLUE if since < 0 else (RED if since % 10 < 5 else LIME)
        assert near(at(frame, (HEIGHT - 30, WIDTH - 60)), expected, 24), number
        assert near(at(frame, (HEIGHT - 30, WIDTH - 14)), BLUE, 16), "transparent"


def test_the_opacity_of_an_overlay_is_applied(tmp_path: Path) -> None:
    media = {"m1": item(talk(tmp_path / "t.mp4")), "m2": item(sticker(tmp_path / "s.mov"), "m2")}
    result = render(draft(opacity=0.5), media, tmp_path / "o.mp4", engine=YellowMatte())
    half = tuple((a + b) // 2 for a, b in zip(RED, BLUE, strict=True))
    assert near(at(decode(result.path).frames[0], (HEIGHT - 30, WIDTH - 60)), half, 16)


def test_a_preview_shows_the_frame_of_an_animated_overlay(tmp_path: Path) -> None:
    media = {"m1": item(talk(tmp_path / "t.mp4")), "m2": item(sticker(tmp_path / "s.mov"), "m2")}
    stills = make_stills(draft(), media, [0.0, 0.24, 0.44], LazyMatting(YellowMatte()).load)
    seen = [at(np.asarray(s.after.convert("RGB")), (HEIGHT - 30, WIDTH - 60)) for s in stills]
    for color, expected in zip(seen, (RED, LIME, RED), strict=True):
        assert near(color, expected, 24)


def test_the_agent_places_animated_overlays(client: Client, tmp_path: Path) -> None:
    session = client.sessions.create()
    session.upload(talk(tmp_path / "t.mp4"), sticker(tmp_path / "dance.gif"))
    session.upload(sticker(tmp_path / "me.mov"))
    for name, corner in (("dance.gif", "bottom right"), ("me.mov", "top left")):
        reply = session.send(f"put {name} in the {corner} corner at 50%")
        assert f"{name} at the {corner}" in reply.text
    frames = decode(session.export(tmp_path / "o.mp4").path).frames
    assert len(frames) == COUNT
    assert near(at(frames[0], (HEIGHT - 30, WIDTH - 60)), RED, 24)
    assert near(at(frames[0], (30, 20)), RED, 24)
    assert near(at(frames[7], (30, 20)), LIME, 24)
