"""The closed surfaces that bound a mesh: their pieces, their genus, and where they are no manifold."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_mesh.graph import components
from pycemrg_mesh.mesh import Nodes, Points

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@frozen(eq=False)
class Surfaces:
    """Triangles (b, 3) as pieces that are connected through edges.

    ``piece`` (b,) is the piece of each triangle, numbered from the one with most triangles. ``edges`` are the edges
    (e, 2) that do not have exactly two triangles, and ``nodes`` are the other nodes where parts of the surface meet
    only in a point: at both, the surface is no manifold. ``genus`` is the number of handles of each piece, -1 where it
    is no manifold.
    """

    triangles: Nodes
    piece: Nodes
    edges: Nodes
    nodes: Nodes
    genus: tuple[int, ...]

    def volumes(self, points: Points) -> Floats:
        """The volume in each piece in mm3; negative where the triangles run anticlockwise seen from inside."""
        if not len(self.triangles):
            return np.zeros(0)
        corners = points[self.triangles] - points[self.triangles[0, 0]]
        each = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
        found: Floats = np.bincount(self.piece, weights=each, minlength=len(self.genus)).astype(np.float64)
        return found

    def areas(self, points: Points) -> Floats:
        """The area of each piece in mm2."""
        a, b, c = (points[self.triangles[:, k]] for k in range(3))
        each = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        found: Floats = np.bincount(self.piece, weights=each, minlength=len(self.genus)).astype(np.float64)
        return found


def surfaces_of(triangles: Nodes) -> Surfaces:
    """Find the pieces of a surface, and where it is no manifold."""
    if not len(triangles):
        nothing = np.zeros((0, 2), np.int32)
        return Surfaces(triangles, np.zeros(0, np.int32), nothing, nothing[:, 0], ())
    width = int(triangles.max()) + 1
    sides = [_edge(triangles[:, [a, b]].astype(np.int64), width) for a, b in ((0, 1), (1, 2), (2, 0))]
    keys = np.concatenate(sides)
    of = np.tile(np.arange(len(triangles), dtype=np.int64), 3)
    order = np.argsort(keys, kind="stable")
    keys, of = keys[order], of[order]
    new = np.append(True, keys[1:] != keys[:-1])
    starts = np.flatnonzero(new)
    uses = np.diff(np.append(starts, len(keys)))
    # Neighbours in this order that have the same edge are joined.
    first, second = of[:-1][~new[1:]], of[1:][~new[1:]]
    piece = _numbered(components(len(triangles), first, second))
    open_edges = keys[starts[uses != 2]]
    edges = np.stack([open_edges // width, open_edges % width], axis=1).astype(np.int32)
    fan, node_of_fan, fans = _fans(triangles, first, second, keys[1:][~new[1:]], width)
    pinched = np.flatnonzero(fans > 1)
    nodes = np.setdiff1d(pinched, edges).astype(np.int32)
    count = int(piece.max()) + 1
    piece_of_fan = np.empty(len(node_of_fan), np.int64)
    piece_of_fan[fan.ravel()] = np.repeat(piece, 3)
    euler = (
        np.bincount(piece_of_fan, minlength=count)
        - np.bincount(piece[of[starts]], minlength=count)
        + np.bincount(piece, minlength=count)
    )
    broken = np.zeros(count, np.bool_)
    broken[piece[of[np.isin(keys, open_edges)]]] = True
    broken[piece_of_fan[np.isin(node_of_fan, nodes)]] = True
    genus = tuple(-1 if bad else (2 - value) // 2 for bad, value in zip(broken.tolist(), euler.tolist(), strict=True))
    return Surfaces(triangles, piece, edges, nodes, genus)


def _edge(ends: Ints, width: int) -> Ints:
    found: Ints = ends.min(axis=1) * width + ends.max(axis=1)
    return found


def _numbered(component: Nodes) -> Nodes:
    """The components numbered by their size, the largest first."""
    rank = np.empty(int(component.max()) + 1, np.int32)
    rank[np.argsort(-np.bincount(component), kind="stable")] = np.arange(len(rank), dtype=np.int32)
    return rank[component]


def _fans(triangles: Nodes, first: Ints, second: Ints, keys: Ints, width: int) -> tuple[Nodes, Ints, Ints]:
    """The fan of each corner of a triangle: corners at one node whose triangles are connected through edges there.

    Returns the fan of each corner (b, 3), the node of each fan, and the number of fans at each node.
    """
    joined: list[tuple[Ints, Ints]] = []
    for end in (keys // width, keys % width):
        corners = [3 * one + np.argmax(triangles[one] == end[:, None], axis=1) for one in (first, second)]
        joined.append((corners[0], corners[1]))
    a, b = (np.concatenate(ends) for ends in zip(*joined, strict=True))
    fan = components(triangles.size, a, b)
    node_of_fan = np.empty(int(fan.max()) + 1, np.int64)
    node_of_fan[fan] = triangles.ravel()
    return fan.reshape(-1, 3), node_of_fan, np.bincount(node_of_fan, minlength=width)
