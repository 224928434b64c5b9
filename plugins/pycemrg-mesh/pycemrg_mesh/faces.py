"""The faces of tetrahedra: which two tetrahedra share each face, and which faces are the boundary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_mesh.mesh import Nodes

Ints = NDArray[np.int64]

_BITS = 62
_MOST = 1 << 22  # faces that are sorted at once
# The faces of a positive tetrahedron, each opposite the node of the same number, seen anticlockwise from outside.
_FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


@frozen(eq=False)
class Faces:
    """The faces of a mesh.

    ``shared`` (p, 2) are tetrahedra with a common face. ``boundary`` (b, 3) are the nodes of the faces that only one
    tetrahedron has, anticlockwise from outside where it is positive, and ``owner`` (b,) is this tetrahedron.
    ``crowded`` is the number of faces that more than two tetrahedra have.
    """

    shared: Nodes
    boundary: Nodes
    owner: Nodes
    crowded: int


def faces_of(tetrahedra: Nodes) -> Faces:
    """Pair the faces of tetrahedra (m, 4)."""
    shared, boundary, owner = [np.zeros((0, 2), np.int32)], [np.zeros((0, 3), np.int32)], [np.zeros(0, np.int32)]
    crowded = 0
    for keys, own, opposite in _grouped(tetrahedra):
        order = np.argsort(keys)
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        uses = np.diff(np.append(starts, len(keys)))
        once, twice = order[starts[uses == 1]], starts[uses == 2]
        shared.append(np.stack([own[order[twice]], own[order[twice + 1]]], axis=1))
        corners = _FACES[opposite[once]]
        boundary.append(np.take_along_axis(tetrahedra[own[once]], corners, axis=1))
        owner.append(own[once])
        crowded += int((uses > 2).sum())
    return Faces(np.concatenate(shared), np.concatenate(boundary), np.concatenate(owner), crowded)


def _grouped(tetrahedra: Nodes) -> Iterator[tuple[Ints, Nodes, NDArray[np.uint8]]]:
    """Faces in groups by their smallest node: a key for each, its tetrahedron, and the node of this opposite the face.

    A group has all uses of its faces, so that no more than a few million faces are sorted at once.
    """
    if not len(tetrahedra):
        return
    ranks = np.argsort(tetrahedra, axis=1).astype(np.uint8)
    ordered = np.take_along_axis(tetrahedra, ranks, axis=1)
    bits = int(ordered[:, 3].max()).bit_length()
    # Three faces of a tetrahedron begin with its smallest node, and one with the next.
    sides = [_sorted_by(ordered[:, 0]), _sorted_by(ordered[:, 1])]
    for low, high in _ranges(ordered, min(1 << (_BITS - 2 * bits), 1 << 30)):
        keys: list[Ints] = []
        own: list[Nodes] = []
        opposite: list[NDArray[np.uint8]] = []
        for (order, first), faces in zip(sides, (((0, 1, 2), (0, 1, 3), (0, 2, 3)), ((1, 2, 3),)), strict=True):
            chosen = order[slice(*np.searchsorted(first, [low, high]))]
            nodes = ordered[chosen].astype(np.int64)
            for a, b, c in faces:
                keys.append((nodes[:, a] - low) << 2 * bits | nodes[:, b] << bits | nodes[:, c])
                own.append(chosen)
                opposite.append(ranks[chosen, 6 - a - b - c])
        yield np.concatenate(keys), np.concatenate(own), np.concatenate(opposite)


def _sorted_by(nodes: Nodes) -> tuple[Nodes, Nodes]:
    """The tetrahedra in the order of one node each, and these nodes."""
    order = np.argsort(nodes, kind="stable").astype(np.int32)
    return order, nodes[order]


def _ranges(ordered: Nodes, widest: int) -> Iterator[tuple[int, int]]:
    """Ranges of smallest nodes with a few million faces each, and not wider than a key has room for."""
    last = int(ordered[:, 1].max())
    faces = 3 * np.bincount(ordered[:, 0], minlength=last + 1) + np.bincount(ordered[:, 1], minlength=last + 1)
    before = np.append(0, np.cumsum(faces))
    low = 0
    while low <= last:
        high = int(np.searchsorted(before, before[low] + _MOST, side="right")) - 1
        high = min(max(high, low + 1), low + widest, last + 1)
        yield low, high
        low = high
