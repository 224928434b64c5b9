"""Distances along a vessel: through its voxels, not through what lies between its branches."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Ints, LabelVolume, Mask

# One of each pair of opposite steps to the 26 neighbours.
_STEPS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


@frozen(eq=False)
class Ways:
    """The voxels of a structure with their distance along it.

    ``places`` (n, 3) are array indices (z, y, x), ``mm`` (n,) the distances, infinite where there is no way, and
    ``origin`` (n,) the number of the seed that is nearest, -1 where there is no way.
    """

    places: Ints
    mm: NDArray[np.float64]
    origin: Ints


def ways(mask: Mask, spacing: tuple[float, float, float], seeds: NDArray[np.integer], limit_mm: float = inf) -> Ways:
    """The shortest ways inside ``mask`` (z, y, x), from voxel to neighbour, that start at ``seeds``.

    ``seeds`` (z, y, x) is 0 where no way starts, and otherwise the number of the seed. Ways run over faces, edges and
    corners, so that a distance is at most 8 % too long. Beyond ``limit_mm`` there is no way.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    _, height, width = wider = np.add(mask.shape, 1)  # one more plane: a step from the border ends outside
    number = np.full(wider.prod(), -1, np.int32)
    flat = np.flatnonzero(mask)
    places = np.stack(np.unravel_index(flat, mask.shape), axis=1)
    at = (places[:, 0] * height + places[:, 1]) * width + places[:, 2]
    number[at] = np.arange(len(flat))
    first, second, length = [], [], []
    for step in _STEPS:
        z, y, x = step
        other = number[at + ((z * height + y) * width + x)]
        there = np.flatnonzero(other >= 0)
        first.append(there)
        second.append(other[there])
        length.append(np.full(len(there), float(np.linalg.norm(np.multiply(step, spacing)))))
    rows, columns, weights = map(np.concatenate, (first, second, length))
    start = seeds[tuple(places.T)]
    sources = np.flatnonzero(start > 0)
    if not len(sources):
        return Ways(places, np.full(len(flat), inf), np.full(len(flat), -1))
    graph = coo_matrix((weights, (rows, columns)), shape=(len(flat), len(flat))).tocsr()
    mm, _, source = dijkstra(
        graph, directed=False, indices=sources, min_only=True, return_predecessors=True, limit=limit_mm
    )
    return Ways(places, mm, np.where(source >= 0, start[np.maximum(source, 0)], -1))


def pieces(places: Ints, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """The number, 1, 2, ..., of the connected piece (26 neighbours) of each of some voxels (n, 3)."""
    from scipy import ndimage

    if not len(places):
        return np.zeros(0, np.int32)
    low = places.min(axis=0)
    mask = np.zeros(places.max(axis=0) - low + 1, np.bool_)
    inside = tuple((places - low).T)
    mask[inside] = True
    found: NDArray[np.int32] = ndimage.label(mask, np.ones((3, 3, 3)))[0][inside]
    return found


def beside(volume: LabelVolume, label: int, other: int) -> Ints:
    """The voxels of a label, as indices (n, 3), that share a face with another label."""
    return np.unique(volume.touching(label, other).first, axis=0)
