"""Sample an image at points.

Points are (n, 3), (x, y, z) in mm. A point is outside when it is in no voxel, that is, more than half a voxel
beyond the centre of a border voxel. Such a point gets the ``outside`` value of the caller. The rules are the same
as for the interpolators of ITK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from attrs import frozen

from pycemrg_core.api import AnyImage, image_given, voxel_array
from pycemrg_spatial.geometry import Floats, Mask, as_points, is_inside, nearest_voxel, point_to_index

Values = npt.NDArray[Any]

# Small enough for the data to stay in the processor cache.
_CHUNK = 1 << 15
# Sums of the same weights in different order differ by less than this.
_TIE = 1e-12


@frozen(eq=False)
class Sampled:
    """The value at each point, (n,), and which points were ``outside``."""

    values: Values
    outside: Mask


def sample_nearest(image: AnyImage, points: npt.ArrayLike, outside: float = 0) -> Sampled:
    """The value of the voxel that contains each point; on a face between two voxels, the voxel with the larger index.

    The values keep the type of the image if it can hold ``outside``, otherwise they get a type that can.
    """
    image = image_given(image)
    array = voxel_array(image)
    dtype = np.result_type(array.dtype, np.min_scalar_type(outside))

    def values(indices: Floats) -> Values:
        # Otherwise, a coordinate just below the end could be rounded to a voxel outside the image.
        x, y, z = np.minimum(nearest_voxel(indices), np.array(image.GetSize()) - 1).T
        found: Values = array[z, y, x]
        return found

    return _sample(image, points, outside, dtype, values)


def sample_linear(image: AnyImage, points: npt.ArrayLike, outside: float = float("nan")) -> Sampled:
    """Trilinear interpolation between voxel centres, constant beyond the last centre. Values are float64."""
    image = image_given(image)
    flat = voxel_array(image).reshape(-1)

    def values(indices: Floats) -> Values:
        corners, weights = _corners(indices, image.GetSize())
        found: Values = (flat[corners] * weights).sum(axis=0)
        return found

    return _sample(image, points, outside, np.dtype(np.float64), values)


def sample_label(image: AnyImage, points: npt.ArrayLike, outside: int = 0) -> Sampled:
    """The label with the largest sum of trilinear weights among the eight voxels around each point.

    The result is always a label of one of the eight voxels; if sums are equal, the smallest label.
    """
    image = image_given(image)
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
    """The eight voxels around each index, as indices into the flattened array (8, n), and their weights (8, n)."""
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
