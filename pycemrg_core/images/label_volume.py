"""A label map that answers geometry questions.

A step asks a :class:`LabelVolume` where a label is and what is near it. The volume keeps one bounding box per label,
looks only at this box plus the distance asked for, and caches each answer until an edit touches the label.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import floor, inf, isinf
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.errors import StepError
from pycemrg_core.images import dilation
from pycemrg_core.images.answers import Cells as Cells
from pycemrg_core.images.answers import Connected as Connected
from pycemrg_core.images.answers import Contact as Contact
from pycemrg_core.images.answers import Distances as Distances
from pycemrg_core.images.answers import Ints, places_in
from pycemrg_core.images.answers import Mask as Mask
from pycemrg_core.images.answers import Orientation as Orientation
from pycemrg_core.images.answers import Zone as Zone
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.boxes import NOWHERE as NOWHERE
from pycemrg_core.images.boxes import LabelArray as LabelArray
from pycemrg_core.images.boxes import Region as Region
from pycemrg_core.images.boxes import as_region as as_region
from pycemrg_core.images.boxes import bounding_boxes, bounds, expand, shape_of, shrink
from pycemrg_core.images.boxes import hull as hull
from pycemrg_core.images.boxes import intersect as intersect
from pycemrg_core.images.boxes import is_empty as is_empty
from pycemrg_core.images.boxes import shift as shift
from pycemrg_core.images.voxel_hash import hash_of
from pycemrg_core.shown.objects import ShownVolume
from pycemrg_core.text.names import close_to

Point = tuple[float, float, float]
Floats = NDArray[np.float64]
Where = int | Collection[int] | Zone
"""A label, several labels as one structure, or any voxels."""


Answer = TypeVar("Answer")

_LITTLE = 1 << 22  # bytes; answers that take no more are all kept
_FEW = 12  # voxels; distances up to that many are found without scipy


class LabelVolume(ShownVolume):
    """A read-only label map with its voxel spacing, which answers questions of steps.

    ``array`` is (z, y, x), of an integer type and without negative values. ``spacing`` is (z, y, x) in mm. For
    steps that declare ``frozen_reference``, ``reference`` is the image before the first step of the same kind in
    the recipe; for other steps it is the volume itself. ``origin`` and ``direction`` (x, y, z) are those of the
    image. ``blueprint`` says what the recipe makes with the labels. ``snapshots`` are earlier states of the image
    by name.
    """

    def __init__(
        self,
        array: LabelArray,
        spacing: tuple[float, float, float],
        *,
        origin: Point = (0.0, 0.0, 0.0),
        direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        blueprint: Blueprint = Blueprint(),  # noqa: B008  # frozen
        snapshots: Mapping[str, LabelVolume] | None = None,
        boxes: Mapping[int, Region] | None = None,
    ) -> None:
        self.array = array.view()
        self.array.flags.writeable = False
        self.spacing = spacing
        self.origin = origin
        self.direction = direction
        self.blueprint = blueprint
        self.snapshots = dict(snapshots or {})
        self._boxes = dict(bounding_boxes(self.array) if boxes is None else boxes)
        self._loose: set[int] = set()
        self._hash = ""
        self._answers: dict[tuple[Any, ...], tuple[frozenset[int], Any, int]] = {}

    def with_array(self, array: LabelArray, *, boxes: Mapping[int, Region] | None = None) -> LabelVolume:
        """A volume with other voxels, at the same place and with the same blueprint."""
        return LabelVolume(
            array,
            self.spacing,
            origin=self.origin,
            direction=self.direction,
            blueprint=self.blueprint,
            boxes=boxes,
        )

    def with_blueprint(self, blueprint: Blueprint) -> LabelVolume:
        """A volume with the same voxels and another blueprint."""
        volume = LabelVolume(
            self.array,
            self.spacing,
            origin=self.origin,
            direction=self.direction,
            blueprint=blueprint,
            snapshots=self.snapshots,
            boxes=self.boxes,
        )
        volume._hash = self._hash
        return volume

    def snapshot(self, name: str) -> LabelVolume:
        """The image that the recipe saved under this name; without a name, this volume.

        Raises :class:`StepError` when there is no such snapshot.
        """
        if not name:
            return self
        if name not in self.snapshots:
            raise StepError(f"no snapshot is called {name!r}{close_to(name, self.snapshots)}")
        return self.snapshots[name]

    @property
    def reference(self) -> LabelVolume:
        """The image before the first step of the same kind in the recipe."""
        return self

    def geometry(self) -> dict[str, Any]:
        """Size, spacing, origin (x, y, z), direction and pixel type, as plain data for JSON."""
        return {
            "size": list(self.array.shape[::-1]),
            "spacing": list(self.spacing[::-1]),
            "origin": list(self.origin),
            "direction": list(self.direction),
            "pixel_type": str(self.array.dtype),
        }

    def voxels_sha256(self) -> str:
        """The SHA-256 of the voxels, in hexadecimal, as of :func:`~pycemrg_core.images.voxel_hash.hash_of`."""
        if not self._hash:
            self._hash = hash_of(self.array, hull(*self._boxes.values()))
        return self._hash

    @property
    def voxel_mm3(self) -> float:
        """The volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    @property
    def boxes(self) -> dict[int, Region]:
        """The bounding box of each label in the image, by integer, without the background."""
        found = {label: self._box(label) for label in sorted(self._boxes)}
        return {label: box for label, box in found.items() if box is not None}

    @property
    def orientation(self) -> Orientation:
        """The directions of the image axes, and whether they are right-handed."""
        return Orientation(np.reshape(np.array(self.direction, np.float64), (3, 3)))

    def points_mm(self, places: Ints | Floats) -> Floats:
        """The points (n, 3), (x, y, z) in mm in the frame of the image, of array indices (n, 3), (z, y, x)."""
        steps = np.asarray(places)[:, ::-1] * np.array(self.spacing[::-1])
        found: Floats = np.array(self.origin) + steps @ self.orientation.cosines.T
        return found

    def region(self, where: Where, margin_mm: float = 0.0) -> Region:
        """The bounding box of a structure with ``margin_mm`` on all sides, cut at the border of the image.

        Empty slices when it is absent. The box of the background is the whole image.
        """
        boxes = (where.region,) if isinstance(where, Zone) else filter(None, map(self._box, _labels(where)))
        region = hull(*boxes)
        return region if is_empty(region) else self._grow(region, margin_mm)

    def mask(self, where: Where, region: Region | None = None) -> Mask:
        """Where a structure is, inside ``region`` (the whole image by default)."""
        region = self._everything() if region is None else region
        if isinstance(where, Zone):
            found = np.zeros(shape_of(region), np.bool_)
            common = intersect(region, where.region)
            found[shift(common, region)] = where.inside(common)
            return found
        array, (first, *more) = self.array[region], _labels(where) or (-1,)
        found = np.equal(array, first)
        for label in more:
            found |= array == label
        return found

    def within(self, where: Where, distance_mm: float, near: Where | Region | None = None) -> Zone:
        """Voxels whose centre is at most ``distance_mm`` from the centre of a voxel of a structure.

        The voxels of the structure itself are included. With ``near``, the result has only voxels inside the
        bounding box of this other structure, or inside this box. Distances are exact and Euclidean. A distance
        equal to ``distance_mm``, up to a thousandth of the smallest spacing, is within.
        """
        region = self.region(where, distance_mm)
        if near is not None:
            region = intersect(region, self._near(near))
        return self._remember(
            "within", (where,), (distance_mm, region), lambda: self._dilated(where, distance_mm, region)
        )

    def shell(self, where: Where, distance_mm: float, near: Where | Region | None = None) -> Zone:
        """Like :meth:`within`, without the voxels of the structure itself."""
        zone = self.within(where, distance_mm, near)
        outside = self.mask(where, zone.region)
        np.logical_not(outside, out=outside)
        outside &= zone.mask
        return Zone(zone.region, outside)

    def distances(self, where: Where, near: Where | Region | None = None, limit_mm: float = inf) -> Distances:
        """The exact distance in mm from voxels to a structure, centre to centre; 0 inside the structure.

        The voxels are those in the box of ``near``; by default those up to ``limit_mm`` from the box of the
        structure, or all voxels. The distance is infinite beyond ``limit_mm`` (equal distances are within), or if
        the structure is absent.
        """
        if near is not None:
            region = self._near(near)
        else:
            region = self._everything() if isinf(limit_mm) else self.region(where, limit_mm)
        return self._remember(
            "distances", (where,), (limit_mm, region), lambda: self._distances(where, region, limit_mm)
        )

    def nearest(
        self, structures: Sequence[int | Collection[int]], near: Where | Region | None = None, limit_mm: float = inf
    ) -> Cells:
        """The cells of several structures: for each voxel, the nearest structure by exact distance.

        A structure is a label, or several labels as one. If two structures are equally near, up to a millionth of
        the smallest spacing, the voxel belongs to the one named first. The voxels are those in the box of ``near``,
        by default all. An absent structure has an empty cell, and voxels beyond ``limit_mm`` are in no cell.
        """
        region = self._everything() if near is None else self._near(near)
        asked = tuple(_labels(one) for one in structures)
        return self._remember("nearest", asked, (limit_mm, region), lambda: self._nearest(asked, region, limit_mm))

    def touching(self, a: Where, b: Where) -> Contact:
        """The voxel faces between two structures. The outside of the image touches nothing."""
        return self._remember("touching", (a, b), (), lambda: self._touching(a, b))

    def components(self, where: Where, connectivity: int = 6) -> Connected:
        """The connected components of a structure; several labels count as one.

        Neighbours share a face (6), a face or an edge (18), or a face, an edge or a corner (26).
        """
        if connectivity not in (6, 18, 26):
            raise StepError(f"unknown connectivity {connectivity!r}; give 6, 18 or 26")
        return self._remember("components", (where,), (connectivity,), lambda: self._components(where, connectivity))

    def _remember(
        self, question: str, about: tuple[Where, ...], more: tuple[Any, ...], answer: Callable[[], Answer]
    ) -> Answer:
        """The answer to a question, cached until an edit touches one of its labels.

        The oldest answers are dropped when all of them need more than 4 MB, and more than half of what the box of
        all labels needs.
        """
        if any(isinstance(one, Zone) for one in about):
            return answer()
        labels = tuple(_labels(one) for one in about if not isinstance(one, Zone))
        key = (question, labels, *(bounds(one) if isinstance(one, tuple) else one for one in more))
        if key not in self._answers:
            given = answer()
            self._answers[key] = frozenset().union(*labels), given, _nbytes(given)
            total = sum(nbytes for *_, nbytes in self._answers.values())
            most = _LITTLE
            if total > most:
                most = max(most, self.array[hull(*self._boxes.values())].nbytes // 2)
            for old in list(self._answers)[:-1]:
                if total <= most:
                    break
                total -= self._answers.pop(old)[2]
        found: Answer = self._answers[key][1]
        return found

    def _near(self, near: Where | Region) -> Region:
        if isinstance(near, tuple) and near and isinstance(near[0], slice):
            return as_region(near)
        return self.region(near)  # type: ignore[arg-type]

    def _everything(self) -> Region:
        return as_region(slice(0, size) for size in self.array.shape)

    def _sources(self, where: Where, region: Region, distance_mm: float) -> Region:
        """The box of the voxels of a structure that can be within a distance of a box."""
        whole = self.region(where)
        return whole if isinf(distance_mm) else intersect(self._grow(region, distance_mm), whole)

    def _dilated(self, where: Where, distance_mm: float, region: Region) -> Zone:
        sources = self._sources(where, region, distance_mm)
        if is_empty(region) or is_empty(sources):
            return Zone(region, np.zeros(shape_of(region), np.bool_))
        window = hull(region, sources)
        mask = dilation.dilate(self.mask(where, window), self.spacing, distance_mm)[shift(region, window)]
        mask.flags.writeable = False
        return Zone(region, mask)

    def _distances(self, where: Where, region: Region, limit_mm: float) -> Distances:
        mm = np.full(shape_of(region), inf)
        sources = self._sources(where, region, limit_mm)
        if not is_empty(region) and not is_empty(sources):
            window = hull(region, sources)
            mask = self.mask(where, window)
            if limit_mm < _FEW * min(self.spacing):
                mm = dilation.distances(mask, self.spacing, limit_mm)[shift(region, window)]
            elif mask.any():
                from scipy import ndimage  # slow to import, and few steps need it

                mm = ndimage.distance_transform_edt(~mask, sampling=self.spacing)[shift(region, window)]
                mm[mm > limit_mm + dilation.slack(self.spacing)] = inf
        mm.flags.writeable = False
        return Distances(region, mm)

    def _nearest(self, structures: tuple[tuple[int, ...], ...], region: Region, limit_mm: float) -> Cells:
        owner = np.full(shape_of(region), -1, np.int16)
        best = np.full(owner.shape, inf)
        tie = 1e-6 * min(self.spacing)
        for index, labels in enumerate(structures):
            # A structure farther away than the farthest voxel is from the other structures has no cell here.
            reach = min(limit_mm, float(best.max(initial=0.0)))
            mm = self._distances(labels, region, reach).mm
            nearer = mm < best - tie
            owner[nearer], best[nearer] = index, mm[nearer]
        owner.flags.writeable = False
        return Cells(region, owner, structures)

    def _touching(self, a: Where, b: Where) -> Contact:
        shape = self.array.shape
        region = intersect(expand(self.region(a), 1, shape), expand(self.region(b), 1, shape))
        in_a, in_b = self.mask(a, region), self.mask(b, region)
        corner = np.array([axis.start for axis in region])
        first, second, across = [np.zeros((0, 3), np.int64)], [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
        for axis in range(3):
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            step = np.eye(3, dtype=np.int64)[axis]
            for near, far, way in ((low, high, 1), (high, low, -1)):
                places = places_in(in_a[tuple(near)] & in_b[tuple(far)], corner + (step if way < 0 else 0 * step))
                first.append(places)
                second.append(places + way * step)
                across.append(np.full(len(places), axis, np.int64))
        return Contact(np.concatenate(first), np.concatenate(second), np.concatenate(across))

    def _components(self, where: Where, connectivity: int) -> Connected:
        from scipy import ndimage

        region = self.region(where)
        neighbours = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
        found, count = ndimage.label(self.mask(where, region), neighbours)
        voxels = np.bincount(found.ravel(), minlength=count + 1)[1:]
        # They are numbered in the order of their first voxels; a stable sort keeps this order for equal sizes.
        order = np.argsort(-voxels, kind="stable")
        number = np.zeros(count + 1, np.int32)
        number[order + 1] = np.arange(1, count + 1)
        return Connected(region, number[found], voxels[order])

    def _box(self, label: int) -> Region | None:
        """The exact box of the label. After an edit only a larger box is known; it is updated on demand."""
        if label == 0:
            return self._everything()
        if label in self._loose:
            self._loose.remove(label)
            box = shrink(self.array, label, self._boxes.pop(label))
            if box is not None:
                self._boxes[label] = box
        return self._boxes.get(label)

    def _grow(self, region: Region, margin_mm: float) -> Region:
        margins = [floor((margin_mm + dilation.slack(self.spacing)) / spacing) for spacing in self.spacing]
        return as_region(
            slice(max(axis.start - margin, 0), min(axis.stop + margin, size))
            for axis, margin, size in zip(region, margins, self.array.shape, strict=True)
        )


def _labels(where: int | Collection[int]) -> tuple[int, ...]:
    return (int(where),) if isinstance(where, (int, np.integer)) else tuple(dict.fromkeys(map(int, where)))


def _nbytes(answer: Any) -> int:
    return sum(a.nbytes for name in answer.__slots__ if isinstance(a := getattr(answer, name, None), np.ndarray))
