"""Join the components of a heart that touch. Only the places where labels meet are looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pycemrg_core.api import Heart, Ints


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
    a, b = np.concatenate([np.zeros((0, 2), np.int64), *pairs]).T
    graph = sparse.coo_array((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    found: Ints = sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    return found
