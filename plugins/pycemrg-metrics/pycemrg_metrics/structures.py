"""Metrics of one structure in a label map, and of the contact of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycemrg_core.api import MetricError, Region, StructureMask, as_region, intersect, is_empty


def volume(structure: StructureMask) -> float:
    """The volume in mL; 0 when absent."""
    return structure.voxels * structure.volume.voxel_mm3 / 1000.0


def components(structure: StructureMask) -> float:
    """The number of face-connected components; 0 when absent."""
    from scipy import ndimage

    return float(ndimage.label(structure.mask)[1]) if structure.voxels else 0.0


def euler_number(structure: StructureMask) -> float:
    """The number of components minus tunnels plus cavities; 0 when absent.

    Voxels of the structure are connected across faces (6-connected); all other voxels also across edges and corners
    (26-connected). A ball has 1, a ring 0, a hollow ball 2.
    """
    from skimage import measure

    compute: Any = measure.euler_number
    return float(compute(structure.mask, connectivity=1)) if structure.voxels else 0.0


def contact_area(one: StructureMask, other: StructureMask) -> float:
    """The area in mm2 of the voxel faces between two structures; 0 when they do not touch or one is absent.

    Raises :class:`MetricError` when they share a label.
    """
    if common := sorted({*one.labels} & {*other.labels}):
        raise MetricError(f"both structures contain label {', '.join(map(str, common))}; give two that do not overlap")
    if is_empty(one.region) or is_empty(other.region):
        return 0.0
    region = intersect(wider(one), wider(other))
    if is_empty(region):
        return 0.0
    a, b = one.mask_in(region), other.mask_in(region)
    total = 0.0
    for axis in range(3):
        face_mm2 = float(np.prod(np.delete(one.spacing, axis)))
        first, second = (tuple(slice(*ends) if i == axis else slice(None) for i in range(3)) for ends in _SIDES)
        total += face_mm2 * float(np.count_nonzero(a[first] & b[second]) + np.count_nonzero(b[first] & a[second]))
    return total


_SIDES = ((None, -1), (1, None))


def wider(structure: StructureMask, by: int = 1) -> Region:
    """The bounding box with ``by`` more voxels on all sides, cut at the image border."""
    sizes = structure.volume.array.shape
    return as_region(
        slice(max(axis.start - by, 0), min(axis.stop + by, size))
        for axis, size in zip(structure.region, sizes, strict=True)
    )
