"""Values of an image at points.

Points are (n, 3), (x, y, z) in mm. A point is outside when it lies in no voxel, that is beyond half a voxel from the
centre of a voxel at the border, and gets the value that the caller names. Same rules as ITK's interpolators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from attrs import frozen

from pycemrg_core.api import voxel_array
from pycemrg_spatial.geometry import Floats, Mask, as_points, is_inside, nearest_voxel, point_to_index

Values = npt.NDArray[Any]

# Small enough that the work stays in the processor's cache.
_CHUNK = 1 << 15
# Sums of the same weights in another order differ by less.
_TIE = 1e-12


@frozen(eq=False)
class Sampled:
    """The value at each point, (n,), and which points were ``outside``."""

    values: Values
    outside: Mask


def sample_nearest(image: sitk.Image, points: npt.ArrayLike, outside: float = 0) -> Sampled:
    """The value of the voxel that holds each point; on the face of two voxels, the one of the larger index.

    The values keep the image's type where it can hold ``outside``, else they get one that can.
    """
    array = voxel_array(image)
    dtype = np.result_type(array.dtype, np.min_scalar_type(outside))

    def values(indices: Floats) -> Values:
        # A coordinate one rounding below the end would else leave the image.
        x, y, z = np.minimum(nearest_voxel(indices), np.array(image.GetSize()) - 1).T
        found: Values = array[z, y, x]
        return found

    return _sample(image, points, outside, dtype, values)


def sample_linear(image: sitk.Image, points: npt.ArrayLike, outside: float = float("nan")) -> Sampled:
    """Trilinear interpolation between voxel centres; beyond the last centre, the value at it. Values are float64."""
    flat = voxel_array(image).reshape(-1)

    def values(indices: Floats) -> Values:
        corners, weights = _corners(indices, image.GetSize())
        found: Values = (flat[corners] * weights).sum(axis=0)
        return found

    return _sample(image, points, outside, np.dtype(np.float64), values)


def sample_label(image: sitk.Image, points: npt.ArrayLike, outside: int = 0) -> Sampled:
    """The label with the largest sum of trilinear weights among the eight voxels round each point.

    Never a label that none of the eight has; of labels with the same sum, the smallest.
    """
    flat = voxel_array(image).reshape(-1)
    dtype = np.result_type(flat.dtype, np.min_scalar_type(outside))

    def values(indices: Floats) -> Values:
        corners, weights = _corners(indices, image.GetSize())
        labels = flat[corners]
        chosen = labels[0].copy()
        mixed = np.flatnonzero((labels != labels[0]).any(axis=0))
        chosen[mixed] = _heaviest(labels[:, mixed], weights[:, mixed])
        return np.asarray(chosen)

    return _sample(image, points, outside, dtype, values)


def _sample(
    image: sitk.Image,
    points: npt.ArrayLike,
    outside: float,
    dtype: np.dtype[Any],
    values: Callable[[Floats], Values],
) -> Sampled:
    array = as_points(points)
    result = np.full(len(array), outside, dtype)
    beyond = np.ones(len(array), np.bool_)
    for start in range(0, len(array), _CHUNK):
        part = slice(start, start + _CHUNK)
        indices = point_to_index(image, array[part])
        inside = is_inside(image, indices)
        beyond[part] = ~inside
        result[part][inside] = values(indices[inside])
    return Sampled(result, beyond)


def _corners(indices: Floats, size: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], Floats]:
    """The eight voxels round each index, as places in the flat array (8, n), and their weights (8, n)."""
    end = np.array(size) - 1
    clamped = np.clip(indices, 0, end)
    low = np.floor(clamped).astype(np.int64)
    stride = np.array([1, size[0], size[0] * size[1]])
    first = low @ stride
    step = (np.minimum(low + 1, end) - low) * stride
    high_weight = (clamped - low).T
    low_weight = 1 - high_weight
    places = np.empty((8, len(indices)), np.int64)
    weights = np.empty((8, len(indices)))
    for corner in range(8):
        place, weight = first, np.ones(len(indices))
        for axis in range(3):
            if corner >> axis & 1:
                place, weight = place + step[:, axis], weight * high_weight[axis]
            else:
                weight = weight * low_weight[axis]
        places[corner], weights[corner] = place, weight
    return places, weights


def _heaviest(labels: Values, weights: Floats) -> Values:
    """The label with the largest summed weight in each column of (8, n) labels and weights."""
    sums = weights.copy()
    for one in range(8):
        for other in range(one):
            same = labels[one] == labels[other]
            sums[one] += weights[other] * same
            sums[other] += weights[one] * same
    candidates = np.where(sums >= sums.max(axis=0) - _TIE, labels, labels.max(axis=0))
    heaviest: Values = candidates.min(axis=0)
    return heaviest
