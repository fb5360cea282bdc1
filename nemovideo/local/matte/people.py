"""Find, track and segment people: each person in front has a separate crop.

People behind who touch those in front are tracked as well: the network sees both as one region, so
the person behind can be excluded only if their area is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from nemovideo.local.matte.distant_faces import distant_faces
from nemovideo.local.matte.engine import Mask, Matte, side_of
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.front import (
    MIN_PERSON_OVERLAP,
    Person,
    center_of,
    height_of,
    in_front,
    is_distant,
    is_visible,
    kept_area,
    merged,
    touches,
)
from nemovideo.local.matte.regions import main_people, near, outside, region_at, regions_of
from nemovideo.local.matte.tracking import (
    Box,
    Size,
    area,
    contains,
    overlap_share,
    person_box,
    resampled_to_box,
    share,
    side_by_side,
    stabilized_box,
    union_box,
    whole,
    wider,
    with_min_aspect,
)
from nemovideo.local.matte.view import View

_GROWTHS = 2
_GROWTHS_AT_FIRST = 8
_MAX_UNSURE = 0.12
_MAX_UNSURE_GROWTH = 1.3
_MAX_PEOPLE = 12
_MIN_AREA = 0.004
_MIN_CONFIDENCE = 0.85
_MAX_UNSEEN = 12
_MIN_GROUP_SCALE, _MAX_GROUP_SCALE = 1.5, 1.75


@attrs.frozen(eq=False)
class Detection:
    """A mask of a box of the frame."""

    box: Box
    mask: Mask


class People:
    """The people of one scene.

    Args:
        engine: The segmentation network.
        faces: The face detector, for an engine that segments only people; without it, anything that
            the engine segments counts as a person.
        keep_people_behind: Whether to keep people behind those in front.
    """

    def __init__(
        self, engine: Matte, faces: FaceFinder | None, *, keep_people_behind: bool = False
    ) -> None:
        self._keep_people_behind = keep_people_behind
        self._engine = engine
        self._faces = faces
        self._side = side_of(engine)
        self._people: list[Person] = []
        self._left: list[Person] = []  # left since the last call; frames in between may show them
        self._passers_by: list[Person] = []  # behind, and near those in front
        self.face_seen: bool = faces is None
        self.scene_has_face: bool = faces is None
        self.left_out: int = 0
        self.faces: list[Box] = []

    @property
    def boxes(self) -> list[Box]:
        """The boxes in which tracked people are expected."""
        return [person.next_box for person in self._people]

    def reset(self) -> None:
        """Start a new scene."""
        self._people, self._left, self._passers_by, self.faces = [], [], [], []
        self.scene_has_face = self._faces is None
        self.left_out = 0

    def search(self, view: View, *, far: bool = False) -> None:
        """Search the whole frame for people, and track new ones.

        Args:
            view: The frame.
            far: Whether to search for distant faces if nobody is found.
        """
        found = [*self._people, *self._by_face(view)]
        found += self._missed_passers_by(found)
        if far and not found and self._faces is not None:
            found = self._around_faces(view, distant_faces(view, self._faces))
        frame = whole(view.size)
        for region in regions_of(self._mask(view, frame)):
            box = person_box(region, frame, view.size)
            known = any(
                overlap_share(box, person.next_box) > MIN_PERSON_OVERLAP for person in found
            )
            if not known and self._is_person(region):
                found.append(Person(frame, region, box))
        found = [self._with_face(person) for person in found]
        front = found if self._keep_people_behind else in_front(found, view.size)
        behind = [person for person in found if person.face is not None and person not in front]
        self._passers_by = [person for person in behind if touches(person, front)]
        front = sorted(merged(front), key=lambda person: -kept_area(person))
        self._people, self.left_out = front[:_MAX_PEOPLE], len(front[_MAX_PEOPLE:])

    def segment(self, view: View, *, again: bool = False) -> Detection | None:
        """Return the mask of the tracked people in a frame, or None without any.

        Args:
            view: The frame.
            again: Whether this repeats a call for the same frame, after a search.
        """
        people: list[Person] = []
        passers_by = [self._track_passer_by(view, person) for person in self._passers_by]
        self._passers_by = [one for one in passers_by if is_visible(one.mask, one.box, view.size)]
        self._left = self._left if again else []
        for person in self._people:
            tracked = self._track(view, person, self._passers_by)
            if is_visible(tracked.mask, tracked.box, view.size):
                people.append(tracked)
            else:
                self._left.append(person)
        self._people = merged(people)
        if not self._people:
            return None
        return self._joined([Detection(person.box, person.mask) for person in self._people])

    def segment_between(self, view: View) -> Detection | None:
        """Return the mask of a frame between the last two, including people who left."""
        detections: list[Detection] = []
        for person in [*self._people, *self._left]:
            box = union_box(person.box, person.next_box)
            raw = self._mask_without(view, box, self._passers_by)
            mask = main_people(raw, resampled_to_box(person.mask, person.box, box))
            if is_visible(mask, box, view.size):
                detections.append(Detection(box, mask))
        return self._joined(detections) if detections else None

    def _joined(self, detections: Sequence[Detection]) -> Detection:
        """Join detections into one mask."""
        if len(detections) == 1:
            return detections[0]
        box = detections[0].box
        for one in detections[1:]:
            box = union_box(box, one.box)
        finest = max(area(box) / area(one.box) for one in detections) ** 0.5
        side = int(self._side * min(_MAX_GROUP_SCALE, max(_MIN_GROUP_SCALE, finest)) / 2) * 2
        masks = [resampled_to_box(one.mask, one.box, box, side) for one in detections]
        return Detection(box, np.maximum.reduce(masks))

    def _track(self, view: View, person: Person, others: Sequence[Person]) -> Person:
        """Return the person in the next frame, without others who may be adjacent."""
        size, box = view.size, person.next_box
        raw, box = self._grown_mask(view, box, growths=_GROWTHS, others=others)
        mask = main_people(raw, resampled_to_box(person.mask, person.box, box))
        return Person(
            box, mask, stabilized_box(box, person_box(mask, box, size), size), person.face
        )

    def _track_passer_by(self, view: View, person: Person) -> Person:
        """Return a passer-by in the next frame, whose mask must not spread over those in front."""
        box, size = person.next_box, view.size
        mask = self._mask_without(view, box, self._people)
        mask = near(mask, resampled_to_box(person.mask, person.box, box))
        next_box = stabilized_box(box, person_box(mask, box, size), size)
        return attrs.evolve(person, box=box, mask=mask, next_box=next_box)

    def _by_face(self, view: View) -> list[Person]:
        """Return people found by their faces who are not tracked yet."""
        if self._faces is None:
            return []
        picture = view.picture(whole(view.size), (self._faces.side, self._faces.side))
        self.faces = self._faces.find(picture, view.size)
        return self._around_faces(view, self.faces)

    def _around_faces(self, view: View, faces: Sequence[Box]) -> list[Person]:
        """Return the people with these faces who are not tracked yet."""
        found: list[Person] = []
        if faces:
            self.face_seen = self.scene_has_face = True
        for face in faces:
            point = center_of(face)
            if any(self._belongs_to(face, person) for person in [*self._people, *found]):
                continue
            bust, others = _bust(face, view.size), self._people
            growths = _GROWTHS_AT_FIRST
            mask, box = self._grown_mask(view, bust, growths=growths, others=others, new=True)
            if (region := region_at(mask, box, point)) is not None:
                found.append(Person(box, region, person_box(region, box, view.size), face))
        return found

    def _belongs_to(self, face: Box, person: Person) -> bool:
        """Return whether a face in a person's box is theirs, not that of someone behind them."""
        point = center_of(face)
        if not contains(person.next_box, point):
            return False
        distant = not self._keep_people_behind and is_distant(face, self._faces_in(person.next_box))
        return not distant or region_at(person.mask, person.box, point) is not None

    def _faces_in(self, box: Box) -> list[Box]:
        return [face for face in self.faces if contains(box, center_of(face))]

    def _with_face(self, person: Person) -> Person:
        """Return a person with the last face seen: the tallest in the box."""
        faces = [face for face in self._faces_in(person.next_box) if self._belongs_to(face, person)]
        return attrs.evolve(person, face=max(faces, key=height_of, default=person.face))

    def _missed_passers_by(self, found: Sequence[Person]) -> list[Person]:
        """Return the passers-by whom a search did not find again.

        They are dropped after a few searches: people who stay hidden would only cut holes in the
        masks of those in front.
        """
        return [
            attrs.evolve(person, unseen=person.unseen + 1)
            for person in self._passers_by
            if person.unseen < _MAX_UNSEEN and not self._is_known(person, found)
        ]

    def _is_known(self, passer_by: Person, found: Sequence[Person]) -> bool:
        """Return whether a search found a passer-by again, or saw that the face is not distant."""
        new = found[len(self._people) :]
        if any(overlap_share(passer_by.next_box, one.next_box) > MIN_PERSON_OVERLAP for one in new):
            return True
        return any(
            region_at(passer_by.mask, passer_by.box, center_of(face)) is not None
            and not is_distant(face, self.faces)
            for face in self._faces_in(passer_by.box)
        )

    def _grown_mask(
        self,
        view: View,
        box: Box,
        *,
        growths: int,
        others: Sequence[Person],
        new: bool = False,
    ) -> tuple[Mask, Box]:
        """Return the mask of a box, growing the box while the person reaches its edge.

        The masks of other people are removed, so that the box does not grow to include people who
        touch the person. For a new person they are removed with a margin, since the others have
        moved a little.
        """
        mask = self._mask_without(view, box, others, margin=new)
        for _ in range(growths):
            if (larger := wider(mask, box, view.size)) == box:
                break
            grown = self._mask_without(view, larger, others, margin=new)
            if _unsure(grown) > max(_MAX_UNSURE, _MAX_UNSURE_GROWTH * _unsure(mask)):
                break  # the network leaks into the background
            mask, box = grown, larger
        return mask, box

    def _mask_without(
        self, view: View, box: Box, others: Sequence[Person], *, margin: bool = False
    ) -> Mask:
        mask = self._mask(view, box)
        for other in others:
            mask = outside(mask, resampled_to_box(other.mask, other.box, box), margin=margin)
        return mask

    def _is_person(self, region: Mask) -> bool:
        """Return whether a region without a face is a person."""
        kept = region > 0.3
        if share(kept) < _MIN_AREA:
            return False
        return self._faces is None or float(region[kept].mean()) > _MIN_CONFIDENCE

    def _mask(self, view: View, box: Box) -> Mask:
        """Run the engine on a padded box.

        A wide box is split into several pictures: squeezed into one, people would not look like
        those in the training data.
        """
        crops = side_by_side(box)
        side = self._side if len(crops) == 1 else 2 * self._side
        masks: list[Mask] = []
        for crop in crops:
            padded = with_min_aspect(crop, view.size)
            mask = self._engine.mask(view.picture(padded, (self._side, self._side)))
            masks.append(resampled_to_box(mask, padded, box, side))
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
