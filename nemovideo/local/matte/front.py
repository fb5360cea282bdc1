"""A tracked person, and which of several people are in front."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import Box, Size, area, overlap_share, share, whole

MIN_PERSON_OVERLAP = 0.35
_MIN_DISTANT_AREA = 0.001
_BEHIND_SHARE = 0.6
_BEHIND_FACE, _BEHIND_HEIGHT = 0.5, 0.7


@attrs.frozen(eq=False)
class Person:
    """A tracked person: the last mask with its box, the box for the next frame, the last face.

    `unseen` counts the searches that have missed a person behind since they were last found.
    """

    box: Box
    mask: Mask
    next_box: Box
    face: Box | None = None
    unseen: int = 0


def merged(people: Sequence[Person]) -> list[Person]:
    """Return the people without duplicates; of two overlapping boxes, the larger is kept."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda person: -area(person.next_box)):
        if all(
            overlap_share(person.next_box, other.next_box) < 2 * MIN_PERSON_OVERLAP
            for other in kept
        ):
            kept.append(person)
    return kept


def in_front(people: Sequence[Person], size: Size) -> list[Person]:
    """Return the people in front.

    If anyone touches the lower edge of the frame, smaller people who do not touch it are behind:
    on a poster, or passing by. So are people who touch it but are much shorter in the picture, and
    whose face is less than half as tall as the tallest. If nobody touches it, all are in front.
    """
    touching = [person for person in people if person.next_box[3] >= size[1]]
    if not touching:
        return list(people)
    largest = max(kept_area(person) for person in touching)
    tallest = max(height_of(person.next_box) for person in touching)
    faces = [person.face for person in people if person.face is not None]
    front = []
    for person in people:
        distant = person.face is not None and is_distant(person.face, faces)
        behind = distant and height_of(person.next_box) < tallest * _BEHIND_HEIGHT
        large = kept_area(person) >= largest * _BEHIND_SHARE
        if large or (person in touching and not behind):
            front.append(person)
    return front


def height_of(box: Box) -> int:
    """Return the height of a box in pixels."""
    return box[3] - box[1]


def center_of(box: Box) -> tuple[int, int]:
    """Return the pixel in the middle of a box."""
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


def is_distant(face: Box, faces: Sequence[Box]) -> bool:
    """Return whether a face is much smaller than the tallest."""
    return height_of(face) < _BEHIND_FACE * max(map(height_of, faces), default=0)


def touches(person: Person, others: Sequence[Person]) -> bool:
    """Return whether a person's box overlaps or touches another's."""
    left, top, right, bottom = person.next_box
    extended = left - 1, top - 1, right + 1, bottom + 1
    return any(overlap_share(extended, other.next_box) > 0 for other in others)


def kept_area(person: Person) -> float:
    """Return the number of frame pixels that a person's mask keeps."""
    return share(person.mask > 0.5) * area(person.box)


def is_visible(mask: Mask, box: Box, size: Size) -> bool:
    """Return whether a mask is large enough to be a person."""
    return share(mask > 0.5) * area(box) >= _MIN_DISTANT_AREA * area(whole(size))
