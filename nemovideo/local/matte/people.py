"""Who is to be kept: each person in front has a crop of their own that follows them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from nemovideo.local.matte.distant_faces import far_faces
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

_TRIES = 2
_TRIES_AT_FIRST = 8
_MAX_DOUBT = 0.12
_MORE_DOUBT = 1.3
_MAX_PEOPLE = 12
_SAME_PERSON = 0.35
_LEAST_AREA = 0.004
_LEAST_FAR_AREA = 0.001
_SURE = 0.85
_BEHIND_SHARE = 0.6
_BEHIND_FACE, _BEHIND_HEIGHT = 0.5, 0.7
_LEAST_GROUP_SIDE, _GROUP_SIDE = 1.5, 1.75


@attrs.frozen(eq=False)
class Person:
    """Somebody who is followed: what was last seen of them in which box, and where to look next."""

    box: Box
    mask: Mask
    next_box: Box


@attrs.frozen(eq=False)
class Seen:
    """What the engine tells of a frame: a mask of a box with everybody in it."""

    box: Box
    mask: Mask


class People:
    """The people of one scene.

    Args:
        engine: What tells a person from the background.
        faces: What finds faces, for an engine that knows people only; without it
            whatever the engine sees is taken for a person.
        behind: Whether those behind the people in front are kept, too.
    """

    def __init__(self, engine: Matte, faces: FaceFinder | None, *, behind: bool = False) -> None:
        self._behind = behind
        self._engine = engine
        self._faces = faces
        self._side = side_of(engine)
        self._people: list[Person] = []
        self._left: list[Person] = []  # since the look before: they may be in frames in between
        self.face_seen: bool = faces is None
        self.face_here: bool = faces is None
        self.left_out: int = 0
        self.faces: list[Box] = []

    @property
    def boxes(self) -> list[Box]:
        """Where those who are followed will be looked for next."""
        return [person.next_box for person in self._people]

    def forget(self) -> None:
        """Begin anew, with another scene."""
        self._people, self._left, self.faces = [], [], []
        self.face_here = self._faces is None
        self.left_out = 0

    def search(self, view: View, *, far: bool = False) -> None:
        """Look for people in all of the frame, and follow those who are new.

        Args:
            view: The frame.
            far: Whether to look for small faces too, where nobody is known.
        """
        found = [*self._people, *self._by_face(view)]
        if far and not found and self._faces is not None:
            found = self._around_faces(view, far_faces(view, self._faces))
        everything = whole(view.size)
        mask = self._mask(view, everything)
        for region in regions_of(mask):
            box = person_box(region, everything, view.size)
            known = any(shared(box, person.next_box) > _SAME_PERSON for person in found)
            if not known and self._likely(region):
                found.append(Person(everything, region, box))
        front = _merged(found) if self._behind else _in_front(found, self.faces, view.size)
        front.sort(key=lambda person: -_kept_area(person))
        self._people, self.left_out = front[:_MAX_PEOPLE], len(front[_MAX_PEOPLE:])

    def look(self, view: View, *, again: bool = False) -> Seen | None:
        """Return what is to be kept of a frame, or None where nobody is.

        Args:
            view: The frame.
            again: Whether this frame was looked at before, and searched since.
        """
        people: list[Person] = []
        self._left = self._left if again else []
        for person in self._people:
            seen = self._follow(view, person)
            if _visible(seen.mask, seen.box, view.size):
                people.append(seen)
            else:
                self._left.append(person)
        self._people = _merged(people)
        if not self._people:
            return None
        return self._together([Seen(person.box, person.mask) for person in self._people])

    def glance(self, view: View) -> Seen | None:
        """Return what is to be kept of a frame between two looks, those who left included."""
        seen: list[Seen] = []
        for person in [*self._people, *self._left]:
            box = around(person.box, person.next_box)
            mask = main_people(self._mask(view, box), moved(person.mask, person.box, box))
            if _visible(mask, box, view.size):
                seen.append(Seen(box, mask))
        return self._together(seen) if seen else None

    def _together(self, seen: Sequence[Seen]) -> Seen:
        """Return one mask of all."""
        if len(seen) == 1:
            return seen[0]
        box = seen[0].box
        for one in seen[1:]:
            box = around(box, one.box)
        finest = max(area(box) / area(one.box) for one in seen) ** 0.5
        side = int(self._side * min(_GROUP_SIDE, max(_LEAST_GROUP_SIDE, finest)) / 2) * 2
        return Seen(box, np.maximum.reduce([moved(one.mask, one.box, box, side) for one in seen]))

    def _follow(self, view: View, person: Person) -> Person:
        """Return the person as seen in another frame."""
        size, box = view.size, person.next_box
        raw, box = self._whole_of(view, box, tries=_TRIES)
        mask = main_people(raw, moved(person.mask, person.box, box))
        return Person(box, mask, steady_box(box, person_box(mask, box, size), size))

    def _by_face(self, view: View) -> list[Person]:
        """Return those whose face is seen and who are not followed yet."""
        if self._faces is None:
            return []
        picture = view.picture(whole(view.size), (self._faces.side, self._faces.side))
        self.faces = self._faces.find(picture, view.size)
        return self._around_faces(view, self.faces)

    def _around_faces(self, view: View, faces: Sequence[Box]) -> list[Person]:
        """Return the people of those faces who are not followed yet."""
        found: list[Person] = []
        if faces:
            self.face_seen = self.face_here = True
        for face in faces:
            place = ((face[0] + face[2]) // 2, (face[1] + face[3]) // 2)
            if any(contains(person.next_box, place) for person in [*self._people, *found]):
                continue
            mask, box = self._whole_of(view, _bust(face, view.size), tries=_TRIES_AT_FIRST)
            if (region := region_at(mask, box, place)) is not None:
                found.append(Person(box, region, person_box(region, box, view.size)))
        return found

    def _whole_of(self, view: View, box: Box, *, tries: int) -> tuple[Mask, Box]:
        """Return the mask of a box, and the box, made wider while the person goes on beyond it."""
        mask = self._mask(view, box)
        for _ in range(tries):
            if (more := wider(mask, box, view.size)) == box:
                break
            seen = self._mask(view, more)
            if _doubt(seen) > max(_MAX_DOUBT, _MORE_DOUBT * _doubt(mask)):
                break  # the network lost itself in the background
            mask, box = seen, more
        return mask, box

    def _likely(self, region: Mask) -> bool:
        """Return whether what the engine sees is a person, no face being seen."""
        kept = region > 0.3
        if share(kept) < _LEAST_AREA:
            return False
        return self._faces is None or float(region[kept].mean()) > _SURE

    def _mask(self, view: View, box: Box) -> Mask:
        """Return the mask of a box; the engine sees it with some room around it.

        A row of people is seen in several pictures: squeezed into one, they would look
        like nobody the network has learned from.
        """
        crops = side_by_side(box)
        side = self._side if len(crops) == 1 else 2 * self._side
        masks: list[Mask] = []
        for crop in crops:
            seen = roomy(crop, view.size)
            mask = self._engine.mask(view.picture(seen, (self._side, self._side)))
            masks.append(moved(mask, seen, box, side))
        together: Mask = np.maximum.reduce(masks)
        return together


def _doubt(mask: Mask) -> float:
    """Return the share of a mask that is neither person nor background."""
    return share((mask > 0.1) & (mask < 0.9))


def _bust(face: Box, size: Size) -> Box:
    """Return the box of a face's head and shoulders, which the networks know best."""
    wide, high = face[2] - face[0], face[3] - face[1]
    box = (face[0] - wide * 2 // 3, face[1] - high // 2, face[2] + wide * 2 // 3, face[3] + high)
    even = [value // 2 * 2 for value in box]
    return max(0, even[0]), max(0, even[1]), min(size[0], even[2]), min(size[1], even[3])


def _merged(people: Sequence[Person]) -> list[Person]:
    """Return the people; of two whose boxes have much in common only the larger."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda person: -area(person.next_box)):
        if all(shared(person.next_box, other.next_box) < 2 * _SAME_PERSON for other in kept):
            kept.append(person)
    return kept


def _in_front(people: Sequence[Person], faces: Sequence[Box], size: Size) -> list[Person]:
    """Return the people without those behind.

    The frame's lower edge cuts off who is in front. While somebody reaches it, smaller
    people who do not are behind them, on a poster or walking past. So is who reaches it,
    but shows a face of less than half the height and is much shorter in the picture.
    """
    everybody = _merged(people)
    reach = [person for person in everybody if person.next_box[3] >= size[1]]
    if not reach:
        return everybody
    largest = max(_kept_area(person) for person in reach)
    highest = max(_height(person.next_box) for person in reach)
    faces_px = [_face_height(person, faces) for person in everybody]
    tallest = max((height for height in faces_px if height is not None), default=0)
    front = []
    for person, face in zip(everybody, faces_px, strict=True):
        far = face is not None and face < tallest * _BEHIND_FACE
        behind = far and _height(person.next_box) < highest * _BEHIND_HEIGHT
        large = _kept_area(person) >= largest * _BEHIND_SHARE
        if large or (person in reach and not behind):
            front.append(person)
    return front


def _height(box: Box) -> int:
    return box[3] - box[1]


def _face_height(person: Person, faces: Sequence[Box]) -> int | None:
    """Return how tall a person's face is, if one of the faces is theirs."""
    heights = [
        _height(face)
        for face in faces
        if contains(person.next_box, ((face[0] + face[2]) // 2, (face[1] + face[3]) // 2))
    ]
    return max(heights, default=None)


def _kept_area(person: Person) -> float:
    return share(person.mask > 0.5) * area(person.box)


def _visible(mask: Mask, seen: Box, size: Size) -> bool:
    """Return whether a mask keeps enough of the frame to be somebody."""
    return share(mask > 0.5) * area(seen) >= _LEAST_FAR_AREA * area(whole(size))
