"""Boxes of array indices, and the bounding boxes of labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Region = tuple[slice, slice, slice]
"""A box of voxels: slices with start and stop along z, y and x."""
Bounds = tuple[tuple[int, int], ...]
LabelArray = NDArray[np.integer]
"""An array of labels, (z, y, x), of any integer type."""


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


def hull(a: Region, b: Region) -> Region:
    """The smallest box around two boxes."""
    return as_region(slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))


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


def bounding_boxes(array: LabelArray) -> dict[int, Region]:
    """The bounding box of each label in an array (z, y, x), without the background."""
    if array.size and array.max() >= 2**16:
        labels, inverse = np.unique(array, return_inverse=True)
        found = bounding_boxes(inverse.reshape(array.shape) + 1)
        return {int(labels[at - 1]): box for at, box in found.items() if labels[at - 1]}
    _, height, width = array.shape
    count = int(array.max(initial=0)) + 1
    low = np.full((3, count), max(array.shape))
    high = np.full((3, count), -1)
    # Plane by plane, and only at the places where the label changes along x: a heart has few of them.
    begins = np.ones((height, width), np.bool_)
    for z, plane in enumerate(array):
        np.not_equal(plane[:, 1:], plane[:, :-1], out=begins[:, 1:])
        start = np.flatnonzero(begins)
        label = plane.take(start)
        last = np.append(start[1:], plane.size)[: len(start)] - 1
        there = label > 0
        label, start, last = label[there], start[there], last[there]
        y, x = np.divmod(start, max(width, 1))
        low[0, label] = np.minimum(low[0, label], z)
        high[0, label] = z
        for axis, first, final in ((1, y, y), (2, x, last - y * width)):
            np.minimum.at(low[axis], label, first)
            np.maximum.at(high[axis], label, final)
    return {
        int(label): as_region(map(slice, low[:, label].tolist(), (high[:, label] + 1).tolist()))
        for label in np.flatnonzero(high[0] >= 0)
    }
