"""Convert between voxel indices and points in mm, for any image orientation.

Indices, sizes and points are (x, y, z) as in SimpleITK. As in ITK, an index is the centre of its voxel, so the
voxel at index 0 extends from -0.5 to 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from pycemrg_core.api import AnyImage, image_given, voxel_array

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Axis = Literal["x", "y", "z"]

_CORNERS = np.array([(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)])


def index_to_point(image: AnyImage, indices: npt.ArrayLike) -> Floats:
    """Points in mm, (..., 3), of indices (..., 3), which can be fractional."""
    image = image_given(image)
    points: Floats = np.asarray(indices, float) @ _matrix(image).T + image.GetOrigin()
    return points


def point_to_index(image: AnyImage, points: npt.ArrayLike) -> Floats:
    """Continuous indices, (..., 3), of points (..., 3) in mm."""
    image = image_given(image)
    offset = np.asarray(points, float) - image.GetOrigin()
    indices: Floats = offset @ np.linalg.inv(_matrix(image)).T
    return indices


def is_inside(image: AnyImage, indices: npt.ArrayLike) -> Mask:
    """Which continuous indices (..., 3) are in a voxel: from -0.5 (included) to size - 0.5 (excluded), as in ITK."""
    image = image_given(image)
    found = np.asarray(indices)
    inside = (found >= -0.5) & (found < np.array(image.GetSize()) - 0.5)
    return np.asarray(inside.all(axis=-1))


def nearest_voxel(indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Round continuous indices to whole ones; a half rounds up, as in ITK, also for negative indices."""
    return np.floor(np.asarray(indices, float) + 0.5).astype(np.int64)


def voxel_corners(image: AnyImage, first: npt.ArrayLike, last: npt.ArrayLike | None = None) -> Floats:
    """The eight corners in mm, (..., 8, 3), of boxes of voxels from index ``first`` to ``last``, both included.

    ``first`` and ``last`` are (..., 3); without ``last`` the boxes are single voxels. x varies fastest.
    """
    image = image_given(image)
    low = np.asarray(first, float)[..., None, :] - 0.5
    high = np.asarray(first if last is None else last, float)[..., None, :] + 0.5
    return index_to_point(image, np.where(_CORNERS, high, low))


def bounding_box(points: Floats) -> Floats:
    """The smallest and the largest coordinates of points (n, 3), as (2, 3)."""
    return np.array([points.min(axis=0), points.max(axis=0)])


def image_box(image: AnyImage) -> Floats:
    """The box along the world axes, (2, 3) in mm, that encloses all voxels of the image completely."""
    image = image_given(image)
    return bounding_box(voxel_corners(image, (0, 0, 0), np.array(image.GetSize()) - 1))


def slice_voxels(image: AnyImage, axis: Axis, position: int, label: int) -> npt.NDArray[np.int64]:
    """Indices (n, 3) of the voxels of ``label`` in one slice of a label map, in memory order.

    Raises ``ValueError`` when the image has no such axis or slice.
    """
    image = image_given(image)
    if axis not in ("x", "y", "z"):
        raise ValueError(f"no axis {axis!r}; give x, y or z")
    number = "xyz".index(axis)
    size = image.GetSize()[number]
    if not 0 <= position < size:
        raise ValueError(f"no slice {position} along {axis}; give 0 to {size - 1}")
    plane = np.take(voxel_array(image), [position], axis=2 - number)
    indices = np.argwhere(plane == label)[:, ::-1].astype(np.int64)
    indices[:, number] = position
    return indices


def inr_to_world(points: npt.ArrayLike, image: AnyImage) -> Floats:
    """World coordinates in mm, (n, 3), of points in the frame of an ``.inr``, which is index times spacing.

    ``image`` is this ``.inr``, read with its ``.inr.json`` geometry, or the image it was written from.
    """
    image = image_given(image)
    world: Floats = np.asarray(points, float) @ _direction(image).T + image.GetOrigin()
    return world


def world_to_inr(points: npt.ArrayLike, image: AnyImage) -> Floats:
    """The inverse of :func:`inr_to_world`."""
    image = image_given(image)
    offset = np.asarray(points, float) - image.GetOrigin()
    local: Floats = offset @ np.linalg.inv(_direction(image)).T
    return local


def as_points(points: npt.ArrayLike) -> Floats:
    """Points as an (n, 3) float array. Raises ``ValueError`` for another shape."""
    array = np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points have the shape {array.shape}; give an (n, 3) array of x, y, z in mm")
    return array


def _direction(image: sitk.Image) -> npt.NDArray[Any]:
    return np.reshape(image.GetDirection(), (3, 3))


def _matrix(image: sitk.Image) -> npt.NDArray[Any]:
    spacing: Sequence[float] = image.GetSpacing()
    return _direction(image) * spacing
