"""Helpers of the matting tests: pictures as frames, and generated model files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box, Size, Thumbnail, resampled_to_box, whole

WALL = (30, 60, 160)
PERSON = (225, 205, 40)


class PictureView:
    """A picture with the interface of a frame, for the cutter."""

    def __init__(self, pixels: Picture) -> None:
        self.pixels = pixels
        self.looks = 0

    @property
    def size(self) -> Size:
        return self.pixels.shape[1], self.pixels.shape[0]

    def thumbnail(self) -> Thumbnail:
        small: Thumbnail = self.pixels[::8, ::8].mean(axis=2).astype(np.uint8)
        return small

    def picture(self, box: Box, size: Size) -> Picture:
        part = Image.fromarray(self.pixels).crop(box)
        return np.asarray(part.resize(size, Image.Resampling.BOX), dtype=np.uint8)

    def brightness(self, box: Box, size: Size) -> Mask:
        luma = Image.fromarray(self.picture(box, size)).convert("L")
        return (np.asarray(luma, dtype=np.float32) / 255).astype(np.float32)


class Watched:
    """An engine for these pictures (yellow is a person) that records its inputs."""

    def __init__(self) -> None:
        self.shown: list[Picture] = []

    def mask(self, picture: Picture) -> Mask:
        self.shown.append(picture)
        person: Mask = (picture[..., 0].astype(int) - picture[..., 2] > 60).astype(np.float32)
        return person


def scene(*people: Box, size: Size = (320, 240), wall: tuple[int, int, int] = WALL) -> Picture:
    """Return a picture of yellow blocks in front of a wall."""
    pixels = np.full((size[1], size[0], 3), wall, dtype=np.uint8)
    for left, top, right, bottom in people:
        pixels[top:bottom, left:right] = PERSON
    return pixels


def full_mask(cut: Cut, size: Size) -> Mask:
    """Return the cut's mask for the whole frame, scaled to 256 × 256."""
    return resampled_to_box(cut.mask, cut.box, whole(size), 256)


def agreement(cut: Cut, picture: Picture) -> float:
    """Return the intersection over union of the mask and the person."""
    view = PictureView(picture)
    kept = full_mask(cut, view.size) > 0.5
    true = view.picture(whole(view.size), (256, 256))[..., 0] > 120
    return float((kept & true).sum() / max(1, (kept | true).sum()))


def tiny_onnx(path: Path, *, shape: tuple[int, ...] = (1, 3, 8, 8), inputs: int = 1) -> None:
    """Write a network that returns the mean over the channels of an N × 3 × H × W input."""
    nodes = _node("ReduceMean", ["x0"], "y", _axes())
    values = b"".join(_field(11, _value(f"x{n}", shape)) for n in range(inputs))
    out = _field(12, _value("y", (shape[0], 1, *shape[2:])))
    graph = nodes + _text(2, "tiny") + values + out
    model = _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))
    path.write_bytes(model)


def recurrent_onnx(path: Path) -> None:
    """Write a network with the inputs of Robust Video Matting and a memory of brightness.

    Its alpha is each pixel's mean over the channels, or the brightest mean of an earlier frame if
    that is more.
    """
    nodes = [
        _node("ReduceMean", ["src"], "gray", _axes()),
        _node("ReduceMean", ["src"], "all", _axes(1, 2, 3)),
        _node("Max", ["gray", "r1i"], "pha"),
        _node("Max", ["all", "r1i"], "r1o"),
        *(_node("Identity", [f"r{n}i"], f"r{n}o") for n in (2, 3, 4)),
    ]
    states = [f"r{n}i" for n in (1, 2, 3, 4)]
    inputs = _field(11, _value("src", (1, 3, 0, 0))) + _field(11, _value("downsample_ratio", (1,)))
    inputs += b"".join(_field(11, _value(name, (0, 0, 0, 0))) for name in states)
    outs = ["pha", *(name.replace("i", "o") for name in states)]
    outputs = b"".join(_field(12, _value(name, (0, 0, 0, 0))) for name in outs)
    graph = b"".join(nodes) + _text(2, "recurrent") + inputs + outputs
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _number(2, 13)))


def _node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    names = b"".join(_text(1, name) for name in inputs)
    return _field(1, names + _text(2, output) + _text(4, kind) + attributes)


def _axes(*axes: int) -> bytes:
    numbers = b"".join(_number(8, axis) for axis in axes or (1,))
    return _field(5, _text(1, "axes") + numbers + _number(20, 7))


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    sizes = b"".join(_field(1, _number(1, size) if size else b"") for size in shape)
    return _text(1, name) + _field(2, _field(1, _number(1, 1) + _field(2, sizes)))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _field(field, text.encode())
