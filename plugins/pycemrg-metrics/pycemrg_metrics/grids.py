"""Two images on one grid: checked, or resampled."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from pycemrg_core.api import MetricError, grid_difference, image_from_array, label_image, voxel_array


def as_labels(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """A label map in an integer type, with notes; unlike ``imaging.label_image`` it may be empty.

    A prediction that found nothing is a result. Raises :class:`ImageError` for what is no label map.
    """
    if not voxel_array(image).any():
        return sitk.Cast(image, sitk.sitkUInt8), ()
    return label_image(image, name)


def check_same_grid(image: sitk.Image, like: sitk.Image, names: tuple[str, str]) -> None:
    """Refuse an image that is not on the grid of another; ``names`` are what the text calls the two.

    Raises :class:`MetricError` with what differs.
    """
    if found := grid_difference(image, like):
        raise MetricError(
            f"{names[0]}: is not on the grid of {names[1]}: {found}. Resample it first;"
            " 'pycemrg compare' does with --resample."
        )


def resample(image: sitk.Image, like: sitk.Image, *, labels: bool) -> tuple[sitk.Image, int]:
    """The image on the grid of another, and how many voxels of that grid lie outside it.

    Labels take the nearest voxel, and background outside; images are interpolated linearly, as float64, and
    take their smallest value outside.
    """
    identity = sitk.Transform()
    if labels:
        result = sitk.Resample(image, like, identity, sitk.sitkNearestNeighbor, 0.0, image.GetPixelID())
    else:
        lowest = float(voxel_array(image).min())
        result = sitk.Resample(image, like, identity, sitk.sitkLinear, lowest, sitk.sitkFloat64)
    everywhere = image_from_array(np.ones(voxel_array(image).shape, np.uint8), image)
    covered = sitk.Resample(everywhere, like, identity, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return result, int(np.count_nonzero(voxel_array(covered) == 0))
