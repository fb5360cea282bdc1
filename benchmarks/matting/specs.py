"""The clips: people, motion, background and camera.

No person is in both `TUNING` and `REPORT`. Hard clips have people in the background, so their
true mask is debatable; they have separate means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from benchmarks.matting import motion, people, rooms
from benchmarks.matting.bluescreen import keyed

Floats = npt.NDArray[np.float32]
Size = tuple[int, int]

HD: Size = (1920, 1080)
SD: Size = (854, 480)


@attrs.frozen
class Actor:
    """A person in a clip: motion, position of the middle of the lower edge, and height."""

    person: people.Person
    path: motion.Path
    place: float = 0.5
    height: float = 0.9


@attrs.frozen
class Spec:
    """The specification of a clip.

    `actors` are listed from back to front, or are a function that renders all of them.
    """

    name: str
    size: Size
    room: Callable[[Size], rooms.Room]
    actors: Sequence[Actor] | Callable[[Size], Callable[[int], Floats]]
    kind: str
    linear: bool = False
    noise: float = 0.008
    crf: int = 21
    hard: bool = False


TUNING = (
    Spec(
        "obama-still-room",
        HD,
        lambda size: rooms.shelves(size, 5),
        [Actor(people.OBAMA, motion.talking(11), height=0.95)],
        "static",
    ),
    Spec(
        "hopper-handheld",
        SD,
        lambda size: rooms.handheld(rooms.photo_room(size, "city.png"), 1),
        [Actor(people.HOPPER, motion.filmed(), place=0.45, height=0.85)],
        "moving",
        noise=0.012,
    ),
    Spec(
        "olive-long-hair",
        HD,
        lambda size: rooms.photo_room(size, "coffee.png", pan=0.05, blur=0.008),
        [Actor(people.OLIVE, motion.talking(12), place=0.81, height=0.92)],
        "hair",
        linear=True,
    ),
    Spec(
        "obama-fast",
        HD,
        lambda size: rooms.photo_room(size, "motorcycle.png"),
        [Actor(people.OBAMA, motion.fast(13), height=0.8)],
        "fast",
    ),
    Spec(
        "hopper-and-red",
        HD,
        lambda size: rooms.plain(size, (0.62, 0.56, 0.5), seed=2),
        [
            Actor(people.RED, motion.talking(14), place=0.28, height=0.78),
            Actor(people.HOPPER, motion.talking(15), place=0.7, height=0.7),
        ],
        "two",
    ),
    Spec(
        "red-lights",
        SD,
        lambda size: rooms.flicker(size, 4),
        [Actor(people.RED, motion.filmed(strength=1.5), height=0.9)],
        "moving",
        noise=0.016,
        crf=24,
    ),
    Spec(
        "olive-small-garage",
        HD,
        lambda size: rooms.photo_room(size, "motorcycle.png", blur=0.001),
        [Actor(people.OLIVE, motion.talking(18, strength=1.5), place=0.36, height=0.55)],
        "small",
    ),
    Spec(
        "hopper-small-table",
        SD,
        lambda size: rooms.photo_room(size, "coffee.png", pan=0.05, blur=0.001),
        [Actor(people.HOPPER, motion.filmed(strength=1.5), place=0.6, height=0.55)],
        "small",
        noise=0.012,
    ),
    Spec(
        "hopper-and-cyclists",
        SD,
        lambda size: rooms.video_room(size, "bikes.mp4"),
        [Actor(people.HOPPER, motion.talking(17), place=0.45, height=0.85)],
        "people",
        hard=True,
    ),
    Spec(
        "obama-before-a-poster",
        HD,
        lambda size: rooms.with_poster(
            rooms.plain(size, (0.5, 0.52, 0.48)), size, "hopper.jpg", (0.66, 0.1, 0.5)
        ),
        [Actor(people.OBAMA, motion.talking(16), place=0.4, height=0.85)],
        "people",
        hard=True,
    ),
)

REPORT = (
    Spec(
        "astronaut-still-room",
        HD,
        lambda size: rooms.photo_room(size, "motorcycle.png", blur=0.006),
        [Actor(people.ASTRONAUT, motion.talking(31), place=0.52, height=0.88)],
        "static",
    ),
    Spec(
        "biden-handheld-shelves",
        HD,
        lambda size: rooms.handheld(rooms.shelves(size, 8), 3),
        [Actor(people.BIDEN, motion.filmed(), place=0.47, height=0.9)],
        "moving",
        linear=True,
    ),
    Spec(
        "blonde-long-hair",
        HD,
        lambda size: rooms.photo_room(size, "city.png", pan=0.08),
        [Actor(people.BLONDE, motion.talking(32), place=0.14, height=0.95)],
        "hair",
        noise=0.012,
    ),
    Spec(
        "biden-fast",
        SD,
        lambda size: rooms.photo_room(size, "rocket.jpg", blur=0.002),
        [Actor(people.BIDEN, motion.fast(33), height=0.78)],
        "fast",
        crf=23,
    ),
    Spec(
        "astronaut-and-audrey",
        HD,
        lambda size: rooms.shelves(size, 9, blur=0.008),
        [
            Actor(people.AUDREY, motion.talking(34), place=0.7, height=0.82),
            Actor(people.ASTRONAUT, motion.talking(35), place=0.28, height=0.68),
        ],
        "two",
    ),
    Spec(
        "franck-filmed",
        SD,
        lambda size: rooms.photo_room(size, "brick.png", blur=0.003),
        lambda size: keyed(size, 3700, 400),
        "static",
        noise=0.006,
    ),
    Spec(
        "franck-handheld",
        SD,
        lambda size: rooms.handheld(rooms.photo_room(size, "coffee.png", pan=0.06), 6),
        lambda size: keyed(size, 2000, 400),
        "moving",
        noise=0.006,
    ),
    Spec(
        "biden-small-launch-pad",
        HD,
        lambda size: rooms.handheld(rooms.photo_room(size, "rocket.jpg", blur=0.001), 9),
        [Actor(people.BIDEN, motion.talking(38, strength=1.5), place=0.66, height=0.5)],
        "small",
        linear=True,
    ),
    Spec(
        "audrey-small-table",
        SD,
        lambda size: rooms.photo_room(size, "coffee.png", blur=0.001),
        [Actor(people.AUDREY, motion.filmed(strength=1.5), place=0.35, height=0.55)],
        "small",
        noise=0.012,
    ),
    Spec(
        "audrey-and-passers-by",
        HD,
        lambda size: rooms.with_passer_by(
            rooms.with_passer_by(
                rooms.photo_room(size, "motorcycle.png", blur=0.006),
                size,
                people.BIDEN,
                motion.walking(1, start=-0.3, speed=0.22),
                place=0.1,
                height=0.5,
            ),
            size,
            people.BLONDE,
            motion.walking(2, start=0.2, speed=-0.2),
            place=0.95,
            height=0.55,
        ),
        [Actor(people.AUDREY, motion.talking(36), height=0.85)],
        "people",
        hard=True,
    ),
    Spec(
        "astronaut-before-a-poster",
        HD,
        lambda size: rooms.with_poster(
            rooms.plain(size, (0.55, 0.5, 0.42), seed=3), size, "biden.jpg", (0.72, 0.08, 0.55)
        ),
        [Actor(people.ASTRONAUT, motion.talking(37), place=0.4, height=0.8)],
        "people",
        hard=True,
    ),
)

SPEED = {
    (size, moving): Spec(
        f"speed-{size[1]}p-{'moving' if moving else 'static'}",
        size,
        (lambda size: rooms.handheld(rooms.shelves(size, 21), 5))
        if moving
        else (lambda size: rooms.photo_room(size, "motorcycle.png", blur=0.006)),
        [Actor(people.BIDEN, motion.talking(40), height=0.9)],
        "moving" if moving else "static",
    )
    for size in (HD, SD)
    for moving in (False, True)
}
