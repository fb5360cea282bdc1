"""Spill of the old background is removed from the edges of a person."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from av.video.frame import VideoFrame

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.pyramid import doubled, edge_padded, halved
from nemovideo.local.matte.spill import missing_color
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.compositing import Compositor, Cutout

Floats = npt.NDArray[np.float32]

SIDE = 128
OWN, BEHIND = (40.0, 140.0, 120.0), (200.0, 40.0, 90.0)


def soft_disc(side: int = SIDE, softness: float = 0.15) -> Floats:
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    away = np.hypot(rows, columns)
    disc: Floats = ((0.3 + softness - away) / softness).clip(0, 1).astype(np.float32)
    return disc


def mixed(
    mask: Floats, own: tuple[float, ...] = OWN, background: tuple[float, ...] = BEHIND
) -> Floats:
    first, second = (np.array(color, np.float32)[:, None, None] for color in (own, background))
    mixture: Floats = first * mask + second * (1 - mask)
    return mixture


def test_a_mixture_becomes_the_foreground_color() -> None:
    mask = soft_disc()
    colors = mixed(mask)
    clean = colors + missing_color(colors, mask)
    edge = (mask > 0.1) & (mask < 0.9)
    assert np.abs(clean[:, edge] - np.array(OWN)[:, None]).max() < 4
    assert np.abs(colors[:, edge] - np.array(OWN)[:, None]).mean() > 20


def test_opaque_pixels_are_unchanged() -> None:
    mask = soft_disc()
    colors = np.random.default_rng(1).uniform(0, 255, (3, SIDE, SIDE)).astype(np.float32)
    assert not missing_color(colors, mask)[:, mask == 1].any()


def test_a_wrong_mask_does_no_harm() -> None:
    mask = soft_disc()
    colors = mixed(np.where(mask > 0, np.float32(1), mask))
    edge = (mask > 0.1) & (mask < 0.9)
    assert np.abs(missing_color(colors, mask)[:, edge]).max() < 3


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_flat_mask_changes_nothing(share: float) -> None:
    mask = np.full((SIDE, SIDE), share, dtype=np.float32)
    colors = mixed(mask)
    assert np.abs(missing_color(colors, mask)).max() < 1e-3


def test_planes_are_halved_and_doubled_without_a_shift() -> None:
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32), (2, 16, 16))
    assert halved(ramp).shape == (2, 8, 8)
    again = doubled(halved(ramp))
    assert np.allclose(again[:, :, 1:-1], ramp[:, :, 1:-1])
    turned = ramp.swapaxes(-1, -2)
    assert np.allclose(doubled(halved(turned)), again.swapaxes(-1, -2))


def test_padding_repeats_the_edge() -> None:
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert (edge_padded(plane, 2) == np.pad(plane, 2, mode="edge")).all()


@pytest.fixture
def canvas() -> Canvas:
    return Canvas(width=320, height=320, fps=Fraction(25))


def frame_of(colors: Floats) -> VideoFrame:
    frame = VideoFrame.from_ndarray(colors.transpose(1, 2, 0).astype(np.uint8), format="rgb24")
    converted = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
    converted.colorspace = 1  # tagged, so that nothing is converted
    return converted


def rgb(frame: VideoFrame) -> Floats:
    planes: Floats = frame.to_ndarray(format="rgb24").astype(np.float32).transpose(2, 0, 1)
    return planes


@pytest.mark.parametrize("box", [(0, 0, 320, 320), (40, 20, 300, 290)])
def test_a_new_background_shows_no_rim_of_the_old_one(
    canvas: Canvas, box: tuple[int, int, int, int]
) -> None:
    whole = soft_disc(320, 0.1)
    left, top, right, bottom = box
    rows = np.linspace(top, bottom - 1, 256).round().astype(int)
    columns = np.linspace(left, right - 1, 256).round().astype(int)
    own, red, black = (60.0, 60.0, 60.0), (250.0, 20.0, 20.0), (0.0, 0.0, 0.0)
    frame = frame_of(mixed(whole, own, red))
    cut = Cut(box, whole[np.ix_(rows, columns)])
    composite = rgb(Compositor(canvas)(frame, cut, frame_of(mixed(whole * 0, own, black))))
    wanted = mixed(whole, own, black)
    assert np.abs(composite - wanted).max() < 14
    redness = composite[0] - composite[1:].mean(axis=0)
    assert redness.max() < 14


def test_a_cutout_has_the_foreground_color_where_it_is_half_transparent(
    canvas: Canvas,
) -> None:
    mask = soft_disc(256, 0.1)
    wide = soft_disc(320, 0.1)
    frame = frame_of(mixed(wide, (60.0, 60.0, 60.0), (250.0, 20.0, 20.0)))
    cutout = Cutout(canvas, frame_of(mixed(wide * 0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))))
    result = cutout(frame, Cut((0, 0, 320, 320), mask))
    assert result.format.name == "yuva420p"
    half = (wide > 0.2) & (wide < 0.8)
    shown = rgb(result.reformat(format="rgb24"))
    assert np.abs(shown[:, half] - 60).mean() < 8
