"""Find, track and segment people: each person in front has a separate crop."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from nemovideo.local.matte.distant_faces import distant_faces
from nemovideo.local.matte.engine import Mask, Matte, side_of
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.regions import main_people, region_at, regions_of
from nemovideo.local.matte.tracking import (
    Box,
    Size,
    area,
    around,
    contains,
    moved,
    person_box,
    roomy,
    share,
    shared,
    side_by_side,
    steady_box,
    whole,
    wider,
)
from nemovideo.local.matte.view import View

_GROWTHS = 2
_GROWTHS_AT_FIRST = 8
_MAX_UNSURE = 0.12
_MAX_UNSURE_GROWTH = 1.3
_MAX_PEOPLE = 12
_SAME_PERSON = 0.35
_MIN_AREA = 0.004
_MIN_DISTANT_AREA = 0.001
_SURE = 0.85
_BEHIND_SHARE = 0.6
_BEHIND_FACE, _BEHIND_HEIGHT = 0.5, 0.7
_MIN_GROUP_SCALE, _MAX_GROUP_SCALE = 1.5, 1.75


@attrs.frozen(eq=False)
class Person:
    """A tracked person: the last mask with its box, and the box for the next frame."""

    box: Box
    mask: Mask
    next_box: Box


@attrs.frozen(eq=False)
class Detection:
    """A mask of a box of the frame."""

    box: Box
    mask: Mask


class People:
    """The people of one scene.

    Args:
        engine: The segmentation network.
        faces: The face detector, for an engine that knows people only; without it, anything
            that the engine segments counts as a person.
        behind: Whether to keep people behind those in front.
    """

    def __init__(self, engine: Matte, faces: FaceFinder | None, *, behind: bool = False) -> None:
        self._behind = behind
        self._engine = engine
        self._faces = faces
        self._side = side_of(engine)
        self._people: list[Person] = []
        self._left: list[Person] = []  # since the last call; frames in between may show them
        self.face_seen: bool = faces is None
        self.face_here: bool = faces is None
        self.left_out: int = 0
        self.faces: list[Box] = []

    @property
    def boxes(self) -> list[Box]:
        """The boxes in which tracked people are expected."""
        return [person.next_box for person in self._people]

    def reset(self) -> None:
        """Start a new scene."""
        self._people, self._left, self.faces = [], [], []
        self.face_here = self._faces is None
        self.left_out = 0

    def search(self, view: View, *, far: bool = False) -> None:
        """Search the whole frame for people, and track new ones.

        Args:
            view: The frame.
            far: Whether to search for distant faces if nobody is found.
        """
        found = [*self._people, *self._by_face(view)]
        if far and not found and self._faces is not None:
            found = self._around_faces(view, distant_faces(view, self._faces))
        frame = whole(view.size)
        for region in regions_of(self._mask(view, frame)):
            box = person_box(region, frame, view.size)
            known = any(shared(box, person.next_box) > _SAME_PERSON for person in found)
            if not known and self._is_person(region):
                found.append(Person(frame, region, box))
        front = _merged(found) if self._behind else _in_front(found, self.faces, view.size)
        front.sort(key=lambda person: -_kept_area(person))
        self._people, self.left_out = front[:_MAX_PEOPLE], len(front[_MAX_PEOPLE:])

    def segment(self, view: View, *, again: bool = False) -> Detection | None:
        """Return the mask of the tracked people in a frame, or None without any.

        Args:
            view: The frame.
            again: Whether this repeats a call for the same frame, after a search.
        """
        people: list[Person] = []
        self._left = self._left if again else []
        for person in self._people:
            tracked = self._track(view, person)
            if _is_visible(tracked.mask, tracked.box, view.size):
                people.append(tracked)
            else:
                self._left.append(person)
        self._people = _merged(people)
        if not self._people:
            return None
        return self._joined([Detection(person.box, person.mask) for person in self._people])

    def segment_between(self, view: View) -> Detection | None:
        """Return the mask of a frame between the last two, including people who left."""
        detections: list[Detection] = []
        for person in [*self._people, *self._left]:
            box = around(person.box, person.next_box)
            mask = main_people(self._mask(view, box), moved(person.mask, person.box, box))
            if _is_visible(mask, box, view.size):
                detections.append(Detection(box, mask))
        return self._joined(detections) if detections else None

    def _joined(self, detections: Sequence[Detection]) -> Detection:
        """Join detections into one mask."""
        if len(detections) == 1:
            return detections[0]
        box = detections[0].box
        for one in detections[1:]:
            box = around(box, one.box)
        finest = max(area(box) / area(one.box) for one in detections) ** 0.5
        side = int(self._side * min(_MAX_GROUP_SCALE, max(_MIN_GROUP_SCALE, finest)) / 2) * 2
        masks = [moved(one.mask, one.box, box, side) for one in detections]
        return Detection(box, np.maximum.reduce(masks))

    def _track(self, view: View, person: Person) -> Person:
        """Return the person in the next frame."""
        size, box = view.size, person.next_box
        raw, box = self._grown_mask(view, box, growths=_GROWTHS)
        mask = main_people(raw, moved(person.mask, person.box, box))
        return Person(box, mask, steady_box(box, person_box(mask, box, size), size))

    def _by_face(self, view: View) -> list[Person]:
        """Return people found by their face who are not tracked yet."""
        if self._faces is None:
            return []
        picture = view.picture(whole(view.size), (self._faces.side, self._faces.side))
        self.faces = self._faces.find(picture, view.size)
        return self._around_faces(view, self.faces)

    def _around_faces(self, view: View, faces: Sequence[Box]) -> list[Person]:
        """Return the people with these faces who are not tracked yet."""
        found: list[Person] = []
        if faces:
            self.face_seen = self.face_here = True
        for face in faces:
            place = ((face[0] + face[2]) // 2, (face[1] + face[3]) // 2)
            if any(contains(person.next_box, place) for person in [*self._people, *found]):
                continue
            mask, box = self._grown_mask(view, _bust(face, view.size), growths=_GROWTHS_AT_FIRST)
            if (region := region_at(mask, box, place)) is not None:
                found.append(Person(box, region, person_box(region, box, view.size)))
        return found

    def _grown_mask(self, view: View, box: Box, *, growths: int) -> tuple[Mask, Box]:
        """Return the mask of a box, growing the box while the person reaches its edge."""
        mask = self._mask(view, box)
        for _ in range(growths):
            if (larger := wider(mask, box, view.size)) == box:
                break
            grown = self._mask(view, larger)
            if _unsure(grown) > max(_MAX_UNSURE, _MAX_UNSURE_GROWTH * _unsure(mask)):
                break  # the network leaks into the background
            mask, box = grown, larger
        return mask, box

    def _is_person(self, region: Mask) -> bool:
        """Return whether a region without a face is a person."""
        kept = region > 0.3
        if share(kept) < _MIN_AREA:
            return False
        return self._faces is None or float(region[kept].mean()) > _SURE

    def _mask(self, view: View, box: Box) -> Mask:
        """Run the engine on a padded box.

        A wide box becomes several pictures: squeezed into one, people would look unlike those
        in the training data.
        """
        crops = side_by_side(box)
        side = self._side if len(crops) == 1 else 2 * self._side
        masks: list[Mask] = []
        for crop in crops:
            padded = roomy(crop, view.size)
            mask = self._engine.mask(view.picture(padded, (self._side, self._side)))
            masks.append(moved(mask, padded, box, side))
        joined: Mask = np.maximum.reduce(masks)
        return joined


def _unsure(mask: Mask) -> float:
    """Return the share of pixels that are neither person nor background."""
    return share((mask > 0.1) & (mask < 0.9))


def _bust(face: Box, size: Size) -> Box:
    """Return the box of the head and shoulders, which the networks handle best."""
    width, height = face[2] - face[0], face[3] - face[1]
    side = width * 2 // 3
    box = (face[0] - side, face[1] - height // 2, face[2] + side, face[3] + height)
    even = [value // 2 * 2 for value in box]
    return max(0, even[0]), max(0, even[1]), min(size[0], even[2]), min(size[1], even[3])


def _merged(people: Sequence[Person]) -> list[Person]:
    """Return the people without duplicates; of two overlapping boxes, the larger is kept."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda person: -area(person.next_box)):
        if all(shared(person.next_box, other.next_box) < 2 * _SAME_PERSON for other in kept):
            kept.append(person)
    return kept


def _in_front(people: Sequence[Person], faces: Sequence[Box], size: Size) -> list[Person]:
    """Return the people in front.

    They touch the lower edge of the frame. If anyone does, smaller people who do not are
    behind: on a poster, or passing by. People who touch it are behind too if their face is
    less than half as tall as the tallest and they are much shorter in the picture.
    """
    people = _merged(people)
    touching = [person for person in people if person.next_box[3] >= size[1]]
    if not touching:
        return people
    largest = max(_kept_area(person) for person in touching)
    tallest = max(_height(person.next_box) for person in touching)
    faces_px = [_face_height(person, faces) for person in people]
    tallest_face = max((height for height in faces_px if height is not None), default=0)
    front = []
    for person, face in zip(people, faces_px, strict=True):
        distant = face is not None and face < tallest_face * _BEHIND_FACE
        behind = distant and _height(person.next_box) < tallest * _BEHIND_HEIGHT
        large = _kept_area(person) >= largest * _BEHIND_SHARE
        if large or (person in touching and not behind):
            front.append(person)
    return front


def _height(box: Box) -> int:
    return box[3] - box[1]


def _face_height(person: Person, faces: Sequence[Box]) -> int | None:
    """Return the height of the tallest face in a person's box, or None."""
    heights = [
        _height(face)
        for face in faces
        if contains(person.next_box, ((face[0] + face[2]) // 2, (face[1] + face[3]) // 2))
    ]
    return max(heights, default=None)


def _kept_area(person: Person) -> float:
    return share(person.mask > 0.5) * area(person.box)


def _is_visible(mask: Mask, box: Box, size: Size) -> bool:
    """Return whether a mask is large enough to be a person."""
    return share(mask > 0.5) * area(box) >= _MIN_DISTANT_AREA * area(whole(size))
