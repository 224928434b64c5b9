"""Bring the intensities of an image to a known range: functions that take any image and return float32.

All raise :class:`AugmentationError`, or its subclass :class:`NotApplicableError` for an image without contrast. None
changes its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pycemrg_core.api import AugmentationError, NotApplicableError, image_from_array, voxel_array

_BLOCK = 1 << 15  # voxels


def clip(image: sitk.Image, window: tuple[float, float]) -> sitk.Image:
    """Clip to ``window`` (low, high), in the unit of the image, and scale to [0, 1]."""
    if not window[0] < window[1]:
        raise AugmentationError(f"clip: the window is from {window[0]:g} to {window[1]:g}; give low < high")
    return _windowed(_finite(image, "clip"), window, image)


def min_max(image: sitk.Image) -> sitk.Image:
    """Scale the image so that its smallest value becomes 0 and its largest 1."""
    array = _finite(image, "min_max")
    ends = float(array.min()), float(array.max())
    _require_contrast("min_max", "range of the image", ends)
    return _windowed(array, ends, image)


def percentile(image: sitk.Image, low: float = 1.0, high: float = 99.0) -> sitk.Image:
    """Clip to two percentiles of the voxels, and scale to [0, 1]."""
    if not low < high:
        raise AugmentationError(f"percentile: low is {low:g} and high is {high:g}; give low < high")
    array = _finite(image, "percentile")
    first, last = np.percentile(array, (low, high))
    ends = float(first), float(last)
    _require_contrast("percentile", f"range from {low:g}% to {high:g}%", ends)
    return _windowed(array, ends, image)


def standardise(image: sitk.Image, mask: sitk.Image | None = None) -> sitk.Image:
    """Subtract the mean and divide by the standard deviation, both of the voxels where ``mask`` is not 0."""
    array = _finite(image, "standardise")
    known = (array if mask is None else array[voxel_array(mask) != 0]).astype(np.float64)
    mean, deviation = (float(known.mean()), float(known.std())) if known.size else (0.0, 0.0)
    if not deviation > 0:
        raise NotApplicableError(
            "standardise: no contrast, the standard deviation is 0; give an image or a mask with contrast"
        )
    return _scaled(array, mean, deviation, image)


def _finite(image: sitk.Image, what: str) -> NDArray[Any]:
    array = voxel_array(image)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise AugmentationError(f"{what}: the image has NaN or infinite values; replace them first")
    return array


def _require_contrast(what: str, name: str, ends: tuple[float, float]) -> None:
    if not ends[0] < ends[1]:
        raise NotApplicableError(
            f"{what}: no contrast, the {name} is from {ends[0]:g} to {ends[1]:g}; give an image or limits with contrast"
        )


def _windowed(array: NDArray[np.generic], ends: tuple[float, float], like: sitk.Image) -> sitk.Image:
    return _scaled(array, ends[0], ends[1] - ends[0], like, ends)


def _scaled(
    array: NDArray[Any], offset: float, unit: float, like: sitk.Image, limits: tuple[float, float] | None = None
) -> sitk.Image:
    """(voxel - offset) / unit in double precision, after clipping, in blocks that fit into the cache."""
    made = np.empty(array.shape, np.float32)
    old, new = array.reshape(-1), made.reshape(-1)
    for start in range(0, array.size, _BLOCK):
        part = old[start : start + _BLOCK].astype(np.float64)
        if limits is not None:
            np.clip(part, *limits, out=part)
        part -= offset
        part /= unit
        new[start : start + _BLOCK] = part
    return image_from_array(made, like)
