"""Bring two images to one grid: refuse or resample an image on another grid."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from pycemrg_core.api import (
    AnyImage,
    MetricError,
    grid_difference,
    image_from_array,
    image_given,
    label_image,
    voxel_array,
)


def as_labels(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Convert a label map to an integer type, with notes; unlike ``image_files.label_image`` it may be empty.

    An empty prediction is a valid result. Raises :class:`ImageError` for an image that is not a label map.
    """
    if not voxel_array(image).any():
        return sitk.Cast(image, sitk.sitkUInt8), ()
    return label_image(image, name)


def require_same_grid(image: sitk.Image, like: sitk.Image, names: tuple[str, str]) -> None:
    """Refuse an image that is not on the grid of another; the message calls the two by their ``names``.

    Raises :class:`MetricError` that states the difference.
    """
    if found := grid_difference(image, like):
        raise MetricError(
            f"{names[0]}: not on the grid of {names[1]}: {found}; resample it first,"
            " or use 'pycemrg compare --resample'"
        )


def resample(image: AnyImage, like: AnyImage, *, labels: bool) -> tuple[sitk.Image, int]:
    """Resample an image to the grid of another; also return how many voxels of this grid are outside the image.

    Labels take the nearest voxel, and background outside. Images are interpolated linearly, as float64, and take
    their smallest value outside.
    """
    image, like = image_given(image), image_given(like)
    identity = sitk.Transform()
    if labels:
        result = sitk.Resample(image, like, identity, sitk.sitkNearestNeighbor, 0.0, image.GetPixelID())
    else:
        lowest = float(voxel_array(image).min())
        result = sitk.Resample(image, like, identity, sitk.sitkLinear, lowest, sitk.sitkFloat64)
    everywhere = image_from_array(np.ones(voxel_array(image).shape, np.uint8), image)
    covered = sitk.Resample(everywhere, like, identity, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return result, int(np.count_nonzero(voxel_array(covered) == 0))
