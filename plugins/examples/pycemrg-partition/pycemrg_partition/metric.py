"""The metric ``open_faces``."""

from __future__ import annotations

import numpy as np

from pycemrg_core.api import Mask, StructureMask, hull


def open_faces(one: StructureMask, other: StructureMask) -> float:
    """The area, in mm2, of the voxel faces that a voxel of one structure shares with one of the other.

    0 when they do not meet face to face, and when either is absent.
    """
    region = hull(one.region, other.region)
    masks = one.mask_in(region), other.mask_in(region)
    total = 0.0
    for axis, size in enumerate(one.spacing):
        (a, b), (c, d) = (_neighbours(mask, axis) for mask in masks)
        total += np.count_nonzero((a & d) | (b & c)) * one.volume.voxel_mm3 / size
    return float(total)


def _neighbours(mask: Mask, axis: int) -> tuple[Mask, Mask]:
    """A mask (z, y, x) without its last and without its first layer along an axis."""
    along = np.moveaxis(mask, axis, 0)
    return along[:-1], along[1:]
