"""Bring masks from one grid to another, as smooth surfaces and not as voxels."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import NOWHERE, Mask, Region, Zone, as_region, intersect, is_empty, shape_of
from schematics_builtin.fusing.sources import Grid

Floats = NDArray[np.float64]
_ROOM = 2  # voxels of background round a mask: its surface is then inside the array
_SAME = 1e-3  # voxels


def place(zone: Zone, source: Grid, target: Grid) -> Zone:
    """A mask of the grid ``source`` on the grid ``target``.

    Between the voxels the signed distance to the surface is interpolated; it is zero on the faces of the voxels, so
    that the structure keeps its size. A mask whose voxels coincide with those of the target is copied.
    """
    matrix, offset = _between(target, source)
    if np.allclose(matrix, np.eye(3), atol=1e-5) and np.allclose(offset, np.rint(offset), atol=_SAME):
        return _copied(zone, np.rint(offset).astype(int), target)
    region = _covered(zone.region, source, target)
    if is_empty(region):
        return Zone(NOWHERE, np.zeros((0, 0, 0), np.bool_))
    from scipy import ndimage

    distance = signed_distance(np.pad(zone.mask, _ROOM), source.spacing)
    start = np.array([axis.start for axis in region])
    corner = np.array([axis.start - _ROOM for axis in zone.region])
    mm = ndimage.affine_transform(
        distance, matrix, matrix @ start + offset - corner, shape_of(region), order=1, cval=float(distance.max())
    )
    return Zone(region, mm < 0)


def signed_distance(mask: Mask, spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """The distance in mm to the surface of a mask, below 0 inside; linear between voxels, it is 0 on their faces."""
    from scipy import ndimage

    outside = ndimage.distance_transform_edt(~mask, sampling=spacing)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing)
    return (outside - inside).astype(np.float32)


def _between(target: Grid, source: Grid) -> tuple[Floats, Floats]:
    """The matrix and offset that turn indices of the target into those of the source."""
    inverse = np.linalg.inv(source.steps)
    return inverse @ target.steps, inverse @ (np.array(target.origin) - np.array(source.origin))


def _copied(zone: Zone, offset: NDArray[np.int64], target: Grid) -> Zone:
    moved = as_region(
        slice(axis.start - by, axis.stop - by) for axis, by in zip(zone.region, offset.tolist(), strict=True)
    )
    region = intersect(moved, as_region(slice(0, size) for size in target.shape))
    if is_empty(region):
        return Zone(NOWHERE, np.zeros((0, 0, 0), np.bool_))
    return Zone(region, Zone(moved, zone.mask).inside(region))


def _covered(box: Region, source: Grid, target: Grid) -> Region:
    """The box of the target that holds a box of the source."""
    corners = np.array(list(product(*((axis.start - _ROOM, axis.stop - 1 + _ROOM) for axis in box))))
    index = target.indices(source.points_mm(corners))
    low, high = np.floor(index.min(axis=0)).astype(int), np.ceil(index.max(axis=0)).astype(int) + 1
    whole = as_region(slice(0, size) for size in target.shape)
    return intersect(as_region(map(slice, low.tolist(), high.tolist())), whole)
