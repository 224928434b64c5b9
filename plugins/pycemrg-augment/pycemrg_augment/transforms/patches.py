"""Resampling to cubic voxels, patches, padding and flips; every voxel keeps its place in space.

Sizes, indices and spacings are (x, y, z), in voxels and mm. No function changes its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np
import SimpleITK as sitk

from pycemrg_augment import grids
from pycemrg_core.api import AugmentationError, Sample, voxel_array

Index = tuple[int, int, int]


def isotropic_volume(image: sitk.Image, spacing: float) -> sitk.Image:
    """Resample to cubic voxels of about ``spacing`` mm over the same extent, by linear interpolation; float32.

    A whole number of voxels fills the extent corner to corner, so the spacing can differ a little along each axis.
    The function does not smooth: for voxels much larger than those of the image, use
    :func:`pycemrg_augment.slices.downsample_volume`.
    """
    return _resampled(sitk.Cast(image, sitk.sitkFloat32), spacing, sitk.sitkLinear)


def isotropic_labels(labels: sitk.Image, spacing: float, *, smooth: bool = False) -> sitk.Image:
    """Resample a label map to the grid of :func:`isotropic_volume`; no new label ever appears.

    A voxel gets the label of the nearest voxel. With ``smooth``, it gets the label with the largest linearly
    interpolated share (if shares are equal, the smallest integer): fewer stairs where slices were thick.
    """
    if not smooth:
        return _resampled(labels, spacing, sitk.sitkNearestNeighbor)
    made = _resampled(labels, spacing, sitk.sitkNearestNeighbor)
    winner = np.zeros_like(voxel_array(made))
    most = np.full(winner.shape, -1.0)
    for label in np.unique(voxel_array(labels)):
        share = voxel_array(_resampled(sitk.Cast(labels == int(label), sitk.sitkFloat64), spacing, sitk.sitkLinear))
        ahead = share > most + 1e-9  # equal shares differ by rounding
        winner[ahead], most[ahead] = label, share[ahead]
    result = sitk.GetImageFromArray(winner, isVector=False)
    result.CopyInformation(made)
    return result


def crop(image: sitk.Image, start: Sequence[int], size: Sequence[int], background: float = 0) -> sitk.Image:
    """The box of ``size`` voxels from index ``start`` on; voxels outside the image are ``background``."""
    array = voxel_array(image)
    cut = np.full(tuple(reversed(size)), background, array.dtype)
    inner, outer = [], []
    for first, length, known in zip(reversed(start), reversed(size), array.shape, strict=True):
        low, high = max(first, 0), max(min(first + length, known), max(first, 0))
        outer.append(slice(low, high))
        inner.append(slice(low - first, high - first))
    cut[tuple(inner)] = array[tuple(outer)]
    return _framed(cut, image, start)


def pad(image: sitk.Image, lower: Sequence[int], upper: Sequence[int], background: float = 0) -> sitk.Image:
    """Add ``lower`` voxels of ``background`` before the image along each axis, and ``upper`` voxels after it."""
    if min(*lower, *upper) < 0:
        raise AugmentationError(f"pad: {list(lower)} and {list(upper)} voxels; give 0 or more")
    size = [before + known + after for before, known, after in zip(lower, image.GetSize(), upper, strict=True)]
    return crop(image, [-before for before in lower], size, background)


def crop_sample(sample: Sample, start: Sequence[int], size: Sequence[int]) -> Sample:
    """The same box of image and labels; voxels outside get the smallest value of the image, and label 0."""
    return each(
        sample,
        lambda image: crop(image, start, size, voxel_array(image).min()),
        lambda labels: crop(labels, start, size),
    )


def centre_patch(sample: Sample, size: Sequence[int]) -> tuple[Sample, Index]:
    """The patch of ``size`` voxels in the middle, and its first index; padded along axes where the image is smaller."""
    x, y, z = ((known - wanted) // 2 for known, wanted in zip(size_of(sample), _checked(size), strict=True))
    return crop_sample(sample, (x, y, z), size), (x, y, z)


def random_patch(sample: Sample, rng: np.random.Generator, size: Sequence[int]) -> tuple[Sample, Index]:
    """A patch of ``size`` voxels at a random place, all places equally likely, and its first index.

    Along an axis where the image is smaller, the image is padded on both sides.
    """
    room = [known - wanted for known, wanted in zip(size_of(sample), _checked(size), strict=True)]
    x, y, z = (int(rng.integers(0, gap + 1)) if gap >= 0 else gap // 2 for gap in room)
    return crop_sample(sample, (x, y, z), size), (x, y, z)


def flip(image: sitk.Image, axes: Sequence[bool]) -> sitk.Image:
    """Reverse the voxel order along some of the axes (x, y, z); every voxel stays where it is in space.

    Origin and direction change with the order, so left stays left. Code that sees only the array sees a mirror image.
    """
    turned = voxel_array(image)[tuple(slice(None, None, -1 if axis else 1) for axis in reversed(axes))]
    corner = [n - 1 if axis else 0 for axis, n in zip(axes, image.GetSize(), strict=True)]
    made = _framed(turned, image, corner)
    signs = np.where(axes, -1.0, 1.0)
    made.SetDirection((grids.direction(image) * signs).ravel().tolist())
    return made


def each(
    sample: Sample, image: Callable[[sitk.Image], sitk.Image], labels: Callable[[sitk.Image], sitk.Image]
) -> Sample:
    """Apply one function to the image and one to the labels, if present, and return a sample of the results."""
    return attrs.evolve(
        sample,
        image=None if sample.image is None else image(sample.image),
        labels=None if sample.labels is None else labels(sample.labels),
    )


def size_of(sample: Sample) -> Index:
    """The size (x, y, z) of a sample in voxels."""
    first = sample.labels if sample.image is None else sample.image
    if first is None:
        raise AugmentationError("the sample has neither image nor labels; give one of them")
    x, y, z = first.GetSize()
    return x, y, z


def _checked(size: Sequence[int]) -> Sequence[int]:
    if len(size) != 3 or min(size) < 1:
        raise AugmentationError(f"patch: the size is {list(size)}; give three positive numbers of voxels (x, y, z)")
    return size


def _resampled(image: sitk.Image, spacing: float, interpolator: int) -> sitk.Image:
    if not spacing > 0:
        raise AugmentationError(f"isotropic: the spacing is {spacing:g} mm; give a positive number")
    size = grids.size_for(image, [spacing] * 3)
    new, origin = grids.frame_of_size(image, size)
    return sitk.Resample(
        image, size, sitk.Transform(), interpolator, origin, new, image.GetDirection(), 0, image.GetPixelID()
    )


def _framed(
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], image: sitk.Image, at: Sequence[int]
) -> sitk.Image:
    """An image of ``array`` whose first voxel is the voxel ``at`` (x, y, z) of ``image``."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=False)
    made.SetSpacing(image.GetSpacing())
    made.SetOrigin(grids.place(image, at))
    made.SetDirection(image.GetDirection())
    return made
