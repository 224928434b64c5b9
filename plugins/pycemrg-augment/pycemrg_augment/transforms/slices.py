"""Simulate thick slices and coarse voxels from fine ones, as a scanner would measure them.

Each axis is processed separately: a coarse voxel is the weighted mean of the fine voxels along the axis. The
weights are the slice profile, integrated over each fine voxel. The profile ``gaussian`` is a Gaussian whose full
width at half maximum is the width of the coarse voxel; ``box`` is constant over the coarse voxel. Labels are never
averaged. Sizes and spacings are (x, y, z), in voxels and mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log, sqrt
from typing import Literal

import numpy as np
import SimpleITK as sitk
from attrs import frozen
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import ndtr

from pycemrg_augment.transforms import grids
from pycemrg_core.api import (
    AugmentationError,
    LabelVolume,
    NotApplicableError,
    as_region,
    is_empty,
    voxel_array,
)

Profile = Literal["gaussian", "box"]
Vote = Literal["majority", "nearest"]

FWHM = 2 * sqrt(2 * log(2))
"""The full width at half maximum of a Gaussian, in standard deviations."""

_ROUNDING = 1e-9  # of a fine voxel


@frozen
class _Axis:
    """``count`` coarse voxels of ``width`` from ``start`` on, both in fine voxels, measured from the lower edge."""

    start: float
    width: float
    count: int

    def unchanged(self, fine: int) -> bool:
        return self.count == fine and abs(self.width - 1) < _ROUNDING and abs(self.start) < _ROUNDING

    def weights(self, fine: int, profile: Profile) -> sparse.csr_array:
        """One row per coarse voxel, one column per fine voxel; rows add up to 1."""
        begins = self.start + self.width * np.arange(self.count)[:, None]
        edges = np.arange(fine + 1.0)[None, :]
        if profile == "box":
            inside = np.clip(edges, begins, begins + self.width)
        else:
            sigma = self.width / FWHM
            # Less than 1e-11 of the profile lies beyond three widths (7 sigma).
            reach = np.clip(edges, begins - 2.5 * self.width, begins + 3.5 * self.width)
            inside = ndtr((reach - begins - self.width / 2) / sigma)
        shares = np.diff(inside, axis=1)
        shares[shares < _ROUNDING] = 0  # remove rounding errors
        return sparse.csr_array(shares / shares.sum(axis=1, keepdims=True))

    def centres(self, fine: int) -> NDArray[np.intp]:
        """The fine voxel at the centre of each coarse one; if the centre is on an edge, the later of the two."""
        at = self.start + self.width * (np.arange(self.count) + 0.5)
        found: NDArray[np.intp] = np.clip(np.floor(at + _ROUNDING), 0, fine - 1).astype(np.intp)
        return found


def downsample_volume(image: sitk.Image, spacing: Sequence[float], profile: Profile = "gaussian") -> sitk.Image:
    """Resample to voxels of about ``spacing`` mm (x, y, z) with a slice profile; float32 (float64 stays float64).

    A whole number of voxels fills the old extent exactly, corner to corner, so the spacing can differ a little from
    the one asked for. Axes that already have the spacing are not changed. Raises :class:`AugmentationError` when
    ``spacing`` is finer than the spacing of the image along an axis.
    """
    return _profiled(image, _extent_axes(image, spacing), profile)


def downsample_labels(labels: sitk.Image, spacing: Sequence[float], vote: Vote = "majority") -> sitk.Image:
    """Resample a label map to the grid of :func:`downsample_volume`.

    ``majority``: the label with the largest share of the coarse voxel; if shares are equal, the smallest integer.
    ``nearest``: the label at the centre of the coarse voxel.
    """
    return _voted(labels, _extent_axes(labels, spacing), vote)


def create_slice_shifted_volumes(
    image: sitk.Image, thickness: float, count: int, profile: Profile = "gaussian"
) -> list[sitk.Image]:
    """Make ``count`` stacks of slices of ``thickness`` mm, each starting ``thickness / count`` mm after the last.

    The slices are stacked along the third axis of the image. The origins move along the direction of this axis in
    space (the third column of the direction matrix), also for oblique images. All stacks have the same number of
    slices: as many as fit after the largest offset. Raises :class:`AugmentationError` when none fits, or when the
    slices are not thicker than those of the image.
    """
    return [_profiled(image, axes, profile) for axes in _stacks(image, thickness, count)]


def create_slice_shifted_labels(
    labels: sitk.Image, thickness: float, count: int, vote: Vote = "majority"
) -> list[sitk.Image]:
    """Make label maps on the grids of :func:`create_slice_shifted_volumes`."""
    return [_voted(labels, axes, vote) for axes in _stacks(labels, thickness, count)]


def shifted_slices(image: sitk.Image, thickness: float, offset: float, profile: Profile = "gaussian") -> sitk.Image:
    """Make one stack of slices of ``thickness`` mm that starts ``offset`` mm above the lower face of the image."""
    return _profiled(image, _stack(image, thickness, offset, offset), profile)


def shifted_label_slices(labels: sitk.Image, thickness: float, offset: float, vote: Vote = "majority") -> sitk.Image:
    """Make a label map on the grid of :func:`shifted_slices`."""
    return _voted(labels, _stack(labels, thickness, offset, offset), vote)


def _extent_axes(image: sitk.Image, spacing: Sequence[float]) -> list[_Axis]:
    for axis, old, new in zip("xyz", image.GetSpacing(), spacing, strict=True):
        if not new > old * (1 - 1e-3):
            raise NotApplicableError(
                f"downsample: {new:g} mm along {axis} is finer than the image ({old:g} mm); give {old:g} or more"
            )
    size = grids.size_for(image, spacing)
    return [_Axis(0.0, old / new, new) for old, new in zip(image.GetSize(), size, strict=True)]


def _stacks(image: sitk.Image, thickness: float, count: int) -> list[list[_Axis]]:
    if count < 1:
        raise AugmentationError(f"slice shift: {count} stacks; give 1 or more")
    last = thickness * (count - 1) / count
    return [_stack(image, thickness, thickness * number / count, last) for number in range(count)]


def _stack(image: sitk.Image, thickness: float, offset: float, last: float) -> list[_Axis]:
    fine, size = image.GetSpacing()[2], image.GetSize()
    if not thickness >= fine * (1 + 1e-3):
        raise NotApplicableError(
            f"slice shift: slices of {thickness:g} mm are not thicker than the image slices ({fine:g} mm); give more"
        )
    slices = floor((size[2] * fine - last) / thickness + 1e-6)
    if offset < 0 or slices < 1:
        raise NotApplicableError(
            f"slice shift: no slice of {thickness:g} mm fits into the {size[2] * fine:g} mm of the image"
            f" from {offset:g} mm on; give thinner slices"
        )
    return [_Axis(0.0, 1.0, size[0]), _Axis(0.0, 1.0, size[1]), _Axis(offset / fine, thickness / fine, slices)]


def _profiled(image: sitk.Image, axes: Sequence[_Axis], profile: Profile) -> sitk.Image:
    if profile not in ("gaussian", "box"):
        raise AugmentationError(f"no slice profile is called {profile!r}; give 'gaussian' or 'box'")
    grids.finite_ends(image)
    array = voxel_array(image)
    kept = array.dtype if array.dtype == np.float64 else np.dtype(np.float32)
    coarse = array.astype(np.float64)
    for number, axis in enumerate(reversed(axes)):
        if not axis.unchanged(coarse.shape[number]):
            coarse = _along(axis.weights(coarse.shape[number], profile), coarse, number)
    return _placed(coarse.astype(kept), image, axes)


def _voted(labels: sitk.Image, axes: Sequence[_Axis], vote: Vote) -> sitk.Image:
    if vote not in ("majority", "nearest"):
        raise AugmentationError(f"no vote is called {vote!r}; give 'majority' or 'nearest'")
    array = voxel_array(labels)
    if array.dtype.kind not in "iu":
        raise AugmentationError(f"a label map must hold integers, not {array.dtype}; read it with read_labels")
    turned = list(reversed(axes))
    if vote == "nearest":
        places = np.ix_(*(axis.centres(n) for axis, n in zip(turned, array.shape, strict=True)))
        return _placed(array[places], labels, axes)
    weights = [axis.weights(n, "box") for axis, n in zip(turned, array.shape, strict=True)]
    return _placed(_majority(array, weights), labels, axes)


def _majority(array: NDArray[np.integer], weights: Sequence[sparse.csr_array]) -> NDArray[np.integer]:
    """The label with the largest share of each coarse voxel; if shares are equal, the smallest label."""
    shape = [weight.shape[0] for weight in weights]
    winner, most = np.zeros(shape, array.dtype), np.zeros(shape)
    whole = as_region(slice(0, n) for n in array.shape)
    negative = {int(label): whole for label in np.unique(array) if label < 0} if array.min() < 0 else {}
    boxes = LabelVolume(np.maximum(array, 0) if negative else array, (1.0, 1.0, 1.0)).boxes
    for label, box in {**negative, 0: whole, **boxes}.items():
        there = as_region(_reached(weight, part) for weight, part in zip(weights, box, strict=True))
        if is_empty(there):  # before the first slice or after the last
            continue
        share = (array[box] == label).astype(np.float64)
        for number, weight in enumerate(weights):
            share = _along(weight[there[number], box[number]], share, number)
        ahead = share > most[there] + _ROUNDING  # equal shares differ by rounding
        winner[there][ahead], most[there][ahead] = label, share[ahead]
    return winner


def _reached(weights: sparse.csr_array, part: slice) -> slice:
    """The range of coarse voxels that overlap these fine voxels."""
    rows = np.flatnonzero(weights[:, part].sum(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1) if rows.size else slice(0, 0)


def _along(weights: sparse.csr_array, array: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """The product along one axis. It is sparse, so sums have the same order on any number of cores."""
    lines = np.moveaxis(array, number, 0)
    product = weights @ np.ascontiguousarray(lines).reshape(lines.shape[0], -1)
    return np.moveaxis(product.reshape(-1, *lines.shape[1:]), 0, number)


def _placed(array: NDArray[np.generic], image: sitk.Image, axes: Sequence[_Axis]) -> sitk.Image:
    """An image of coarse voxels; the centre of the first is half a coarse voxel after its lower edge."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=False)
    made.SetSpacing([old * axis.width for old, axis in zip(image.GetSpacing(), axes, strict=True)])
    made.SetOrigin(grids.place(image, [axis.start + axis.width / 2 - 0.5 for axis in axes]))
    made.SetDirection(image.GetDirection())
    return made
