"""Compare the grids of two images, and compute a grid with another voxel size over the same extent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pycemrg_core.api import AugmentationError, grid_difference, voxel_array


def require_same(image: sitk.Image, other: sitk.Image, names: str = "image and labels") -> None:
    """Raise :class:`AugmentationError` with the difference unless both images are on the same grid."""
    if found := grid_difference(image, other):
        raise AugmentationError(f"{names} are not on the same grid: {found}; resample one of them onto the other")


def finite_ends(image: sitk.Image) -> tuple[float, float]:
    """The smallest and the largest value; a NaN or an infinite value is an error, since it would spread."""
    array = voxel_array(image)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite((low, high)).all():
        raise AugmentationError("the image has NaN or infinite values; replace them first")
    return low, high


def direction(image: sitk.Image) -> NDArray[np.float64]:
    """The direction matrix: its columns are the world directions of the x, y and z axes of the voxels."""
    return np.reshape(np.array(image.GetDirection(), np.float64), (3, 3))


def place(image: sitk.Image, index: Sequence[float]) -> tuple[float, ...]:
    """The world point (x, y, z) in mm of a continuous voxel index (x, y, z)."""
    point: tuple[float, ...] = image.TransformContinuousIndexToPhysicalPoint([float(value) for value in index])
    return point


def size_for(image: sitk.Image, spacing: Sequence[float]) -> tuple[int, ...]:
    """The number of voxels (x, y, z) of about ``spacing`` mm that fill the extent of the image."""
    return tuple(
        max(1, round(size * old / new))
        for size, old, new in zip(image.GetSize(), image.GetSpacing(), spacing, strict=True)
    )


def frame_of_size(image: sitk.Image, size: Sequence[int]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Spacing and origin (x, y, z) of a grid of ``size`` voxels with the same corners as ``image``.

    An index is the centre of a voxel, so the origin moves by half the difference of the voxel sizes.
    """
    ratio = np.array(image.GetSize()) / np.array(size)
    return tuple((np.array(image.GetSpacing()) * ratio).tolist()), place(image, ratio / 2 - 0.5)
