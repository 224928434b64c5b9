"""Connected components of a graph given as pairs of nodes.

In numpy alone: importing scipy for this takes longer than most commands need for everything else.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Nodes = NDArray[np.integer]

_AT_ONCE = 1 << 15  # nodes


def graph_components(nodes: int, a: Nodes, b: Nodes) -> Ints:
    """The component of each node of an undirected graph, numbered from 0 in the order of their first nodes.

    ``a[i]`` and ``b[i]`` are linked; nodes are 0 to ``nodes - 1``.

    >>> graph_components(5, np.array([3, 0]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 0]
    """
    return linked(nodes, [(a, b)])


def linked(nodes: int, links: Iterable[tuple[Nodes, Nodes]]) -> Ints:
    """The same, of links that come some at a time, and need never be in memory together.

    Each round hooks every tree to a smaller neighbour, from the second round on to the smallest, and makes what it
    hooked flat, so that few rounds are enough (Shiloach and Vishkin 1982, An O(log n) parallel connectivity algorithm,
    doi:10.1016/0196-6774(82)90008-6).
    """
    parent: Nodes = np.arange(nodes, dtype=np.int64 if nodes > 2**31 else np.int32)
    for a, b in links:
        a, b = _roots(parent, a), _roots(parent, b)
        once = True
        while len(apart := np.flatnonzero(a != b)):
            a, b = a.take(apart), b.take(apart)  # twice as fast as indexing
            hooked, lower = np.maximum(a, b), np.minimum(a, b)
            if once:  # the last of several neighbours: fast, and it joins most; but a star would take endless rounds
                parent[hooked] = lower
            else:
                np.minimum.at(parent, hooked, lower)
            once = False
            span = slice(hooked.min(), hooked.max() + 1)
            some = span if span.stop - span.start < 4 * len(hooked) else hooked  # slices are several times as fast
            above = parent[some]
            while not np.array_equal(higher := parent.take(above), above):
                parent[some] = above = higher
            a, b = parent.take(a), parent.take(b)
    # Some at a time: an index of all nodes would be the largest of all arrays.
    spans = [slice(first, first + _AT_ONCE) for first in range(0, nodes, _AT_ONCE)]
    for some in spans:
        parent[some] = _roots(parent, parent[some])
    # No node is its own root but the first of its component.
    number = np.cumsum(parent == np.arange(nodes, dtype=parent.dtype), dtype=parent.dtype)
    number -= 1
    for some in spans:
        parent[some] = number.take(parent[some])
    del number
    return parent.astype(np.int64)


def _roots(parent: Nodes, nodes: Nodes) -> Nodes:
    while not np.array_equal(above := parent.take(nodes), nodes):
        nodes = above
    return nodes
