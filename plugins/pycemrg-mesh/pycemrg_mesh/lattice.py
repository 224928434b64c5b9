"""Cut voxels into tetrahedra: five for each, in two mirror images that alternate like the squares of a chessboard.

So the diagonals of faces that two voxels share are the same on both sides, and the tetrahedra conform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_mesh.mesh import Nodes

Codes = NDArray[np.unsignedinteger[Any]]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# The corners of a voxel: bit 0 is a step along x, bit 1 along y, bit 2 along z.
_STEPS = np.array([[k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(8)])
# One tetrahedron in the middle and one at each of four corners; all positive where x, y, z are right-handed.
_EVEN = np.array([[0, 3, 6, 5], [1, 0, 5, 3], [2, 0, 3, 6], [4, 0, 6, 5], [7, 3, 5, 6]])
_ODD = 7 - _EVEN[:, [0, 1, 3, 2]]


@frozen(eq=False)
class Lattice:
    """Voxels cut into tetrahedra.

    ``nodes`` (n, 3) are the used corners of voxels: (z, y, x), counted in voxels from the first corner of the array.
    ``tetrahedra`` (5 v, 4) are positive in a right-handed frame (x, y, z), and each five are one voxel.
    ``regions`` (n,) is the number of different codes at each node, and ``edges`` are pairs of neighbouring nodes
    (e, 2) between different codes, with the number of codes round each, ``round_edge``.
    """

    nodes: NDArray[np.int32]
    tetrahedra: Nodes
    regions: NDArray[np.uint8]
    edges: Nodes
    round_edge: NDArray[np.uint8]


def cut_voxels(codes: Codes) -> Lattice:
    """Cut the voxels of an array (z, y, x) whose code is not 0."""
    padded = np.pad(codes, 1)
    number, nodes = _numbered(padded)
    regions = np.ones(len(nodes), np.uint8)
    mixed, there = _mixed(padded, (0, 1, 2))
    regions[number[tuple(there.T)]] = _different(mixed)
    edges, counts = [np.zeros((0, 2), np.int32)], [np.zeros(0, np.uint8)]
    for axis in range(3):
        across = tuple(other for other in range(3) if other != axis)
        # Along the axis, the voxels of the padding have no edge of the lattice.
        inner = padded[tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))]
        mixed, there = _mixed(inner, across)
        ends = there + np.eye(3, dtype=there.dtype)[axis]
        edges.append(np.stack([number[tuple(there.T)], number[tuple(ends.T)]], axis=1))
        counts.append(_different(mixed))
    return Lattice(nodes, _tetrahedra(codes, number), regions, np.concatenate(edges), np.concatenate(counts))


def _corners(padded: Codes, axes: tuple[int, ...]) -> Iterator[Codes]:
    """The voxels at each corner (or edge, with two axes) of the lattice, one array for each of the 8 (or 4)."""
    for at in range(1 << len(axes)):
        steps = {axis: at >> place & 1 for place, axis in enumerate(axes)}
        yield padded[
            tuple(slice(steps[a], padded.shape[a] - 1 + steps[a]) if a in steps else slice(None) for a in range(3))
        ]


def _numbered(padded: Codes) -> tuple[Nodes, NDArray[np.int32]]:
    """The number of each corner, -1 where it is not used; and the corners in the order of their numbers."""
    used = np.zeros(tuple(size - 1 for size in padded.shape), np.bool_)
    for voxels in _corners(padded, (0, 1, 2)):
        used |= voxels != 0
    number = np.full(used.shape, -1, np.int32)
    number[used] = np.arange(np.count_nonzero(used), dtype=np.int32)
    return number, np.stack([at.astype(np.int32) for at in np.nonzero(used)], axis=1)


def _mixed(padded: Codes, axes: tuple[int, ...]) -> tuple[Codes, Ints]:
    """The corners or edges with more than one code round them: the codes (n, 8 or 4), and the places (n, 3)."""
    low, high = (np.array(next(_corners(padded, axes))) for _ in range(2))
    for voxels in _corners(padded, axes):
        np.minimum(low, voxels, out=low)
        np.maximum(high, voxels, out=high)
    mixed = low != high
    return np.stack([voxels[mixed] for voxels in _corners(padded, axes)], axis=1), np.argwhere(mixed)


def _different(codes: Codes) -> NDArray[np.uint8]:
    """The number of different codes in each row."""
    found = np.sort(codes, axis=1)
    counts: NDArray[np.uint8] = (1 + (found[:, 1:] != found[:, :-1]).sum(axis=1)).astype(np.uint8)
    return counts


def _tetrahedra(codes: Codes, number: Nodes) -> Nodes:
    places = np.nonzero(codes)
    first = np.ravel_multi_index(places, number.shape)
    odd = (places[0] + places[1] + places[2]) % 2 == 1
    offsets = _STEPS @ np.array([number.shape[1] * number.shape[2], number.shape[2], 1])
    found = np.empty((len(first), 5, 4), np.int32)
    for cells, pattern in ((~odd, _EVEN), (odd, _ODD)):
        corners = number.reshape(-1)[first[cells, None] + offsets]
        found[cells] = corners[:, pattern]
    return found.reshape(-1, 4)
