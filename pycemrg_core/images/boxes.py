"""Boxes of array indices, and the bounding boxes of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.errors import ImageError

Region = tuple[slice, slice, slice]
"""A box of voxels: slices with start and stop along z, y and x."""
Bounds = tuple[tuple[int, int], ...]
LabelArray = NDArray[np.integer]
"""An array of labels, (z, y, x), of any integer type."""
_SLAB = 1 << 19


def as_region(slices: Iterable[slice]) -> Region:
    """Three slices (z, y, x) as a box."""
    z, y, x = slices
    return z, y, x


NOWHERE = as_region([slice(0, 0)] * 3)
"""The box without voxels."""


def intersect(a: Region, b: Region) -> Region:
    """The intersection of two boxes; empty slices when they do not overlap."""
    starts = [max(p.start, q.start) for p, q in zip(a, b, strict=True)]
    stops = [min(p.stop, q.stop) for p, q in zip(a, b, strict=True)]
    return as_region(slice(start, max(start, stop)) for start, stop in zip(starts, stops, strict=True))


def is_empty(region: Region) -> bool:
    """Whether the box contains no voxel."""
    return any(axis.start >= axis.stop for axis in region)


def hull(*boxes: Region) -> Region:
    """The smallest box around some boxes; empty without any."""
    sides = zip(*boxes, strict=True)
    around = (slice(min(one.start for one in side), max(one.stop for one in side)) for side in sides)
    return as_region(around) if boxes else NOWHERE


def shift(region: Region, window: Region) -> Region:
    """``region`` as indices into an array that holds only the box ``window``."""
    return as_region(
        slice(inner.start - outer.start, inner.stop - outer.start) for inner, outer in zip(region, window, strict=True)
    )


def shape_of(region: Region) -> tuple[int, int, int]:
    """The number of voxels of the box along each axis (z, y, x)."""
    z, y, x = (axis.stop - axis.start for axis in region)
    return z, y, x


def expand(region: Region, voxels: int, shape: tuple[int, ...]) -> Region:
    """The box with a margin of some voxels on all sides, cut at the border of an array of ``shape``."""
    return as_region(
        slice(max(axis.start - voxels, 0), min(axis.stop + voxels, size))
        for axis, size in zip(region, shape, strict=True)
    )


def bounds(region: Region) -> Bounds:
    """The box as a key for dictionaries."""
    return tuple((axis.start, axis.stop) for axis in region)


def shrink(array: LabelArray, label: int, region: Region) -> Region | None:
    """The bounding box of a label that is only inside ``region``, or None when the label is absent."""
    box = list(region)
    # Start from the faces and go inward: most boxes hardly shrink.
    for axis in (0, 1):
        planes = np.moveaxis(array[tuple(box)], axis, 0)
        first = next((at for at, plane in enumerate(planes) if (plane == label).any()), None)
        if first is None:
            return None
        last = next(at for at in range(len(planes) - 1, -1, -1) if (planes[at] == label).any())
        box[axis] = slice(box[axis].start + first, box[axis].start + last + 1)
    # A plane perpendicular to x is scattered in memory, so all of them are read at once.
    columns = np.flatnonzero((array[tuple(box)] == label).any(axis=(0, 1)))
    box[2] = slice(box[2].start + int(columns[0]), box[2].start + int(columns[-1]) + 1)
    return as_region(box)


def occupied(array: LabelArray) -> Region:
    """The box of all voxels of an array (z, y, x) that are not background."""
    z = np.flatnonzero(np.any(array, axis=(1, 2)))
    if not len(z):
        return NOWHERE
    depth = slice(int(z[0]), int(z[-1]) + 1)
    seen = np.bitwise_or.reduce(array[depth], axis=0)  # whole planes at once: the fastest way
    y, x = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return depth, slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def bounding_boxes(array: LabelArray) -> dict[int, Region]:
    """The bounding box of each label in an array (z, y, x), without the background.

    Raises :class:`ImageError` for negative values.
    """
    box = occupied(array)
    inner = array[box]
    if array.dtype.kind == "i" and (least := inner.min(initial=0)) < 0:
        raise ImageError(f"holds negative values (minimum {least}); labels are 0 (background) and up")
    values = None
    if inner.size and inner.max() >= 2**16:
        values, inverse = np.unique(inner, return_inverse=True)
        inner = inverse.reshape(inner.shape) + 1
    count = int(inner.max(initial=0)) + 1
    low, high = np.full((3, count), max(array.shape)), np.full((3, count), -1)
    for z, y, x, last, label in _runs(inner):
        for axis, first, final in ((0, z, z), (1, y, y), (2, x, last)):
            np.minimum.at(low[axis], label, first)
            np.maximum.at(high[axis], label, final)
    there = np.flatnonzero(high[0] >= 0)
    corner = np.array([[axis.start] for axis in box])
    low, high = low + corner, high + corner + 1
    names = np.arange(count) if values is None else np.append(0, values)
    sides = {int(names[at]): (low[:, at].tolist(), high[:, at].tolist()) for at in there.tolist() if names[at]}
    return {value: as_region(map(slice, *ends)) for value, ends in sides.items()}


def _runs(array: LabelArray) -> Iterator[tuple[NDArray[np.intp], ...]]:
    """The runs of equal label along x that are not background, some at a time: z, y, first x, last x, label."""
    _, height, width = array.shape
    thick = max(_SLAB // max(height * width, 1), 1)  # planes; so much at once stays in the processor's cache
    for z in range(0, len(array), thick):
        flat = array[z : z + thick].reshape(-1)
        begins = np.empty(flat.size, np.bool_)
        np.not_equal(flat[1:], flat[:-1], out=begins[1:])
        begins[::width] = True
        start = np.flatnonzero(begins)
        label = flat.take(start)
        there = np.flatnonzero(label)
        line, x = np.divmod(start.take(there), width)
        depth, y = np.divmod(line, height)
        last = np.append(start[1:], flat.size).take(there) - 1 - line * width
        yield depth + z, y, x, last, label.take(there).astype(np.intp)
