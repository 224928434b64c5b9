"""Connected components of a graph given as pairs of nodes.

In numpy alone: importing scipy for this takes longer than most commands need for everything else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def graph_components(nodes: int, a: NDArray[np.integer], b: NDArray[np.integer]) -> Ints:
    """The component of each node of an undirected graph, numbered from 0 in the order of their first nodes.

    ``a[i]`` and ``b[i]`` are linked; nodes are 0 to ``nodes - 1``. Each round hooks every tree to the smallest of its
    neighbours and makes all trees flat, so that few rounds are enough (Shiloach and Vishkin 1982, An O(log n) parallel
    connectivity algorithm, doi:10.1016/0196-6774(82)90008-6).

    >>> graph_components(5, np.array([3, 0]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 0]
    """
    parent = np.arange(nodes, dtype=np.int64 if nodes > 2**31 else np.int32)
    a, b = a.astype(parent.dtype, copy=False), b.astype(parent.dtype, copy=False)
    while len(a):
        np.minimum.at(parent, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(above := parent[parent], parent):
            parent = above
        a, b = parent[a], parent[b]
        apart = a != b
        a, b = a[apart], b[apart]
    # No node is its own root but the first of its component.
    number: Ints = np.cumsum(parent == np.arange(nodes), dtype=np.int64) - 1
    return np.asarray(number[parent])
