"""People: cut out of photos by closed-form matting.

Each outline was drawn by hand, in pixels of the crop. In a band around it, and in the `loose`
polygons with hair, alpha is solved by Levin's closed-form matting. This alpha and the
foreground colors (Germer's multilevel estimation) are the ground truth of all clips. They are
cached.

Parameters may be tuned on clips with the people in `TUNING`; figures are reported on clips with
those in `REPORT`. No person is in both.
"""

from __future__ import annotations

import os
from functools import cache

import attrs
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from pymatting import estimate_alpha_cf, estimate_foreground_ml

from benchmarks.matting.sources import bench_dir, source

Floats = npt.NDArray[np.float32]
Polygon = tuple[tuple[int, int], ...]

_VERSION = 1


@attrs.frozen
class Person:
    """A person in a photo: the crop, the outline, and the width of the unknown band in pixels."""

    name: str
    photo: str
    crop: tuple[int, int, int, int]
    outline: Polygon
    band: int
    loose: tuple[Polygon, ...] = ()


@attrs.frozen(eq=False)
class Cutout:
    """A person without background: premultiplied RGB and alpha, float32 in 0..1, H × W × 4."""

    name: str
    rgba: Floats


# fmt: off
OBAMA = Person(
    "obama", "obama.jpg", (0, 0, 910, 1085),
    ((475, 25), (426, 45), (382, 82), (370, 150), (366, 180), (350, 200), (343, 232), (354, 280),
     (389, 316), (405, 384), (401, 424), (396, 433), (325, 460), (236, 502), (179, 535),
     (143, 624), (125, 712), (108, 759), (65, 875), (49, 959), (61, 1028), (80, 1085),
     (768, 1085), (786, 1000), (817, 917), (828, 879), (838, 800), (840, 720), (838, 671),
     (845, 600), (845, 547), (825, 505), (761, 468), (664, 440), (583, 389), (579, 370),
     (594, 341), (602, 299), (627, 271), (632, 208), (620, 190), (620, 150), (610, 101),
     (581, 64), (556, 45)),
    band=8,
)
HOPPER = Person(
    "hopper", "hopper.jpg", (0, 0, 512, 436),
    ((330, 52), (308, 42), (290, 31), (270, 24), (246, 28), (227, 27), (209, 37), (204, 48),
     (174, 66), (168, 85), (147, 118), (147, 176), (150, 226), (160, 248), (168, 290), (190, 298),
     (200, 312), (182, 333), (165, 343), (120, 360), (70, 371), (43, 393), (26, 432), (22, 436),
     (510, 436), (493, 395), (464, 377), (429, 368), (361, 340), (332, 316), (338, 304),
     (349, 296), (361, 273), (374, 213), (375, 192), (370, 180), (371, 128), (367, 93),
     (351, 80), (346, 67)),
    band=7,
    loose=(((138, 180), (166, 195), (184, 305), (150, 310)),
           ((362, 185), (388, 185), (385, 300), (345, 310))),
)
OLIVE = Person(
    "olive", "window.jpg", (100, 330, 650, 1060),
    ((231, 42), (149, 54), (116, 78), (91, 113), (79, 152), (64, 275), (69, 339), (78, 355),
     (78, 435), (62, 450), (46, 491), (40, 510), (44, 528), (63, 560), (65, 577), (55, 650),
     (47, 730), (550, 730), (550, 640), (540, 560), (512, 490), (498, 473), (477, 414), (463, 390),
     (446, 334), (435, 287), (380, 182), (364, 135), (340, 108), (297, 73), (243, 45)),
    band=12,
    loose=(((35, 380), (105, 380), (105, 560), (30, 560)),
           ((400, 220), (475, 330), (515, 460), (470, 480), (415, 330))),
)
RED = Person(
    "red", "window.jpg", (560, 180, 1060, 740),
    ((167, 48), (146, 64), (112, 120), (105, 153), (100, 244), (108, 360), (130, 440), (105, 541),
     (90, 560), (460, 560), (440, 510), (405, 437), (384, 366), (384, 254), (368, 158), (344, 99),
     (289, 45), (266, 36), (228, 34)),
    band=10,
    loose=(((388, 375), (475, 560), (425, 560), (380, 420)),),
)
ASTRONAUT = Person(
    "astronaut", "astronaut.png", (0, 0, 420, 345),
    ((197, 24), (185, 30), (164, 49), (155, 58), (151, 68), (156, 103), (179, 128), (182, 135),
     (182, 151), (150, 154), (134, 165), (118, 186), (111, 206), (97, 216), (84, 231), (60, 253),
     (43, 280), (35, 308), (28, 345), (366, 345), (366, 337), (364, 310), (360, 294), (339, 260),
     (321, 243), (305, 233), (290, 203), (263, 183), (262, 161), (268, 141), (293, 114), (301, 94),
     (297, 61), (290, 45), (270, 27), (239, 13), (215, 14)),
    band=6,
    loose=(((148, 8), (310, 8), (310, 130), (268, 150), (290, 80), (270, 45), (230, 28),
            (190, 42), (165, 70), (170, 105), (150, 110)),),
)
BIDEN = Person(
    "biden", "biden.jpg", (0, 0, 970, 925),
    ((670, 123), (581, 98), (520, 100), (486, 110), (441, 144), (406, 189), (390, 222), (388, 300),
     (382, 330), (385, 386), (412, 429), (422, 456), (413, 504), (387, 540), (315, 583),
     (261, 591), (150, 611), (85, 629), (58, 646), (41, 693), (41, 796), (44, 840), (34, 880),
     (32, 925), (966, 925), (950, 890), (927, 794), (907, 746), (888, 727), (844, 711), (782, 672),
     (695, 650), (637, 593), (640, 558), (676, 509), (698, 441), (716, 410), (740, 358),
     (756, 302), (755, 247), (732, 178), (713, 147), (678, 136)),
    band=14,
    loose=(((375, 300), (375, 200), (430, 120), (500, 65), (620, 65), (720, 110), (780, 220),
            (775, 320), (735, 420), (705, 420), (735, 330), (735, 250), (700, 160), (640, 120),
            (520, 118), (450, 155), (410, 230), (405, 300)),),
)
BLONDE = Person(
    "blonde", "party.jpg", (1270, 60, 1690, 760),
    ((219, 40), (185, 35), (115, 38), (62, 65), (28, 105), (15, 144), (10, 180), (5, 240),
     (10, 320), (14, 420), (18, 520), (24, 700), (350, 700), (335, 660), (318, 620),
     (314, 500), (313, 407), (306, 364),
     (305, 335), (297, 290), (294, 252), (282, 210), (283, 165), (272, 110), (250, 65)),
    band=10,
    loose=(((260, 60), (330, 200), (335, 620), (295, 620), (280, 330), (255, 120)),),
)
AUDREY = Person(
    "audrey", "audrey.jpg", (0, 0, 540, 545),
    ((206, 36), (178, 55), (158, 80), (140, 112), (136, 182), (130, 209), (120, 238), (127, 267),
     (129, 312), (146, 326), (153, 340), (156, 380), (178, 414), (173, 466), (153, 489), (126, 506),
     (60, 534), (20, 545), (435, 545), (423, 539), (375, 498), (372, 473), (366, 463), (367, 430),
     (386, 391), (396, 346), (405, 340), (420, 315), (424, 300), (423, 272), (428, 240), (422, 160),
     (411, 117), (385, 79), (355, 64), (325, 37), (298, 22), (258, 20)),
    band=8,
)
# fmt: on

TUNING = (OBAMA, HOPPER, OLIVE, RED)
REPORT = (ASTRONAUT, BIDEN, BLONDE, AUDREY)


@cache
def cutout(person: Person) -> Cutout:
    """Return the cut-out of a person, computed on first use in about a minute."""
    path = bench_dir() / "people" / f"{person.name}-{_VERSION}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz")
        np.savez_compressed(part, rgba=_cut(person).astype(np.float16))
        part.replace(path)
    with np.load(path) as stored:
        return Cutout(person.name, stored["rgba"].astype(np.float32))


def photo(name: str) -> Floats:
    """Return a picture as float32 RGB in 0..1."""
    with Image.open(source(name)) as image:
        values = np.asarray(image.convert("RGB"), dtype=np.float32)
        return np.asarray(values / np.float32(255), dtype=np.float32)


def trimap(person: Person) -> npt.NDArray[np.float64]:
    """Return the trimap of a person: 0, 1, or 0.5 for unknown."""
    left, top, right, bottom = person.crop
    inside = np.zeros((bottom - top, right - left), dtype=np.uint8)
    cv2.fillPoly(inside, [np.array(person.outline, dtype=np.int32)], 1)
    side = 2 * person.band + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # Repeat the border, so that a body cut off by it is not eroded there.
    bordered = cv2.copyMakeBorder(inside, side, side, side, side, cv2.BORDER_REPLICATE)
    sure = cv2.erode(bordered, kernel)[side:-side, side:-side]
    maybe = cv2.dilate(bordered, kernel)[side:-side, side:-side]
    known = np.where(sure > 0, 1.0, np.where(maybe > 0, 0.5, 0.0))
    for polygon in person.loose:
        region = np.zeros_like(inside)
        cv2.fillPoly(region, [np.array(polygon, dtype=np.int32)], 1)
        known[region > 0] = 0.5
    return known


def _cut(person: Person) -> Floats:
    left, top, right, bottom = person.crop
    picture = photo(person.photo)[top:bottom, left:right].astype(np.float64)
    alpha = estimate_alpha_cf(picture, trimap(person))
    # Closed-form matting leaves a haze of a few thousandths in the background.
    alpha = np.clip((alpha - 0.02) / 0.96, 0, 1)
    colors = estimate_foreground_ml(picture, alpha)
    return np.dstack([colors * alpha[..., np.newaxis], alpha]).astype(np.float32)
