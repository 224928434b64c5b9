"""Resampling to cubic voxels, patches, padding and flips; voxels keep their place in space.

Sizes, indices and spacings are (x, y, z), in voxels and mm. None of these changes its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np
import SimpleITK as sitk

from pycemrg_augment import grids
from pycemrg_core.errors import AugmentationError
from pycemrg_core.images.image_files import voxel_array
from pycemrg_core.images.training_sample import Sample

Index = tuple[int, int, int]


def isotropic_volume(image: sitk.Image, spacing: float) -> sitk.Image:
    """The image on cubes of about ``spacing`` mm over the same extent, by linear interpolation; float32.

    A whole number of voxels fills the extent corner to corner, so that the spacing may come out a little
    different along each axis. It does not smooth: use :func:`pycemrg_augment.slices.downsample_volume` for
    voxels much larger than the image's.
    """
    return _resampled(sitk.Cast(image, sitk.sitkFloat32), spacing, sitk.sitkLinear)


def isotropic_labels(labels: sitk.Image, spacing: float, *, smooth: bool = False) -> sitk.Image:
    """A label map on the grid of :func:`isotropic_volume`; it never holds a label that was not there.

    The nearest voxel's label, or with ``smooth`` the label with the largest linearly interpolated share, of
    equal ones the smallest integer: fewer stairs where slices were thick.
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
    """The box of ``size`` voxels from index ``start`` on; what lies outside the image is ``background``."""
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
    """The image with so many voxels of ``background`` before and after it along each axis."""
    if min(*lower, *upper) < 0:
        raise AugmentationError(f"pad: {list(lower)} and {list(upper)} voxels; give 0 or more")
    size = [before + known + after for before, known, after in zip(lower, image.GetSize(), upper, strict=True)]
    return crop(image, [-before for before in lower], size, background)


def crop_sample(sample: Sample, start: Sequence[int], size: Sequence[int]) -> Sample:
    """The same box of image and labels; outside, the image has its smallest value and the labels are 0."""
    return each(
        sample,
        lambda image: crop(image, start, size, voxel_array(image).min()),
        lambda labels: crop(labels, start, size),
    )


def centre_patch(sample: Sample, size: Sequence[int]) -> tuple[Sample, Index]:
    """The patch of ``size`` voxels in the middle, and its first index; padded where the image is smaller."""
    x, y, z = ((known - wanted) // 2 for known, wanted in zip(size_of(sample), _checked(size), strict=True))
    return crop_sample(sample, (x, y, z), size), (x, y, z)


def random_patch(sample: Sample, rng: np.random.Generator, size: Sequence[int]) -> tuple[Sample, Index]:
    """A patch of ``size`` voxels, all places equally likely, and its first index.

    Along an axis where the image is smaller, the image lies in the middle and is padded.
    """
    room = [known - wanted for known, wanted in zip(size_of(sample), _checked(size), strict=True)]
    x, y, z = (int(rng.integers(0, gap + 1)) if gap >= 0 else gap // 2 for gap in room)
    return crop_sample(sample, (x, y, z), size), (x, y, z)


def flip(image: sitk.Image, axes: Sequence[bool]) -> sitk.Image:
    """The voxels in reverse order along some of the axes (x, y, z), each where it was in space.

    Origin and direction turn with the order, so that left stays left; what sees only the array sees a mirror.
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
    """A sample of what two functions make of the image and of the labels, those of them that are there."""
    return attrs.evolve(
        sample,
        image=None if sample.image is None else image(sample.image),
        labels=None if sample.labels is None else labels(sample.labels),
    )


def size_of(sample: Sample) -> Index:
    """The size (x, y, z) of a sample in voxels."""
    first = sample.labels if sample.image is None else sample.image
    if first is None:
        raise AugmentationError("the sample holds neither image nor labels")
    x, y, z = first.GetSize()
    return x, y, z


def _checked(size: Sequence[int]) -> Sequence[int]:
    if len(size) != 3 or min(size) < 1:
        raise AugmentationError(f"patch: the size is {list(size)}; give three positive numbers of voxels (x, y, z)")
    return size


def _resampled(image: sitk.Image, spacing: float, interpolator: int) -> sitk.Image:
    if not spacing > 0:
        raise AugmentationError(f"isotropic: the spacing is {spacing:g} mm; give a positive one")
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
