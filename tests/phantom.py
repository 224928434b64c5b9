"""An analytic whole heart: the fourteen input labels of the ``cemrg`` scheme, from ellipsoids and tubes.

The heart lives in a box of its own, from -1 to 1 along x (patient's left), y (posterior) and z (superior).
Shapes are painted in order, and a later one covers an earlier one where they overlap, so that two overlapping
shapes become two labels that touch: a valve orifice, a septum, the mouth of a vein.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

Point = tuple[float, float, float]
Mask = npt.NDArray[np.bool_]

FRACTION = 0.45
"""The share of each axis that the heart fills."""

# label: (centre, radii)
_CHAMBERS: dict[int, tuple[Point, Point]] = {
    1: ((0.38, 0.00, -0.36), (0.42, 0.44, 0.46)),  # LV
    2: ((0.38, 0.00, -0.36), (0.60, 0.62, 0.64)),  # LV myocardium
    3: ((-0.15, -0.38, -0.33), (0.62, 0.60, 0.62)),  # RV
    4: ((0.16, 0.44, 0.22), (0.50, 0.44, 0.40)),  # LA
    5: ((-0.62, 0.12, 0.00), (0.36, 0.42, 0.45)),  # RA
}

# label: (radius, the points its axis passes through)
_TUBES: dict[int, tuple[float, tuple[Point, ...]]] = {
    6: (0.17, ((0.14, -0.02, -0.10), (-0.04, -0.10, 0.42), (-0.08, 0.00, 0.83))),  # aorta
    7: (0.15, ((0.16, -0.56, -0.10), (0.21, -0.35, 0.42), (0.52, -0.20, 0.85))),  # pulmonary artery
    8: (0.13, ((0.35, 0.55, 0.36), (0.88, 0.72, 0.68))),  # left superior pulmonary vein
    9: (0.13, ((0.35, 0.60, 0.20), (0.88, 0.84, 0.14))),  # left inferior
    10: (0.13, ((-0.12, 0.50, 0.36), (-0.84, 0.50, 0.48))),  # right superior, behind the SVC
    11: (0.13, ((-0.05, 0.60, 0.18), (-0.62, 0.88, 0.18))),  # right inferior
    12: (0.13, ((0.38, 0.35, 0.36), (0.80, 0.05, 0.52))),  # left atrial appendage
    13: (0.15, ((-0.48, 0.20, 0.30), (-0.48, 0.26, 0.85))),  # SVC
    14: (0.15, ((-0.60, 0.18, -0.25), (-0.64, 0.34, -0.87))),  # IVC
}

# Veins under their atria, the pulmonary artery under the RV, and the LV over all that opens into it.
_PAINTING_ORDER = (8, 9, 10, 11, 12, 13, 14, 7, 3, 5, 2, 4, 6, 1)


def heart_phantom(n: int, spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> sitk.Image:
    """A label map of ``n`` x ``n`` x ``n`` voxels with a heart in its middle, 45% of each axis long.

    The voxels depend on `n` only; `spacing` says how large they are. At ``n = 256`` and 1 mm the heart is
    115 mm long, a life-size one; ``256 / n`` mm keeps it so at any `n`. All labels are there, one component
    each, from ``n = 32`` up; walls of 2 mm leave some of every lumen from ``n = 48`` up at 1 mm.

    Parameters
    ----------
    n
        Voxels along each axis.
    spacing
        Voxel size in mm, in the order (x, y, z) as in SimpleITK.

    Returns
    -------
    SimpleITK.Image
        uint8, origin 0, identity direction (LPS). Its array, like all SimpleITK arrays, is ordered (z, y, x).
    """
    unit = FRACTION * n / 2  # voxels per unit of the heart's box
    middle = (n - 1) / 2
    first = max(0, int(middle - 1.1 * unit))
    box = slice(first, n - first)  # all that can be painted: everything outside is background
    axis = (np.arange(n, dtype=np.float32)[box] - np.float32(middle)) / np.float32(unit)
    x, y, z = axis[None, None, :], axis[None, :, None], axis[:, None, None]

    array = np.zeros((n, n, n), np.uint8)
    heart = array[box, box, box]
    for label in _PAINTING_ORDER:
        if label in _CHAMBERS:
            heart[_ellipsoid(x, y, z, *_CHAMBERS[label])] = label
        else:
            radius, points = _TUBES[label]
            for start, end in pairwise(points):
                heart[_capsule(x, y, z, start, end, radius)] = label
    for _ in range(2):
        _smooth(heart)

    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(size) for size in spacing])
    return image


def _smooth(heart: npt.NDArray[np.uint8]) -> None:
    """Give voxels that stick out, or were cut off by a later shape, the median label of their neighbours."""
    neighbours = np.stack([np.roll(heart, step, axis) for axis in range(3) for step in (1, -1)])
    lonely = (neighbours == heart).sum(axis=0) <= 1
    heart[lonely] = np.sort(neighbours[:, lonely], axis=0)[3]


def _ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: Point, radii: Point) -> Mask:
    (cx, cy, cz), (rx, ry, rz) = centre, radii
    inside: Mask = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 <= 1
    return inside


def _capsule(x: np.ndarray, y: np.ndarray, z: np.ndarray, start: Point, end: Point, radius: float) -> Mask:
    """All points within `radius` of the straight line from `start` to `end`."""
    (ax, ay, az), (bx, by, bz) = start, end
    dx, dy, dz = bx - ax, by - ay, bz - az
    along = np.clip(((x - ax) * dx + (y - ay) * dy + (z - az) * dz) / (dx * dx + dy * dy + dz * dz), 0, 1)
    squared = (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2 + (z - az - along * dz) ** 2
    inside: Mask = squared <= radius * radius
    return inside
