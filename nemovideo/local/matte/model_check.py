"""Check that a user's network segments people, with a drawn person."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte.engine import Matte, Picture, side_of

_SIDE = 512
_WALL, _SHIRT, _SKIN, _HAIR = (44, 54, 64), (214, 214, 226), (226, 178, 150), (186, 158, 104)
_DARK, _WHITE, _LIPS, _SHADE = (60, 44, 34), (250, 250, 250), (184, 92, 92), (192, 142, 116)
_OUTLINE = (
    ((60, 330, 452, 800), _SHIRT),
    ((166, 80, 346, 300), _HAIR),
    ((214, 260, 298, 392), _SKIN),
    ((178, 120, 334, 330), _SKIN),
)
_FEATURES = (
    *(((x, 205, x + 30, 220), _WHITE) for x in (206, 276)),
    *(((x, 205, x + 14, 219), _DARK) for x in (214, 284)),
    *(((x, 184, x + 44, 190), _DARK) for x in (198, 270)),
    ((246, 252, 268, 262), _SHADE),
    ((228, 278, 284, 296), _LIPS),
)
_MIN_DIFFERENCE = 0.15


def check(name: str, engine: Matte) -> None:
    """Check that a network separates the drawn person from the background.

    Raises:
        ModelUnavailableError: It does not; the message has the figures.
    """
    picture, person = _drawn(side_of(engine))
    mask = engine.mask(picture)
    size = person.shape[1], person.shape[0]
    fitted = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))
    inside, outside = float(fitted[person].mean()), float(fitted[~person].mean())
    if not inside - outside > _MIN_DIFFERENCE:  # true for NaN
        raise ModelUnavailableError(
            f"{name} does not find people: it keeps {inside:.0%} of a drawn person and "
            f"{outside:.0%} of the background",
            remedy="If the network was trained on values other than 0..1, set them: "
            "Model(path, mean=…, std=…).",
        )


def _drawn(side: int) -> tuple[Picture, npt.NDArray[np.bool_]]:
    """Return a picture of a head and shoulders in front of a dark wall, and the true mask."""
    image = Image.new("RGB", (_SIDE, _SIDE), _WALL)
    person = Image.new("1", (_SIDE, _SIDE))
    for box, color in _OUTLINE:
        ImageDraw.Draw(image).ellipse(box, fill=color)
        ImageDraw.Draw(person).ellipse(box, fill=1)
    for box, color in _FEATURES:
        ImageDraw.Draw(image).ellipse(box, fill=color)
    soft = image.filter(ImageFilter.GaussianBlur(1.5)).resize((side, side))
    return np.asarray(soft), np.asarray(person.resize((side, side)))
