"""Bring a label map to voxels of another size."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume, as_region

Floats = NDArray[np.float32]

_TIE = 1e-5


def resampled(volume: LabelVolume, edge_mm: float) -> LabelVolume:
    """The same label map with cubic voxels of ``edge_mm``; the blueprint is kept.

    Each new voxel gets the label with the largest share of it. A share is interpolated linearly between voxels, over
    the new voxel where this is larger. On a tie the smaller label wins.
    """
    shape = tuple(
        ceil(round(size * mm / edge_mm, 6)) for size, mm in zip(volume.array.shape, volume.spacing, strict=True)
    )
    # The outer border of the first voxels stays where it is.
    first = np.array([(edge_mm - mm) / 2 for mm in volume.spacing])
    weights = [_weights(*one, edge_mm) for one in zip(volume.array.shape, volume.spacing, shape, strict=True)]
    found = np.zeros(shape, volume.array.dtype)
    best = np.zeros(shape, np.float32)
    rest = np.ones(shape, np.float32)  # the share of the background
    for label in volume.boxes:
        region = volume.region(label)
        target = as_region(_reached(one, axis) for one, axis in zip(weights, region, strict=True))
        share = volume.mask(label, region).astype(np.float32)
        for axis, one in enumerate(weights):
            share = np.moveaxis(np.tensordot(one[target[axis], region[axis]], share, (1, axis)), 0, axis)
        rest[target] -= share
        wins = share > best[target] + _TIE
        best[target][wins] = share[wins]
        found[target][wins] = label
    found[rest >= best - _TIE] = 0
    corner = first[::-1] @ volume.orientation.cosines.T
    x, y, z = (np.array(volume.origin) + corner).tolist()
    cubic = (edge_mm, edge_mm, edge_mm)
    return LabelVolume(found, cubic, origin=(x, y, z), direction=volume.direction, blueprint=volume.blueprint)


def _weights(size: int, mm: float, new_size: int, new_mm: float) -> Floats:
    """How much each old voxel of an axis counts for each new one, (new, old); the rows have the sum 1."""
    old, new = (np.arange(size) + 0.5) * mm, (np.arange(new_size) + 0.5) * new_mm
    near = np.clip(new, old[0], old[-1])[:, None]
    found = np.maximum(0, 1 - np.abs(near - old) / max(mm, new_mm))
    shares: Floats = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _reached(weights: Floats, axis: slice) -> slice:
    """The new voxels for which some of the old ones count."""
    rows = np.flatnonzero(weights[:, axis].any(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)
