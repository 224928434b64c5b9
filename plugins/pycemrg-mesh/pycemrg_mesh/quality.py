"""The shape of tetrahedra: volume, mean ratio and scaled Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pycemrg_mesh.mesh import Nodes, Points, blocks

Floats = NDArray[np.float64]

# The edges of a tetrahedron, and the three that meet in each of its nodes.
_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_AT_NODES = ((0, 1, 2), (0, 3, 4), (1, 3, 5), (2, 4, 5))


def volumes(points: Points, tetrahedra: Nodes) -> Floats:
    """The volume of each tetrahedron in mm3, (m,); negative where it is inverted."""
    return _in_blocks(points, tetrahedra, lambda corners: _determinants(corners) / 6)


def mean_ratios(points: Points, tetrahedra: Nodes) -> Floats:
    """The mean ratio of each tetrahedron, (m,): 1 where it is regular, 0 where it is flat, negative where inverted.

    It is 12 (3 V)^(2/3) over the sum of the squared edges: A. Liu and B. Joe, "Relationship between tetrahedron shape
    measures", BIT 34, 1994.
    """
    return _in_blocks(points, tetrahedra, _mean_ratio)


def scaled_jacobians(points: Points, tetrahedra: Nodes) -> Floats:
    """The scaled Jacobian of each tetrahedron, (m,): 1 where it is regular, 0 where flat, negative where inverted.

    It is the determinant times the root of 2, over the largest product of the three edges that meet in a node, as in
    Verdict: C. J. Stimpson et al., "The Verdict geometric quality library", Sandia report SAND2007-1751, 2007.
    """
    return _in_blocks(points, tetrahedra, _scaled_jacobian)


def _in_blocks(points: Points, tetrahedra: Nodes, measure: Callable[[Floats], Floats]) -> Floats:
    found = np.empty(len(tetrahedra))
    for block in blocks(len(tetrahedra)):
        # (3, 4, block): each coordinate of each node is one long row.
        found[block] = measure(points.T[:, tetrahedra[block].T])
    return found


def _determinants(corners: Floats) -> Floats:
    a, b, c = (corners[:, node] - corners[:, 0] for node in (1, 2, 3))
    found: Floats = (
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    return found


def _squared_edges(corners: Floats) -> list[Floats]:
    return [((corners[:, b] - corners[:, a]) ** 2).sum(axis=0) for a, b in _EDGES]


def _mean_ratio(corners: Floats) -> Floats:
    determinant = _determinants(corners)
    size = np.cbrt(determinant / 2)
    found: Floats = 12 * np.sign(determinant) * size**2 / sum(_squared_edges(corners))
    return found


def _scaled_jacobian(corners: Floats) -> Floats:
    squared = _squared_edges(corners)
    longest = np.sqrt(np.max([squared[a] * squared[b] * squared[c] for a, b, c in _AT_NODES], axis=0))
    with np.errstate(invalid="ignore"):  # a tetrahedron without any extent
        found: Floats = np.nan_to_num(np.sqrt(2) * _determinants(corners) / longest)
    return found
