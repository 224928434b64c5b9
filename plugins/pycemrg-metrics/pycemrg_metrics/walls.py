"""How thick a wall is, on its outer surface.

The *lumen* of a wall is the label with which it shares the most face area. An *outer voxel* is a voxel of the
wall with a face on something that is neither wall nor lumen, the outside of the image included. Its thickness is
the distance of its centre to the centre of the nearest voxel of the lumen that touches the wall, in mm: exact for
flat walls along an axis, within one voxel diagonal of the truth otherwise.

Where a wall ends, at a valve or at the border of the image, its rim also faces something else, and the voxels there
are as near to the lumen as one likes. They do not count. An outer voxel counts only if the line from its nearest
lumen voxel through it leaves the wall with the next voxel, and through the face that it passes most squarely; and
if that lumen voxel has nothing but wall and lumen among its 26 neighbours.
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

    ``voxels`` (n, 3) are array indices (z, y, x) into the whole image, ``mm`` (n,) the thickness there, and
    ``lumen`` the integer of the lumen, 0 when no label touches the wall.
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
    # Here, and not among the others, the border of the image counts.
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
    """The voxels with a face on a mask; it wraps round, so the outermost planes of the array mean nothing."""
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
    """Steps (n, 3) away from the lumen that lead out of a flat wall and not out of its rim.

    The next voxel along each line (n, 3) of array indices, and the one across the face that the line passes most
    squarely: of an outer voxel of a flat wall with this normal that face is free if any is.
    """
    longest = np.abs(lines).max(axis=1, keepdims=True, initial=1)
    yield np.rint(lines / longest).astype(np.int64)
    axis = np.argmax(np.abs(lines) * spacing**2, axis=1, keepdims=True)
    across = np.zeros_like(lines)
    np.put_along_axis(across, axis, np.sign(np.take_along_axis(lines, axis, axis=1)), axis=1)
    yield across


def _lumen(wall: StructureMask) -> int:
    """The label with which a wall shares the most face area, the smaller of equal ones; 0 when there is none."""
    areas = {
        label: contact_area(wall, StructureMask(wall.volume, (label,)))
        for label in wall.volume.boxes
        if label not in wall.labels
    }
    best = max(areas, key=lambda label: (areas[label], -label), default=0)
    return best if best and areas[best] > 0 else 0
