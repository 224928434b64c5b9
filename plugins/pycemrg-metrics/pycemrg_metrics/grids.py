"""Two images on one grid: checked, or resampled."""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

from pycemrg_core import imaging
from pycemrg_core.errors import MetricError

_TOLERANCE = 0.1  # voxels; files store directions with few digits, and no metric is surer than this


def as_labels(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """A label map in an integer type, with notes; unlike ``imaging.label_image`` it may be empty.

    A prediction that found nothing is a result. Raises :class:`ImageError` for what is no label map.
    """
    if not imaging.voxel_array(image).any():
        return sitk.Cast(image, sitk.sitkUInt8), ()
    return imaging.label_image(image, name)


def check_same_grid(image: sitk.Image, like: sitk.Image, names: tuple[str, str]) -> None:
    """Refuse an image that is not on the grid of another; ``names`` are what the text calls the two.

    Sizes must be equal, and no corner voxel may lie further than a tenth of the smallest spacing from where it
    lies in the other. Raises :class:`MetricError` with what differs.
    """
    if image.GetSize() == like.GetSize() and _shift(image, like) <= _TOLERANCE * min(like.GetSpacing()):
        return
    differences = [
        f"{what} {ours}, not {theirs}"
        for what, ours, theirs in (
            ("size", _shown(image.GetSize(), " x "), _shown(like.GetSize(), " x ")),
            ("spacing", f"{_shown(image.GetSpacing())} mm", f"{_shown(like.GetSpacing())} mm"),
            ("origin", f"{_shown(image.GetOrigin())} mm", f"{_shown(like.GetOrigin())} mm"),
            ("direction", _shown(image.GetDirection()), _shown(like.GetDirection())),
        )
        if ours != theirs
    ]
    raise MetricError(
        f"{names[0]}: is not on the grid of {names[1]}: {'; '.join(differences)}. Resample it first;"
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
        lowest = float(imaging.voxel_array(image).min())
        result = sitk.Resample(image, like, identity, sitk.sitkLinear, lowest, sitk.sitkFloat64)
    everywhere = imaging.image_from_array(np.ones(imaging.voxel_array(image).shape, np.uint8), image)
    covered = sitk.Resample(everywhere, like, identity, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return result, int(np.count_nonzero(imaging.voxel_array(covered) == 0))


def _shift(image: sitk.Image, like: sitk.Image) -> float:
    """The largest distance in mm between where two grids of one size have a corner voxel."""
    corners = product(*((0, size - 1) for size in like.GetSize()))
    return max(
        float(np.linalg.norm(np.subtract(*(one.TransformIndexToPhysicalPoint(corner) for one in (image, like)))))
        for corner in corners
    )


def _shown(numbers: tuple[float, ...], between: str = ", ") -> str:
    return between.join(f"{number:.6g}" for number in numbers)
