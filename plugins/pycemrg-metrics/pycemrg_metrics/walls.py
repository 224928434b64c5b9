"""Metrics of the thickness of a wall, measured at its outer surface.

The *lumen* of a wall is the label with which it shares the most face area. An *outer voxel* is a voxel of the wall
with a face to a voxel that is neither wall nor lumen, or to the outside of the image. The thickness at an outer
voxel is the distance from its centre to the centre of the nearest lumen voxel that touches the wall, in mm. It is
exact for flat walls along an axis, and within one voxel diagonal of the true value otherwise. A wall ends at a
valve or at the border of the image. The voxels of its rim there can be arbitrarily close to the lumen, so they do
not count. An outer voxel counts only under two conditions. First, the line from its nearest lumen voxel through the
outer voxel leaves the wall at the next voxel, and also across the face that it crosses most perpendicularly.
Second, all 26 neighbours of this lumen voxel are wall or lumen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Mask, StructureMask
from pycemrg_metrics.distances import nearest
from pycemrg_metrics.structures import contact_area, wider


@frozen(eq=False)
class Thickness:
    """The thickness of a wall at its outer voxels.

    ``voxels`` (n, 3) are array indices (z, y, x) in the whole image, ``mm`` (n,) is the thickness there, and
    ``lumen`` is the integer of the lumen, 0 when no label touches the wall.
    """

    voxels: NDArray[np.int64]
    mm: NDArray[np.float64]
    lumen: int


def thickness(wall: StructureMask) -> Thickness:
    """The thickness of a wall at each outer voxel; empty when it is absent or has no lumen."""
    lumen = _lumen(wall)
    if not lumen:
        return Thickness(np.zeros((0, 3), np.int64), np.zeros(0), 0)
    inside = StructureMask(wall.volume, (lumen,))
    box = wider(wall, 2)
    mine, within = wall.mask_in(box), inside.mask_in(box)
    is_wall, is_lumen, is_other = np.pad(mine, 1), np.pad(within, 1), np.pad(~mine & ~within, 1)
    # Only here does the border of the image count.
    outer = np.argwhere(is_wall & _beside(~is_wall & ~is_lumen))
    inner = np.argwhere(is_lumen & _beside(is_wall))
    spacing = np.asarray(wall.spacing)
    mm, which = nearest(outer * spacing, inner * spacing)
    counts = ~_meets(is_other, inner)[which]
    for step in _onward(outer - inner[which], spacing):
        counts &= ~is_wall[tuple((outer + step).T)]
    corner = np.array([axis.start - 1 for axis in box])
    return Thickness(outer[counts] + corner, mm[counts], lumen)


def wall_thickness_median(wall: StructureMask) -> float:
    """The median of :func:`thickness` in mm; NaN when the wall is absent or has no lumen."""
    return _percentile(wall, 50)


def wall_thickness_p5(wall: StructureMask) -> float:
    """The 5th percentile of :func:`thickness` in mm; NaN when the wall is absent or has no lumen."""
    return _percentile(wall, 5)


def wall_thickness_p95(wall: StructureMask) -> float:
    """The 95th percentile of :func:`thickness` in mm; NaN when the wall is absent or has no lumen."""
    return _percentile(wall, 95)


def _percentile(wall: StructureMask, percent: float) -> float:
    mm = wall.once(thickness).mm
    return float(np.percentile(mm, percent)) if mm.size else math.nan


def _beside(mask: Mask) -> Mask:
    """The voxels that share a face with a mask; wraps around, so ignore the outermost planes of the array."""
    found = np.zeros_like(mask)
    for axis in range(3):
        for step in (1, -1):
            found |= np.roll(mask, step, axis)
    return found


def _meets(mask: Mask, voxels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether one of the 26 neighbours of each voxel (n, 3) is in a mask."""
    around = product((-1, 0, 1), repeat=3)
    found = np.zeros(len(voxels), np.bool_)
    for offset in around:
        found |= mask[tuple((voxels + offset).T)]
    return found


def _onward(lines: NDArray[np.int64], spacing: NDArray[np.float64]) -> Iterator[NDArray[np.int64]]:
    """Steps (n, 3) away from the lumen that lead out of a flat wall, but not out of its rim.

    Yields the step to the next voxel along each line (n, 3) of array indices, and the step across the face that the
    line crosses most perpendicularly. For an outer voxel of a flat wall with this normal, if any face is free, this
    one is.
    """
    longest = np.abs(lines).max(axis=1, keepdims=True, initial=1)
    yield np.rint(lines / longest).astype(np.int64)
    axis = np.argmax(np.abs(lines) * spacing**2, axis=1, keepdims=True)
    across = np.zeros_like(lines)
    np.put_along_axis(across, axis, np.sign(np.take_along_axis(lines, axis, axis=1)), axis=1)
    yield across


def _lumen(wall: StructureMask) -> int:
    """The label with which a wall shares the most face area (if equal, the smaller label); 0 when there is none."""
    areas = {
        label: contact_area(wall, StructureMask(wall.volume, (label,)))
        for label in wall.volume.boxes
        if label not in wall.labels
    }
    best = max(areas, key=lambda label: (areas[label], -label), default=0)
    return best if best and areas[best] > 0 else 0
