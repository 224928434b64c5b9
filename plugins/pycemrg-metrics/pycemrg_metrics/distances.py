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

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pycemrg_core.api import Comparison, Mask, MetricError, Spacing

Distances = NDArray[np.float64]
Points = NDArray[np.float64]

_CELLS = (4, 2, 1)  # voxels; each size leaves fewer voxels for the next one, and the last is exact


def hausdorff(comparison: Comparison) -> float:
    """The largest distance from a voxel of one to the nearest voxel of the other, in both directions, in mm.

    This is the Hausdorff distance of the two sets of voxels, as in ITK's HausdorffDistanceImageFilter. A voxel
    inside the other structure has distance 0.
    """
    prediction, reference = comparison.masks
    if not (prediction.any() and reference.any()):
        return _absent(comparison)
    spacing = comparison.spacing
    return max(_farthest(prediction, reference, spacing), _farthest(reference, prediction, spacing))


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
    prediction, reference = (surface(mask) for mask in comparison.masks)
    if not (prediction.any() and reference.any()):
        return np.zeros(0), np.zeros(0)
    spacing = comparison.spacing
    return _nearest(prediction, reference, spacing), _nearest(reference, prediction, spacing)


def surface(mask: Mask) -> Mask:
    """The voxels (z, y, x) of a mask that share a face with the outside of the mask or of the array."""
    padded = np.pad(mask, 1)
    inner = padded.copy()
    for axis in range(3):
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
    distances, which = cKDTree(targets).query(points)
    return np.asarray(distances, np.float64), np.asarray(which, np.int64)


def _nearest(sources: Mask, targets: Mask, spacing: Spacing) -> Distances:
    """The distance of each source to the nearest target; 0 for sources that are also targets."""
    apart = centres(sources & ~targets, spacing)
    distances: Distances = np.zeros(np.count_nonzero(sources))
    distances[: len(apart)] = nearest(apart, centres(targets, spacing))[0]
    return distances


def _farthest(sources: Mask, targets: Mask, spacing: Spacing) -> float:
    """The largest distance of a source to the nearest target."""
    outside = np.argwhere(sources & ~targets)
    if not outside.size:
        return 0.0
    # The target nearest to a voxel outside is on the surface; otherwise one step towards the voxel would be nearer.
    near = centres(surface(targets), spacing)
    # The distance changes by at most the distance between two voxels, so one voxel bounds all voxels in its cell.
    best, step = 0.0, np.asarray(spacing)
    for cell in _CELLS:
        shape = [size // cell + 1 for size in targets.shape]
        cells = np.ravel_multi_index(tuple((outside // cell).T), shape)
        _, first, which = np.unique(cells, return_index=True, return_inverse=True)
        found = nearest(outside[first] * step, near)[0]
        best = max(best, float(found.max(initial=0.0)))
        across = float(np.linalg.norm((cell - 1) * step))
        outside = outside[(found + across)[which] >= best]
    return best


def _absent(comparison: Comparison) -> float:
    return math.inf if any(mask.any() for mask in comparison.masks) else math.nan
