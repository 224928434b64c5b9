"""Cut out boxes and patches, and pad; every voxel keeps its place in space.

Sizes, indices and spacings are (x, y, z), in voxels and mm. No function changes its input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from attrs import frozen

from pycemrg_augment.transforms import grids
from pycemrg_core.api import AugmentationError, NotApplicableError, Sample, voxel_array

Index = tuple[int, int, int]
PadMode = Literal["constant", "edge", "reflect", "symmetric", "wrap"]


@frozen
class Padding:
    """What the voxels of a patch that lie outside the image are; the modes are those of ``numpy.pad``.

    ``constant``: the intensity ``value``, or the smallest of the image; label 0. The others repeat voxels of the image,
    intensities and labels alike: ``edge`` the last one, ``reflect`` and ``symmetric`` the mirror image without and
    with the last one, ``wrap`` those from the other end.
    """

    mode: PadMode = "constant"
    value: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.value is not None and self.mode != "constant":
            raise AugmentationError(f"patch: padding {self.mode!r} has no value; leave out {self.value:g} or the mode")


SMALLEST = Padding()


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


def repeated(image: sitk.Image, start: Sequence[int], size: Sequence[int], mode: PadMode) -> sitk.Image:
    """The box of ``size`` voxels from index ``start`` on; voxels outside repeat those of the image (numpy's modes)."""
    array = voxel_array(image)
    ways: Any = mode
    taken = []
    for first, length, known in zip(reversed(start), reversed(size), array.shape, strict=True):
        before, after = max(-first, 0), max(first + length - known, 0)
        every = np.pad(np.arange(known), (before, after), mode=ways)
        taken.append(every[first + before : first + before + length])
    return _framed(array[np.ix_(*taken)], image, start)


def pad(image: sitk.Image, lower: Sequence[int], upper: Sequence[int], background: float = 0) -> sitk.Image:
    """Add ``lower`` voxels of ``background`` before the image along each axis, and ``upper`` voxels after it."""
    if min(*lower, *upper) < 0:
        raise AugmentationError(f"pad: {list(lower)} and {list(upper)} voxels; give 0 or more")
    size = [before + known + after for before, known, after in zip(lower, image.GetSize(), upper, strict=True)]
    return crop(image, [-before for before in lower], size, background)


def crop_sample(sample: Sample, start: Sequence[int], size: Sequence[int], padding: Padding = SMALLEST) -> Sample:
    """The same box of image and labels; ``padding`` says what lies outside the image."""
    ends = zip(start, size, size_of(sample), strict=True)
    within = all(first >= 0 and first + length <= known for first, length, known in ends)
    if not within and padding.mode != "constant":
        return sample.changed(
            images=lambda image: repeated(image, start, size, padding.mode),
            labels=lambda labels: repeated(labels, start, size, padding.mode),
        )

    def outside(image: sitk.Image) -> float:
        return padding.value if padding.value is not None else grids.finite_ends(image)[0]

    return sample.changed(
        images=lambda image: crop(image, start, size, 0 if within else outside(image)),
        labels=lambda labels: crop(labels, start, size),
    )


def centre_patch(sample: Sample, size: Sequence[int], padding: Padding = SMALLEST) -> tuple[Sample, Index]:
    """The patch of ``size`` voxels in the middle, and its first index; padded along axes where the image is smaller."""
    x, y, z = ((known - wanted) // 2 for known, wanted in zip(size_of(sample), _checked(size), strict=True))
    return crop_sample(sample, (x, y, z), size, padding), (x, y, z)


def random_patch(
    sample: Sample, rng: np.random.Generator, size: Sequence[int], padding: Padding = SMALLEST
) -> tuple[Sample, Index]:
    """A patch of ``size`` voxels at a random place, all places equally likely, and its first index.

    Along an axis where the image is smaller, the image is padded on both sides.
    """
    room = [known - wanted for known, wanted in zip(size_of(sample), _checked(size), strict=True)]
    x, y, z = (int(rng.integers(0, gap + 1)) if gap >= 0 else gap // 2 for gap in room)
    return crop_sample(sample, (x, y, z), size, padding), (x, y, z)


def label_patch(
    sample: Sample,
    rng: np.random.Generator,
    size: Sequence[int],
    weights: Mapping[int, float],
    padding: Padding = SMALLEST,
) -> tuple[Sample, Index, int]:
    """A patch of ``size`` voxels around a random voxel of a label, with its first index and the label.

    The label is drawn in proportion to its weight, among those in the label map; 0 is the background. All voxels of the
    label are equally likely. The voxel is in the middle, unless the patch would then reach beyond the image.
    """
    if sample.labels is None:
        raise AugmentationError("label_patch: the sample has no label map; give one")
    array = voxel_array(sample.labels)
    wanted = {label: weight for label, weight in weights.items() if weight > 0}
    if not wanted:
        raise AugmentationError("label_patch: all weights are 0; give one above 0")
    places = {label: np.flatnonzero(array == label) for label in wanted}
    present = [label for label in wanted if places[label].size]
    if not present:
        shown = ", ".join(map(str, wanted))
        raise NotApplicableError(f"label_patch: none of the labels {shown} is in the image; weight labels that are")
    shares = np.array([wanted[label] for label in present], np.float64)
    shares /= shares.max()  # so that the sum is finite
    label = present[int(rng.choice(len(present), p=shares / shares.sum()))]
    z, y, x = np.unravel_index(places[label][int(rng.integers(places[label].size))], array.shape)
    start = [
        min(max(int(at) - length // 2, 0), known - length) if known >= length else (known - length) // 2
        for at, length, known in zip((x, y, z), _checked(size), size_of(sample), strict=True)
    ]
    first = start[0], start[1], start[2]
    return crop_sample(sample, first, size, padding), first, label


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


def _framed(
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], image: sitk.Image, at: Sequence[int]
) -> sitk.Image:
    """An image of ``array`` whose first voxel is the voxel ``at`` (x, y, z) of ``image``."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=False)
    made.SetSpacing(image.GetSpacing())
    made.SetOrigin(grids.place(image, at))
    made.SetDirection(image.GetDirection())
    return made
