"""A label map that answers geometry questions, and the edits that change it.

A step asks a :class:`LabelVolume` where a label is and what lies near it, and returns :class:`Edit` s. The
volume keeps one bounding box per label, looks only at the box plus the distance asked for, and remembers each
answer until an edit touches the label.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from math import floor
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_core.api.labels import close_to
from pycemrg_core.errors import StepError
from pycemrg_core.images import dilation
from pycemrg_core.images.blueprint import Blueprint

Region = tuple[slice, slice, slice]
Point = tuple[float, float, float]
Bounds = tuple[tuple[int, int], ...]
Mask = NDArray[np.bool_]
LabelArray = NDArray[np.integer]


@frozen(eq=False)
class Zone:
    """Voxels of a volume: a ``mask`` (z, y, x) inside a box ``region`` of array indices (z, y, x)."""

    region: Region
    mask: Mask

    def __and__(self, other: Zone) -> Zone:
        """The voxels in both."""
        region = intersect(self.region, other.region)
        return Zone(region, self._inside(region) & other._inside(region))

    def _inside(self, region: Region) -> Mask:
        return self.mask[shift(region, self.region)]


@frozen(eq=False)
class Edit:
    """Inside the box ``region``, where ``mask`` holds, write ``label``.

    ``region`` are array indices (z, y, x) into the volume, ``mask`` is a boolean array of the region's shape.
    """

    region: Region
    mask: Mask
    label: int


@frozen
class Note:
    """What a step has to say to the user; a step may yield it among its edits, and the record keeps it."""

    text: str


@frozen
class Change:
    """How many voxels with label ``old`` became ``new``."""

    old: int
    new: int
    voxels: int


def as_region(slices: Iterable[slice]) -> Region:
    """Three slices (z, y, x) as a box."""
    z, y, x = slices
    return z, y, x


NOWHERE = as_region([slice(0, 0)] * 3)


def intersect(a: Region, b: Region) -> Region:
    """The box in both boxes; empty slices when there is none."""
    starts = [max(p.start, q.start) for p, q in zip(a, b, strict=True)]
    stops = [min(p.stop, q.stop) for p, q in zip(a, b, strict=True)]
    return as_region(slice(start, max(start, stop)) for start, stop in zip(starts, stops, strict=True))


def is_empty(region: Region) -> bool:
    """Whether the box holds no voxel."""
    return any(axis.start >= axis.stop for axis in region)


def hull(a: Region, b: Region) -> Region:
    """The smallest box round two boxes."""
    return as_region(slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))


def shift(region: Region, window: Region) -> Region:
    """``region`` as indices into an array that holds only the box ``window``."""
    return as_region(
        slice(inner.start - outer.start, inner.stop - outer.start) for inner, outer in zip(region, window, strict=True)
    )


class LabelVolume:
    """A label map with its voxel spacing, for steps to ask; read-only.

    ``array`` is (z, y, x), of an integer type and without negative values. ``spacing`` is (z, y, x) in mm.
    ``reference`` is the image as it was before the recipe's first step of the running kind, for steps that
    declare ``frozen_reference``; for the others it is the volume itself. ``origin`` and ``direction`` (x, y, z) are
    those of the image, ``blueprint`` says what the recipe makes of the labels, ``snapshots`` are earlier states of the
    image by name.
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
        self._boxes = dict(_bounding_boxes(self.array) if boxes is None else boxes)
        self._loose: set[int] = set()
        self._zones: dict[tuple[int, float, Bounds], Zone] = {}

    def with_array(self, array: LabelArray, *, boxes: Mapping[int, Region] | None = None) -> LabelVolume:
        """Other voxels in the same place, with the same blueprint."""
        return LabelVolume(
            array,
            self.spacing,
            origin=self.origin,
            direction=self.direction,
            blueprint=self.blueprint,
            boxes=boxes,
        )

    def with_blueprint(self, blueprint: Blueprint) -> LabelVolume:
        """The same voxels with another blueprint."""
        return LabelVolume(
            self.array,
            self.spacing,
            origin=self.origin,
            direction=self.direction,
            blueprint=blueprint,
            snapshots=self.snapshots,
            boxes=self.boxes,
        )

    def snapshot(self, name: str) -> LabelVolume:
        """The image as it was where the recipe keeps it under a name; without a name, this one.

        Raises :class:`StepError` when no such snapshot was kept.
        """
        if not name:
            return self
        if name not in self.snapshots:
            raise StepError(f"no snapshot {name!r} was kept{close_to(name, self.snapshots)}")
        return self.snapshots[name]

    @property
    def reference(self) -> LabelVolume:
        """The image as it was before the recipe's first step of the running kind."""
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
        """The SHA-256 of the voxels in array order, in hexadecimal."""
        return hashlib.sha256(np.ascontiguousarray(self.array).data).hexdigest()

    @property
    def voxel_mm3(self) -> float:
        """The volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    @property
    def boxes(self) -> dict[int, Region]:
        """The bounding box of each label in the image, by integer, without the background."""
        found = {label: self._box(label) for label in sorted(self._boxes)}
        return {label: box for label, box in found.items() if box is not None}

    def region(self, label: int, margin_mm: float = 0.0) -> Region:
        """The label's bounding box, larger by ``margin_mm`` on all sides and cut at the image's border.

        Empty slices when the label is absent.
        """
        box = self._box(label)
        return NOWHERE if box is None else self._grow(box, margin_mm)

    def mask(self, label: int, region: Region | None = None) -> Mask:
        """Where the label is, inside ``region`` (the whole image by default)."""
        found: Mask = np.equal(self.array if region is None else self.array[region], label)
        return found

    def within(self, label: int, distance_mm: float, near: int | Region | None = None) -> Zone:
        """Voxels whose centre is at most ``distance_mm`` from the centre of a voxel of the label.

        The label's own voxels are among them. With ``near``, only voxels inside the bounding box of that
        other label, or inside that box, are asked for. Distances are exact and Euclidean; ties, up to a
        thousandth of the smallest spacing, are within.
        """
        region = self.region(label, distance_mm)
        if near is not None:
            region = intersect(region, near if isinstance(near, tuple) else self.region(near))
        key = (label, distance_mm, _bounds(region))
        if key not in self._zones:
            self._zones[key] = self._dilated(label, distance_mm, region)
        return self._zones[key]

    def shell(self, label: int, distance_mm: float) -> Zone:
        """As :meth:`within`, without the label's own voxels."""
        zone = self.within(label, distance_mm)
        return Zone(zone.region, zone.mask & ~self.mask(label, zone.region))

    def _dilated(self, label: int, distance_mm: float, region: Region) -> Zone:
        # Only the label's voxels within the distance of the region can matter.
        sources = intersect(self._grow(region, distance_mm), self.region(label))
        if is_empty(region) or is_empty(sources):
            return Zone(region, np.zeros([axis.stop - axis.start for axis in region], np.bool_))
        window = hull(region, sources)
        mask = dilation.dilate(self.mask(label, window), self.spacing, distance_mm)[shift(region, window)]
        mask.flags.writeable = False
        return Zone(region, mask)

    def _box(self, label: int) -> Region | None:
        """The label's exact box. After an edit only a larger one is known, until somebody asks."""
        if label in self._loose:
            self._loose.remove(label)
            box = _shrink(self.array, label, self._boxes.pop(label))
            if box is not None:
                self._boxes[label] = box
        return self._boxes.get(label)

    def _grow(self, region: Region, margin_mm: float) -> Region:
        margins = [floor((margin_mm + dilation.slack(self.spacing)) / spacing) for spacing in self.spacing]
        return as_region(
            slice(max(axis.start - margin, 0), min(axis.stop + margin, size))
            for axis, margin, size in zip(region, margins, self.array.shape, strict=True)
        )


class WorkingVolume(LabelVolume):
    """A label map that the runner changes, one step at a time; it owns its array."""

    def __init__(self, volume: LabelVolume, dtype: np.dtype[np.integer], blueprint: Blueprint | None = None) -> None:
        self._owned = volume.array.astype(dtype, copy=True)
        super().__init__(
            self._owned,
            volume.spacing,
            origin=volume.origin,
            direction=volume.direction,
            blueprint=volume.blueprint if blueprint is None else blueprint,
            boxes=volume.boxes,
        )
        self._reference: LabelVolume | None = None

    @property
    def reference(self) -> LabelVolume:
        return self._reference or self

    @reference.setter
    def reference(self, volume: LabelVolume | None) -> None:
        self._reference = volume

    def copy(self) -> LabelVolume:
        """The image as it is now; later edits do not reach it."""
        return self.with_array(self._owned.copy(), boxes=self.boxes)

    def apply(self, edits: Iterable[Edit]) -> tuple[Change, ...]:
        """Carry out the edits of one step in order and say what was overwritten.

        Raises :class:`StepError`, before anything is written, when an edit does not fit the image.
        """
        edits = tuple(edits)
        for edit in edits:
            self._require_inside(edit)
        voxels: Counter[tuple[int, int]] = Counter()
        for edit in edits:
            for old, count in self._write(edit).items():
                voxels[old, edit.label] += count
        touched = {label for change in voxels for label in change}
        self._zones = {key: zone for key, zone in self._zones.items() if key[0] not in touched}
        return tuple(Change(old, new, voxels[old, new]) for old, new in sorted(voxels))

    def _require_inside(self, edit: Edit) -> None:
        if not isinstance(edit.mask, np.ndarray):
            raise StepError(f"an edit's mask is a boolean array, not {edit.mask!r:.80}")
        boxed = isinstance(edit.region, tuple) and all(isinstance(axis, slice) for axis in edit.region)
        # Explicit bounds only: a negative or missing one would silently mean another box.
        inside = (
            boxed
            and len(edit.region) == 3
            and all(
                isinstance(axis.start, (int, np.integer))
                and isinstance(axis.stop, (int, np.integer))
                and axis.step in (None, 1)
                and 0 <= axis.start <= axis.stop <= size
                for axis, size in zip(edit.region, self.array.shape, strict=True)
            )
        )
        shape = tuple(axis.stop - axis.start for axis in edit.region) if inside else ()
        if not inside or edit.mask.shape != shape or edit.mask.dtype != np.bool_:
            raise StepError(
                f"an edit with a {edit.mask.dtype} mask of shape {edit.mask.shape} for the box {edit.region} "
                f"does not fit an image of shape {self.array.shape}"
            )
        if not 0 <= edit.label <= np.iinfo(self.array.dtype).max:
            raise StepError(f"an edit writes the label {edit.label}, which {self.array.dtype} cannot hold")

    def _write(self, edit: Edit) -> dict[int, int]:
        view = self._owned[edit.region]
        values, counts = _count(view[edit.mask])
        overwritten = {old: voxels for old, voxels in zip(values, counts, strict=True) if old != edit.label}
        if overwritten:
            np.copyto(view, edit.label, where=edit.mask, casting="unsafe")
            for label in {*overwritten, edit.label} - {0}:
                self._loose.add(label)
            if edit.label:
                self._boxes[edit.label] = hull(self._boxes.get(edit.label, edit.region), edit.region)
        return overwritten


def _count(values: LabelArray) -> tuple[list[int], list[int]]:
    """The distinct values and how often each occurs."""
    if values.dtype.itemsize > 2:
        distinct, counts = np.unique(values, return_counts=True)
        return distinct.tolist(), counts.tolist()
    counts = np.bincount(values)
    distinct = np.flatnonzero(counts)
    return distinct.tolist(), counts[distinct].tolist()


def _shrink(array: LabelArray, label: int, region: Region) -> Region | None:
    """The label's box, which lies inside ``region``, or None when there is none."""
    box = list(region)
    # From the faces inward: most boxes hardly shrink.
    for axis in (0, 1):
        planes = np.moveaxis(array[tuple(box)], axis, 0)
        first = next((at for at, plane in enumerate(planes) if (plane == label).any()), None)
        if first is None:
            return None
        last = next(at for at in range(len(planes) - 1, -1, -1) if (planes[at] == label).any())
        box[axis] = slice(box[axis].start + first, box[axis].start + last + 1)
    # A plane across x is scattered in memory; all of them at once are not.
    columns = np.flatnonzero((array[tuple(box)] == label).any(axis=(0, 1)))
    box[2] = slice(box[2].start + int(columns[0]), box[2].start + int(columns[-1]) + 1)
    return as_region(box)


def _bounding_boxes(array: LabelArray) -> dict[int, Region]:
    if array.size == 0 or array.max() < 2**16:
        found = ndimage.find_objects(array)
        return {label: as_region(box) for label, box in enumerate(found, 1) if box is not None}
    values, inverse = np.unique(array, return_inverse=True)
    found = ndimage.find_objects(inverse.reshape(array.shape) + 1)
    return {int(value): as_region(box) for value, box in zip(values, found, strict=True) if value}


def _bounds(region: Region) -> Bounds:
    return tuple((axis.start, axis.stop) for axis in region)
