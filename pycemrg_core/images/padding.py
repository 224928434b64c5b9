"""Background added round a label map, so that what grows in it has room."""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import Any

import numpy as np
from attrs import field, frozen, validators

from pycemrg_core.images.answers import Ints, Mask
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.boxes import as_region, hull
from pycemrg_core.images.label_volume import LabelVolume, Point
from pycemrg_core.images.zeros import zeros

Three = tuple[int, int, int]

_MOST = 1e9  # voxels; more is not a size of an image

_SIZES: Any = validators.deep_iterable(validators.ge(0), validators.and_(validators.min_len(3), validators.max_len(3)))


@frozen(kw_only=True)
class Padding:
    """How many voxels of background are added before the first and after the last voxel of each axis, (x, y, z)."""

    low: Three = field(validator=_SIZES)
    high: Three = field(validator=_SIZES)

    @classmethod
    def of_sides(cls, sides: Mask, thickness_mm: float, spacing: tuple[float, float, float]) -> Padding:
        """On some sides, low or high along z, y and x, as many voxels as a thickness needs, and one more."""
        voxels = np.where(sides, np.minimum(np.ceil(thickness_mm / np.array(spacing)), _MOST).astype(int) + 1, 0)[
            :, ::-1
        ]
        return cls(low=_three(voxels[0]), high=_three(voxels[1]))

    def voxels(self, shape: tuple[int, ...]) -> int:
        """How many voxels an array (z, y, x) has with the background added."""
        added = zip(shape, self.low[::-1], self.high[::-1], strict=True)
        return prod(size + low + high for size, low, high in added)

    def add_to(self, volume: LabelVolume) -> LabelVolume:
        """The label map with the background added. No voxel of it moves in the frame of the image."""
        low = self.low[::-1]
        moved = {
            label: as_region(slice(axis.start + by, axis.stop + by) for axis, by in zip(box, low, strict=True))
            for label, box in volume.boxes.items()
        }
        ends = zip(volume.array.shape, low, self.high[::-1], strict=True)
        array = zeros(tuple(size + before + after for size, before, after in ends), volume.array.dtype)
        array[hull(*moved.values())] = volume.array[hull(*volume.boxes.values())]  # the rest is background
        return LabelVolume(
            array,
            volume.spacing,
            origin=_point(volume, [-by for by in low]),
            direction=volume.direction,
            blueprint=volume.blueprint,
            boxes=moved,
        )

    def take_from(self, volume: LabelVolume) -> LabelVolume:
        """The label map without these voxels: the opposite of :meth:`add_to`."""
        low, high = self.low[::-1], self.high[::-1]
        inside = as_region(
            slice(first, size - last) for first, last, size in zip(low, high, volume.array.shape, strict=True)
        )
        return LabelVolume(
            volume.array[inside],
            volume.spacing,
            origin=_point(volume, low),
            direction=volume.direction,
            blueprint=volume.blueprint,
        )

    def __str__(self) -> str:
        if len({*self.low, *self.high}) == 1:
            return f"{self.low[0]} on all sides"
        ends = [
            (end, axis, size) for end in ("low", "high") for axis, size in zip("xyz", getattr(self, end), strict=True)
        ]
        return ", ".join(f"{size} at {end} {axis}" for end, axis, size in ends if size)


def _point(volume: LabelVolume, place: list[int] | Three) -> Point:
    x, y, z = volume.points_mm(np.array([place]))[0].tolist()
    return x, y, z


def _three(voxels: Ints) -> Three:
    x, y, z = voxels.tolist()
    return x, y, z


def meeting_border(
    volume: LabelVolume, blueprint: Blueprint, labels: Collection[int], ring_mm: float
) -> dict[int, Mask]:
    """Which of some labels, and of the walls and rings to be made, leave no background before which sides.

    Sides are [low or high] [z, y, x]. Walls are as thick as the blueprint says, rings at most ``ring_mm``.
    """
    boxes = {
        label: np.array([[axis.start, axis.stop] for axis in box]).T
        for label, box in volume.boxes.items()
        if label in labels
    }

    def grown(label: int, mm: float) -> Ints:
        voxels = np.minimum(np.ceil(mm / np.array(volume.spacing) - 0.001), _MOST).astype(int)
        found: Ints = boxes[label] + [-voxels, voxels]
        return found

    for wall in blueprint.walls:
        if wall.lumen in boxes:
            around = grown(wall.lumen, wall.thickness_mm)
            own = boxes.get(wall.wall, around)
            boxes[wall.wall] = np.array([np.minimum(around[0], own[0]), np.maximum(around[1], own[1])])
    for ring in blueprint.rings:
        if {ring.lumen, ring.wall} <= boxes.keys():
            a, b = grown(ring.lumen, ring_mm), grown(ring.wall, ring_mm)
            boxes[ring.ring] = np.array([np.maximum(a[0], b[0]), np.minimum(a[1], b[1])])
    last = np.array(volume.array.shape) - 1
    beyond = {label: np.array([low < 1, high > last]) for label, (low, high) in boxes.items()}
    return {label: sides for label, sides in beyond.items() if sides.any()}
