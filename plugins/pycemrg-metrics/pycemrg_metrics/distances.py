"""Metrics of the distance between a prediction and its reference, in mm.

The surface of a structure is the set of its voxels that share a face with another label or with the outside of the
image. Distances are exact and Euclidean, from voxel centre to voxel centre, and every surface voxel counts once.
Only :func:`hausdorff` uses all voxels instead of the surfaces.

If both structures are absent, a distance is NaN; if one is absent, it is infinite (:func:`nsd`: 0).

References
----------
Maier-Hein et al.: Metrics reloaded. Nature Methods 21, 2024 (HD95, ASSD, NSD from surfaces).
Nikolov et al.: Clinically applicable segmentation of head and neck anatomy for radiotherapy. JMIR 23(7), 2021
(surface Dice at a tolerance; there with areas of a triangulated surface, here with surface voxels).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Comparison, LabelVolume, Mask, MetricError, Spacing

# Slower to import than to use on a small heart, so that each function imports it when it needs it.
if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Distances = NDArray[np.float64]
Points = NDArray[np.float64]

_NEAR = 16  # voxels; up to this distance, a dilation finds what is farther sooner than a tree
_CELLS = (4, 2, 1)  # voxels; each size leaves fewer voxels for the next one, and the last is exact


def hausdorff(comparison: Comparison) -> float:
    """The largest distance from a voxel of one to the nearest voxel of the other, in both directions, in mm.

    This is the Hausdorff distance of the two sets of voxels, as in ITK's HausdorffDistanceImageFilter. A voxel
    inside the other structure has distance 0.
    """
    if not all(mask.any() for mask in comparison.masks):
        return _absent(comparison)
    outside = comparison.once(_outside)
    return max(_farthest(comparison, which, float(outside[which].max(initial=0.0))) for which in (0, 1))


def hd95(comparison: Comparison) -> float:
    """The 95th percentile of the distances from one surface to the other, the larger of both directions, in mm."""
    there, back = comparison.once(surface_distances)
    if not (there.size and back.size):
        return _absent(comparison)
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def assd(comparison: Comparison) -> float:
    """The mean distance of all voxels of both surfaces to the other surface, in mm."""
    there, back = comparison.once(surface_distances)
    if not (there.size and back.size):
        return _absent(comparison)
    return float((there.sum() + back.sum()) / (there.size + back.size))


def nsd(comparison: Comparison, tolerance_mm: float) -> float:
    """Normalised surface Dice: the share of the voxels of both surfaces within ``tolerance_mm`` of the other.

    A distance equal to the tolerance (up to a millionth of the smallest spacing) is within. NaN when both are
    absent, 0 when one is. Raises :class:`MetricError` for a negative tolerance.
    """
    if not tolerance_mm >= 0:
        raise MetricError(f"tolerance_mm is {tolerance_mm:g}; give 0 or more")
    there, back = comparison.once(surface_distances)
    if not (there.size and back.size):
        return 0.0 if math.isinf(_absent(comparison)) else math.nan
    limit = tolerance_mm + 1e-6 * min(comparison.spacing)
    return float((np.count_nonzero(there <= limit) + np.count_nonzero(back <= limit)) / (there.size + back.size))


def surface_distances(comparison: Comparison) -> tuple[Distances, Distances]:
    """The distances from each surface voxel of the prediction to the surface of the reference, and back, in mm.

    Both are empty when either is absent.
    """
    if not all(mask.any() for mask in comparison.masks):
        return np.zeros(0), np.zeros(0)
    surfaces, outside, found = comparison.once(_surfaces), comparison.once(_outside), []
    for which, mask in enumerate(comparison.masks[::-1]):
        mine, other = surfaces[which], surfaces[1 - which]
        inside = _to_surface(comparison, mine & mask & ~other, 1 - which)
        found.append(np.concatenate([outside[which], inside, np.zeros(np.count_nonzero(mine & other))]))
    return found[0], found[1]


def surface(mask: Mask, axes: Iterable[int] = range(3)) -> Mask:
    """The voxels (z, y, x) of a mask that share a face with the outside of the mask or of the array.

    Only faces across ``axes`` count: an image of one slice has none across the slice.
    """
    padded = np.pad(mask, 1)
    inner = padded.copy()
    for axis in axes:
        for step in (1, -1):
            inner &= np.roll(padded, step, axis)
    found: Mask = mask & ~inner[1:-1, 1:-1, 1:-1]
    return found


def centres(mask: Mask, spacing: Spacing) -> Points:
    """The centres (n, 3) of the voxels of a mask in mm along (z, y, x), from the centre of the first array voxel."""
    points: Points = np.argwhere(mask) * np.asarray(spacing)
    return points


def nearest(points: Points, targets: Points) -> tuple[Distances, NDArray[np.int64]]:
    """For each point (n, 3), the distance to the nearest target (m, 3) and the index of this target; m > 0."""
    from scipy.spatial import cKDTree

    distances, which = cKDTree(targets).query(points)
    return np.asarray(distances, np.float64), np.asarray(which, np.int64)


def _surfaces(comparison: Comparison) -> tuple[Mask, Mask]:
    long = [axis for axis, size in enumerate(comparison.reference.volume.array.shape) if size > 1]
    axes = long if len(long) == 2 else range(3)
    prediction, reference = comparison.masks
    return surface(prediction, axes), surface(reference, axes)


def _trees(comparison: Comparison) -> tuple[cKDTree, cKDTree]:
    from scipy.spatial import cKDTree

    # With points on a grid, a tree without medians is made in half the time, and no slower to ask.
    prediction, reference = (
        cKDTree(centres(each, comparison.spacing), leafsize=32, balanced_tree=False)
        for each in comparison.once(_surfaces)
    )
    return prediction, reference


def _to_surface(comparison: Comparison, sources: Mask, which: int) -> Distances:
    """The distance of each of the sources to the nearest voxel of the surface of one of the two."""
    return np.asarray(comparison.once(_trees)[which].query(centres(sources, comparison.spacing))[0], np.float64)


def _outside(comparison: Comparison) -> tuple[Distances, Distances]:
    """The distances from the surface voxels of each that are not in the other, to the other."""
    (prediction, reference), (mine, other) = comparison.masks, comparison.once(_surfaces)
    return _to_surface(comparison, mine & ~reference, 1), _to_surface(comparison, other & ~prediction, 0)


def _farthest(comparison: Comparison, which: int, best: float) -> float:
    """The largest distance of a voxel of one to the nearest of the other; ``best`` is that of its surface voxels."""
    spacing, targets = comparison.spacing, comparison.masks[1 - which]
    inner = comparison.masks[which] & ~targets & ~comparison.once(_surfaces)[which]
    if best <= _NEAR * min(spacing) and inner.any():
        near = LabelVolume(targets.view(np.uint8), spacing).within(1, max(best - 0.01 * min(spacing), 0.0))
        inner[near.region] &= ~near.mask
    outside, step, tree = np.argwhere(inner), np.asarray(spacing), comparison.once(_trees)[1 - which]
    # The target nearest to a voxel outside is on the surface; otherwise one step towards the voxel would be nearer.
    # The distance changes by at most the distance between two voxels, so one voxel bounds all voxels in its cell.
    for cell in _CELLS:
        shape = [size // cell + 1 for size in targets.shape]
        cells = np.ravel_multi_index(tuple((outside // cell).T), shape)
        _, first, place = np.unique(cells, return_index=True, return_inverse=True)
        found = np.asarray(tree.query(outside[first] * step)[0], np.float64)
        best = max(best, float(found.max(initial=0.0)))
        across = float(np.linalg.norm((cell - 1) * step))
        outside = outside[(found + across)[place] > best]
    return best


def _absent(comparison: Comparison) -> float:
    return math.inf if any(mask.any() for mask in comparison.masks) else math.nan
