"""Resample images and label maps: to cubic voxels, and what other modules need to move voxels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from pycemrg_augment.transforms import grids
from pycemrg_core.api import AugmentationError, voxel_array

Resample = Callable[[sitk.Image, int, float], sitk.Image]
"""``resample(image, interpolator, background)``; voxels from outside the image get the background."""


def isotropic_volume(image: sitk.Image, spacing: float) -> sitk.Image:
    """Resample to cubic voxels of about ``spacing`` mm over the same extent, by linear interpolation; float32.

    A whole number of voxels fills the extent corner to corner, so the spacing can differ a little along each axis.
    The function does not smooth: for voxels much larger than those of the image, use
    :func:`pycemrg_augment.transforms.slices.downsample_volume`.
    """
    grids.finite_ends(image)
    return _to_cubes(spacing)(sitk.Cast(image, sitk.sitkFloat32), sitk.sitkLinear, 0.0)


def isotropic_labels(labels: sitk.Image, spacing: float, *, smooth: bool = False) -> sitk.Image:
    """Resample a label map to the grid of :func:`isotropic_volume`; no new label ever appears.

    ``smooth``: see :func:`resampled_labels`.
    """
    return resampled_labels(labels, _to_cubes(spacing), smooth=smooth)


def resampled_labels(labels: sitk.Image, resample: Resample, *, smooth: bool = False) -> sitk.Image:
    """Resample a label map; no new label ever appears, and voxels from outside become 0.

    A voxel gets the label of the nearest voxel. With ``smooth``, it gets the label with the largest linearly
    interpolated share (if shares are equal, the smallest integer): fewer stairs.
    """
    made = resample(labels, sitk.sitkNearestNeighbor, 0.0)
    if not smooth:
        return made
    winner = np.zeros_like(voxel_array(made))
    most = np.full(winner.shape, -1.0, np.float32)
    for label in np.union1d(np.unique(voxel_array(labels)), [0]):
        mask = sitk.Cast(labels == int(label), sitk.sitkFloat32)
        share = voxel_array(resample(mask, sitk.sitkLinear, float(label == 0)))
        ahead = share > most + np.float32(1e-6)  # equal shares differ by rounding
        winner[ahead], most[ahead] = label, share[ahead]
    result = sitk.GetImageFromArray(winner, isVector=False)
    result.CopyInformation(made)
    return result


def _to_cubes(spacing: float) -> Resample:
    if not spacing > 0:
        raise AugmentationError(f"isotropic: the spacing is {spacing:g} mm; give a positive number")

    def resample(image: sitk.Image, interpolator: int, background: float) -> sitk.Image:
        size = grids.size_for(image, [spacing] * 3)
        new, origin = grids.frame_of_size(image, size)
        # In voxels of the image: in mm, rounding would decide where a new voxel lies between two old ones.
        ratio = [before / after for before, after in zip(image.GetSize(), size, strict=True)]
        bare = sitk.Image(image)
        bare.SetSpacing([1.0] * 3)
        bare.SetOrigin([0.0] * 3)
        bare.SetDirection(np.eye(3).ravel().tolist())
        first, nothing = [one / 2 - 0.5 for one in ratio], sitk.Transform()
        made = sitk.Resample(
            bare, size, nothing, interpolator, first, ratio, bare.GetDirection(), background, image.GetPixelID()
        )
        made.SetSpacing(new)
        made.SetOrigin(origin)
        made.SetDirection(image.GetDirection())
        return made

    return resample
