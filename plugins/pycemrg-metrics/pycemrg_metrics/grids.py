"""Bring two images to one grid: refuse or resample an image on another grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycemrg_core.api import (
    AnyImage,
    LabelVolume,
    MetricError,
    PlainImage,
    grid_difference,
    image_from_array,
    image_given,
    image_of,
    label_volume,
    plain_of,
    voxel_array,
)

if TYPE_CHECKING:
    import SimpleITK as sitk


def as_labels(image: sitk.Image | LabelVolume | PlainImage, name: str) -> tuple[LabelVolume, tuple[str, ...]]:
    """Convert a label map to an integer type, with notes; unlike in ``image_files.label_volume`` it may be empty.

    An empty prediction is a valid result. Raises :class:`ImageError` for an image that is not a label map.
    """
    if isinstance(image, LabelVolume):
        return image, ()
    plain = plain_of(image)
    if not plain.array.any():
        return plain.labels(np.zeros(plain.array.shape, np.uint8)), ()
    return label_volume(image, name)


def require_same_grid(
    image: sitk.Image | LabelVolume | PlainImage, like: sitk.Image | LabelVolume | PlainImage, names: tuple[str, str]
) -> None:
    """Refuse an image that is not on the grid of another; the message calls the two by their ``names``.

    Raises :class:`MetricError` that states the difference.
    """
    if found := grid_difference(image, like):
        raise MetricError(
            f"{names[0]}: not on the grid of {names[1]}: {found}; resample it first,"
            " or use 'pycemrg compare --resample'"
        )


def resample(image: AnyImage | PlainImage, like: AnyImage | PlainImage, *, labels: bool) -> tuple[sitk.Image, int]:
    """Resample an image to the grid of another; also return how many voxels of this grid are outside the image.

    Labels take the nearest voxel, and background outside. Images are interpolated linearly, as float64, and take
    their smallest value outside.
    """
    import SimpleITK as sitk

    image, like = (image_of(one) if isinstance(one, PlainImage) else image_given(one) for one in (image, like))
    identity = sitk.Transform()
    if labels:
        result = sitk.Resample(image, like, identity, sitk.sitkNearestNeighbor, 0.0, image.GetPixelID())
    else:
        lowest = float(voxel_array(image).min())
        result = sitk.Resample(image, like, identity, sitk.sitkLinear, lowest, sitk.sitkFloat64)
    everywhere = image_from_array(np.ones(voxel_array(image).shape, np.uint8), image)
    covered = sitk.Resample(everywhere, like, identity, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return result, int(np.count_nonzero(voxel_array(covered) == 0))
