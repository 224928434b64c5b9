"""Move the few nodes whose tetrahedra are bad, each to where the worst of them is best."""

from __future__ import annotations

import numpy as np

from pycemrg_mesh.mesh import Nodes, Points
from pycemrg_mesh.quality import scaled_jacobians

_LIMIT = 0.1
_ROUNDS = 10
_STEPS = (0.02, 0.05, 0.1)  # of the mean distance to the other nodes
_DIRECTIONS = 24


def relaxed(points: Points, tetrahedra: Nodes) -> Points:
    """The points, (n, 3), with better places for nodes of tetrahedra whose scaled Jacobian is under 0.1.

    Such a node is tried at 72 places around its own, not more than a tenth of its mean edge away, and moves to the
    one where the smallest scaled Jacobian of its tetrahedra is largest. Repeated while there are any, and 10 times at
    most. No tetrahedron gets worse than the worst of its neighbours was.
    """
    points = points.copy()
    directions = np.random.default_rng(1).normal(size=(_DIRECTIONS, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    steps = (np.array(_STEPS)[:, None, None] * directions).reshape(-1, 3)
    for _ in range(_ROUNDS):
        low = scaled_jacobians(points, tetrahedra) < _LIMIT
        if not low.any():
            break
        nodes = np.unique(tetrahedra[low])
        chosen = np.zeros(len(points), np.bool_)
        chosen[nodes] = True
        near = tetrahedra[chosen[tetrahedra].any(axis=1)]
        order = np.argsort(near, axis=None, kind="stable")
        starts = np.searchsorted(near.ravel()[order], [nodes, nodes + 1])
        for node, first, last in zip(nodes.tolist(), *starts.tolist(), strict=True):
            _move(points, node, near[order[first:last] // 4], steps)
    return points


def _move(points: Points, node: int, around: Nodes, steps: Points) -> None:
    before = scaled_jacobians(points, around).min()
    if before >= _LIMIT:
        return
    own, corners = around == node, points[around]
    length = np.linalg.norm(corners[~own] - points[node], axis=1).mean()
    places = points[node] + length * steps
    tried = np.repeat(corners[None], len(places), axis=0)
    tried[:, own] = places[:, None]
    each = np.arange(tried.size // 3, dtype=np.int32).reshape(-1, 4)
    worst = scaled_jacobians(tried.reshape(-1, 3), each).reshape(len(places), -1).min(axis=1)
    if worst.max() > before:
        points[node] = places[worst.argmax()]
