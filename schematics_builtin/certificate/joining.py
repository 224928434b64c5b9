"""Join the components of a heart that touch. Only the places where labels meet are looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Heart, Ints, as_region, find_components, graph_components, runs_in


def touching(heart: Heart, chosen: NDArray[np.bool_]) -> Ints:
    """The pairs of chosen components, (n, 2), that share a face."""
    pairs = heart.components.touching
    found: Ints = pairs[chosen[pairs].all(axis=1)]
    return found


def across(heart: Heart, *pairs: Ints) -> Ints:
    """The components of pairs of voxels, (n, 2, 3): each pair of components once, (m, 2).

    The number of the components is that of what lies outside the box of the heart.
    """
    voxels = np.concatenate([np.zeros((0, 2, 3), np.int64), *pairs])
    components, outside = heart.components.at(voxels.reshape(-1, 3)), len(heart.components.label)
    components[components < 0] = outside
    keys = np.unique(components[::2] * (outside + 1) + components[1::2])
    return np.stack(np.divmod(keys, outside + 1), axis=1)


def joined(count: int, pairs: Iterable[Ints]) -> Ints:
    """The number of the group, (count,), of each of some things, where pairs of them belong together."""
    return graph_components(count, *np.concatenate([np.zeros((0, 2), np.int64), *pairs]).T)


def numbered(voxels: Ints) -> Ints:
    """The number of the connected component, through faces, edges and corners, of each of some voxels, (n, 3)."""
    low = voxels.min(axis=0)
    at = tuple((voxels - low).T)
    mask = np.zeros(voxels.max(axis=0) - low + 1, np.uint8)
    mask[at] = 1
    runs = runs_in(mask, as_region(slice(0, n) for n in mask.shape))
    connected = find_components(runs.take(runs.label > 0), 26)
    places, component = connected.places(np.ones(len(connected.voxels), np.bool_))
    number = np.zeros(mask.shape, np.int64)
    number[tuple(places.T)] = component
    found: Ints = number[at]
    return found


def among(voxels: Ints, others: Ints) -> NDArray[np.bool_]:
    """Which voxels, (n, 3), are among others."""
    shape = tuple(np.maximum(voxels.max(axis=0), others.max(axis=0)) + 1)
    flat = (np.ravel_multi_index(tuple(each.T), shape) for each in (voxels, others))
    found: NDArray[np.bool_] = np.isin(*flat)
    return found
